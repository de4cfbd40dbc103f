/* Pools that get no thread in place of one that has ended, or not all they
 * were to have; and that no thread is left behind. */
#include "support.h"

#include <errno.h>
#include <sched.h>

#define ANY 1000000

static atomic_int there_are; /* so many more */
static atomic_int refused;   /* so often, under the lock of the pool */
static atomic_int left;      /* threads neither joined nor detached */

int __real_pthread_create(pthread_t *out, const pthread_attr_t *how,
                          void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *how,
                          void *(*fn)(void *), void *arg);
int __real_pthread_join(pthread_t thread, void **out);
int __wrap_pthread_join(pthread_t thread, void **out);
int __real_pthread_detach(pthread_t thread);
int __wrap_pthread_detach(pthread_t thread);

int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *how,
                          void *(*fn)(void *), void *arg)
{
    if (atomic_fetch_sub(&there_are, 1) > 0) {
        atomic_fetch_add(&left, 1);
        return __real_pthread_create(out, how, fn, arg);
    }
    atomic_fetch_add(&refused, 1);
    return EAGAIN;
}

int __wrap_pthread_join(pthread_t thread, void **out)
{
    int error = __real_pthread_join(thread, out);
    atomic_fetch_sub(&left, 1);
    return error;
}

int __wrap_pthread_detach(pthread_t thread)
{
    int error = __real_pthread_detach(thread);
    atomic_fetch_sub(&left, 1);
    return error;
}

static weir_pool *pool;
static weir_pipeline *pipeline;
static atomic_int is_open, entered;

static int setup(void **state)
{
    (void)state;
    pipeline = new_pipeline(NULL);
    weir_pipeline_seal(pipeline);
    atomic_store(&is_open, 0);
    atomic_store(&entered, 0);
    atomic_store(&there_are, ANY);
    atomic_store(&refused, 0);
    pool = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    atomic_store(&is_open, 1);
    if (pool)
        assert_int_equal(weir_pool_close(pool, 1), WEIR_OK);
    assert_int_equal(atomic_load(&left), 0);
    weir_pool_unref(pool);
    weir_pipeline_unref(pipeline);
    return 0;
}

enum { QUEUE = 4 };

static int try_to_make_pool(uint32_t threads)
{
    weir_pool_options o;
    weir_pool_options_init(&o, sizeof o);
    o.threads = threads;
    o.max_queue = QUEUE;
    return weir_pool_new(&pool, &o);
}

static void make_pool(uint32_t threads)
{
    assert_int_equal(try_to_make_pool(threads), WEIR_OK);
}

static int pass_gate(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    atomic_fetch_add(&entered, 1);
    while (!atomic_load(&is_open))
        sched_yield();
    return 0;
}

/* Once somebody waits for a worker, and where there are no more threads. */
static int end_thread(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    atomic_fetch_add(&entered, 1);
    while (weir_pool_waiting(pool) == 0)
        sched_yield();
    atomic_store(&there_are, 0);
    pthread_exit(NULL);
}

static int run(weir_fn fn)
{
    return weir_pool_run(pool, pipeline, NULL, fn, NULL, NULL, NULL);
}

typedef struct caller {
    pthread_t thread;
    weir_fn fn;
    int code;
} caller;

static void *call(void *arg)
{
    caller *c = arg;
    c->code = run(c->fn);
    return NULL;
}

static void begin(caller *c, weir_fn fn)
{
    c->fn = fn;
    c->thread = start(call, c);
}

/* Its function is at work. */
static void begin_at_work(caller *c, weir_fn fn)
{
    int before = atomic_load(&entered);
    begin(c, fn);
    while (atomic_load(&entered) == before)
        sched_yield();
}

static void the_other_workers_run_what_waits(void **state)
{
    caller first = {0}, ending = {0}, waiting = {0};
    (void)state;
    make_pool(2);
    begin_at_work(&first, pass_gate);
    begin_at_work(&ending, end_thread);
    begin(&waiting, pass_gate);
    join(ending.thread);
    assert_int_equal(ending.code, WEIR_ECANCELED);
    while (!atomic_load(&refused)) /* what waits is still there then */
        sched_yield();
    assert_int_equal(weir_pool_waiting(pool), 1);
    atomic_store(&is_open, 1);
    join(first.thread);
    join(waiting.thread);
    assert_int_equal(first.code, WEIR_OK);
    assert_int_equal(waiting.code, WEIR_OK);
}

static void where_there_is_no_worker_nobody_waits_for_one(void **state)
{
    caller ending = {0}, waiting = {0};
    (void)state;
    make_pool(1);
    atomic_store(&is_open, 1);
    for (int i = 0; i < 2 * QUEUE; i++) { /* and nobody keeps a place */
        int before = atomic_load(&entered);
        begin_at_work(&ending, end_thread);
        begin(&waiting, pass_gate);
        join(ending.thread);
        join(waiting.thread);
        assert_int_equal(ending.code, WEIR_ECANCELED);
        assert_int_equal(waiting.code, WEIR_EFULL);
        assert_int_equal(run(pass_gate), WEIR_EFULL);
        assert_int_equal(atomic_load(&entered), before + 1);
        atomic_store(&there_are, ANY);
        assert_int_equal(run(pass_gate), WEIR_OK);
    }
}

static void a_pool_that_could_not_be_made_leaves_no_thread(void **state)
{
    (void)state;
    for (int threads = 0; threads < 4; threads++) {
        atomic_store(&there_are, threads);
        assert_int_equal(try_to_make_pool(4), WEIR_ENOMEM);
        assert_null(pool);
        assert_int_equal(atomic_load(&left), 0);
    }
}

static void a_pool_that_nobody_waits_for_leaves_no_thread(void **state)
{
    (void)state;
    make_pool(2);
    weir_pool_unref(pool);
    pool = NULL;
    while (atomic_load(&left) > 0)
        sched_yield();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_other_workers_run_what_waits,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(
            where_there_is_no_worker_nobody_waits_for_one, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_pool_that_could_not_be_made_leaves_no_thread, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_pool_that_nobody_waits_for_leaves_no_thread, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
