/* Calls that are used again, and attempts finished by who steps. */
#include "stepping.h"

typedef struct fixture {
    counting memory; /* of calls and of the pipeline */
    weir_clock *clock;
    weir_breaker *breaker;   /* opens after 3 failures */
    weir_bulkhead *bulkhead; /* two permits */
    weir_pipeline *pipeline; /* retry of 2, 100 ms > breaker > bulkhead >
                                timeout of a second; sealed */
    weir_call *call;
    int classified;
    int released; /* the classifier gives the call back */
} fixture;

/* As by default; counts, and tries what a callback may not do. */
static int classify(int code, void *arg)
{
    fixture *f = arg;
    weir_step s = {.size = sizeof s};
    f->classified++;
    assert_int_equal(weir_call_reset(f->call, NULL), WEIR_EINVAL);
    assert_int_equal(weir_call_step(f->call, WEIR_NOW, &s), WEIR_EINVAL);
    if (f->released)
        weir_call_unref(f->call);
    return code == 0 ? WEIR_SUCCESS : WEIR_TRANSIENT;
}

static void make_pipeline(fixture *f)
{
    weir_pipeline_options p;
    weir_retry_options r = retry_options(f->clock);
    weir_pipeline_options_init(&p, sizeof p);
    p.clock = f->clock;
    p.allocator = &f->memory.table;
    r.max_attempts = 2;
    r.base_ns = 100 * MS;
    r.jitter = WEIR_JITTER_NONE;
    assert_int_equal(weir_pipeline_new(&f->pipeline, &p), WEIR_OK);
    put_retry(f->pipeline, new_retry(&r));
    weir_pipeline_add_breaker(f->pipeline, f->breaker);
    weir_pipeline_add_bulkhead(f->pipeline, f->bulkhead);
    put_timeout(f->pipeline, new_timeout(f->clock, SECOND));
}

static int setup_with(void **state, weir_classify_fn fn)
{
    static fixture f;
    f = (fixture){.classified = 0};
    counting_init(&f.memory);
    f.clock = new_virtual_clock();
    weir_breaker_options b = breaker_options(f.clock);
    b.failure_threshold = 3;
    f.breaker = new_breaker(&b);
    f.bulkhead = new_bulkhead(f.clock, 2, 0);
    make_pipeline(&f);
    if (fn)
        weir_pipeline_classify(f.pipeline, fn, &f, NULL);
    weir_pipeline_seal(f.pipeline);
    f.call = new_call(f.pipeline);
    *state = &f;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, NULL);
}

static int setup_classified(void **state)
{
    return setup_with(state, classify);
}

static int teardown(void **state)
{
    fixture *f = *state;
    weir_call_unref(f->call);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
    weir_pipeline_unref(f->pipeline);
    weir_breaker_unref(f->breaker);
    weir_bulkhead_unref(f->bulkhead);
    weir_clock_unref(f->clock);
    assert_int_equal(f->memory.live, 0);
    assert_int_equal(f->memory.wrong, 0);
    return 0;
}

/* Finishes by who steps, and says what comes next. */
static weir_step finish(weir_call *call, weir_attempt *attempt, int code)
{
    weir_step s = {.size = sizeof s};
    assert_int_equal(weir_call_finish(call, attempt, code, WEIR_NOW, &s),
                     WEIR_OK);
    return s;
}

static weir_result result_of(weir_call *call)
{
    weir_result r = {.size = sizeof r};
    assert_int_equal(weir_call_result(call, &r), WEIR_OK);
    return r;
}

static void run_to_success(weir_call *call)
{
    weir_attempt_finish(step_attempt(call), 0, WEIR_NOW);
    assert_int_equal(step_done(call).code, WEIR_OK);
}

static void reset(weir_call *call)
{
    assert_int_equal(weir_call_reset(call, NULL), WEIR_OK);
}

/* ---- reset ---- */

static void call_that_was_reset_makes_the_whole_trip_again(void **state)
{
    fixture *f = *state;
    weir_attempt_finish(step_attempt(f->call), 7, WEIR_NOW);
    step_wait(f->call);
    advance(f->clock, 100 * MS);
    weir_attempt_finish(step_attempt(f->call), 8, WEIR_NOW);
    assert_int_equal(step_done(f->call).attempts, 2);
    reset(f->call);
    weir_result r = {.size = sizeof r};
    assert_int_equal(weir_call_result(f->call, &r), WEIR_EINVAL);
    weir_attempt *attempt = step_attempt(f->call);
    assert_int_equal(weir_attempt_number(attempt), 1);
    assert_int_equal(weir_attempt_remaining_ns(attempt), SECOND);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 1);
    advance(f->clock, 30 * MS);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    r = step_done(f->call);
    assert_int_equal(r.code, WEIR_OK);
    assert_int_equal(r.last_code, 0);
    assert_int_equal(r.attempts, 1);
    assert_int_equal(r.elapsed_ns, 30 * MS);
}

