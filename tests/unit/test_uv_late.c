/* Signals that reach a libuv driver late, by threads that were delayed: the
 * source is compiled a second time, so that the test can be such a thread. */
#include "engine/call.h"
#include "weir_uv.h"

/* A thread that fires a cancel token, say, is about to wake the next call. */
static int is_woken_late;
static weir_call *held;

static int on_wake_of_late(weir_call *call, void (*fn)(void *), void *arg,
                           weir_destroy_fn destroy)
{
    if (is_woken_late) {
        held = call;
        weir__waker_hold(&call->waker);
    }
    return weir_call_on_wake(call, fn, arg, destroy);
}

#define weir_call_on_wake on_wake_of_late
#include "../../src/driver/uv.c"

#include "support.h"

static uv_loop_t loop;
static weir_uv *driver;
static weir_pipeline *pipeline; /* that retries at once */

static weir_attempt *attempt;
static int starts, dones, destroyed, code;

static void keep(weir_attempt *it, void *arg)
{
    (void)arg;
    attempt = it;
    starts++;
}

static void note(const weir_result *result, void *arg)
{
    (void)arg;
    dones++;
    code = result->code;
}

static void count(void *arg)
{
    (*(int *)arg)++;
}

static int setup(void **state)
{
    (void)state;
    weir_retry_options o = retry_options(NULL);
    o.base_ns = 0;
    pipeline = new_pipeline(NULL);
    put_retry(pipeline, new_retry(&o));
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(weir_uv_new(&driver, &loop), WEIR_OK);
    starts = dones = destroyed = code = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_uv_unref(driver);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    weir_pipeline_unref(pipeline);
    return 0;
}

static job *run(void)
{
    assert_int_equal(weir_uv_run(driver, pipeline, NULL, keep, note, &destroyed,
                                 count),
                     WEIR_OK);
    job *j = driver->first;
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(starts, 1);
    assert_ptr_equal(driver->active, j);
    return j;
}

/* Its timer drives the call to its next wait while a signal is on its way. */
static void a_call_is_listed_once(void **state)
{
    (void)state;
    job *j = run();
    weir_attempt_finish(attempt, 500, WEIR_NOW);
    assert_int_equal(j->listed, 1);
    on_timer(&j->timer);
    assert_int_equal(starts, 2);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_ptr_equal(driver->first, j);
    assert_null(j->next);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(dones, 1);
    assert_int_equal(code, 0);
    assert_null(driver->first);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(destroyed, 1);
}

/* A thread has seen that the call waits, and says so when it is done. */
static void a_signal_for_a_driver_that_is_gone_is_dropped(void **state)
{
    int closed = 0;
    (void)state;
    job *j = run();
    weir__ref_take(&j->ref); /* the thread's */
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_uv_close(driver, count, &closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(dones, 1);
    assert_int_equal(closed, 1);
    on_wake(j);
    assert_null(driver->first);
    assert_int_equal(j->listed, 0);
    job_drop(j);
}

/* The driver does not close over a call that was cancelled but cannot be
 * driven yet, for the thread that has taken its mark is not here. */
static void a_driver_waits_for_a_signal_that_is_late(void **state)
{
    int closed = 0;
    (void)state;
    job *j = run();
    assert_int_equal(weir__waiting_end(&j->call->own_attempt->word), 1);
    weir_uv_close(driver, count, &closed);
    for (int turns = 0; turns < 3; turns++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(driver->cancelled, 1);
    assert_int_equal(closed + dones, 0);
    on_wake(j);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(dones, 1);
    assert_int_equal(code, WEIR_ECANCELED);
    assert_int_equal(closed, 1);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(destroyed, 1);
}

static void nothing_of_a_call_is_left_that_was_refused(void **state)
{
    (void)state;
    is_woken_late = 1;
    weir_uv_close(driver, NULL, NULL);
    assert_int_equal(weir_uv_run(driver, pipeline, NULL, keep, note,
                                 &destroyed, count),
                     WEIR_ECANCELED);
    is_woken_late = 0;
    assert_int_equal(destroyed, 1);
    weir__waker_fire(&held->waker);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(destroyed, 1);
    assert_int_equal(starts + dones, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_listed_once),
        TEST(a_signal_for_a_driver_that_is_gone_is_dropped),
        TEST(a_driver_waits_for_a_signal_that_is_late),
        TEST(nothing_of_a_call_is_left_that_was_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
