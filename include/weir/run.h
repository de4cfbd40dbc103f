/* weir/run.h - the blocking driver: a call on the calling thread. */
#ifndef WEIR_RUN_H
#define WEIR_RUN_H

#include "call.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Runs fn(attempt, arg) through the pipeline: zero times if it is rejected,
 * several times if it is retried.  The caller keeps his reference on the
 * pipeline until the run returns.
 * WEIR_EOPEN       rejected by a breaker
 * WEIR_EFULL       rejected by a bulkhead: no permit, no place in the queue
 * WEIR_EQUEUETIME  rejected by a bulkhead: no permit within the queue time
 * WEIR_ETIMEDOUT   out of time
 * WEIR_EINVAL      pipeline or fn is NULL, or the pipeline is not sealed
 * WEIR_ENOMEM      the system has no resources for a wait; fn may have run
 * anything else    what fn returned last
 * A retry that meets a breaker which has opened meanwhile ends the call with
 * WEIR_EOPEN; weir_run_with still tells what fn returned last.
 * Allocates nothing, save once for a breaker whose time window threads contend
 * for.  Blocks for fn, queues and backoff.  An exception,
 * pthread_exit or pthread_cancel that unwinds out of fn gives every permit back
 * and counts as WEIR_TRANSIENT.  (In musl the end of a thread unwinds nothing:
 * there fn must return.) */
WEIR_API int weir_run(weir_pipeline *pipeline, weir_fn fn, void *arg);

/* As weir_run.
 * options   NULL: the defaults
 * out       NULL, or filled in; out->size must be set
 * WEIR_ECANCELED  the call was cancelled; what your function returns after
 *                 that is kept only if the dependency was healthy
 * WEIR_EINVAL     also: options->size or out->size is too small, the parent
 *                 has another clock, or there are too many cancel tokens; out
 *                 is not filled in
 * WEIR_EVERSION   options is newer than this library; out is not filled in */
WEIR_API int weir_run_with(weir_pipeline *pipeline,
                           const weir_call_options *options, weir_fn fn,
                           void *arg, weir_result *out);

#ifdef __cplusplus
}
#endif
#endif
