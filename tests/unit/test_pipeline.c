/* Building pipelines: what may be added, when, and who holds what. */
#include "support.h"

static int succeed(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ++*(int *)arg;
    return 0;
}

static int as_success(int code, void *arg)
{
    (void)code;
    (void)arg;
    return WEIR_SUCCESS;
}

static void missing_arguments_are_rejected(void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    weir_timeout *timeout = new_timeout(NULL, SECOND);
    weir_retry *retry = new_retry(NULL);
    weir_breaker *breaker = new_breaker(NULL);
    weir_bulkhead *bulkhead = new_bulkhead(NULL, 1, 1);
    (void)state;
    assert_int_equal(weir_pipeline_add_timeout(NULL, timeout), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_timeout(pipeline, NULL), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_retry(NULL, retry), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_retry(pipeline, NULL), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_breaker(NULL, breaker), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_breaker(pipeline, NULL), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_bulkhead(NULL, bulkhead), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_bulkhead(pipeline, NULL), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_seal(NULL), WEIR_EINVAL);
    assert_null(weir_pipeline_clock(NULL));
    weir_pipeline_ref(NULL);
    weir_pipeline_unref(NULL);
    weir_timeout_unref(timeout);
    weir_retry_unref(retry);
    weir_breaker_unref(breaker);
    weir_bulkhead_unref(bulkhead);
    weir_pipeline_unref(pipeline);
}

static void a_pipeline_runs_only_when_it_is_sealed(void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    weir_result result = {.size = sizeof result, .code = 77};
    weir_call *call = NULL;
    int runs = 0;
    (void)state;
    assert_int_equal(weir_run(pipeline, succeed, &runs), WEIR_EINVAL);
    assert_int_equal(weir_run_with(pipeline, NULL, succeed, &runs, &result),
                     WEIR_EINVAL);
    assert_int_equal(weir_call_new(&call, pipeline, NULL), WEIR_EINVAL);
    assert_null(call);
    assert_int_equal(runs, 0);
    assert_int_equal(result.code, 77);
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    assert_int_equal(weir_run(pipeline, succeed, &runs), WEIR_OK);
    assert_int_equal(runs, 1);
    weir_pipeline_unref(pipeline);
}

static void a_sealed_pipeline_does_not_change(void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    weir_timeout *timeout = new_timeout(NULL, SECOND);
    weir_retry *retry = new_retry(NULL);
    weir_breaker *breaker = new_breaker(NULL);
    weir_bulkhead *bulkhead = new_bulkhead(NULL, 1, 1);
    atomic_int destroyed = 0;
    (void)state;
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_timeout(pipeline, timeout),
                     WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_retry(pipeline, retry), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_breaker(pipeline, breaker),
                     WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_bulkhead(pipeline, bulkhead),
                     WEIR_EINVAL);
    assert_int_equal(weir_pipeline_classify(pipeline, as_success, &destroyed,
                                            count_destroy),
                     WEIR_EINVAL);
    assert_int_equal(destroyed, 1);
    weir_pipeline_unref(pipeline);
    assert_int_equal(destroyed, 1);
    weir_timeout_unref(timeout);
    weir_retry_unref(retry);
    weir_breaker_unref(breaker);
    weir_bulkhead_unref(bulkhead);
}

