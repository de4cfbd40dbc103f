#include "driver/pool.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "base/memory.h"
#include "base/options.h"
#include "engine/attempt.h"

static const weir_pool_options defaults = {
    .size = sizeof(weir_pool_options),
    .threads = 8,
    .max_queue = 64,
};

int weir_pool_options_init(weir_pool_options *options, uint32_t size)
{
    return weir__options_init(options, size, &defaults, sizeof defaults,
                              sizeof defaults);
}

/* ---- the queue; under the lock ---- */

static weir__job *take_first(weir_pool *pool)
{
    weir__job *j = pool->first;
    pool->first = j->next;
    if (!pool->first)
        pool->end = &pool->first;
    pool->waiting--;
    return j;
}

static void put_last(weir_pool *pool, weir__job *j)
{
    j->next = NULL;
    *pool->end = j;
    pool->end = &j->next;
    pool->waiting++;
}

static void put_free(weir_pool *pool, weir__job *j)
{
    j->next = pool->free;
    pool->free = j;
}

/* The job of an attempt, taken off the queue; 0 when it is not there. */
static int take_out(weir_pool *pool, const weir_attempt *attempt)
{
    for (weir__job **at = &pool->first; *at; at = &(*at)->next) {
        weir__job *j = *at;
        if (j->attempt != attempt)
            continue;
        *at = j->next;
        if (!j->next)
            pool->end = at;
        pool->waiting--;
        put_free(pool, j);
        return 1;
    }
    return 0;
}

/* ---- seats; under the lock ---- */

static weir__seat *seats_of(weir_pool *pool)
{
    return (weir__seat *)(pool->jobs + pool->places);
}

static void put_seat(weir_pool *pool, weir__seat *seat)
{
    seat->next = pool->free_seats;
    pool->free_seats = seat;
}

static void wait_for_work(weir_pool *pool)
{
    weir__seat *seat = pool->free_seats;
    pool->free_seats = seat->next;
    seat->called = 0;
    seat->next = pool->idle;
    pool->idle = seat;
    while (!seat->called)
        pthread_cond_wait(&seat->cond, &pool->lock);
    put_seat(pool, seat);
}

/* Whoever runs a job comes for the next one without being called. */
static void call_a_worker(weir_pool *pool)
{
    weir__seat *seat = pool->idle;
    if (!seat)
        return;
    pool->idle = seat->next;
    seat->called = 1;
    pthread_cond_signal(&seat->cond);
}

/* ---- workers ---- */

void weir__pool_hold(weir_pool *pool)
{
    weir__ref_take(&pool->ref);
}

static size_t bytes_of(uint32_t threads, uint32_t places)
{
    return sizeof(weir_pool) + places * sizeof(weir__job) +
           threads * sizeof(weir__seat);
}

static void destroy_sync(weir_pool *pool, uint32_t seats)
{
    while (seats > 0)
        pthread_cond_destroy(&seats_of(pool)[--seats].cond);
    pthread_cond_destroy(&pool->ended);
    weir__mutex_destroy(&pool->lock);
}

static void free_pool(weir_pool *pool)
{
    if (pool->has_ended)
        pthread_detach(pool->ended_thread);
    destroy_sync(pool, pool->threads);
    weir__release(pool->allocator, pool, bytes_of(pool->threads, pool->places));
}

/* Under the lock, like a worker that ends: what is dropped before its unlock
 * must not be freed before it. */
void weir__pool_drop(weir_pool *pool)
{
    weir__mutex_lock(&pool->lock);
    int last = weir__ref_drop(&pool->ref);
    weir__mutex_unlock(&pool->lock);
    if (last)
        free_pool(pool);
}

/* What a worker runs. */
typedef struct run {
    weir_pool *pool;
    weir__job job;
    int returned;
    int code;
} run;

/* Without the lock, but with it afterwards. */
static void finish_run(const run *r)
{
    weir_pool *pool = r->pool;
    weir__mutex_lock(&pool->lock);
    pool->running--; /* before the caller can know */
    weir__mutex_unlock(&pool->lock);
    int status = weir_attempt_finish(r->job.attempt, r->code, WEIR_NOW);
    weir__mutex_lock(&pool->lock);
    pool->late += status != WEIR_OK;
}

static int start_thread(weir_pool *pool);

/* With the lock held, which it gives up.  Each thread that ends joins the one
 * that did before it. */
