/* The delay after the n-th attempt. */
#include "policy/backoff.h"

#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "support.h"

static weir__backoff backoff(uint64_t base_ns, uint64_t cap_ns, double factor,
                             int jitter)
{
    return (weir__backoff){base_ns, cap_ns, factor, WEIR_BACKOFF_EXPONENTIAL,
                           jitter};
}

/* A random number that is as good as any other. */
static uint64_t draw(uint64_t n)
{
    return weir__random(2026, n, 7);
}

static uint64_t plain(const weir__backoff *b, uint32_t attempt)
{
    return weir__backoff_delay(b, attempt, 0, 0, 0);
}

/* The retry4j#36 defect gave 0 for the first attempt. */
static void the_first_delay_is_the_base_and_each_next_the_factor_more(
    void **state)
{
    weir__backoff b = backoff(100 * MS, 30 * SECOND, 2, WEIR_JITTER_NONE);
    (void)state;
    assert_int_equal(plain(&b, 1), 100 * MS);
    assert_int_equal(plain(&b, 2), 200 * MS);
    assert_int_equal(plain(&b, 3), 400 * MS);
    assert_int_equal(plain(&b, 9), 25600 * MS);
    assert_int_equal(plain(&b, 10), 30 * SECOND);
    assert_int_equal(plain(&b, 11), 30 * SECOND);
    b.factor = 1.5;
    assert_int_equal(plain(&b, 3), 225 * MS);
    assert_int_equal(plain(&b, 0), 100 * MS); /* as the first */
}

static void a_factor_of_one_is_a_constant_delay(void **state)
{
    static const uint32_t attempts[] = {1, 2, 1000, 1000000, UINT32_MAX};
    weir__backoff b = backoff(7 * MS, DAY, 1, WEIR_JITTER_NONE);
    (void)state;
    for (size_t i = 0; i < COUNT(attempts); i++)
        assert_int_equal(plain(&b, attempts[i]), 7 * MS);
}

/* Polly#2163 (NaN, negative after 1,025), cockatiel#86, tenacity#656,
 * failsafe#215, aws-sdk-java#874 (1 << n), onos-lib-go#127 (0: a hot loop) */
static void no_attempt_overflows_or_loops_however_high(void **state)
{
    static const uint32_t attempts[] = {
        23,   24,   25,   31,    32,     33,      63,         64,        65,
        1023, 1024, 1025, 65536, 999999, 1000000, UINT32_MAX, UINT32_MAX - 1};
    static const double factors[] = {1.000001, 1.5, 2, 10, 1000};
    static const uint64_t bases[] = {1, 100 * MS, DAY};
    (void)state;
    for (size_t f = 0; f < COUNT(factors); f++)
        for (size_t b = 0; b < COUNT(bases); b++) {
            weir__backoff o =
                backoff(bases[b], DAY, factors[f], WEIR_JITTER_NONE);
            uint64_t before = bases[b];
            for (size_t i = 0; i < COUNT(attempts); i++) {
                uint64_t v = plain(&o, attempts[i]);
                assert_true(v >= bases[b] && v <= DAY);
                if (i < 15) { /* the attempts rise */
                    assert_true(v >= before);
                    before = v;
                }
            }
            if (factors[f] >= 1.5)
                assert_int_equal(plain(&o, UINT32_MAX), DAY);
        }
}

/* Polly#1866: the path of the overflow ignored the largest delay */
static void the_cap_holds_for_every_jitter(void **state)
{
    (void)state;
    for (int jitter = WEIR_JITTER_NONE; jitter <= WEIR_JITTER_DECORRELATED;
         jitter++) {
        weir__backoff b = backoff(3 * MS, 10 * MS, 1000, jitter);
        for (uint64_t n = 0; n < 2000; n++)
            assert_true(weir__backoff_delay(&b, (uint32_t)draw(n),
                                            draw(n + 1) % (20 * MS), 0,
                                            draw(n + 2)) <= 10 * MS);
    }
}

static void no_base_is_no_delay(void **state)
{
    (void)state;
    for (int jitter = WEIR_JITTER_NONE; jitter <= WEIR_JITTER_DECORRELATED;
         jitter++) {
        weir__backoff b = backoff(0, DAY, 1000, jitter);
        assert_int_equal(weir__backoff_delay(&b, 1, 0, 0, draw(1)), 0);
        assert_int_equal(weir__backoff_delay(&b, UINT32_MAX, 0, 0, draw(2)), 0);
        b.cap_ns = 0;
        assert_int_equal(weir__backoff_delay(&b, 9, 0, 0, draw(3)), 0);
    }
}