/* All kinds, since each has its own function. */
static void policies_of_another_clock_are_rejected(void **state)
{
    weir_clock *clocks[3] = {NULL, new_virtual_clock(), new_virtual_clock()};
    (void)state;
    for (int own = 0; own < 3; own++)
        for (int other = 0; other < 3; other++) {
            weir_clock *clock = clocks[other];
            int expected = own == other ? WEIR_OK : WEIR_EINVAL;
            weir_pipeline *pipeline = new_pipeline(clocks[own]);
            weir_breaker_options b = breaker_options(clock);
            weir_retry_options r = retry_options(clock);
            weir_timeout *timeout = new_timeout(clock, SECOND);
            weir_retry *retry = new_retry(&r);
            weir_breaker *breaker = new_breaker(&b);
            weir_bulkhead *bulkhead = new_bulkhead(clock, 1, 1);
            assert_int_equal(weir_pipeline_add_timeout(pipeline, timeout),
                             expected);
            assert_int_equal(weir_pipeline_add_retry(pipeline, retry),
                             expected);
            assert_int_equal(weir_pipeline_add_breaker(pipeline, breaker),
                             expected);
            assert_int_equal(weir_pipeline_add_bulkhead(pipeline, bulkhead),
                             expected);
            weir_timeout_unref(timeout);
            weir_retry_unref(retry);
            weir_breaker_unref(breaker);
            weir_bulkhead_unref(bulkhead);
            weir_pipeline_unref(pipeline);
        }
    weir_clock_unref(clocks[1]);
    weir_clock_unref(clocks[2]);
}

static void null_and_the_monotonic_clock_are_the_same(void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    (void)state;
    put_timeout(pipeline, new_timeout(weir_clock_monotonic(), SECOND));
    assert_ptr_equal(weir_pipeline_clock(pipeline), weir_clock_monotonic());
    weir_pipeline_unref(pipeline);
}

static void there_is_room_for_sixteen_policies(void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    weir_retry *retry = new_retry(NULL);
    weir_timeout *timeout = new_timeout(NULL, SECOND);
    int runs = 0;
    (void)state;
    for (int i = 0; i < WEIR_PIPELINE_MAX; i++)
        assert_int_equal(i % 2 ? weir_pipeline_add_retry(pipeline, retry)
                               : weir_pipeline_add_timeout(pipeline, timeout),
                         WEIR_OK);
    assert_int_equal(weir_pipeline_add_retry(pipeline, retry), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_timeout(pipeline, timeout),
                     WEIR_EINVAL);
    weir_retry_unref(retry);
    weir_timeout_unref(timeout);
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    assert_int_equal(weir_run(pipeline, succeed, &runs), 0);
    assert_int_equal(weir_run_with(pipeline, NULL, succeed, &runs, NULL), 0);
    assert_int_equal(runs, 2);
    weir_pipeline_unref(pipeline);
}

static void not_to_be_called(const weir_event *event, void *arg)
{
    (void)event;
    (void)arg;
    fail();
}

static void a_pipeline_keeps_its_policies_alive(void **state)
{
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_breaker_options b = breaker_options(clock);
    weir_breaker *breaker = new_breaker(&b);
    atomic_int destroyed = 0;
    int runs = 0;
    (void)state;
    assert_int_equal(weir_breaker_listen(breaker, not_to_be_called, &destroyed,
                                         count_destroy),
                     WEIR_OK);
    put_breaker(pipeline, breaker);
    put_bulkhead(pipeline, new_bulkhead(clock, 1, 1));
    weir_clock_unref(clock);
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    assert_int_equal(weir_run(pipeline, succeed, &runs), 0);
    weir_pipeline_ref(pipeline);
    weir_pipeline_unref(pipeline);
    assert_int_equal(destroyed, 0);
    weir_pipeline_unref(pipeline);
    assert_int_equal(destroyed, 1);
}

static void a_policy_outlives_its_pipeline(void **state)
{
    weir_breaker *breaker = new_breaker(NULL);
    weir_pipeline *pipelines[2] = {new_pipeline(NULL), new_pipeline(NULL)};
    uint64_t permit;
    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_pipeline_add_breaker(pipelines[i], breaker),
                         WEIR_OK);
    weir_pipeline_unref(pipelines[0]);
    assert_int_equal(weir_breaker_acquire(breaker, &permit), WEIR_OK);
    weir_pipeline_unref(pipelines[1]);
    assert_int_equal(weir_breaker_record(breaker, permit, WEIR_SUCCESS, 0),
                     WEIR_OK);
    weir_breaker_unref(breaker);
}

