/* weir/retry.h - retry with jittered backoff.
 *
 * Delay after attempt n:  v = base_ns                  constant
 *                             base_ns * n              linear
 *                             base_ns * factor^(n-1)   exponential
 * at most cap_ns; then the jitter draws from v.  The cap comes before the
 * jitter, so that a herd of clients stays spread out when all have reached the
 * cap (Brooker, "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
 *
 * Retrying repeats: use it for work that may be done twice.  It multiplies
 * load, and retries inside retries multiply each other: keep it in one layer
 * (Beyer et al., "Site Reliability Engineering", chapter 22). */
#ifndef WEIR_RETRY_H
#define WEIR_RETRY_H

#include "attempt.h"
#include "budget.h"
#include "clock.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_retry weir_retry;

enum {
    WEIR_BACKOFF_CONSTANT = 0,
    WEIR_BACKOFF_LINEAR = 1,
    WEIR_BACKOFF_EXPONENTIAL = 2
};

enum {
    WEIR_JITTER_NONE = 0,        /* v */
    WEIR_JITTER_FULL = 1,        /* uniform in 0..v */
    WEIR_JITTER_EQUAL = 2,       /* v/2 plus uniform in 0..v/2 */
    WEIR_JITTER_DECORRELATED = 3 /* uniform in base..min(cap, 3 * the delay
                                    before); backoff and factor are not
                                    used */
};

/* Rejections by the pipeline itself that are worth another attempt, as bits.
 * They are not failures of the dependency; retrying them is waiting in line
 * without a queue. */
enum {
    WEIR_RETRY_OPEN = 1,     /* WEIR_EOPEN */
    WEIR_RETRY_FULL = 2,     /* WEIR_EFULL */
    WEIR_RETRY_QUEUETIME = 4 /* WEIR_EQUEUETIME */
};

typedef struct weir_retry_options {
    uint32_t size;         /* set by weir_retry_options_init */
    uint32_t max_attempts; /* in all, the first included; 1..1,000,000,
                              default 4.  More than a few only where nobody
                              waits for the answer. */
    uint64_t base_ns;      /* first delay; 0..1 day, default 100 ms.  About the
                              time of an ordinary call. */
    uint64_t cap_ns;       /* largest delay before the jitter; base..1 day,
                              default 30 s */
    double factor;         /* growth per attempt; 1..1000, default 2 */
    uint64_t hint_max_ns;  /* a hint of the dependency replaces the delay, and
                              the jitter comes on top.  It counts as at most
                              this; 0..1 day, default 60 s; 0 ignores hints */
    uint64_t max_elapsed_ns; /* no backoff ends later than this after the
                              retry was entered; 1..1 year or WEIR_NEVER,
                              default WEIR_NEVER.  A total timeout is the
                              stricter bound: it also ends the last attempt
                              and the wait in a queue. */
    uint64_t seed;         /* for replay, where seeded is 1 */
    uint32_t seeded;       /* 0 (default): every handle, process and forked
                              child draws its own random numbers; 1: they
                              follow from seed */
    int32_t backoff;       /* WEIR_BACKOFF_..., default exponential */
    int32_t jitter;        /* WEIR_JITTER_..., default full.  None only in
                              tests: it sends all clients back in step. */
    uint32_t retry_on;     /* WEIR_RETRY_... bits, default 0 */
    weir_budget *budget;   /* default NULL: none; retained; of the same clock.
                              Share one among all retries that lead to one
                              dependency. */
    weir_clock *clock;     /* default NULL: monotonic; retained */
    const weir_allocator *allocator; /* default NULL: the C library's */
    WEIR_FILL_32
} weir_retry_options;

/* As weir_breaker_options_init. */
WEIR_API int weir_retry_options_init(weir_retry_options *options,
                                     uint32_t size);

/* As weir_breaker_new; WEIR_EINVAL also when the budget has another clock. */
WEIR_API int weir_retry_new(weir_retry **out,
                            const weir_retry_options *options);
WEIR_API void weir_retry_ref(weir_retry *retry);
WEIR_API void weir_retry_unref(weir_retry *retry);

/* Runs fn(attempt, arg) until it succeeds or is not worth another attempt, as
 * classified by weir_classify_default or weir_attempt_set_outcome.  Returns
 * what the last attempt returned.  The caller keeps his reference until the
 * run returns.
 * WEIR_EINVAL   retry or fn is NULL
 * WEIR_ENOMEM   the system has no resources to wait; fn has run
 * Blocks as long as fn does and between the attempts. */
WEIR_API int weir_retry_run(weir_retry *retry, weir_fn fn, void *arg);

/* One call, for callers without callbacks.  Set size, and all else to 0,
 * before the first use. */
typedef struct weir_retry_state {
    uint32_t size;         /* sizeof(weir_retry_state) */

    /* Progress, kept by weir_retry_next: */
    uint32_t attempts;     /* attempts made */
    uint64_t ordinal;      /* which call this is */
    uint64_t previous_ns;  /* the delay before */

    /* What the caller says of the attempt that has just ended: */
    uint64_t elapsed_ns;   /* since the first attempt began; used where
                              max_elapsed_ns is set */
    uint64_t remaining_ns; /* until the call's deadline; WEIR_NEVER: none */
    uint64_t hint_ns;      /* delay the dependency asked for; 0: none */
    int32_t outcome;       /* WEIR_SUCCESS, ... */
    uint32_t reserved;     /* 0 */
} weir_retry_state;

/* Says, after an attempt has ended, whether and when to try again.
 * WEIR_OK         try again after *out_delay_ns; a token of the budget is
 *                 taken
 * WEIR_EFINAL     the outcome is not worth another attempt
 * WEIR_EATTEMPTS  all attempts are used
 * WEIR_EDEADLINE  the delay would end at the deadline or after it
 * WEIR_EELAPSED   the delay would pass max_elapsed_ns
 * WEIR_EBUDGET    the budget has no token
 * WEIR_EINVAL     an argument is NULL, the outcome is none, or state->size is
 *                 too small
 * Call it after each attempt, a success too, for the first call for a state
 * deposits into the budget, whatever it says.  Any thread, one at a time for
 * one state. */
WEIR_API int weir_retry_next(weir_retry *retry, weir_retry_state *state,
                             uint64_t *out_delay_ns);

#ifdef __cplusplus
}
#endif
#endif