static void call_is_one_allocation_and_a_reset_one_is_none(void **state)
{
    fixture *f = *state;
    unsigned before = f->memory.calls;
    weir_call *call = new_call(f->pipeline);
    for (int i = 0; i < 5; i++) {
        if (i > 0)
            reset(call);
        weir_attempt_finish(step_attempt(call), 7, WEIR_NOW);
        step_wait(call);
        advance(f->clock, 100 * MS);
        run_to_success(call);
    }
    assert_int_equal(f->memory.calls, before + 1);
    weir_call_unref(call);
}

static void only_a_call_that_is_done_can_be_reset(void **state)
{
    fixture *f = *state;
    assert_int_equal(weir_call_reset(NULL, NULL), WEIR_EINVAL);
    assert_int_equal(weir_call_reset(f->call, NULL), WEIR_EINVAL);
    weir_attempt *attempt = step_attempt(f->call);
    assert_int_equal(weir_call_reset(f->call, NULL), WEIR_EINVAL);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(weir_call_reset(f->call, NULL), WEIR_EINVAL);
    step_done(f->call);
    reset(f->call);
}

static void reset_checks_its_options_and_changes_nothing(void **state)
{
    fixture *f = *state;
    weir_call_options o = call_options();
    run_to_success(f->call);
    o.reserved = 1;
    assert_int_equal(weir_call_reset(f->call, &o), WEIR_EINVAL);
    o.reserved = 0;
    o.size = 0;
    assert_int_equal(weir_call_reset(f->call, &o), WEIR_EINVAL);
    o.size = 5000;
    assert_int_equal(weir_call_reset(f->call, &o), WEIR_EVERSION);
    assert_int_equal(result_of(f->call).code, WEIR_OK);
}

static void reset_waits_for_the_attempt_that_was_given_up(void **state)
{
    fixture *f = *state;
    weir_attempt *attempt = step_attempt(f->call);
    weir_call_cancel(f->call);
    assert_int_equal(step(f->call).action, WEIR_STEP_CANCEL);
    step_done(f->call);
    assert_int_equal(weir_call_reset(f->call, NULL), WEIR_ESTALE);
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW),
                     WEIR_ECANCELED);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
    reset(f->call);
    run_to_success(f->call); /* the cancellation was of the last trip */
}

static void reset_waits_for_the_attempt_that_is_held(void **state)
{
    fixture *f = *state;
    weir_attempt *attempt = step_attempt(f->call);
    weir_attempt_ref(attempt);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    step_done(f->call);
    assert_int_equal(weir_call_reset(f->call, NULL), WEIR_ESTALE);
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW), WEIR_ESTALE);
    weir_attempt_unref(attempt);
    reset(f->call);
    run_to_success(f->call);
}

/* The call's reference on it may be the only one. */
static void token_may_be_that_of_the_last_trip(void **state)
{
    fixture *f = *state;
    weir_call_options o = call_options();
    weir_call *call;
    o.cancel = new_cancel();
    assert_int_equal(weir_call_new(&call, f->pipeline, &o), WEIR_OK);
    weir_cancel_unref(o.cancel);
    for (int trips = 0; trips < 3; trips++) {
        run_to_success(call);
        assert_int_equal(weir_call_reset(call, &o), WEIR_OK);
    }
    weir_cancel_fire(o.cancel);
    assert_int_equal(step_done(call).code, WEIR_ECANCELED);
    weir_call_unref(call);
}

static void deadline_and_token_are_those_of_the_trip(void **state)
{
    fixture *f = *state;
    weir_call_options o = call_options();
    weir_cancel *before = new_cancel(), *after = new_cancel();
    weir_call *call;
    o.cancel = before;
    o.deadline_ns = START_NS + 10 * MS;
    assert_int_equal(weir_call_new(&call, f->pipeline, &o), WEIR_OK);
    run_to_success(call);
    o.cancel = after;
    o.deadline_ns = START_NS + 300 * MS;
    assert_int_equal(weir_call_reset(call, &o), WEIR_OK);
    weir_attempt *attempt = step_attempt(call);
    assert_int_equal(weir_attempt_remaining_ns(attempt), 300 * MS);
    weir_cancel_fire(before);
    assert_int_equal(step_wait(call), o.deadline_ns);
    weir_cancel_fire(after);
    assert_int_equal(step(call).action, WEIR_STEP_CANCEL);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(step_done(call).code, WEIR_ECANCELED);
    reset(call); /* and now without any */
    run_to_success(call);
    weir_cancel_unref(before);
    weir_cancel_unref(after);
    weir_call_unref(call);
}