/* ---- the classifier ---- */

static void the_destroy_of_a_classifier_runs_exactly_once(void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    atomic_int destroyed[4] = {0};
    (void)state;
    assert_int_equal(weir_pipeline_classify(NULL, as_success, &destroyed[0],
                                            count_destroy),
                     WEIR_EINVAL);
    assert_int_equal(weir_pipeline_classify(pipeline, NULL, &destroyed[1],
                                            count_destroy),
                     WEIR_EINVAL);
    assert_int_equal(destroyed[0], 1);
    assert_int_equal(destroyed[1], 1);
    assert_int_equal(weir_pipeline_classify(pipeline, as_success,
                                            &destroyed[2], count_destroy),
                     WEIR_OK);
    assert_int_equal(destroyed[2], 0);
    assert_int_equal(weir_pipeline_classify(pipeline, as_success,
                                            &destroyed[3], count_destroy),
                     WEIR_OK);
    assert_int_equal(destroyed[2], 1); /* replaced */
    assert_int_equal(destroyed[3], 0);
    assert_int_equal(weir_pipeline_classify(pipeline, NULL, NULL, NULL),
                     WEIR_EINVAL);
    assert_int_equal(destroyed[3], 0); /* a failure replaces nothing */
    weir_pipeline_unref(pipeline);
    assert_int_equal(destroyed[2], 1);
    assert_int_equal(destroyed[3], 1);
}

/* ---- the recommended pipeline ---- */

static void the_recommended_pipeline_checks_its_times(void **state)
{
    static const struct {
        uint64_t total_ns, attempt_ns;
        int status;
    } cases[] = {
        {SECOND, SECOND, WEIR_OK},     {1, 1, WEIR_OK},
        {YEAR, YEAR, WEIR_OK},         {YEAR, 1, WEIR_OK},
        {0, 0, WEIR_EINVAL},           {SECOND, 0, WEIR_EINVAL},
        {SECOND, SECOND + 1, WEIR_EINVAL}, {YEAR + 1, SECOND, WEIR_EINVAL},
        {WEIR_NEVER, SECOND, WEIR_EINVAL},
        {WEIR_NEVER, WEIR_NEVER, WEIR_EINVAL},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        weir_pipeline *const before = (weir_pipeline *)&cases;
        weir_pipeline *pipeline = before;
        assert_int_equal(weir_pipeline_new_recommended(&pipeline,
                                                       cases[i].total_ns,
                                                       cases[i].attempt_ns),
                         cases[i].status);
        assert_true((pipeline == before) == (cases[i].status != WEIR_OK));
        if (cases[i].status == WEIR_OK)
            weir_pipeline_unref(pipeline);
    }
    assert_int_equal(weir_pipeline_new_recommended(NULL, SECOND, SECOND),
                     WEIR_EINVAL);
}

static int look_at_time(weir_attempt *attempt, void *arg)
{
    *(uint64_t *)arg = weir_attempt_remaining_ns(attempt);
    return 0;
}

static void the_recommended_pipeline_is_sealed_and_bounds_attempts(
    void **state)
{
    weir_pipeline *pipeline = NULL;
    uint64_t remaining_ns = 0;
    (void)state;
    assert_int_equal(
        weir_pipeline_new_recommended(&pipeline, YEAR, 3600 * SECOND),
        WEIR_OK);
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_EINVAL);
    assert_int_equal(weir_run(pipeline, look_at_time, &remaining_ns), 0);
    assert_true(remaining_ns > 0 && remaining_ns <= 3600 * SECOND);
    assert_ptr_equal(weir_pipeline_clock(pipeline), weir_clock_monotonic());
    weir_pipeline_unref(pipeline);
}

