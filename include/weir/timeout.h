/* weir/timeout.h - a bound on time, around an attempt or around a call.
 *
 * Its place in the pipeline decides: inside a retry it bounds each attempt,
 * outside all of them together.  Nest them: a caller's timeout shorter than
 * the sum of what it waits for frees it before the dependency does, and keeps
 * one slow service from filling the threads of all the services above it.
 *
 * A success that arrives before the driver acted on the deadline stays a
 * success; a failure that arrives later is WEIR_ETIMEDOUT.  Of several
 * expired deadlines the outermost counts.  A deadline that ends a running
 * attempt is WEIR_TRANSIENT to every breaker; one that ends a wait in a queue
 * or between attempts counts nowhere.
 *
 * Blocking runs are cooperative: your function asks weir_attempt_remaining_ns
 * and gives it to its socket.  Nobody interrupts it. */
#ifndef WEIR_TIMEOUT_H
#define WEIR_TIMEOUT_H

#include "attempt.h"
#include "clock.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_timeout weir_timeout;

typedef struct weir_timeout_options {
    uint32_t size;       /* set by weir_timeout_options_init */
    uint32_t reserved;   /* 0 */
    uint64_t timeout_ns; /* 1..1 year; there is no default: set it to a little
                            above the slowest call you still want answered */
    weir_clock *clock;   /* default NULL: monotonic; retained */
    const weir_allocator *allocator; /* default NULL: the C library's */
} weir_timeout_options;

/* As weir_breaker_options_init, but that timeout_ns is left at 0, which
 * weir_timeout_new rejects. */
WEIR_API int weir_timeout_options_init(weir_timeout_options *options,
                                       uint32_t size);

/* As weir_breaker_new, but that options must not be NULL. */
WEIR_API int weir_timeout_new(weir_timeout **out,
                              const weir_timeout_options *options);
WEIR_API void weir_timeout_ref(weir_timeout *timeout);
WEIR_API void weir_timeout_unref(weir_timeout *timeout);

/* Runs fn(attempt, arg) with a deadline that weir_attempt_remaining_ns shows.
 * The caller keeps his reference until the run returns.
 * WEIR_ETIMEDOUT  fn failed after the deadline
 * WEIR_EINVAL     timeout or fn is NULL
 * anything else   what fn returned
 * Blocks as long as fn does. */
WEIR_API int weir_timeout_run(weir_timeout *timeout, weir_fn fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif
