/* Callbacks that step, release or cancel the call they run in, and other
 * things done at the worst moment. */
#include "support.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

typedef struct fixture {
    weir_clock *clock;
    weir_breaker *breaker;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline; /* breaker of 1 failure > bulkhead > timeout */
    weir_call *call;
    int told;
} fixture;

static int classify_and_release(int code, void *arg)
{
    fixture *f = arg;
    f->told++;
    if (f->told == 1)
        weir_call_unref(f->call);
    return code ? WEIR_TRANSIENT : WEIR_SUCCESS;
}

static void make(fixture *f, weir_classify_fn classify)
{
    f->told = 0;
    f->clock = new_virtual_clock();
    weir_breaker_options o = breaker_options(f->clock);
    o.failure_threshold = 1;
    f->breaker = new_breaker(&o);
    f->bulkhead = new_bulkhead(f->clock, 1, 4);
    f->pipeline = new_pipeline(f->clock);
    if (classify)
        weir_pipeline_classify(f->pipeline, classify, f, NULL);
    weir_pipeline_add_breaker(f->pipeline, f->breaker);
    weir_pipeline_add_bulkhead(f->pipeline, f->bulkhead);
    put_timeout(f->pipeline, new_timeout(f->clock, SECOND));
    weir_pipeline_seal(f->pipeline);
    assert_int_equal(weir_call_new(&f->call, f->pipeline, NULL), WEIR_OK);
}

static void unmake(fixture *f)
{
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
    weir_pipeline_unref(f->pipeline);
    weir_breaker_unref(f->breaker);
    weir_bulkhead_unref(f->bulkhead);
    weir_clock_unref(f->clock);
}

static weir_step step(weir_call *call)
{
    weir_step s = {.size = sizeof s};
    assert_int_equal(weir_call_step(call, WEIR_NOW, &s), WEIR_OK);
    return s;
}

static void listen_and_release(const weir_event *event, void *arg)
{
    fixture *f = arg;
    (void)event;
    if (f->told++ == 0)
        weir_call_unref(f->call);
}

static void listener_may_release_the_call_that_trips(void **state)
{
    (void)state;
    fixture f;
    make(&f, NULL);
    weir_breaker_listen(f.breaker, listen_and_release, &f, NULL);
    weir_attempt *attempt = step(f.call).attempt;
    weir_attempt_finish(attempt, 500, WEIR_NOW);
    assert_int_equal(step(f.call).action, WEIR_STEP_DONE);
    assert_int_equal(f.told, 1);
    unmake(&f);
}

static void classifier_may_release_the_call_it_judges(void **state)
{
    (void)state;
    fixture f;
    make(&f, classify_and_release);
    weir_attempt *attempt = step(f.call).attempt;
    weir_attempt_finish(attempt, 500, WEIR_NOW);
    assert_int_equal(step(f.call).action, WEIR_STEP_DONE);
    unmake(&f);
}

static void cancel_and_release(weir_attempt *attempt, void *arg)
{
    fixture *f = arg;
    f->told++;
    weir_call_unref(f->call);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
}

static void attempt_that_is_told_may_release_its_call(void **state)
{
    (void)state;
    fixture f;
    make(&f, NULL);
    weir_attempt *attempt = step(f.call).attempt;
    weir_attempt_on_cancel(attempt, cancel_and_release, &f);
    weir_call_cancel(f.call);
    assert_int_equal(step(f.call).action, WEIR_STEP_DONE);
    assert_int_equal(f.told, 1);
    unmake(&f);
}

static void cancel_and_step(weir_attempt *attempt, void *arg)
{
    fixture *f = arg;
    weir_step s = {.size = sizeof s};
    f->told++;
    assert_int_equal(weir_call_step(f->call, WEIR_NOW, &s), WEIR_EINVAL);
    assert_int_equal(weir_call_finish(f->call, attempt, 0, WEIR_NOW, &s),
                     WEIR_EINVAL);
}

static void callback_of_a_step_may_not_step(void **state)
{
    (void)state;
    fixture f;
    make(&f, NULL);
    weir_attempt *attempt = step(f.call).attempt;
    weir_attempt_on_cancel(attempt, cancel_and_step, &f);
    weir_call_cancel(f.call);
    assert_int_equal(step(f.call).action, WEIR_STEP_CANCEL);
    assert_int_equal(step(f.call).action, WEIR_STEP_DONE);
    assert_int_equal(f.told, 1);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_call_unref(f.call);
    unmake(&f);
}

/* ---- finishing ---- */

static void second_finish_leaves_the_time_of_the_first(void **state)
{
    (void)state;
    fixture f;
    make(&f, NULL);
    uint64_t now_ns = weir_clock_now_ns(f.clock);
    weir_attempt *attempt = step(f.call).attempt;
    weir_result r = {.size = sizeof r};
    weir_attempt_ref(attempt);
    assert_int_equal(weir_attempt_finish(attempt, -1, now_ns + MS), WEIR_OK);
    assert_int_equal(weir_attempt_finish(attempt, -1, now_ns + 9 * SECOND),
                     WEIR_ESTALE);
    weir_attempt_unref(attempt);
    assert_int_equal(step(f.call).action, WEIR_STEP_DONE);
    weir_call_result(f.call, &r);
    assert_int_equal(r.code, -1);
    weir_call_unref(f.call);
    unmake(&f);
}

