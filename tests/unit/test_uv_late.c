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

static int unlock_as_told(pthread_mutex_t *lock);

#define weir_call_on_wake on_wake_of_late
#define pthread_mutex_unlock unlock_as_told
#include "../../src/driver/uv.c"
#undef pthread_mutex_unlock

#include "support.h"

static void (*after_unlock)(void); /* NULL: nothing */

static int unlock_as_told(pthread_mutex_t *lock)
{
    void (*now)(void) = after_unlock;
    int status = pthread_mutex_unlock(lock);
    after_unlock = NULL;
    if (now)
        now();
    return status;
}

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

static void list_a_call(void)
{
    assert_int_equal(weir_uv_run(driver, pipeline, NULL, keep, note, &destroyed,
                                 count),
                     WEIR_OK);
}

static job *run(void)
{
    list_a_call();
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

/* Also where there was nothing: a signal may find that its call was driven by
 * the one before. */
static void a_turn_drives_what_was_listed_when_it_began(void **state)
{
    (void)state;
    after_unlock = list_a_call;
    on_async(&driver->async);
    assert_null(after_unlock);
    assert_int_equal(starts, 0);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(starts, 1);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(dones, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_call_is_listed_once),
        TEST(a_signal_for_a_driver_that_is_gone_is_dropped),
        TEST(a_driver_waits_for_a_signal_that_is_late),
        TEST(nothing_of_a_call_is_left_that_was_refused),
        TEST(a_turn_drives_what_was_listed_when_it_began),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