static void count(void *arg)
{
    ++*(int *)arg;
}

static void wake_signal_stays(void **state)
{
    fixture *f = *state;
    int woken = 0;
    assert_int_equal(weir_call_on_wake(f->call, count, &woken, NULL), WEIR_OK);
    for (int i = 1; i <= 3; i++) {
        weir_attempt *attempt = step_attempt(f->call);
        step_wait(f->call);
        weir_attempt_finish(attempt, 0, WEIR_NOW);
        assert_int_equal(woken, i);
        step_done(f->call);
        reset(f->call);
    }
}

/* ---- finishing and stepping in one ---- */

static void finish_of_a_success_ends_the_call(void **state)
{
    fixture *f = *state;
    weir_attempt *attempt = step_attempt(f->call);
    advance(f->clock, 20 * MS);
    weir_step s = finish(f->call, attempt, 0);
    assert_int_equal(s.action, WEIR_STEP_DONE);
    assert_null(s.attempt);
    assert_int_equal(s.wake_ns, WEIR_NEVER);
    weir_result r = result_of(f->call);
    assert_int_equal(r.code, WEIR_OK);
    assert_int_equal(r.attempts, 1);
    assert_int_equal(r.elapsed_ns, 20 * MS);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
    reset(f->call);
    assert_int_equal(finish(f->call, step_attempt(f->call), 0).action,
                     WEIR_STEP_DONE);
}

static void finish_after_a_wait_needs_no_signal(void **state)
{
    fixture *f = *state;
    int woken = 0;
    weir_call_on_wake(f->call, count, &woken, NULL);
    weir_attempt *attempt = step_attempt(f->call);
    assert_int_equal(step_wait(f->call), START_NS + SECOND);
    assert_int_equal(finish(f->call, attempt, 0).action, WEIR_STEP_DONE);
    weir_call_cancel(f->call);
    assert_int_equal(woken, 0);
}

static void finish_of_a_failure_says_what_the_retry_says(void **state)
{
    fixture *f = *state;
    weir_step s = finish(f->call, step_attempt(f->call), 7);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    assert_int_equal(s.wake_ns, START_NS + 100 * MS);
    advance(f->clock, 100 * MS);
    weir_attempt *second = step_attempt(f->call);
    assert_int_equal(weir_attempt_number(second), 2);
    assert_int_equal(finish(f->call, second, 8).action, WEIR_STEP_DONE);
    weir_result r = result_of(f->call);
    assert_int_equal(r.code, 8);
    assert_int_equal(r.last_code, 8);
    assert_int_equal(r.attempts, 2);
}

static void failures_that_are_finished_count(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_breaker_state(f->breaker), WEIR_CLOSED);
        finish(f->call, step_attempt(f->call), 7);
        if (i == 0)
            advance(f->clock, 100 * MS);
        if (i == 1)
            reset(f->call);
    }
    assert_int_equal(weir_breaker_state(f->breaker), WEIR_OPEN);
}

/* What the attempt has said is heard, whatever its code. */
static void outcome_that_was_set_holds_for_finish(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 3; i++) {
        weir_attempt *attempt = step_attempt(f->call);
        weir_attempt_set_outcome(attempt, WEIR_PERMANENT);
        assert_int_equal(finish(f->call, attempt, 0).action, WEIR_STEP_DONE);
        reset(f->call);
    }
    assert_int_equal(weir_breaker_state(f->breaker), WEIR_OPEN);
}

static void attempt_that_was_given_up_may_be_finished_so(void **state)
{
    fixture *f = *state;
    weir_step s = {.size = sizeof s};
    weir_attempt *first = step_attempt(f->call);
    step_wait(f->call);
    advance(f->clock, SECOND);
    assert_int_equal(step(f->call).action, WEIR_STEP_CANCEL);
    assert_int_equal(weir_call_finish(f->call, first, 0, WEIR_NOW, &s),
                     WEIR_ETIMEDOUT);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
    advance(f->clock, 100 * MS);
    assert_int_equal(finish(f->call, step_attempt(f->call), 0).action,
                     WEIR_STEP_DONE);
}