static void *unref(void *attempt)
{
    weir_attempt_unref(attempt);
    return NULL;
}

static void last_of_two_releases_finishes_whichever_it_is(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        fixture f;
        make(&f, NULL);
        weir_attempt *attempt = step(f.call).attempt;
        weir_attempt_ref(attempt);
        pthread_t other = start(unref, attempt);
        weir_attempt_unref(attempt);
        join(other);
        assert_int_equal(step(f.call).action, WEIR_STEP_DONE);
        weir_call_unref(f.call);
        unmake(&f);
    }
}

/* ---- queues ---- */

/* Whoever is let through by the breaker after the wait goes on: only a breaker
 * that rejects ends it. */
static void waiter_goes_on_when_the_breaker_was_merely_reset(void **state)
{
    static const int modes[] = {WEIR_AUTOMATIC, WEIR_DISABLED,
                                WEIR_METRICS_ONLY};
    (void)state;
    for (size_t i = 0; i < COUNT(modes); i++) {
        fixture f;
        make(&f, NULL);
        weir_bulkhead_try_acquire(f.bulkhead);
        assert_int_equal(step(f.call).action, WEIR_STEP_WAIT);
        if (modes[i] == WEIR_AUTOMATIC)
            weir_breaker_reset(f.breaker);
        else
            weir_breaker_set_mode(f.breaker, modes[i]);
        weir_bulkhead_release(f.bulkhead);
        weir_step s = step(f.call);
        assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
        weir_attempt_finish(s.attempt, 500, WEIR_NOW);
        assert_int_equal(step(f.call).action, WEIR_STEP_DONE);
        /* the new permit counts */
        assert_int_equal(weir_breaker_state(f.breaker),
                         modes[i] == WEIR_AUTOMATIC ? WEIR_OPEN : modes[i]);
        weir_call_unref(f.call);
        unmake(&f);
    }
}

/* ---- the wake descriptor ---- */

/* The user's descriptor may be closed, and its number be another file's. */
static void wake_goes_to_the_file_that_was_given(void **state)
{
    (void)state;
    fixture f;
    int fds[2], other[2];
    uint64_t value = 0;
    make(&f, NULL);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(weir_call_wake_fd(f.call, fds[1]), WEIR_OK);
    close(fds[1]);
    assert_int_equal(pipe(other), 0);
    weir_attempt *attempt = step(f.call).attempt;
    assert_int_equal(step(f.call).action, WEIR_STEP_WAIT);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(read(fds[0], &value, sizeof value), 8);
    assert_int_equal(step(f.call).action, WEIR_STEP_DONE);
    weir_call_unref(f.call);
    assert_int_equal(read(fds[0], &value, sizeof value), 0); /* closed */
    close(fds[0]);
    close(other[0]);
    close(other[1]);
    unmake(&f);
}

/* A pipe whose reader has gone would end the process by SIGPIPE. */
static void wake_of_a_reader_that_has_gone_harms_nobody(void **state)
{
    (void)state;
    fixture f;
    int fds[2];
    sigset_t pending;
    make(&f, NULL);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(weir_call_wake_fd(f.call, fds[1]), WEIR_OK);
    weir_attempt *attempt = step(f.call).attempt;
    assert_int_equal(step(f.call).action, WEIR_STEP_WAIT);
    close(fds[0]);
    errno = 12345;
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(errno, 12345);
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));
    assert_int_equal(step(f.call).action, WEIR_STEP_DONE);
    weir_call_unref(f.call);
    close(fds[1]);
    unmake(&f);
}

static void descriptor_that_is_none_is_refused(void **state)
{
    (void)state;
    fixture f;
    make(&f, NULL);
    assert_int_equal(weir_call_wake_fd(f.call, 1000000), WEIR_ENOMEM);
    weir_call_unref(f.call);
    unmake(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listener_may_release_the_call_that_trips),
        cmocka_unit_test(classifier_may_release_the_call_it_judges),
        cmocka_unit_test(attempt_that_is_told_may_release_its_call),
        cmocka_unit_test(callback_of_a_step_may_not_step),
        cmocka_unit_test(second_finish_leaves_the_time_of_the_first),
        cmocka_unit_test(last_of_two_releases_finishes_whichever_it_is),
        cmocka_unit_test(waiter_goes_on_when_the_breaker_was_merely_reset),
        cmocka_unit_test(wake_goes_to_the_file_that_was_given),
        cmocka_unit_test(wake_of_a_reader_that_has_gone_harms_nobody),
        cmocka_unit_test(descriptor_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
