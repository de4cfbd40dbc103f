/* Random numbers as a hash. */
#include "base/random.h"

#include <errno.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

/* Chi-square of counts against an equal share each. */
static double chi_square(const unsigned *counts, unsigned cells,
                         unsigned draws)
{
    double share = (double)draws / cells, sum = 0;
    for (unsigned i = 0; i < cells; i++) {
        double off = (double)counts[i] - share;
        sum += off * off / share;
    }
    return sum;
}

/* aws-c-io by reading: random in [a, a] returned 0 */
static void random_between_a_and_a_is_a(void **state)
{
    static const uint64_t values[] = {0, 1, 7, SECOND, UINT64_MAX - 1,
                                      UINT64_MAX};
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++)
        for (uint64_t seed = 0; seed < 100; seed++)
            assert_true(weir__random_between(weir__random(seed, 1, 1),
                                             values[i],
                                             values[i]) == values[i]);
}

static void both_ends_are_included_and_nothing_lies_outside(void **state)
{
    static const struct {
        uint64_t low, high;
    } ranges[] = {{0, 1},          {0, 2},
                  {5, 9},          {0, UINT64_MAX},
                  {1, UINT64_MAX}, {UINT64_MAX - 1, UINT64_MAX},
                  {1, UINT64_MAX - 1},
                  {0, 60 * SECOND}};
    (void)state;
    for (size_t i = 0; i < COUNT(ranges); i++) {
        uint64_t low = ranges[i].low, high = ranges[i].high;
        assert_true(weir__random_between(0, low, high) == low);
        assert_true(weir__random_between(UINT64_MAX, low, high) == high);
        for (uint64_t n = 0; n < 1000; n++) {
            uint64_t drawn =
                weir__random_between(weir__random(1, n, 2), low, high);
            assert_true(drawn >= low && drawn <= high);
        }
    }
}

static void a_range_upside_down_gives_its_low(void **state)
{
    (void)state;
    assert_true(weir__random_between(UINT64_MAX, 9, 3) == 9);
}

/* No seed hides the bits of the process in its own. */
static void each_seed_is_another_one_in_the_process(void **state)
{
    uint64_t pid = (uint64_t)getpid();
    (void)state;
    assert_true(weir__random_in_process(pid) != weir__random_in_process(0));
    assert_true(weir__random_in_process(UINT64_MAX) !=
                weir__random_in_process(UINT64_MAX - pid));
}

static void the_same_arguments_give_the_same_number(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 100; i++)
        assert_true(weir__random(i, i + 1, i * i) ==
                    weir__random(i, i + 1, i * i));
}

static void each_argument_changes_the_number(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 1000; i++) {
        assert_true(weir__random(i, 5, 5) != weir__random(i + 1, 5, 5));
        assert_true(weir__random(5, i, 5) != weir__random(5, i + 1, 5));
        assert_true(weir__random(5, 5, i) != weir__random(5, 5, i + 1));
    }
    /* nor may stream and index stand in for each other: call 2, attempt 1
     * is not call 1, attempt 2 */
    assert_true(weir__random(5, 1, 2) != weir__random(5, 2, 1));
}

/* 64 cells, 63 degrees of freedom: below 104 with probability 0.999.  Along
 * the attempts of one call, the calls of one handle, and the handles. */
static void numbers_are_uniform_along_each_argument(void **state)
{
    enum { CELLS = 64, DRAWS = 64000 };
    (void)state;
    for (int along = 0; along < 3; along++) {
        unsigned counts[CELLS] = {0};
        for (uint64_t i = 0; i < DRAWS; i++) {
            uint64_t random = along == 0   ? weir__random(i, 1, 1)
                              : along == 1 ? weir__random(1, i, 1)
                                           : weir__random(1, 1, i);
            counts[weir__random_between(random, 100, 100 + CELLS - 1) - 100]++;
        }
        double chi = chi_square(counts, CELLS, DRAWS);
        assert_true(chi > 25 && chi < 104);
    }
}

/* What the system gives, if it gives anything; 0: its own. */
static uint64_t entropy_now, seconds_now;
static int has_entropy;
static int cancelable; /* how often it was asked by a thread that is */

ssize_t __real_getrandom(void *bytes, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags);
int __real_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_clock_gettime(clockid_t id, struct timespec *out);

ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
    int state;
    if (entropy_now == 0)
        return __real_getrandom(bytes, size, flags);
    assert_int_equal(size, sizeof entropy_now);
    memcpy(bytes, &entropy_now, size);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    cancelable += state != PTHREAD_CANCEL_DISABLE;
    errno = EAGAIN;
    return has_entropy ? (ssize_t)size : -1;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *out)
{
    if (entropy_now == 0 || id != CLOCK_REALTIME)
        return __real_clock_gettime(id, out);
    out->tv_sec = (time_t)seconds_now;
    out->tv_nsec = 7;
    return 0;
}

static uint64_t seed_of(uint64_t entropy, uint64_t seconds, const void *handle)
{
    entropy_now = entropy;
    seconds_now = seconds;
    errno = ENOENT;
    uint64_t seed = weir__random_seed(handle);
    assert_int_equal(errno, ENOENT);
    entropy_now = 0;
    return seed;
}

static void seeds_are_of_entropy_time_and_address(void **state)
{
    char handles[2];
    int after;
    (void)state;
    cancelable = 0;
    for (has_entropy = 0; has_entropy < 2; has_entropy++) {
        uint64_t seed = seed_of(1, 1000, &handles[0]);
        assert_true(seed_of(1, 1000, &handles[0]) == seed);
        assert_true((seed_of(2, 1000, &handles[0]) == seed) == !has_entropy);
        assert_true(seed_of(1, 1001, &handles[0]) != seed);
        assert_true(seed_of(1, 1000, &handles[1]) != seed);
    }
    assert_int_equal(cancelable, 0);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &after);
    assert_int_equal(after, PTHREAD_CANCEL_ENABLE);
}

static void seeds_differ_from_call_to_call(void **state)
{
    int handle;
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_true(weir__random_seed(&handle) != weir__random_seed(&handle));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_between_a_and_a_is_a),
        cmocka_unit_test(each_seed_is_another_one_in_the_process),
        cmocka_unit_test(both_ends_are_included_and_nothing_lies_outside),
        cmocka_unit_test(a_range_upside_down_gives_its_low),
        cmocka_unit_test(the_same_arguments_give_the_same_number),
        cmocka_unit_test(each_argument_changes_the_number),
        cmocka_unit_test(numbers_are_uniform_along_each_argument),
        cmocka_unit_test(seeds_are_of_entropy_time_and_address),
        cmocka_unit_test(seeds_differ_from_call_to_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
