/* Edges of pipelines: what a call does that finds a short way through. */
#include "support.h"

static int succeed(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ++*(int *)arg;
    return 0;
}

/* Empty; each call that a retry sees puts one token in. */
static weir_budget *new_empty_budget(weir_clock *clock)
{
    weir_budget_options o;
    weir_budget *budget;
    weir_budget_options_init(&o, sizeof o);
    o.clock = clock;
    o.capacity = 5;
    o.ratio = 1.0;
    o.per_second = 0.0;
    assert_int_equal(weir_budget_new(&budget, &o), WEIR_OK);
    while (weir_budget_reserve(budget) == WEIR_OK)
        ;
    return budget;
}

static weir_retry *new_budgeted(weir_clock *clock, weir_budget *budget)
{
    weir_retry_options r = retry_options(clock);
    r.budget = budget;
    return new_retry(&r);
}

static void budget_is_paid_into_with_a_retry_without_one_beside_it(
    void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    int calls = 0;
    for (int inner = 0; inner < 2; inner++) {
        weir_budget *budget = new_empty_budget(clock);
        weir_pipeline *pipeline = new_pipeline(clock);
        put_retry(pipeline, new_budgeted(clock, inner ? NULL : budget));
        put_retry(pipeline, new_budgeted(clock, inner ? budget : NULL));
        weir_pipeline_seal(pipeline);
        assert_int_equal(weir_run(pipeline, succeed, &calls), WEIR_OK);
        assert_int_equal(weir_budget_tokens(budget), 1000);
        weir_pipeline_unref(pipeline);
        weir_budget_unref(budget);
    }
    weir_clock_unref(clock);
}

static void call_that_an_open_breaker_rejects_pays_into_the_budget_around_it(
    void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_budget *budget = new_empty_budget(clock);
    weir_breaker_options b = breaker_options(clock);
    weir_breaker *breaker = new_breaker(&b);
    weir_pipeline *pipeline = new_pipeline(clock);
    int calls = 0;
    put_retry(pipeline, new_budgeted(clock, budget));
    weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_seal(pipeline);
    weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
    for (uint32_t i = 1; i <= 3; i++) {
        assert_int_equal(weir_run(pipeline, succeed, &calls), WEIR_EOPEN);
        assert_int_equal(weir_budget_tokens(budget), 1000 * i);
    }
    assert_int_equal(calls, 0);
    weir_breaker_unref(breaker);
    weir_pipeline_unref(pipeline);
    weir_budget_unref(budget);
    weir_clock_unref(clock);
}

/* Two breakers: no straight path. */
static void free_permit_needs_no_means_to_wait(void **state)
{
    (void)state;
    if (!libc_is_wrapped())
        skip();
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options b = breaker_options(clock);
    weir_pipeline *pipeline = new_pipeline(clock);
    int calls = 0;
    put_breaker(pipeline, new_breaker(&b));
    put_breaker(pipeline, new_breaker(&b));
    put_bulkhead(pipeline, new_bulkhead(clock, 1, 1));
    weir_pipeline_seal(pipeline);
    libc_fail_at(1, 1);
    int code = weir_run(pipeline, succeed, &calls);
    libc_fail_at(0, 0);
    assert_int_equal(code, WEIR_OK);
    assert_int_equal(calls, 1);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void give_back(void *bulkhead)
{
    assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_OK);
}

static void permit_that_comes_back_while_it_prepares_to_wait_is_its_own(
    void **state)
{
    (void)state;
    if (!libc_is_wrapped())
        skip();
    weir_clock *clock = new_virtual_clock();
    weir_bulkhead *bulkhead = new_bulkhead(clock, 1, 1);
    weir_pipeline *pipeline = new_pipeline(clock);
    int calls = 0;
    weir_pipeline_add_bulkhead(pipeline, bulkhead);
    weir_pipeline_seal(pipeline);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
        libc_meanwhile(give_back, bulkhead);
        assert_int_equal(weir_run(pipeline, succeed, &calls), WEIR_OK);
        assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    }
    assert_int_equal(calls, 2);
    weir_bulkhead_unref(bulkhead);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static int take_long(weir_attempt *attempt, void *clock)
{
    (void)attempt;
    advance(clock, 2 * SECOND);
    return 0;
}

static void slow_probe_of_a_breaker_alone_opens_it_again(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options b = breaker_options(clock);
    uint64_t permit;
    b.window = WEIR_WINDOW_COUNT;
    b.window_calls = b.minimum_calls = 1;
    b.slow_call_ns = SECOND;
    weir_breaker *breaker = new_breaker(&b);
    assert_int_equal(weir_breaker_acquire(breaker, &permit), WEIR_OK);
    weir_breaker_record(breaker, permit, WEIR_TRANSIENT, 0);
    assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
    advance(clock, b.open_ns + TICK);
    assert_int_equal(weir_breaker_run(breaker, take_long, clock), WEIR_OK);
    assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            budget_is_paid_into_with_a_retry_without_one_beside_it),
        cmocka_unit_test(
            call_that_an_open_breaker_rejects_pays_into_the_budget_around_it),
        cmocka_unit_test(free_permit_needs_no_means_to_wait),
        cmocka_unit_test(
            permit_that_comes_back_while_it_prepares_to_wait_is_its_own),
        cmocka_unit_test(slow_probe_of_a_breaker_alone_opens_it_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
