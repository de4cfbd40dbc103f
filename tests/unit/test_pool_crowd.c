/* Pools that are closed and released while their threads are busy. */
#include <sched.h>

#include "support.h"

enum { THREADS = 4, ROUNDS = 40 };

static weir_pool *new_pool(uint32_t threads)
{
    weir_pool *pool;
    weir_pool_options o;
    weir_pool_options_init(&o, sizeof o);
    o.threads = threads;
    assert_int_equal(weir_pool_new(&pool, &o), WEIR_OK);
    return pool;
}

/* Its threads end before, while and after its last reference goes. */
static void pool_may_be_released_at_any_moment_of_its_end(void **state)
{
    (void)state;
    for (int round = 0; round < 5 * ROUNDS; round++) {
        weir_pool *pool = new_pool(1 + round % 2);
        for (int i = 0; i < round % 16; i++)
            sched_yield();
        if (round % 3 == 0)
            weir_pool_close(pool, 0);
        weir_pool_unref(pool);
    }
}

typedef struct crowd {
    weir_pool *pool;
    weir_pipeline *pipeline;
    atomic_int started, wrong;
} crowd;

static int work(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    atomic_fetch_add(&((crowd *)arg)->started, 1);
    return 0;
}

static void *run_until_it_is_closed(void *arg)
{
    crowd *c = arg;
    int code;
    do
        code = weir_pool_run(c->pool, c->pipeline, NULL, work, c, NULL, NULL);
    while (code == WEIR_OK);
    if (code != WEIR_ECANCELED)
        atomic_fetch_add(&c->wrong, 1);
    return NULL;
}

static void close_finds_what_waits_among_busy_threads(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        crowd c = {.pool = new_pool(2), .pipeline = new_pipeline(NULL)};
        pthread_t threads[THREADS];
        weir_pipeline_seal(c.pipeline);
        for (int i = 0; i < THREADS; i++)
            threads[i] = start(run_until_it_is_closed, &c);
        while (atomic_load(&c.started) < round)
            sched_yield();
        weir_pool_close(c.pool, 1);
        for (int i = 0; i < THREADS; i++)
            join(threads[i]);
        assert_int_equal(c.wrong, 0);
        assert_int_equal(weir_pool_waiting(c.pool), 0);
        assert_int_equal(weir_pool_running(c.pool), 0);
        weir_pool_unref(c.pool);
        weir_pipeline_unref(c.pipeline);
    }
}

static pthread_key_t key;
static atomic_uint seen_running;

static void look(void *pool)
{
    for (int i = 0; i < 2000; i++)
        sched_yield(); /* the other one is asleep in its join by now */
    atomic_fetch_add(&seen_running, weir_pool_running(pool) + 1);
}

static int leave_something_to_clean_up(weir_attempt *attempt, void *pool)
{
    (void)attempt;
    pthread_setspecific(key, pool);
    return 0;
}

static void *close_it(void *pool)
{
    weir_pool_close(pool, 1);
    return NULL;
}

/* While several others wait for it. */
static void thread_that_ends_may_look_at_its_pool(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    weir_pool *pool = new_pool(1);
    weir_pipeline *pipeline = new_pipeline(NULL);
    weir_pipeline_seal(pipeline);
    assert_int_equal(pthread_key_create(&key, look), 0);
    assert_int_equal(weir_pool_run(pool, pipeline, NULL,
                                   leave_something_to_clean_up, pool, NULL,
                                   NULL),
                     WEIR_OK);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(close_it, pool);
    assert_int_equal(weir_pool_close(pool, 1), WEIR_OK);
    assert_int_equal(seen_running, 1);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    pthread_key_delete(key);
    weir_pool_unref(pool);
    weir_pipeline_unref(pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_may_be_released_at_any_moment_of_its_end),
        cmocka_unit_test(close_finds_what_waits_among_busy_threads),
        cmocka_unit_test(thread_that_ends_may_look_at_its_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
