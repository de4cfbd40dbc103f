/* Defects of others at the edges of time, one test each; the table:
 * tests/catalogue.txt. */
#include "stepping.h"

/* Where differences of signed times turn over, and the ends. */
static const uint64_t starts[] = {
    0,
    1,
    INT64_MAX - 30 * SECOND,
    INT64_MAX,
    (uint64_t)INT64_MAX + 1,
    UINT32_MAX - SECOND,
    UINT64_MAX - 2 * YEAR,
};

static weir_clock *clock_at(uint64_t start_ns)
{
    weir_clock *clock = NULL;
    assert_int_equal(weir_clock_new_virtual(&clock, start_ns), WEIR_OK);
    return clock;
}

static int breaker_status(weir_breaker *breaker, int outcome)
{
    uint64_t permit;
    int status = weir_breaker_acquire(breaker, &permit);
    if (status == WEIR_OK)
        status = weir_breaker_record(breaker, permit, outcome, WEIR_NEVER);
    return status;
}

/* C8.76 resilience4j#66 */
static void a_breaker_opens_and_closes_at_every_edge_of_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3 * COUNT(starts); i++) {
        weir_clock *clock = clock_at(starts[i / 3]);
        weir_breaker_options o = breaker_options(clock);
        o.window = (uint32_t)(i % 3);
        o.minimum_calls = 5;
        weir_breaker *breaker = new_breaker(&o);
        for (int n = 0; n < 5; n++)
            breaker_status(breaker, WEIR_TRANSIENT);
        for (int n = 0; n < 59; n++) {
            assert_int_equal(breaker_status(breaker, WEIR_SUCCESS),
                             WEIR_EOPEN);
            advance(clock, SECOND);
        }
        advance(clock, weir_breaker_retry_after_ns(breaker));
        for (int n = 0; n < 3; n++)
            assert_int_equal(breaker_status(breaker, WEIR_SUCCESS), WEIR_OK);
        assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

/* C8.76 resilience4j#66, #1701; C8.84 "timers never early" */
static void waits_last_their_time_at_every_edge_of_time(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(starts); i++) {
        weir_clock *clock = clock_at(starts[i]);
        weir_bulkhead *bulkhead = new_bulkhead(clock, 1, 1);
        weir_pipeline *pipeline = new_pipeline(clock);
        put_timeout(pipeline, new_timeout(clock, YEAR));
        weir_pipeline_add_bulkhead(pipeline, bulkhead);
        put_timeout(pipeline, new_timeout(clock, SECOND));
        weir_pipeline_seal(pipeline);
        weir_bulkhead_try_acquire(bulkhead);
        weir_call *call = new_call(pipeline);
        assert_int_equal(step_wait(call), starts[i] + 5 * SECOND);
        advance(clock, 5 * SECOND - 1);
        step_wait(call);
        weir_bulkhead_release(bulkhead);
        weir_attempt *attempt = step_attempt(call);
        assert_int_equal(weir_attempt_remaining_ns(attempt), SECOND);
        advance(clock, SECOND - 1);
        step_wait(call);
        advance(clock, 1);
        assert_int_equal(step(call).action, WEIR_STEP_CANCEL);
        assert_int_equal(step_done(call).code, WEIR_ETIMEDOUT);
        weir_attempt_finish(attempt, 0, WEIR_NOW);
        weir_call_unref(call);
        weir_pipeline_unref(pipeline);
        weir_bulkhead_unref(bulkhead);
        weir_clock_unref(clock);
    }
}

/* ---- budgets ---- */

static uint64_t now_of_arg(void *arg)
{
    return *(uint64_t *)arg;
}

static weir_budget *new_budget(weir_clock *clock, uint32_t capacity,
                               double per_second)
{
    weir_budget_options o;
    weir_budget *budget = NULL;
    assert_int_equal(weir_budget_options_init(&o, sizeof o), WEIR_OK);
    o.clock = clock;
    o.capacity = capacity;
    o.per_second = per_second;
    assert_int_equal(weir_budget_new(&budget, &o), WEIR_OK);
    return budget;
}

static uint32_t drain(weir_budget *budget)
{
    uint32_t taken = 0;
    while (weir_budget_reserve(budget) == WEIR_OK)
        taken++;
    return taken;
}

/* C8.77 go-limiter#41, libvmod-vsthrottle#4 */
static void a_clock_set_back_neither_fills_nor_robs_a_budget(void **state)
{
    static const uint64_t backs[] = {1, SECOND, 9 * SECOND, DAY, YEAR};
    (void)state;
    for (size_t i = 0; i < COUNT(backs); i++) {
        uint64_t now_ns = START_NS + 2 * YEAR;
        weir_clock *clock = NULL;
        assert_int_equal(
            weir_clock_new_custom(&clock, now_of_arg, &now_ns, NULL), WEIR_OK);
        weir_budget *budget = new_budget(clock, 10, 1.0);
        now_ns += YEAR;
        assert_int_equal(drain(budget), 10);
        now_ns += 5 * SECOND;
        assert_in_range(drain(budget), 4, 5);
        now_ns -= backs[i];
        for (int n = 0; n < 100; n++)
            assert_int_equal(weir_budget_reserve(budget), WEIR_EBUDGET);
        for (int n = 0; n < 10; n++)
            weir_budget_deposit(budget); /* a tenth each */
        assert_int_equal(drain(budget), 1);
        now_ns += backs[i] + 5 * SECOND;
        assert_in_range(drain(budget), 4, 6);
        weir_budget_unref(budget);
        weir_clock_unref(clock);
    }
}

/* C8.78 golang/go#47221, #39984; C8.80 rclone#9820 */
static void a_budget_without_a_rate_is_empty_and_not_unlimited(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(starts); i++) {
        weir_clock *clock = clock_at(starts[i]);
        weir_budget *none = new_budget(clock, 1, 0.0);
        weir_budget *most = new_budget(clock, 10000, 10000.0);
        assert_int_equal(drain(none), 1);
        assert_int_equal(drain(most), 10000);
        advance(clock, YEAR);
        assert_int_equal(drain(none), 0);
        assert_int_equal(drain(most), 10000);
        weir_budget_unref(none);
        weir_budget_unref(most);
        weir_clock_unref(clock);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_breaker_opens_and_closes_at_every_edge_of_time),
        cmocka_unit_test(waits_last_their_time_at_every_edge_of_time),
        cmocka_unit_test(a_clock_set_back_neither_fills_nor_robs_a_budget),
        cmocka_unit_test(a_budget_without_a_rate_is_empty_and_not_unlimited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
