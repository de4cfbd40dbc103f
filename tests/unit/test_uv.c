/* The libuv driver: its life, its threads, its promises.  What calls do on it
 * is told by the scenarios. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <uv.h>

#include <cmocka.h>

#include "weir_uv.h"

static uv_loop_t loop;
static weir_uv *driver;
static weir_pipeline *pipeline; /* retry without delay > bulkhead of 8 */

static int setup(void **state)
{
    weir_retry_options r;
    weir_bulkhead_options k;
    weir_retry *retry;
    weir_bulkhead *bulkhead;
    (void)state;
    weir_retry_options_init(&r, sizeof r);
    r.base_ns = 1000000; /* of real time: the loop's timer must work */
    r.jitter = WEIR_JITTER_NONE;
    weir_bulkhead_options_init(&k, sizeof k);
    k.max_concurrent = 8;
    k.max_queue = 100000;
    assert_int_equal(weir_retry_new(&retry, &r), WEIR_OK);
    assert_int_equal(weir_bulkhead_new(&bulkhead, &k), WEIR_OK);
    assert_int_equal(weir_pipeline_new(&pipeline, NULL), WEIR_OK);
    weir_pipeline_add_retry(pipeline, retry);
    weir_pipeline_add_bulkhead(pipeline, bulkhead);
    weir_pipeline_seal(pipeline);
    weir_retry_unref(retry);
    weir_bulkhead_unref(bulkhead);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(weir_uv_new(&driver, &loop), WEIR_OK);
    return 0;
}

/* Whatever was called leaves the thread as it was. */
static int teardown(void **state)
{
    int cancelable;
    (void)state;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &cancelable);
    assert_int_equal(cancelable, PTHREAD_CANCEL_ENABLE);
    weir_uv_unref(driver);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    weir_pipeline_unref(pipeline);
    return 0;
}

/* What is known of one call. */
typedef struct record {
    int starts;
    int dones;
    int code;
    uint32_t attempts;
    atomic_int destroyed;
    weir_attempt *attempt;
    pthread_t thread; /* that done ran on */
} record;

static void destroy(void *arg)
{
    atomic_fetch_add(&((record *)arg)->destroyed, 1);
}

static void start_and_finish(weir_attempt *attempt, void *arg)
{
    ((record *)arg)->starts++;
    weir_attempt_finish(attempt, 0, WEIR_NOW);
}

static void start_and_fail(weir_attempt *attempt, void *arg)
{
    ((record *)arg)->starts++;
    weir_attempt_finish(attempt, 500, WEIR_NOW);
}

static void start_and_keep(weir_attempt *attempt, void *arg)
{
    record *r = arg;
    r->starts++;
    r->attempt = attempt;
}

static void done(const weir_result *result, void *arg)
{
    record *r = arg;
    r->dones++;
    r->code = result->code;
    r->attempts = result->attempts;
    r->thread = pthread_self();
}

static void done_and_close(const weir_result *result, void *arg)
{
    done(result, arg);
    weir_uv_close(driver, NULL, NULL);
}

static int run(record *r, weir_uv_start_fn start)
{
    return weir_uv_run(driver, pipeline, NULL, start, done, r, destroy);
}

static void note(void *arg)
{
    (*(int *)arg)++;
}