static void end_thread(weir_pool *pool)
{
    int last = weir__ref_drop(&pool->ref); /* before weir_pool_close returns */
    int has_ended = pool->has_ended;
    pthread_t ended_thread = pool->ended_thread;
    pool->has_ended = 1;
    pool->ended_thread = pthread_self();
    pool->alive--;
    pthread_cond_broadcast(&pool->ended);
    weir__mutex_unlock(&pool->lock);
    if (has_ended)
        pthread_join(ended_thread, NULL);
    if (last)
        free_pool(pool);
}

/* With the lock held, which it gives up meanwhile: those for whom no thread
 * comes. */
static void refuse_waiting(weir_pool *pool, int status)
{
    while (pool->first && (pool->closing || pool->serving == 0)) {
        weir__job *j = take_first(pool);
        weir_attempt *attempt = j->attempt;
        put_free(pool, j);
        weir__mutex_unlock(&pool->lock);
        weir__attempt_finish_unrun(attempt, status);
        weir__mutex_lock(&pool->lock);
    }
}

/* The thread ends in the function, by pthread_exit or pthread_cancel: another
 * one takes its place, now or when there may be one. */
static void on_thread_ends(void *arg)
{
    const run *r = arg;
    weir_pool *pool = r->pool;
    if (!r->returned)
        weir_attempt_set_outcome(r->job.attempt, WEIR_TRANSIENT);
    finish_run(r);
    pool->serving--;
    if (!pool->closing && start_thread(pool) != WEIR_OK)
        refuse_waiting(pool, WEIR_EFULL);
    end_thread(pool);
}

/* With the lock held, which it gives up meanwhile.  Only the function may be
 * cancelled; what comes too late for it must not hit the next one. */
static void run_job(weir_pool *pool, weir__job *j)
{
    run r = {pool, *j, 0, WEIR_ECANCELED};
    put_free(pool, j);
    pool->running++;
    weir__mutex_unlock(&pool->lock);
    weir__attempt_begin(r.job.attempt);
    pthread_cleanup_push(on_thread_ends, &r);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    r.code = r.job.fn(r.job.attempt, r.job.arg);
    r.returned = 1;
    pthread_testcancel();
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cleanup_pop(0);
    finish_run(&r);
}

static void *work(void *arg)
{
    weir_pool *pool = arg;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    weir__mutex_lock(&pool->lock);
    while (!pool->closing) {
        if (pool->first)
            run_job(pool, take_first(pool));
        else
            wait_for_work(pool);
    }
    end_thread(pool);
    return NULL;
}

/* Under the lock, once there are workers at work.  The signals of the process
 * are not for them. */
static int start_thread(weir_pool *pool)
{
    pthread_t thread;
    sigset_t all, before;
    int saved = errno;
    weir__ref_take(&pool->ref);
    pool->alive++;
    pool->serving++;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, NULL, work, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        return WEIR_OK;
    errno = saved;
    pool->alive--;
    pool->serving--;
    weir__ref_drop(&pool->ref); /* not the last */
    return WEIR_ENOMEM;
}

/* Needs no lock: no worker ends, nor is there anything for it to do, before
 * this has returned. */
static int start_threads(weir_pool *pool)
{
    int status = WEIR_OK;
    for (uint32_t i = 0; i < pool->threads && status == WEIR_OK; i++)
        status = start_thread(pool);
    return status;
}

/* Under the lock: is there a thread?  One that has ended, and could not be
 * replaced at once, is now. */
static int has_thread(weir_pool *pool)
{
    if (pool->serving < pool->threads)
        start_thread(pool);
    return pool->serving > 0;
}

/* ---- life ---- */

static int init_sync(weir_pool *pool)
{
    if (weir__mutex_init(&pool->lock) != 0)
        return WEIR_ENOMEM;
    if (pthread_cond_init(&pool->ended, NULL) != 0) {
        weir__mutex_destroy(&pool->lock);
        return WEIR_ENOMEM;
    }
    for (uint32_t i = 0; i < pool->threads; i++) {
        if (pthread_cond_init(&seats_of(pool)[i].cond, NULL) != 0) {
            destroy_sync(pool, i);
            return WEIR_ENOMEM;
        }
        put_seat(pool, &seats_of(pool)[i]);
    }
    return WEIR_OK;
}

