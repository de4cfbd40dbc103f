/* A pool at its end, and its queue: the source is compiled a second time, so
 * that the test is there when it waits, when it joins, and when it locks. */
#include "base/lock.h"
#include "driver/pool.h"

static int wait_as_told(pthread_cond_t *cond, pthread_mutex_t *lock);
static int join_as_told(pthread_t thread, void **result);
static int lock_as_told(pthread_mutex_t *lock);
static int unlock_as_told(pthread_mutex_t *lock);
static int destroy_as_told(pthread_mutex_t *lock);

#define pthread_cond_wait wait_as_told
#define pthread_join join_as_told
#define pthread_mutex_lock lock_as_told
#define pthread_mutex_unlock unlock_as_told
#define pthread_mutex_destroy destroy_as_told
#include "../../src/driver/pool.c"
#undef pthread_cond_wait
#undef pthread_join
#undef pthread_mutex_lock
#undef pthread_mutex_unlock
#undef pthread_mutex_destroy

#include <sched.h>

#include "stepping.h"

static atomic_int waits;          /* for a pool */
static void (*before_join)(void); /* NULL: nothing */

static int wait_as_told(pthread_cond_t *cond, pthread_mutex_t *lock)
{
    atomic_fetch_add(&waits, 1);
    return pthread_cond_wait(cond, lock);
}

static int join_as_told(pthread_t thread, void **result)
{
    void (*now)(void) = before_join;
    before_join = NULL;
    if (now)
        now();
    return pthread_join(thread, result);
}

/* A thread that has dropped the pool, and unlocks it, does not get there
 * before another one asks for the lock or takes it to pieces. */
static _Atomic(weir_pool *) ending; /* NULL: no thread waits */
static atomic_int unlocks, asked, destroyed;

static int is_of_ending(const pthread_mutex_t *lock)
{
    weir_pool *pool = atomic_load(&ending);
    return pool && lock == &pool->lock;
}

static int lock_as_told(pthread_mutex_t *lock)
{
    if (is_of_ending(lock) && atomic_load(&unlocks) == 1)
        atomic_store(&asked, 1);
    return pthread_mutex_lock(lock);
}

static int unlock_as_told(pthread_mutex_t *lock)
{
    int none = 0;
    if (!is_of_ending(lock) || atomic_load(&ending)->alive > 0 ||
        !atomic_compare_exchange_strong(&unlocks, &none, 1))
        return pthread_mutex_unlock(lock);
    while (!atomic_load(&asked) && !atomic_load(&destroyed))
        sched_yield();
    atomic_store(&unlocks, 2);
    int status = pthread_mutex_unlock(lock);
    atomic_store(&unlocks, 3);
    return status;
}

static int destroy_as_told(pthread_mutex_t *lock)
{
    if (is_of_ending(lock) && atomic_load(&unlocks) == 1) {
        atomic_store(&destroyed, 1);
        while (atomic_load(&unlocks) != 3)
            sched_yield();
    }
    return pthread_mutex_destroy(lock);
}

static weir_pool *new_pool(uint32_t threads, uint32_t max_queue)
{
    weir_pool_options o;
    weir_pool *pool;
    assert_int_equal(weir_pool_options_init(&o, sizeof o), WEIR_OK);
    o.threads = threads;
    o.max_queue = max_queue;
    assert_int_equal(weir_pool_new(&pool, &o), WEIR_OK);
    return pool;
}

/* ---- the queue ---- */

static int runs;

static int note(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    runs++;
    return 0;
}

static void submit(weir_pool *pool, weir_attempt *attempt)
{
    weir__job *j = pool->free;
    pool->free = j->next;
    j->attempt = attempt;
    j->fn = note;
    put_last(pool, j);
}

static const weir_attempt *take_next(weir_pool *pool)
{
    weir__job *j = take_first(pool);
    put_free(pool, j);
    return j->attempt;
}