static void the_recommended_pipeline_is_added_whole_or_not_at_all(void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    weir_timeout *timeout = new_timeout(NULL, SECOND);
    (void)state;
    for (int i = 0; i < WEIR_PIPELINE_MAX - 4; i++)
        assert_int_equal(weir_pipeline_add_timeout(pipeline, timeout),
                         WEIR_OK);
    assert_int_equal(weir_pipeline_add_recommended(pipeline, SECOND, SECOND,
                                                   NULL, NULL, NULL),
                     WEIR_EINVAL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(weir_pipeline_add_timeout(pipeline, timeout),
                         WEIR_OK);
    assert_int_equal(weir_pipeline_add_timeout(pipeline, timeout),
                     WEIR_EINVAL);
    weir_timeout_unref(timeout);
    weir_pipeline_unref(pipeline);
}

static void the_recommended_pipeline_takes_what_it_is_given(void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    weir_retry *retry = new_retry(NULL);
    weir_breaker *breaker = new_breaker(NULL);
    weir_bulkhead *bulkhead = new_bulkhead(NULL, 1, 0);
    int runs = 0;
    (void)state;
    assert_int_equal(weir_pipeline_add_recommended(pipeline, SECOND, SECOND,
                                                   retry, breaker, bulkhead),
                     WEIR_OK);
    weir_pipeline_seal(pipeline);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    assert_int_equal(weir_run(pipeline, succeed, &runs), WEIR_EFULL);
    assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_OK);
    weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
    assert_int_equal(weir_run(pipeline, succeed, &runs), WEIR_EOPEN);
    assert_int_equal(runs, 0);
    weir_retry_unref(retry);
    weir_breaker_unref(breaker);
    weir_bulkhead_unref(bulkhead);
    weir_pipeline_unref(pipeline);
}

static weir_retry *new_retry_with(weir_budget *budget)
{
    weir_retry_options o = retry_options(NULL);
    o.budget = budget;
    return new_retry(&o);
}

static void each_of_two_retries_fills_its_own_budget(void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    weir_budget *budgets[2];
    weir_budget_options o;
    int runs = 0;
    (void)state;
    weir_budget_options_init(&o, sizeof o);
    o.ratio = 1;
    o.per_second = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_budget_new(&budgets[i], &o), WEIR_OK);
        assert_int_equal(weir_budget_reserve(budgets[i]), WEIR_OK);
        put_retry(pipeline, new_retry_with(budgets[i]));
    }
    weir_pipeline_seal(pipeline);
    assert_int_equal(weir_run(pipeline, succeed, &runs), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(weir_budget_tokens(budgets[i]), o.capacity * 1000);
        weir_budget_unref(budgets[i]);
    }
    weir_pipeline_unref(pipeline);
}

static void note_nothing(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
}

static int listen_for_cancel(weir_attempt *attempt, void *arg)
{
    (void)arg;
    return weir_attempt_on_cancel(attempt, note_nothing, NULL);
}

static void a_straight_call_may_listen_though_nobody_cancels_it(void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    (void)state;
    weir_pipeline_seal(pipeline);
    assert_int_equal(weir_run(pipeline, listen_for_cancel, NULL), WEIR_OK);
    weir_pipeline_unref(pipeline);
}

/* Though the breaker could be asked without a permit. */
static void a_full_bulkhead_outside_rejects_before_an_open_breaker(
    void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    weir_breaker *breaker = new_breaker(NULL);
    weir_bulkhead *bulkhead = new_bulkhead(NULL, 1, 0);
    int runs = 0;
    (void)state;
    weir_pipeline_add_bulkhead(pipeline, bulkhead);
    weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_seal(pipeline);
    weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
    assert_int_equal(weir_run(pipeline, succeed, &runs), WEIR_EOPEN);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    assert_int_equal(weir_run(pipeline, succeed, &runs), WEIR_EFULL);
    weir_bulkhead_release(bulkhead);
    assert_int_equal(runs, 0);
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_bulkhead_unref(bulkhead);
}