static double chi_square(const unsigned *counts, unsigned cells,
                         unsigned draws)
{
    double share = (double)draws / cells, sum = 0;
    for (unsigned i = 0; i < cells; i++)
        sum += ((double)counts[i] - share) * ((double)counts[i] - share) /
               share;
    return sum;
}

enum { CELLS = 32, DRAWS = 32000 };

/* 31 degrees of freedom: 9.7 to 65 with probability 0.9996. */
static void assert_even(const weir__backoff *b, uint32_t attempt,
                        uint64_t previous_ns, uint64_t low, uint64_t high)
{
    unsigned counts[CELLS] = {0};
    for (uint64_t n = 0; n < DRAWS; n++) {
        uint64_t v = weir__backoff_delay(b, attempt, previous_ns, 0, draw(n));
        assert_true(v >= low && v <= high);
        counts[(v - low) * CELLS / (high - low + 1)]++;
    }
    double chi = chi_square(counts, CELLS, DRAWS);
    assert_true(chi > 9 && chi < 65);
}

/* Brooker, "Exponential Backoff and Jitter": cap first, then jitter. In Polly,
 * resilience4j, finagle, tower the jitter vanishes at the cap; spring-retry
 * #126, reactor-addons#282 */
static void full_jitter_at_the_cap_is_spread_over_0_to_cap(void **state)
{
    weir__backoff b = backoff(100 * MS, 30 * SECOND, 2, WEIR_JITTER_FULL);
    (void)state;
    assert_even(&b, 1, 0, 0, 100 * MS);
    assert_even(&b, 4, 0, 0, 800 * MS);
    assert_even(&b, 10, 0, 0, 30 * SECOND);
    assert_even(&b, 1000, 0, 0, 30 * SECOND);
    assert_even(&b, UINT32_MAX, 0, 0, 30 * SECOND);
}

static void equal_jitter_is_spread_over_the_upper_half(void **state)
{
    weir__backoff b = backoff(100 * MS, 30 * SECOND, 2, WEIR_JITTER_EQUAL);
    (void)state;
    assert_even(&b, 1, 0, 50 * MS, 100 * MS);
    assert_even(&b, 3, 0, 200 * MS, 400 * MS);
    assert_even(&b, 1000, 0, 15 * SECOND, 30 * SECOND);
}

static void decorrelated_jitter_goes_from_base_to_three_times_the_last(
    void **state)
{
    weir__backoff b =
        backoff(100 * MS, 30 * SECOND, 1, WEIR_JITTER_DECORRELATED);
    (void)state;
    assert_even(&b, 1, 0, 100 * MS, 300 * MS);
    assert_even(&b, 2, 200 * MS, 100 * MS, 600 * MS);
    assert_even(&b, 7, 9999 * MS, 100 * MS, 29997 * MS);
    assert_even(&b, 7, 10 * SECOND, 100 * MS, 30 * SECOND);
    assert_even(&b, 7, 20 * SECOND, 100 * MS, 30 * SECOND);
    assert_even(&b, 7, UINT64_MAX, 100 * MS, 30 * SECOND);
    assert_even(&b, 7, 1, 100 * MS, 300 * MS); /* below the base */
}

static void decorrelated_jitter_between_base_and_base_is_the_base(void **state)
{
    weir__backoff b = backoff(5 * MS, 5 * MS, 1, WEIR_JITTER_DECORRELATED);
    (void)state;
    for (uint64_t n = 0; n < 100; n++)
        assert_int_equal(weir__backoff_delay(&b, 2, 5 * MS, 0, draw(n)),
                         5 * MS);
}

/* ---- through a retry: whose numbers they are ---- */

enum { SEQUENCE = 20 };

/* The delays of the first failures of several calls. */
static void delays_of(weir_retry *retry, uint64_t *delays)
{
    for (int i = 0; i < SEQUENCE; i++) {
        weir_retry_state call = {.size = sizeof call};
        assert_int_equal(retry_next(retry, &call, WEIR_TRANSIENT, 0,
                                         WEIR_NEVER, &delays[i]),
                         WEIR_OK);
    }
}

static int same(const uint64_t *a, const uint64_t *b)
{
    int equal = 0;
    for (int i = 0; i < SEQUENCE; i++)
        equal += a[i] == b[i];
    return equal;
}

static void draw_new(const weir_retry_options *o, uint64_t *delays)
{
    weir_retry *retry = new_retry(o);
    delays_of(retry, delays);
    weir_retry_unref(retry);
}