/* The second attempt lies elsewhere while the first is out. */
static void finish_knows_attempts_of_their_own_memory(void **state)
{
    fixture *f = *state;
    weir_attempt *first = step_attempt(f->call);
    step_wait(f->call);
    advance(f->clock, SECOND);
    assert_int_equal(step(f->call).action, WEIR_STEP_CANCEL);
    step_wait(f->call);
    advance(f->clock, 100 * MS);
    weir_attempt *second = step_attempt(f->call);
    assert_ptr_not_equal(first, second);
    step_wait(f->call);
    assert_int_equal(finish(f->call, second, 0).action, WEIR_STEP_DONE);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 1);
    assert_int_equal(weir_call_reset(f->call, NULL), WEIR_ESTALE);
    weir_step s = {.size = sizeof s};
    assert_int_equal(weir_call_finish(f->call, first, 0, WEIR_NOW, &s),
                     WEIR_ETIMEDOUT);
    assert_int_equal(s.action, WEIR_STEP_DONE);
    reset(f->call);
}

static void finish_leaves_other_references_alone(void **state)
{
    fixture *f = *state;
    weir_step s = {.size = sizeof s};
    weir_attempt *attempt = step_attempt(f->call);
    weir_attempt_ref(attempt);
    assert_int_equal(finish(f->call, attempt, 0).action, WEIR_STEP_DONE);
    assert_int_equal(weir_call_finish(f->call, attempt, 0, WEIR_NOW, &s),
                     WEIR_ESTALE);
    assert_int_equal(s.action, WEIR_STEP_DONE);
    assert_int_equal(weir_attempt_number(attempt), 1);
    weir_attempt_unref(attempt);
}

static void success_after_a_cancellation_stays_one(void **state)
{
    fixture *f = *state;
    weir_attempt *attempt = step_attempt(f->call);
    weir_call_cancel(f->call);
    assert_int_equal(finish(f->call, attempt, 0).action, WEIR_STEP_DONE);
    assert_int_equal(result_of(f->call).code, WEIR_OK);
}

static void failure_after_the_deadline_is_late(void **state)
{
    fixture *f = *state;
    weir_attempt *attempt = step_attempt(f->call);
    advance(f->clock, SECOND);
    assert_int_equal(finish(f->call, attempt, 7).action, WEIR_STEP_WAIT);
    weir_call_cancel(f->call);
    assert_int_equal(step_done(f->call).last_code, 7);
}

static void finish_refuses_what_is_not_its_own(void **state)
{
    fixture *f = *state;
    weir_step s = {.size = sizeof s}, small = {.size = sizeof s - 1};
    weir_call *other = new_call(f->pipeline);
    weir_attempt *attempt = step_attempt(f->call);
    weir_attempt *foreign = step_attempt(other);
    assert_int_equal(weir_call_finish(NULL, attempt, 0, WEIR_NOW, &s),
                     WEIR_EINVAL);
    assert_int_equal(weir_call_finish(f->call, NULL, 0, WEIR_NOW, &s),
                     WEIR_EINVAL);
    assert_int_equal(weir_call_finish(f->call, attempt, 0, WEIR_NOW, NULL),
                     WEIR_EINVAL);
    assert_int_equal(weir_call_finish(f->call, attempt, 0, WEIR_NOW, &small),
                     WEIR_EINVAL);
    assert_int_equal(weir_call_finish(f->call, foreign, 0, WEIR_NOW, &s),
                     WEIR_EINVAL);
    finish(f->call, attempt, 0);
    finish(other, foreign, 0);
    weir_call_unref(other);
}

/* ---- the classifier ---- */

static void classifier_is_asked_once_for_each_attempt(void **state)
{
    fixture *f = *state;
    weir_attempt_finish(step_attempt(f->call), 7, WEIR_NOW);
    step_wait(f->call);
    assert_int_equal(f->classified, 1);
    advance(f->clock, 100 * MS);
    finish(f->call, step_attempt(f->call), 0);
    assert_int_equal(f->classified, 2);
    reset(f->call);
    finish(f->call, step_attempt(f->call), 0);
    assert_int_equal(f->classified, 3);
    reset(f->call);
    finish(f->call, step_attempt(f->call), 7);
    assert_int_equal(f->classified, 4);
}

/* The call is gone when finish returns, whether the attempt was a success or
 * is to be tried again. */
static void call_released_while_it_finishes_is_done(void **state)
{
    fixture *f = *state;
    weir_call *kept = f->call;
    for (int code = 0; code < 2; code++) {
        f->call = new_call(f->pipeline);
        weir_attempt *attempt = step_attempt(f->call);
        f->released = 1;
        assert_int_equal(finish(f->call, attempt, code).action,
                         WEIR_STEP_DONE);
        f->released = 0;
        assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
    }
    f->call = kept;
}

