/* weir/pool.h - runs in isolation: on worker threads, so that the caller can
 * leave at the deadline.
 *
 * A blocking run cannot interrupt your function; if that ignores the time, so
 * must the caller.  weir_pool_run has a worker run it and returns when the
 * time is over.  The work goes on: its attempt keeps its bulkhead permit and
 * its worker until it ends, and its result is dropped and counted.  So a pool
 * turns a dependency that hangs from all your threads into at most `threads`
 * of its own.  It costs two thread switches for each attempt. */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Worker threads: the only threads that weir ever starts, and only here. */
typedef struct weir_pool weir_pool;

typedef struct weir_pool_options {
    uint32_t size;      /* set by weir_pool_options_init */
    uint32_t threads;   /* 1..1,024, default 8 */
    uint32_t max_queue; /* attempts that wait for a worker; 0..1,000,000,
                           default 64 */
    uint32_t reserved;  /* 0 */
    const weir_allocator *allocator; /* default NULL: the C library's */
} weir_pool_options;

/* As weir_breaker_options_init. */
WEIR_API int weir_pool_options_init(weir_pool_options *options, uint32_t size);

/* Makes a pool and starts its threads, with all signals blocked.
 * Errors as weir_breaker_new; WEIR_ENOMEM also when the system gives no
 * threads. */
WEIR_API int weir_pool_new(weir_pool **out, const weir_pool_options *options);

/* The last reference closes the pool and does not wait.  Runs under way hold
 * it. */
WEIR_API void weir_pool_ref(weir_pool *pool);
WEIR_API void weir_pool_unref(weir_pool *pool);

/* As weir_run_with, but fn runs on a worker, and the run returns at the
 * deadline whether fn has returned or not.  An exception that leaves fn ends
 * the process.  fn may end its thread (pthread_exit), and be ended by another
 * one (pthread_cancel): that counts as WEIR_TRANSIENT, the attempt's code is
 * WEIR_ECANCELED, and the pool starts a new thread.  (Cancel a worker only
 * while its fn cannot return, under a lock of yours: it may be at another.)
 * A fn that makes another run on the same pool takes a second worker and may
 * find none: give the inner run a deadline.
 * destroy   NULL, or runs with arg once: when the run has returned or will,
 *           and no attempt uses arg any more; on the thread where that is so;
 *           or before an error of the arguments is returned
 * WEIR_EFULL      also: no worker and no place in the pool's queue, or no
 *                 thread for a worker
 * WEIR_ECANCELED  also: the pool is closed
 * (rejected_by is WEIR_BY_POOL.  These, and a deadline that passes while an
 * attempt waits for a worker, count in no breaker, and a retry tries again
 * only after WEIR_EFULL where WEIR_RETRY_FULL is set.)
 * WEIR_ENOMEM     no memory or no resources for a wait
 * Blocks until the call is done.  Not a cancellation point.  Allocates. */
WEIR_API int weir_pool_run(weir_pool *pool, weir_pipeline *pipeline,
                           const weir_call_options *options, weir_fn fn,
                           void *arg, weir_destroy_fn destroy,
                           weir_result *out);

/* Closes the pool: attempts that wait for a worker are cancelled, new ones
 * are refused.
 * wait   1: returns when the functions that run have returned and the threads
 *        have ended, so that the library may be unloaded; never on one of
 *        them (in fn or destroy), which would wait for itself.
 *        0: returns at once, and the threads end when their functions have.
 * WEIR_EINVAL  pool is NULL, or wait is neither */
WEIR_API int weir_pool_close(weir_pool *pool, int wait);

/* A moment ago: workers that run a function; attempts that wait for one;
 * results so far that came too late and were dropped.  0 for NULL. */
WEIR_API uint32_t weir_pool_running(weir_pool *pool);
WEIR_API uint32_t weir_pool_waiting(weir_pool *pool);
WEIR_API uint64_t weir_pool_late(weir_pool *pool);

#ifdef __cplusplus
}
#endif
#endif