static void the_same_seed_replays(void **state)
{
    uint64_t a[SEQUENCE], b[SEQUENCE], c[SEQUENCE];
    weir_retry_options o = retry_options(NULL);
    (void)state;
    o.seeded = 1;
    o.seed = 42;
    draw_new(&o, a);
    draw_new(&o, b);
    o.seed = 43;
    draw_new(&o, c);
    assert_int_equal(same(a, b), SEQUENCE);
    assert_true(same(a, c) <= 1);
}

/* nakama-dotnet#105; Polly#414: jitter drawn once */
static void calls_and_attempts_draw_other_numbers(void **state)
{
    uint64_t delays[SEQUENCE], attempts[3];
    weir_retry_state call = {.size = sizeof call};
    weir_retry_options o = retry_options(NULL);
    (void)state;
    o.seeded = 1;
    o.factor = 1;
    weir_retry *retry = new_retry(&o);
    delays_of(retry, delays);
    for (int i = 0; i < SEQUENCE; i++)
        for (int j = 0; j < i; j++)
            assert_true(delays[i] != delays[j]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(retry_next(retry, &call, WEIR_TRANSIENT, 0,
                                         WEIR_NEVER, &attempts[i]),
                         WEIR_OK);
    assert_true(attempts[0] != attempts[1] && attempts[1] != attempts[2]);
    weir_retry_unref(retry);
}

static void two_unseeded_handles_differ(void **state)
{
    uint64_t a[SEQUENCE], b[SEQUENCE];
    (void)state;
    draw_new(NULL, a);
    draw_new(NULL, b);
    assert_true(same(a, b) <= 1);
}

/* A seed without seeded is not used. */
static void a_seed_counts_only_where_seeded_is_set(void **state)
{
    uint64_t a[SEQUENCE], b[SEQUENCE];
    weir_retry_options o = retry_options(NULL);
    (void)state;
    o.seed = 42;
    draw_new(&o, a);
    draw_new(&o, b);
    assert_true(same(a, b) <= 1);
}

/* The delays that a forked child draws from its copy of the handle. */
static void delays_of_child(weir_retry *retry, uint64_t *delays)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        delays_of(retry, delays);
        ssize_t written = write(ends[1], delays, SEQUENCE * sizeof *delays);
        weir_retry_unref(retry); /* its copy: no leak */
        _exit(written == SEQUENCE * (ssize_t)sizeof *delays ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(read(ends[0], delays, SEQUENCE * sizeof *delays),
                     SEQUENCE * sizeof *delays);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(ends[0]);
    close(ends[1]);
}

/* nakama-dotnet#105: a herd of forked workers in step */
static void forked_children_draw_other_numbers(void **state)
{
    uint64_t mine[SEQUENCE], first[SEQUENCE], second[SEQUENCE];
    weir_retry *retry = new_retry(NULL);
    (void)state;
    delays_of_child(retry, first);
    delays_of_child(retry, second);
    delays_of(retry, mine);
    assert_true(same(mine, first) <= 1);
    assert_true(same(mine, second) <= 1);
    assert_true(same(first, second) <= 1);
    weir_retry_unref(retry);
}

/* A seed was asked for, so that the child may replay. */
static void forked_children_of_a_seeded_retry_replay(void **state)
{
    uint64_t mine[SEQUENCE], childs[SEQUENCE];
    weir_retry_options o = retry_options(NULL);
    (void)state;
    o.seeded = 1;
    weir_retry *retry = new_retry(&o);
    delays_of_child(retry, childs);
    delays_of(retry, mine);
    assert_int_equal(same(mine, childs), SEQUENCE);
    weir_retry_unref(retry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            the_first_delay_is_the_base_and_each_next_the_factor_more),
        cmocka_unit_test(a_factor_of_one_is_a_constant_delay),
        cmocka_unit_test(no_attempt_overflows_or_loops_however_high),
        cmocka_unit_test(the_cap_holds_for_every_jitter),
        cmocka_unit_test(no_base_is_no_delay),
        cmocka_unit_test(full_jitter_at_the_cap_is_spread_over_0_to_cap),
        cmocka_unit_test(equal_jitter_is_spread_over_the_upper_half),
        cmocka_unit_test(
            decorrelated_jitter_goes_from_base_to_three_times_the_last),
        cmocka_unit_test(decorrelated_jitter_between_base_and_base_is_the_base),
        cmocka_unit_test(the_same_seed_replays),
        cmocka_unit_test(calls_and_attempts_draw_other_numbers),
        cmocka_unit_test(two_unseeded_handles_differ),
        cmocka_unit_test(a_seed_counts_only_where_seeded_is_set),
        cmocka_unit_test(forked_children_draw_other_numbers),
        cmocka_unit_test(forked_children_of_a_seeded_retry_replay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
