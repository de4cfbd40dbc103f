/* Defects of other breakers' windows and counters, one test each; the table:
 * tests/catalogue.txt. */
#include "breaker.h"

static weir_breaker_options options_of(uint32_t window)
{
    weir_breaker_options o = breaker_options(vclock);
    o.window = window;
    o.minimum_calls = 4;
    return o;
}

static weir_breaker_snapshot inspect(void)
{
    weir_breaker_snapshot s = {.size = sizeof s};
    assert_int_equal(weir_breaker_inspect(breaker, &s), WEIR_OK);
    return s;
}

/* C4.25 vertx-circuit-breaker#24, semian#24 */
static void sparse_errors_never_open_it_however_many(void **state)
{
    weir_breaker_options o = options_of(WEIR_WINDOW_TIME);
    (void)state;
    o.failure_rate = 0.01;
    replace(&o); /* 10 s, and never 4 calls in them */
    for (int i = 0; i < 10000; i++) {
        calls(1, WEIR_TRANSIENT);
        advance(vclock, 3700 * MS);
        assert_state(WEIR_CLOSED);
    }
}

/* C4.26 armeria#2761; spans are of one second */
static void the_call_that_begins_a_span_is_judged_with_it(void **state)
{
    static const struct {
        uint64_t at_ns; /* of the fourth failure; three were at the start */
        int state;
    } cases[] = {
        {SECOND - 1, WEIR_OPEN},      {SECOND, WEIR_OPEN},
        {SECOND + 1, WEIR_OPEN},      {9 * SECOND, WEIR_OPEN},
        {10 * SECOND - 1, WEIR_OPEN}, {10 * SECOND, WEIR_CLOSED},
        {10 * SECOND + 1, WEIR_CLOSED},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        weir_breaker_options o = options_of(WEIR_WINDOW_TIME);
        o.failure_rate = 1.0;
        replace(&o);
        calls(3, WEIR_TRANSIENT);
        advance(vclock, cases[i].at_ns);
        calls(1, WEIR_TRANSIENT);
        assert_state(cases[i].state);
    }
}

/* C4.32 opossum#45, #660 */
static void every_outcome_is_counted_in_the_window_or_not(void **state)
{
    static const struct {
        uint64_t calls, failed;
    } counted[] = {
        [WEIR_SUCCESS] = {1, 0},   [WEIR_DECLINED] = {1, 0},
        [WEIR_TRANSIENT] = {1, 1}, [WEIR_PERMANENT] = {1, 1},
        [WEIR_THROTTLED] = {0, 0}, [WEIR_IGNORED] = {0, 0},
    };
    (void)state;
    for (uint32_t window = 1; window <= WEIR_WINDOW_TIME; window++)
        for (int outcome = WEIR_SUCCESS; outcome <= WEIR_IGNORED; outcome++) {
            weir_breaker_options o = options_of(window);
            replace(&o);
            calls(2, WEIR_SUCCESS);
            calls(1, outcome);
            assert_int_equal(inspect().calls, 2 + counted[outcome].calls);
            assert_int_equal(inspect().failed, counted[outcome].failed);
            weir_breaker_reset(breaker);
            calls(4, WEIR_TRANSIENT);
            for (int i = 0; i < 100; i++)
                assert_rejects(); /* not counted either: nothing to close */
            pass_open_time();
            calls(3, WEIR_SUCCESS);
            assert_int_equal(inspect().calls, 0);
            assert_state(WEIR_CLOSED);
        }
}

/* ---- C4.29: time that is not the same for all ---- */

static uint64_t now_of_arg(void *arg)
{
    return *(uint64_t *)arg;
}

static void replace_clock(uint64_t *now_ns)
{
    weir_clock *clock = NULL;
    weir_breaker_options o = options_of(WEIR_WINDOW_TIME);
    assert_int_equal(weir_clock_new_custom(&clock, now_of_arg, now_ns, NULL),
                     WEIR_OK);
    o.clock = clock;
    o.failure_rate = 1.0;
    replace(&o);
    weir_clock_unref(clock);
}

/* C4.29 sentinel-golang#327, Sentinel#3309: a thread that read the time
 * before others went on */
static void a_delayed_result_is_counted_with_the_others(void **state)
{
    static const uint64_t delays[] = {1, SECOND, 5 * SECOND, 9 * SECOND};
    (void)state;
    for (size_t i = 0; i < COUNT(delays); i++) {
        uint64_t now_ns = START_NS;
        replace_clock(&now_ns);
        now_ns += 9 * SECOND + MS;
        calls(2, WEIR_TRANSIENT);
        now_ns -= delays[i];
        calls(1, WEIR_TRANSIENT);
        now_ns += delays[i];
        assert_int_equal(inspect().failed, 3);
        calls(1, WEIR_TRANSIENT);
        assert_state(WEIR_OPEN);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sparse_errors_never_open_it_however_many),
        TEST(the_call_that_begins_a_span_is_judged_with_it),
        TEST(every_outcome_is_counted_in_the_window_or_not),
        TEST(a_delayed_result_is_counted_with_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