int weir_pool_new(weir_pool **out, const weir_pool_options *options)
{
    weir_pool_options o = defaults;
    int status = out ? weir__options_copy(&o, sizeof o, sizeof o, options)
                     : WEIR_EINVAL;
    if (status != WEIR_OK)
        return status;
    if (o.threads < 1 || o.threads > 1024 || o.max_queue > 1000000 ||
        o.reserved != 0)
        return WEIR_EINVAL;
    uint32_t places = o.threads + o.max_queue;
    size_t bytes = bytes_of(o.threads, places);
    weir_pool *pool = weir__allocate(o.allocator, bytes);
    if (!pool)
        return WEIR_ENOMEM;
    pool->threads = o.threads;
    pool->places = places;
    if (init_sync(pool) != WEIR_OK) {
        weir__release(o.allocator, pool, bytes);
        return WEIR_ENOMEM;
    }
    weir__ref_init(&pool->users);
    weir__ref_init(&pool->ref);
    pool->allocator = o.allocator;
    pool->end = &pool->first;
    for (uint32_t i = 0; i < places; i++)
        put_free(pool, &pool->jobs[i]);
    status = start_threads(pool);
    if (status != WEIR_OK) {
        weir_pool_close(pool, 1);
        weir__pool_drop(pool);
        return status;
    }
    *out = pool;
    return WEIR_OK;
}

/* Under the lock.  A thread that was joined runs no code of the library, which
 * may be unloaded. */
static void wait_for_threads(weir_pool *pool)
{
    while (pool->alive > 0 || pool->joining)
        pthread_cond_wait(&pool->ended, &pool->lock);
    if (!pool->has_ended)
        return;
    pool->has_ended = 0;
    pool->joining = 1;
    weir__mutex_unlock(&pool->lock);
    pthread_join(pool->ended_thread, NULL);
    weir__mutex_lock(&pool->lock);
    pool->joining = 0;
    pthread_cond_broadcast(&pool->ended);
}

int weir_pool_close(weir_pool *pool, int wait)
{
    int cancelable;
    if (!pool || (wait != 0 && wait != 1))
        return WEIR_EINVAL;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    weir__mutex_lock(&pool->lock);
    pool->closing = 1;
    refuse_waiting(pool, WEIR_ECANCELED);
    while (pool->idle)
        call_a_worker(pool);
    if (wait)
        wait_for_threads(pool);
    weir__mutex_unlock(&pool->lock);
    pthread_setcancelstate(cancelable, NULL);
    return WEIR_OK;
}

void weir_pool_ref(weir_pool *pool)
{
    if (pool)
        weir__ref_take(&pool->users);
}

void weir_pool_unref(weir_pool *pool)
{
    if (!pool || !weir__ref_drop(&pool->users))
        return;
    weir_pool_close(pool, 0);
    weir__pool_drop(pool);
}

/* ---- attempts ---- */

int weir__pool_submit(weir_pool *pool, weir_attempt *attempt, weir_fn fn,
                      void *arg)
{
    int status = WEIR_OK;
    weir__mutex_lock(&pool->lock);
    if (pool->closing) {
        status = WEIR_ECANCELED;
    } else if (pool->waiting + pool->running >= pool->places ||
               !has_thread(pool)) {
        status = WEIR_EFULL;
    } else {
        weir__job *j = pool->free;
        weir__attempt_wait(attempt);
        pool->free = j->next;
        j->attempt = attempt;
        j->fn = fn;
        j->arg = arg;
        put_last(pool, j);
        call_a_worker(pool);
    }
    weir__mutex_unlock(&pool->lock);
    return status;
}

int weir__pool_take_out(weir_pool *pool, const weir_attempt *attempt)
{
    weir__mutex_lock(&pool->lock);
    int waited = take_out(pool, attempt);
    weir__mutex_unlock(&pool->lock);
    return waited;
}

/* ---- looking ---- */

static uint64_t look(weir_pool *pool, int what)
{
    uint64_t value = 0;
    if (!pool)
        return 0;
    weir__mutex_lock(&pool->lock);
    value = what == 0 ? pool->running : what == 1 ? pool->waiting : pool->late;
    weir__mutex_unlock(&pool->lock);
    return value;
}

uint32_t weir_pool_running(weir_pool *pool)
{
    return (uint32_t)look(pool, 0);
}

uint32_t weir_pool_waiting(weir_pool *pool)
{
    return (uint32_t)look(pool, 1);
}

uint64_t weir_pool_late(weir_pool *pool)
{
    return look(pool, 2);
}
