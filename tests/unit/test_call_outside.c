/* Time and cancellation that come from outside of a call: times that the
 * caller gives, the time an attempt ended, tokens of the calls around it. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "stepping.h"

#include "engine/attempt.h"

static weir_step step_at(weir_call *call, uint64_t now_ns)
{
    weir_step s = {.size = sizeof s};
    assert_int_equal(weir_call_step(call, now_ns, &s), WEIR_OK);
    return s;
}

static weir_pipeline *new_timeout_pipeline(weir_clock *clock)
{
    weir_retry_options r = retry_options(clock);
    r.base_ns = 100 * MS;
    r.jitter = WEIR_JITTER_NONE;
    weir_pipeline *pipeline = new_pipeline(clock);
    put_retry(pipeline, new_retry(&r));
    put_timeout(pipeline, new_timeout(clock, 500 * MS));
    weir_pipeline_seal(pipeline);
    return pipeline;
}

/* ---- given times ---- */

static void clock_that_is_ahead_of_the_given_time_is_looked_at(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_timeout_pipeline(clock);
    weir_call *call = new_call(pipeline);
    uint64_t began_ns = weir_clock_now_ns(clock);
    weir_attempt *attempt = step_at(call, began_ns).attempt;
    advance(clock, 600 * MS);
    weir_step s = step_at(call, began_ns + 100 * MS);
    assert_int_equal(s.action, WEIR_STEP_CANCEL);
    assert_ptr_equal(s.attempt, attempt);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void given_time_that_goes_back_stands_still(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_timeout_pipeline(clock);
    weir_call *call = new_call(pipeline);
    weir_step s = {.size = sizeof s};
    uint64_t began_ns = weir_clock_now_ns(clock);
    weir_attempt *attempt = step_at(call, began_ns + 400 * MS).attempt;
    assert_int_equal(weir_call_finish(call, attempt, 7, began_ns, &s),
                     WEIR_OK);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    assert_int_equal(s.wake_ns, began_ns + 500 * MS);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* ---- when it ended ---- */

static int classify_nothing_as_failure(int code, void *arg)
{
    (void)arg;
    return code == 0 ? WEIR_TRANSIENT : WEIR_SUCCESS;
}

/* In time, though the step came late; whatever makes it a failure. */
static void failure_is_as_late_as_its_finish_not_as_the_next_step(
    void **state)
{
    enum { BY_CODE, BY_ATTEMPT, BY_CLASSIFIER, WAYS };
    (void)state;
    for (int way = 0; way < WAYS; way++)
        for (int late = 0; late < 2; late++) {
            weir_clock *clock = new_virtual_clock();
            weir_pipeline *pipeline = new_pipeline(clock);
            if (way == BY_CLASSIFIER)
                weir_pipeline_classify(pipeline, classify_nothing_as_failure,
                                       NULL, NULL);
            put_timeout(pipeline, new_timeout(clock, 100 * MS));
            weir_pipeline_seal(pipeline);
            weir_call *call = new_call(pipeline);
            weir_attempt *attempt = step_attempt(call);
            int code = way == BY_CODE ? 7 : 0;
            if (way == BY_ATTEMPT)
                weir_attempt_set_outcome(attempt, WEIR_TRANSIENT);
            advance(clock, late ? 100 * MS : 50 * MS);
            weir_attempt_finish(attempt, code, WEIR_NOW);
            advance(clock, 100 * MS);
            weir_result r = step_done(call);
            assert_int_equal(r.code, late ? WEIR_ETIMEDOUT : code);
            assert_int_equal(r.rejected_by,
                             late ? WEIR_BY_TIMEOUT : WEIR_BY_NONE);
            weir_call_unref(call);
            weir_pipeline_unref(pipeline);
            weir_clock_unref(clock);
        }
}

/* ---- how long it took ---- */

static void call_is_as_slow_as_its_attempt_not_as_the_next_step(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = breaker_options(clock);
    weir_breaker_snapshot seen = {.size = sizeof seen};
    weir_step s = {.size = sizeof s};
    o.window = WEIR_WINDOW_COUNT;
    o.slow_call_ns = SECOND;
    weir_breaker *breaker = new_breaker(&o);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_seal(pipeline);
    for (int finish = 0; finish < 2; finish++)
        for (int slow = 0; slow < 2; slow++) {
            weir_call *call = new_call(pipeline);
            weir_attempt *attempt = step_at(call, WEIR_NOW).attempt;
            advance(clock, slow ? 2 * SECOND : 500 * MS);
            if (finish) {
                weir_call_finish(call, attempt, 0, WEIR_NOW, &s);
            } else {
                weir_attempt_finish(attempt, 0, WEIR_NOW);
                advance(clock, 10 * SECOND);
                s = step_at(call, WEIR_NOW);
            }
            assert_int_equal(s.action, WEIR_STEP_DONE);
            weir_breaker_inspect(breaker, &seen);
            assert_int_equal(seen.slow, finish + slow);
            weir_call_unref(call);
        }
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* Two breakers: no direct path. */
static void elapsed_time_begins_when_the_retry_is_entered(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options r = retry_options(clock);
    weir_breaker_options b = breaker_options(clock);
    r.base_ns = SECOND;
    r.jitter = WEIR_JITTER_NONE;
    r.max_elapsed_ns = 10 * SECOND;
    weir_pipeline *pipeline = new_pipeline(clock);
    put_retry(pipeline, new_retry(&r));
    for (int i = 0; i < 2; i++) {
        weir_breaker *breaker = new_breaker(&b);
        weir_pipeline_add_breaker(pipeline, breaker);
        weir_breaker_unref(breaker);
    }
    weir_pipeline_seal(pipeline);
    advance(clock, 100 * SECOND);
    weir_call *call = new_call(pipeline);
    weir_step s = {.size = sizeof s};
    weir_attempt *attempt = step_at(call, WEIR_NOW).attempt;
    weir_call_finish(call, attempt, 7, WEIR_NOW, &s);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    assert_int_equal(s.wake_ns, weir_clock_now_ns(clock) + SECOND);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* ---- ends that were decided elsewhere ---- */

static void work_that_did_not_begin_in_a_cancelled_call_is_cancelled(
    void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_timeout_pipeline(clock);
    for (int cancel = 0; cancel < 2; cancel++) {
        weir_call *call = new_call(pipeline);
        weir_attempt *attempt = step_at(call, WEIR_NOW).attempt;
        if (cancel)
            weir_call_cancel(call);
        weir__attempt_finish_unrun(attempt, WEIR_EFULL);
        weir_result r = step_done(call);
        assert_int_equal(r.code, cancel ? WEIR_ECANCELED : WEIR_EFULL);
        assert_int_equal(r.rejected_by, cancel ? WEIR_BY_CALL : WEIR_BY_POOL);
        assert_int_equal(r.attempts, 0);
        weir_call_unref(call);
    }
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* It opened while the call waited for a permit, inside of the retry. */
static void breaker_outside_of_a_retry_is_not_retried(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options b = breaker_options(clock);
    weir_retry_options r = retry_options(clock);
    r.base_ns = 0;
    r.jitter = WEIR_JITTER_NONE;
    r.retry_on = WEIR_RETRY_OPEN;
    weir_breaker *breaker = new_breaker(&b);
    weir_bulkhead *bulkhead = new_bulkhead(clock, 1, 1);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_add_breaker(pipeline, breaker);
    put_retry(pipeline, new_retry(&r));
    weir_pipeline_add_bulkhead(pipeline, bulkhead);
    weir_pipeline_seal(pipeline);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    weir_call *call = new_call(pipeline);
    assert_int_equal(step_at(call, WEIR_NOW).action, WEIR_STEP_WAIT);
    weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
    weir_bulkhead_release(bulkhead);
    weir_result result = step_done(call);
    assert_int_equal(result.code, WEIR_EOPEN);
    assert_int_equal(result.rejected_by, WEIR_BY_BREAKER);
    assert_int_equal(result.rejected_layer, 0);
    assert_int_equal(result.attempts, 0);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_bulkhead_unref(bulkhead);
    weir_clock_unref(clock);
}

/* ---- tokens ---- */

static void count_wake(void *arg)
{
    ++*(int *)arg;
}

static void tokens_of_the_calls_around_it_count_each_once(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_cancel *tokens[WEIR_CALL_TOKENS + 1];
    weir_call *calls[WEIR_CALL_TOKENS], *inner = NULL;
    weir_attempt *attempts[WEIR_CALL_TOKENS];
    weir_call_options o = call_options();
    int wakes = 0;
    weir_pipeline_seal(pipeline);
    for (int i = 0; i <= WEIR_CALL_TOKENS; i++)
        tokens[i] = new_cancel();
    for (int i = 0; i < WEIR_CALL_TOKENS; i++) {
        o.cancel = tokens[i];
        assert_int_equal(weir_call_new(&calls[i], pipeline, &o), WEIR_OK);
        weir_call_on_wake(calls[i], count_wake, &wakes, NULL);
        o.parent = attempts[i] = step_attempt(calls[i]);
    }
    o.cancel = tokens[WEIR_CALL_TOKENS];
    assert_int_equal(weir_call_new(&inner, pipeline, &o), WEIR_EINVAL);
    assert_null(inner);
    o.cancel = tokens[0];
    assert_int_equal(weir_call_new(&inner, pipeline, &o), WEIR_OK);
    weir_call_unref(inner);
    for (int i = WEIR_CALL_TOKENS - 1; i >= 0; i--) {
        weir_attempt_finish(attempts[i], 0, WEIR_NOW);
        assert_int_equal(step_done(calls[i]).code, WEIR_OK);
    }
    for (int i = 0; i <= WEIR_CALL_TOKENS; i++)
        weir_cancel_fire(tokens[i]);
    assert_int_equal(wakes, 0);
    for (int i = 0; i < WEIR_CALL_TOKENS; i++)
        weir_call_unref(calls[i]);
    for (int i = 0; i <= WEIR_CALL_TOKENS; i++)
        weir_cancel_unref(tokens[i]);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void note_cancel_state(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, arg);
}

static void no_thread_is_cancelled_in_what_an_attempt_is_told(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_timeout_pipeline(clock);
    for (int at_once = 0; at_once < 2; at_once++) {
        weir_call *call = new_call(pipeline);
        int inside = -1, after = -1;
        weir_attempt *attempt = step_attempt(call);
        if (!at_once)
            weir_attempt_on_cancel(attempt, note_cancel_state, &inside);
        weir_call_cancel(call);
        assert_int_equal(step(call).action, WEIR_STEP_CANCEL);
        if (at_once)
            weir_attempt_on_cancel(attempt, note_cancel_state, &inside);
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &after);
        assert_int_equal(inside, PTHREAD_CANCEL_DISABLE);
        assert_int_equal(after, PTHREAD_CANCEL_ENABLE);
        weir_attempt_finish(attempt, 0, WEIR_NOW);
        weir_call_unref(call);
    }
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* ---- what a way of its own could forget ---- */

static weir_breaker *add_breaker(weir_pipeline *pipeline, weir_clock *clock)
{
    weir_breaker_options o = breaker_options(clock);
    weir_breaker *breaker = new_breaker(&o);
    weir_pipeline_add_breaker(pipeline, breaker);
    return breaker;
}

/* With one breaker on the direct path, with two layer by layer. */
static void calls_that_fail_together_come_back_apart(void **state)
{
    (void)state;
    for (int breakers = 1; breakers <= 2; breakers++) {
        weir_clock *clock = new_virtual_clock();
        weir_retry_options r = retry_options(clock);
        weir_step s = {.size = sizeof s};
        weir_call *calls[4];
        uint64_t wake_ns[4];
        r.seeded = 1;
        weir_pipeline *pipeline = new_pipeline(clock);
        put_retry(pipeline, new_retry(&r));
        for (int i = 0; i < breakers; i++)
            weir_breaker_unref(add_breaker(pipeline, clock));
        weir_pipeline_seal(pipeline);
        for (int i = 0; i < 4; i++) {
            calls[i] = new_call(pipeline);
            weir_call_finish(calls[i], step_attempt(calls[i]), 7, WEIR_NOW,
                             &s);
            wake_ns[i] = s.wake_ns;
            for (int n = 0; n < i; n++)
                assert_int_not_equal(wake_ns[n], wake_ns[i]);
        }
        for (int i = 0; i < 4; i++)
            weir_call_unref(calls[i]);
        weir_pipeline_unref(pipeline);
        weir_clock_unref(clock);
    }
}

static void stepped_success_ends_a_row_of_failures(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_breaker *breaker = add_breaker(pipeline, clock);
    weir_step s = {.size = sizeof s};
    weir_pipeline_seal(pipeline);
    for (int i = 0; i < 9; i++) {
        weir_call *call = new_call(pipeline);
        weir_call_finish(call, step_attempt(call), i == 4 ? 0 : 7, WEIR_NOW,
                         &s);
        weir_call_unref(call);
    }
    assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
    weir_breaker_unref(breaker);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static int fail_slowly(weir_attempt *attempt, void *clock)
{
    (void)attempt;
    advance(clock, 600 * MS);
    return 7;
}

static void retry_at_once_ends_at_the_deadline(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options r = retry_options(clock);
    weir_result result = {.size = sizeof result};
    r.base_ns = 0;
    r.jitter = WEIR_JITTER_NONE;
    r.max_attempts = 10;
    weir_pipeline *pipeline = new_pipeline(clock);
    put_timeout(pipeline, new_timeout(clock, SECOND));
    put_retry(pipeline, new_retry(&r));
    weir_pipeline_seal(pipeline);
    assert_int_equal(
        weir_run_with(pipeline, NULL, fail_slowly, clock, &result),
        WEIR_ETIMEDOUT);
    assert_int_equal(result.attempts, 2);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void what_is_no_call_has_no_step(void **state)
{
    weir_step s = {.size = sizeof s};
    (void)state;
    assert_int_equal(weir_call_step(NULL, WEIR_NOW, &s), WEIR_EINVAL);
    assert_int_equal(weir_call_finish(NULL, NULL, 0, WEIR_NOW, &s),
                     WEIR_EINVAL);
}

/* ---- descriptors ---- */

/* In a program that has closed its standard input. */
static void descriptor_zero_is_one_like_others(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_timeout_pipeline(clock);
    weir_call *call = new_call(pipeline);
    int fds[2], input = dup(0);
    uint64_t value = 0;
    assert_int_equal(pipe(fds), 0);
    close(0);
    assert_int_equal(weir_call_wake_fd(call, fds[1]), WEIR_OK);
    assert_true(fcntl(0, F_GETFD) >= 0);
    assert_int_equal(weir_call_wake_fd(call, fds[1]), WEIR_EINVAL);
    assert_int_equal(weir_call_on_wake(call, count_wake, NULL, NULL),
                     WEIR_EINVAL);
    weir_attempt *attempt = step_attempt(call);
    step_wait(call);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(read(fds[0], &value, sizeof value), 8);
    step_done(call);
    errno = 77;
    weir_call_unref(call);
    assert_int_equal(errno, 77);
    assert_int_equal(fcntl(0, F_GETFD), -1);
    assert_int_equal(dup2(input, 0), 0);
    close(input);
    close(fds[0]);
    close(fds[1]);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

typedef struct ending {
    weir_call *call;
    atomic_int destroyed;
    int at_wake;
} ending;

static void *end_call(void *arg)
{
    ending *e = arg;
    weir_step s = {.size = sizeof s};
    weir_call_step(e->call, WEIR_NOW, &s);
    weir_call_unref(e->call);
    return NULL;
}

/* The owner is quick: his call is gone before this returns. */
static void wake_the_owner(void *arg)
{
    ending *e = arg;
    join(start(end_call, e));
    e->at_wake = e->destroyed;
}

static void note_destroyed(void *arg)
{
    ((ending *)arg)->destroyed++;
}

static void call_lives_until_its_cancellation_has_returned(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_bulkhead *bulkhead = new_bulkhead(clock, 1, 1);
    weir_bulkhead_ref(bulkhead);
    put_bulkhead(pipeline, bulkhead);
    weir_pipeline_seal(pipeline);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    ending e = {.call = new_call(pipeline), .at_wake = -1};
    assert_int_equal(
        weir_call_on_wake(e.call, wake_the_owner, &e, note_destroyed),
        WEIR_OK);
    step_wait(e.call);
    weir_call_cancel(e.call);
    assert_int_equal(e.at_wake, 0);
    assert_int_equal(e.destroyed, 1);
    weir_bulkhead_release(bulkhead);
    weir_bulkhead_unref(bulkhead);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_that_is_ahead_of_the_given_time_is_looked_at),
        cmocka_unit_test(given_time_that_goes_back_stands_still),
        cmocka_unit_test(
            failure_is_as_late_as_its_finish_not_as_the_next_step),
        cmocka_unit_test(call_is_as_slow_as_its_attempt_not_as_the_next_step),
        cmocka_unit_test(elapsed_time_begins_when_the_retry_is_entered),
        cmocka_unit_test(
            work_that_did_not_begin_in_a_cancelled_call_is_cancelled),
        cmocka_unit_test(breaker_outside_of_a_retry_is_not_retried),
        cmocka_unit_test(tokens_of_the_calls_around_it_count_each_once),
        cmocka_unit_test(call_lives_until_its_cancellation_has_returned),
        cmocka_unit_test(no_thread_is_cancelled_in_what_an_attempt_is_told),
        cmocka_unit_test(calls_that_fail_together_come_back_apart),
        cmocka_unit_test(stepped_success_ends_a_row_of_failures),
        cmocka_unit_test(retry_at_once_ends_at_the_deadline),
        cmocka_unit_test(what_is_no_call_has_no_step),
        cmocka_unit_test(descriptor_zero_is_one_like_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
