/* Random numbers as a hash. */
#include "base/random.h"

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
        cmocka_unit_test(seeds_differ_from_call_to_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