/* With a worker that has nothing to do, since nobody tells it. */
static void jobs_that_come_do_not_push_out_those_that_wait(void **state)
{
    static weir_attempt jobs[3];
    (void)state;
    weir_pool *pool = new_pool(1, 3);
    weir__mutex_lock(&pool->lock);
    submit(pool, &jobs[0]);
    submit(pool, &jobs[1]);
    assert_ptr_equal(take_next(pool), &jobs[0]);
    submit(pool, &jobs[2]);
    assert_ptr_equal(take_next(pool), &jobs[1]);
    assert_ptr_equal(take_next(pool), &jobs[2]);
    assert_null(pool->first);
    weir__mutex_unlock(&pool->lock);
    weir_pool_unref(pool);
}

static void jobs_leave_the_queue_from_anywhere(void **state)
{
    static weir_attempt jobs[3];
    (void)state;
    weir_pool *pool = new_pool(1, 3);
    for (size_t gone = 0; gone < COUNT(jobs); gone++) {
        weir__mutex_lock(&pool->lock);
        for (size_t i = 0; i < COUNT(jobs); i++)
            submit(pool, &jobs[i]);
        assert_int_equal(pool->waiting, 3);
        assert_int_equal(take_out(pool, &jobs[gone]), 1);
        assert_int_equal(take_out(pool, &jobs[gone]), 0);
        assert_int_equal(pool->waiting, 2);
        submit(pool, &jobs[gone]); /* to the end */
        for (size_t i = 0; i < COUNT(jobs); i++)
            if (i != gone)
                assert_ptr_equal(take_next(pool), &jobs[i]);
        assert_ptr_equal(take_next(pool), &jobs[gone]);
        assert_int_equal(pool->waiting, 0);
        assert_null(pool->first);
        weir__mutex_unlock(&pool->lock);
    }
    weir_pool_unref(pool);
}

/* ---- ends ---- */

static weir_pool *closing;
static pthread_t other;

static void *close_and_wait(void *arg)
{
    weir_pool_close(arg, 1);
    return NULL;
}

/* The one who joins has given up the lock. */
static void close_it_as_well(void)
{
    int before = atomic_load(&waits);
    assert_int_equal(closing->joining, 1);
    other = start(close_and_wait, closing);
    while (atomic_load(&waits) == before)
        sched_yield();
}

static void who_closes_as_well_waits_for_the_one_who_joins(void **state)
{
    (void)state;
    closing = new_pool(1, 0);
    before_join = close_it_as_well;
    assert_int_equal(weir_pool_close(closing, 1), WEIR_OK);
    join(other);
    assert_int_equal(closing->joining, 0);
    assert_int_equal(closing->has_ended, 0);
    weir_pool_unref(closing);
}

static void nobody_frees_what_a_thread_that_ends_unlocks(void **state)
{
    (void)state;
    weir_pool *pool = new_pool(1, 0);
    atomic_store(&ending, pool);
    weir_pool_close(pool, 0);
    while (atomic_load(&unlocks) == 0)
        sched_yield();
    weir__pool_drop(pool);
    atomic_store(&ending, NULL);
    assert_int_equal(atomic_load(&destroyed), 0);
}

/* What waits is cancelled by who closes, however busy he is. */
static void a_worker_of_a_closed_pool_takes_nothing_more(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_seal(pipeline);
    weir_pool *pool = new_pool(1, 3);
    weir_pool_close(pool, 1);
    weir_call *calls[] = {new_call(pipeline), new_call(pipeline)};
    for (size_t i = 0; i < COUNT(calls); i++)
        submit(pool, step_attempt(calls[i]));
    runs = 0;
    weir__pool_hold(pool);
    pool->alive++;
    work(pool);
    assert_int_equal(runs, 0);
    assert_int_equal(weir_pool_waiting(pool), 2);
    weir_pool_close(pool, 0);
    for (size_t i = 0; i < COUNT(calls); i++) {
        assert_int_equal(step_done(calls[i]).code, WEIR_ECANCELED);
        weir_call_unref(calls[i]);
    }
    pool->has_ended = 0; /* this thread, which has not */
    weir_pool_unref(pool);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_that_come_do_not_push_out_those_that_wait),
        cmocka_unit_test(jobs_leave_the_queue_from_anywhere),
        cmocka_unit_test(who_closes_as_well_waits_for_the_one_who_joins),
        cmocka_unit_test(nobody_frees_what_a_thread_that_ends_unlocks),
        cmocka_unit_test(a_worker_of_a_closed_pool_takes_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
