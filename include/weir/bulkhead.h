/* weir/bulkhead.h - a bound on how many calls run at once.
 *
 * Whoever finds no free permit waits in a bounded queue, first come first
 * served: a permit that comes back goes to the first waiter in the same step,
 * and nobody overtakes the queue. */
#ifndef WEIR_BULKHEAD_H
#define WEIR_BULKHEAD_H

#include "attempt.h"
#include "clock.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_bulkhead weir_bulkhead;

typedef struct weir_bulkhead_options {
    uint32_t size;           /* set by weir_bulkhead_options_init */
    uint32_t max_concurrent; /* permits; 1..1,000,000, default 10.  Requests a
                                second times seconds each takes when all is
                                well (Little's law), plus some room. */
    uint32_t max_queue;      /* waiters; 0..1,000,000, default 20 */
    uint32_t reserved;       /* 0 */
    uint64_t queue_ns;       /* the longest wait for a permit; 0..1 day,
                                default 5 s.  Less than the callers' own
                                patience: who waits longer waits in vain. */
    uint64_t abandoned_max_ns; /* an attempt that was given up keeps its permit
                                while its work runs, but not longer than this;
                                1..1 year or WEIR_NEVER, default WEIR_NEVER.
                                Set it where work may hang for good, and know
                                that max_concurrent is exceeded by it then. */
    weir_clock *clock;       /* default NULL: monotonic; retained */
    const weir_allocator *allocator; /* default NULL: the C library's */
} weir_bulkhead_options;

/* As weir_breaker_options_init. */
WEIR_API int weir_bulkhead_options_init(weir_bulkhead_options *options,
                                        uint32_t size);

/* As weir_breaker_new. */
WEIR_API int weir_bulkhead_new(weir_bulkhead **out,
                               const weir_bulkhead_options *options);
WEIR_API void weir_bulkhead_ref(weir_bulkhead *bulkhead);
WEIR_API void weir_bulkhead_unref(weir_bulkhead *bulkhead);

/* Runs fn(attempt, arg) with a permit, after waiting for one if need be.  The
 * caller keeps his reference until the run returns.
 * WEIR_EFULL       rejected: no permit and no place in the queue
 * WEIR_EQUEUETIME  rejected: no permit within the queue time
 * WEIR_EINVAL      bulkhead or fn is NULL
 * WEIR_ENOMEM      the system has no resources for a wait
 * anything else    what fn returned
 * Blocks for the wait and as long as fn does. */
WEIR_API int weir_bulkhead_run(weir_bulkhead *bulkhead, weir_fn fn, void *arg);

/* Takes a permit if one is free and nobody waits.  Give it back with
 * weir_bulkhead_release.
 * WEIR_EFULL   none is free
 * WEIR_EINVAL  bulkhead is NULL
 * Lock-free, unless none is free while work is abandoned: it takes back the
 * permits that are due, which may give the wake signal of stepped calls.  Never
 * blocks. */
WEIR_API int weir_bulkhead_try_acquire(weir_bulkhead *bulkhead);

/* Takes a permit, waiting for one up to the queue time.
 * WEIR_EFULL       no permit and no place in the queue
 * WEIR_EQUEUETIME  no permit within the queue time
 * WEIR_EINVAL      bulkhead is NULL
 * WEIR_ENOMEM      the system has no resources for a wait
 * Blocks.  Not a cancellation point of pthread_cancel. */
WEIR_API int weir_bulkhead_acquire(weir_bulkhead *bulkhead);

/* As weir_bulkhead_acquire, with a deadline of the caller.
 * deadline_ns   by the bulkhead's clock; WEIR_NEVER: the queue time alone
 * cancel        ends the wait when fired; NULL: none
 * WEIR_ETIMEDOUT  deadline_ns came before the end of the queue time
 * WEIR_ECANCELED  cancel was fired */
WEIR_API int weir_bulkhead_acquire_until(weir_bulkhead *bulkhead,
                                         uint64_t deadline_ns,
                                         weir_cancel *cancel);

/* Gives one permit back, or hands it to the first waiter.
 * WEIR_ESTALE  no permit is out: one was given back twice (seen for sure only
 *              where threads do not contend for permits)
 * WEIR_EINVAL  bulkhead is NULL
 * Lock-free when nobody waits and no work is abandoned; gives the wake signal
 * of a stepped call. */
WEIR_API int weir_bulkhead_release(weir_bulkhead *bulkhead);

/* Changes how many permits there are.  More serve the queue at once; fewer
 * take effect as permits come back.
 * max_concurrent   1..1,000,000
 * WEIR_EINVAL  bulkhead is NULL or max_concurrent is out of its range
 * Does not wait for permits; gives the wake signal of stepped calls. */
WEIR_API int weir_bulkhead_resize(weir_bulkhead *bulkhead,
                                  uint32_t max_concurrent);

/* What was so a moment ago: permits that are out; among them those whose work
 * was given up but still runs; waiters in the queue; permits there are.  0
 * for NULL. */
WEIR_API uint32_t weir_bulkhead_running(const weir_bulkhead *bulkhead);
WEIR_API uint32_t weir_bulkhead_abandoned(const weir_bulkhead *bulkhead);
WEIR_API uint32_t weir_bulkhead_waiting(const weir_bulkhead *bulkhead);
WEIR_API uint32_t weir_bulkhead_max_concurrent(const weir_bulkhead *bulkhead);

#ifdef __cplusplus
}
#endif
#endif