static void recommended_policies_are_in_the_memory_of_the_pipeline(
    void **state)
{
    counting memory;
    weir_pipeline_options p;
    weir_pipeline *pipeline;
    (void)state;
    counting_init(&memory);
    weir_pipeline_options_init(&p, sizeof p);
    p.allocator = &memory.table;
    assert_int_equal(weir_pipeline_new(&pipeline, &p), WEIR_OK);
    assert_int_equal(memory.live, 1);
    assert_int_equal(weir_pipeline_add_recommended(NULL, SECOND, SECOND, NULL,
                                                   NULL, NULL),
                     WEIR_EINVAL);
    assert_int_equal(weir_pipeline_add_recommended(pipeline, SECOND, SECOND,
                                                   NULL, NULL, NULL),
                     WEIR_OK);
    assert_int_equal(memory.live, 6);
    weir_pipeline_unref(pipeline);
    assert_int_equal(memory.live, 0);
}

static int hint_and_succeed(weir_attempt *attempt, void *arg)
{
    (void)arg;
    weir_attempt_retry_after(attempt, SECOND);
    return 0;
}

static int count_success(int code, void *arg)
{
    (void)code;
    ++*(int *)arg;
    return WEIR_SUCCESS;
}

static void a_success_with_a_hint_is_classified_once(void **state)
{
    weir_pipeline *pipeline = new_pipeline(NULL);
    int classified = 0;
    (void)state;
    weir_pipeline_classify(pipeline, count_success, &classified, NULL);
    weir_pipeline_seal(pipeline);
    assert_int_equal(weir_run(pipeline, hint_and_succeed, NULL), WEIR_OK);
    assert_int_equal(classified, 1);
    weir_pipeline_unref(pipeline);
}

static int set_and_succeed(weir_attempt *attempt, void *arg)
{
    (void)arg;
    return weir_attempt_set_outcome(attempt, WEIR_SUCCESS);
}

static void what_has_no_place_to_go_is_not_made(void **state)
{
    weir_timeout_options o;
    weir_pipeline *pipeline = new_pipeline(NULL);
    (void)state;
    weir_timeout_options_init(&o, sizeof o);
    o.timeout_ns = SECOND;
    assert_int_equal(weir_timeout_new(NULL, &o), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_new_recommended(NULL, SECOND, SECOND),
                     WEIR_EINVAL);
    weir_pipeline_seal(pipeline);
    assert_int_equal(weir_run(pipeline, set_and_succeed, NULL), WEIR_OK);
    weir_pipeline_unref(pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_arguments_are_rejected),
        cmocka_unit_test(a_pipeline_runs_only_when_it_is_sealed),
        cmocka_unit_test(a_sealed_pipeline_does_not_change),
        cmocka_unit_test(policies_of_another_clock_are_rejected),
        cmocka_unit_test(null_and_the_monotonic_clock_are_the_same),
        cmocka_unit_test(there_is_room_for_sixteen_policies),
        cmocka_unit_test(a_pipeline_keeps_its_policies_alive),
        cmocka_unit_test(a_policy_outlives_its_pipeline),
        cmocka_unit_test(the_destroy_of_a_classifier_runs_exactly_once),
        cmocka_unit_test(the_recommended_pipeline_checks_its_times),
        cmocka_unit_test(
            the_recommended_pipeline_is_sealed_and_bounds_attempts),
        cmocka_unit_test(the_recommended_pipeline_is_added_whole_or_not_at_all),
        cmocka_unit_test(each_of_two_retries_fills_its_own_budget),
        cmocka_unit_test(the_recommended_pipeline_takes_what_it_is_given),
        cmocka_unit_test(a_straight_call_may_listen_though_nobody_cancels_it),
        cmocka_unit_test(
            a_full_bulkhead_outside_rejects_before_an_open_breaker),
        cmocka_unit_test(
            recommended_policies_are_in_the_memory_of_the_pipeline),
        cmocka_unit_test(a_success_with_a_hint_is_classified_once),
        cmocka_unit_test(what_has_no_place_to_go_is_not_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