static void done_comes_from_the_loop_not_from_run(void **state)
{
    record r = {0};
    (void)state;
    assert_int_equal(run(&r, start_and_finish), WEIR_OK);
    assert_int_equal(r.starts + r.dones, 0);
    weir_uv_close(driver, NULL, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(r.starts, 1);
    assert_int_equal(r.dones, 1);
    assert_int_equal(r.code, WEIR_OK);
    assert_int_equal(r.destroyed, 1);
}

/* libuv#1068, #4773: timers that are early */
static void backoff_waits_for_the_timer_of_the_loop(void **state)
{
    record r = {0};
    (void)state;
    weir_uv_run(driver, pipeline, NULL, start_and_fail, done_and_close, &r,
                destroy);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(r.starts, 4);
    assert_int_equal(r.attempts, 4);
    assert_int_equal(r.code, 500);
    assert_int_equal(r.dones, 1);
    assert_int_equal(r.destroyed, 1);
}

static void count_handle(uv_handle_t *handle, void *arg)
{
    (void)handle;
    (*(int *)arg)++;
}

static void count_handles(void *arg)
{
    uv_walk(&loop, count_handle, arg);
}

static void the_handles_in_the_loop_are_closed_before_closed_runs(void **state)
{
    record running[3] = {{0}};
    int handles = 0;
    (void)state;
    for (int i = 0; i < 3; i++)
        run(&running[i], start_and_keep);
    uv_run(&loop, UV_RUN_NOWAIT);
    count_handles(&handles);
    assert_int_equal(handles, 1 + 3);
    handles = 0;
    assert_int_equal(weir_uv_close(driver, count_handles, &handles), WEIR_OK);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(handles, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(running[i].dones, 1);
        weir_attempt_finish(running[i].attempt, 0, WEIR_NOW);
    }
}

static void closing_cancels_what_is_under_way(void **state)
{
    record running = {0}, queued[9] = {{0}};
    int closed = 0;
    (void)state;
    run(&running, start_and_keep);
    for (int i = 0; i < 9; i++)
        run(&queued[i], start_and_keep);
    uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(running.starts, 1);
    assert_int_equal(queued[8].starts, 0); /* eight permits */
    assert_int_equal(weir_uv_close(driver, note, &closed), WEIR_OK);
    assert_int_equal(weir_uv_close(driver, note, &closed), WEIR_ESTALE);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(closed, 1);
    assert_int_equal(running.dones, 1);
    assert_int_equal(running.code, WEIR_ECANCELED);
    assert_int_equal(running.destroyed, 0); /* its attempt still runs */
    assert_int_equal(queued[8].dones, 1);
    assert_int_equal(queued[8].code, WEIR_ECANCELED);
    assert_int_equal(queued[8].destroyed, 1);
    assert_int_equal(weir_attempt_finish(running.attempt, 0, WEIR_NOW),
                     WEIR_ECANCELED);
    assert_int_equal(running.destroyed, 1);
    for (int i = 0; i < 8; i++)
        if (queued[i].attempt)
            weir_attempt_finish(queued[i].attempt, 0, WEIR_NOW);
}

static void closing_driver_refuses_calls_and_destroys_their_arg(void **state)
{
    record r = {0};
    (void)state;
    weir_uv_close(driver, NULL, NULL);
    assert_int_equal(run(&r, start_and_finish), WEIR_ECANCELED);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(run(&r, start_and_finish), WEIR_ECANCELED);
    assert_int_equal(r.starts + r.dones, 0);
    assert_int_equal(r.destroyed, 2);
}

static void bad_arguments_are_refused_and_destroy_arg(void **state)
{
    record r = {0};
    weir_pipeline *unsealed;
    weir_uv *none = NULL;
    (void)state;
    weir_pipeline_new(&unsealed, NULL);
    assert_int_equal(weir_uv_run(driver, unsealed, NULL, start_and_finish,
                                 done, &r, destroy),
                     WEIR_EINVAL);
    weir_pipeline_unref(unsealed);
    assert_int_equal(weir_uv_run(NULL, pipeline, NULL, start_and_finish, done,
                                 &r, destroy),
                     WEIR_EINVAL);
    assert_int_equal(
        weir_uv_run(driver, pipeline, NULL, NULL, done, &r, destroy),
        WEIR_EINVAL);
    assert_int_equal(weir_uv_run(driver, pipeline, NULL, start_and_finish,
                                 NULL, &r, destroy),
                     WEIR_EINVAL);
    assert_int_equal(r.destroyed, 4);
    assert_int_equal(
        weir_uv_run(driver, NULL, NULL, start_and_finish, done, &r, destroy),
        WEIR_EINVAL);
    assert_int_equal(
        weir_uv_run(driver, NULL, NULL, start_and_finish, done, &r, NULL),
        WEIR_EINVAL);
    assert_int_equal(r.destroyed, 5);
    assert_int_equal(weir_uv_new(NULL, &loop), WEIR_EINVAL);
    assert_int_equal(weir_uv_new(&none, NULL), WEIR_EINVAL);
    assert_null(none);
    assert_int_equal(weir_uv_close(NULL, NULL, NULL), WEIR_EINVAL);
    weir_uv_ref(NULL);
    weir_uv_unref(NULL);
}

static record late_record;

static void done_and_run_and_close(const weir_result *result, void *arg)
{
    done(result, arg);
    assert_int_equal(run(&late_record, start_and_keep), WEIR_OK);
    weir_uv_close(driver, NULL, NULL);
}

/* Accepted before the close, but not begun when it was acted upon. */
static void call_accepted_just_before_the_close_is_cancelled(void **state)
{
    record r = {0};
    (void)state;
    late_record = r;
    weir_uv_run(driver, pipeline, NULL, start_and_finish,
                done_and_run_and_close, &r, destroy);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(late_record.dones, 1);
    assert_int_equal(late_record.code, WEIR_ECANCELED);
    if (late_record.attempt)
        weir_attempt_finish(late_record.attempt, 0, WEIR_NOW);
    assert_int_equal(late_record.destroyed, 1);
}

static void last_reference_closes(void **state)
{
    record r = {0};
    (void)state;
    run(&r, start_and_keep);
    uv_run(&loop, UV_RUN_NOWAIT);
    weir_uv_ref(driver);
    weir_uv_unref(driver);
    for (int turn = 0; turn < 5; turn++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(r.dones, 0);
    weir_uv_unref(driver);
    driver = NULL;
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(r.dones, 1);
    weir_attempt_finish(r.attempt, 0, WEIR_NOW);
    assert_int_equal(r.destroyed, 1);
}

/* ---- threads: submitted anywhere, finished on libuv's pool ---- */

enum { THREADS = 4, EACH = 1500 };

typedef struct job {
    uv_work_t work;
    weir_attempt *attempt;
} job;

static record *records;
static atomic_int refused, accepted;

static void work(uv_work_t *w)
{
    weir_attempt_finish(((job *)w)->attempt, 0, WEIR_NOW);
}

static void after_work(uv_work_t *w, int status)
{
    (void)status;
    free(w);
}

static void start_on_pool(weir_attempt *attempt, void *arg)
{
    job *j = malloc(sizeof *j);
    ((record *)arg)->starts++;
    j->attempt = attempt;
    uv_queue_work(&loop, &j->work, work, after_work);
}

static void *submit(void *arg)
{
    record *first = arg;
    for (int i = 0; i < EACH; i++)
        atomic_fetch_add(run(&first[i], start_on_pool) == WEIR_OK ? &accepted
                                                                  : &refused,
                         1);
    return NULL;
}

static void *close_driver(void *arg)
{
    while (atomic_load(&accepted) + atomic_load(&refused) <
           (int)(intptr_t)arg)
        ;
    weir_uv_close(driver, NULL, NULL);
    return NULL;
}

/* Closes at some point between the first and the last call. */
static atomic_int is_done, is_closed;

static void say_done(const weir_result *result, void *arg)
{
    (void)result;
    (void)arg;
    atomic_store_explicit(&is_done, 1, memory_order_relaxed);
}

static void wait_until_closed(const weir_result *result, void *arg)
{
    say_done(result, arg);
    while (atomic_load_explicit(&is_closed, memory_order_relaxed) == 0)
        sched_yield();
}

/* What it waits for orders nothing: the driver has to. */
static void *close_when_done(void *arg)
{
    while (atomic_load_explicit(&is_done, memory_order_relaxed) == 0)
        sched_yield();
    weir_uv_close(driver, NULL, NULL);
    atomic_store_explicit(&is_closed, 1, memory_order_relaxed);
    return arg;
}

static void close_from_another_thread(weir_uv_done_fn when_done)
{
    pthread_t thread;
    record r = {0};
    atomic_store(&is_done, 0);
    atomic_store(&is_closed, 0);
    pthread_create(&thread, NULL, close_when_done, NULL);
    assert_int_equal(weir_uv_run(driver, pipeline, NULL, start_and_finish,
                                 when_done, &r, NULL),
                     WEIR_OK);
    uv_run(&loop, UV_RUN_DEFAULT);
    pthread_join(thread, NULL);
}

static void loop_at_rest_is_closed_from_another_thread(void **state)
{
    (void)state;
    close_from_another_thread(say_done);
}

static void loop_at_work_is_closed_from_another_thread(void **state)
{
    (void)state;
    close_from_another_thread(wait_until_closed);
}

static void every_accepted_call_is_done_once_on_the_loop(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        pthread_t threads[THREADS + 1];
        int dones = 0, destroyed = 0;
        records = calloc(THREADS * EACH, sizeof *records);
        atomic_store(&accepted, 0);
        atomic_store(&refused, 0);
        for (int i = 0; i < THREADS; i++)
            pthread_create(&threads[i], NULL, submit, &records[i * EACH]);
        pthread_create(&threads[THREADS], NULL, close_driver,
                       (void *)(intptr_t)(THREADS * EACH * (round + 1) / 5));
        uv_run(&loop, UV_RUN_DEFAULT);
        for (int i = 0; i <= THREADS; i++)
            pthread_join(threads[i], NULL);
        uv_run(&loop, UV_RUN_DEFAULT);
        for (int i = 0; i < THREADS * EACH; i++) {
            assert_in_range(records[i].dones, 0, 1);
            dones += records[i].dones;
            destroyed += records[i].destroyed;
            if (records[i].dones)
                assert_true(
                    pthread_equal(records[i].thread, pthread_self()));
        }
        assert_int_equal(dones, atomic_load(&accepted));
        assert_int_equal(destroyed, THREADS * EACH);
        free(records);
        if (round < 4) {
            weir_uv_unref(driver);
            assert_int_equal(weir_uv_new(&driver, &loop), WEIR_OK);
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(done_comes_from_the_loop_not_from_run),
        TEST(backoff_waits_for_the_timer_of_the_loop),
        TEST(the_handles_in_the_loop_are_closed_before_closed_runs),
        TEST(closing_cancels_what_is_under_way),
        TEST(closing_driver_refuses_calls_and_destroys_their_arg),
        TEST(bad_arguments_are_refused_and_destroy_arg),
        TEST(call_accepted_just_before_the_close_is_cancelled),
        TEST(last_reference_closes),
        TEST(loop_at_rest_is_closed_from_another_thread),
        TEST(loop_at_work_is_closed_from_another_thread),
        TEST(every_accepted_call_is_done_once_on_the_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