/* ---- release by callbacks ---- */

static void release_the_call(const weir_event *event, void *arg)
{
    fixture *f = arg;
    if (event->to != WEIR_HALF_OPEN || !f->call)
        return;
    weir_call_unref(f->call);
    f->released = 1;
}

static void call_released_as_it_enters_gives_its_attempt_back(void **state)
{
    fixture *f = *state;
    weir_step s = {.size = sizeof s};
    uint64_t permit;
    weir_breaker_listen(f->breaker, release_the_call, f, NULL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_breaker_acquire(f->breaker, &permit), WEIR_OK);
        weir_breaker_record(f->breaker, permit, WEIR_TRANSIENT, WEIR_NEVER);
    }
    advance(f->clock, weir_breaker_retry_after_ns(f->breaker));
    assert_int_equal(weir_call_step(f->call, WEIR_NOW, &s), WEIR_OK);
    assert_int_equal(f->released, 1);
    f->call = NULL;
    assert_int_equal(s.action, WEIR_STEP_DONE);
    assert_null(s.attempt);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_breaker_acquire(f->breaker, &permit), WEIR_OK);
}

static void attempt_that_was_let_go_is_not_classified(void **state)
{
    fixture *f = *state;
    weir_breaker_snapshot seen = {.size = sizeof seen};
    weir_attempt_unref(step_attempt(f->call));
    assert_int_equal(step_done(f->call).code, WEIR_ECANCELED);
    assert_int_equal(f->classified, 0);
    assert_int_equal(weir_breaker_inspect(f->breaker, &seen), WEIR_OK);
    assert_int_equal(seen.failed, 0);
}

/* ---- arguments ---- */

static void ignore(void *arg)
{
    (void)arg;
}

static void waking_is_set_once_and_results_have_room(void **state)
{
    fixture *f = *state;
    weir_result r = {.size = sizeof r};
    assert_int_equal(weir_call_on_wake(NULL, ignore, NULL, NULL), WEIR_EINVAL);
    assert_int_equal(weir_call_on_wake(f->call, NULL, NULL, NULL),
                     WEIR_EINVAL);
    assert_int_equal(weir_call_wake_fd(NULL, 1), WEIR_EINVAL);
    assert_int_equal(weir_call_wake_fd(f->call, 0), WEIR_OK);
    assert_int_equal(weir_call_wake_fd(f->call, 1), WEIR_EINVAL);
    assert_int_equal(weir_call_on_wake(f->call, ignore, NULL, NULL),
                     WEIR_EINVAL);
    run_to_success(f->call);
    assert_int_equal(weir_call_result(NULL, &r), WEIR_EINVAL);
    assert_int_equal(weir_call_result(f->call, NULL), WEIR_EINVAL);
    r.size--;
    assert_int_equal(weir_call_result(f->call, &r), WEIR_EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define CLASSIFIED(name)                                                      \
    cmocka_unit_test_setup_teardown(name, setup_classified, teardown)
    const struct CMUnitTest tests[] = {
        TEST(call_that_was_reset_makes_the_whole_trip_again),
        TEST(call_is_one_allocation_and_a_reset_one_is_none),
        TEST(only_a_call_that_is_done_can_be_reset),
        TEST(reset_checks_its_options_and_changes_nothing),
        TEST(reset_waits_for_the_attempt_that_was_given_up),
        TEST(reset_waits_for_the_attempt_that_is_held),
        TEST(deadline_and_token_are_those_of_the_trip),
        TEST(token_may_be_that_of_the_last_trip),
        TEST(wake_signal_stays),
        TEST(finish_of_a_success_ends_the_call),
        TEST(finish_after_a_wait_needs_no_signal),
        TEST(finish_of_a_failure_says_what_the_retry_says),
        TEST(failures_that_are_finished_count),
        TEST(outcome_that_was_set_holds_for_finish),
        TEST(attempt_that_was_given_up_may_be_finished_so),
        TEST(finish_knows_attempts_of_their_own_memory),
        TEST(finish_leaves_other_references_alone),
        TEST(success_after_a_cancellation_stays_one),
        TEST(failure_after_the_deadline_is_late),
        TEST(finish_refuses_what_is_not_its_own),
        CLASSIFIED(classifier_is_asked_once_for_each_attempt),
        CLASSIFIED(call_released_while_it_finishes_is_done),
        TEST(call_released_as_it_enters_gives_its_attempt_back),
        TEST(waking_is_set_once_and_results_have_room),
        cmocka_unit_test_setup_teardown(
            attempt_that_was_let_go_is_not_classified, setup_classified,
            teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
