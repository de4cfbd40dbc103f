/* weir/retry.h - retry with jittered exponential backoff.
 *
 * Delay after attempt n:  v = min(cap_ns, base_ns * factor^(n-1)),
 * then the jitter draws from v.  The cap comes before the jitter, so that a
 * herd of clients stays spread out when all have reached the cap (Brooker,
 * "Exponential Backoff and Jitter", AWS Architecture Blog, 2015).
 *
 * Retrying repeats: use it for work that may be done twice.  It multiplies
 * load, and retries inside retries multiply each other: keep it in one layer
 * (Beyer et al., "Site Reliability Engineering", chapter 22). */
#ifndef WEIR_RETRY_H
#define WEIR_RETRY_H

#include "attempt.h"
#include "clock.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_retry weir_retry;

enum {
    WEIR_JITTER_NONE = 0,        /* v */
    WEIR_JITTER_FULL = 1,        /* uniform in 0..v */
    WEIR_JITTER_EQUAL = 2,       /* v/2 plus uniform in 0..v/2 */
    WEIR_JITTER_DECORRELATED = 3 /* uniform in base..min(cap, 3 * the delay
                                    before); factor is not used */
};

typedef struct weir_retry_options {
    uint32_t size;         /* set by weir_retry_options_init */
    uint32_t max_attempts; /* in all, the first included; 1..1,000,000,
                              default 4 */
    uint64_t base_ns;      /* first delay; 0..1 day, default 100 ms */
    uint64_t cap_ns;       /* largest delay before the jitter; base..1 day,
                              default 30 s */
    double factor;         /* growth per attempt; 1..1000, default 2 */
    uint64_t hint_max_ns;  /* a hint of the dependency counts as at most this;
                              0..1 day, default 60 s; 0 ignores hints */
    uint64_t seed;         /* for replay, where seeded is 1 */
    uint32_t seeded;       /* 0 (default): every handle, process and forked
                              child draws its own random numbers; 1: they
                              follow from seed */
    int32_t jitter;        /* WEIR_JITTER_..., default full */
    weir_clock *clock;     /* default NULL: monotonic; retained */
    const weir_allocator *allocator; /* default NULL: the C library's */
} weir_retry_options;

/* As weir_breaker_options_init. */
WEIR_API int weir_retry_options_init(weir_retry_options *options,
                                     uint32_t size);

/* As weir_breaker_new. */
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

/* The progress of one call, for callers without callbacks.  Set size, and all
 * else to 0, before the first use. */
typedef struct weir_retry_state {
    uint32_t size;        /* sizeof(weir_retry_state) */
    uint32_t attempts;    /* attempts made; counted by weir_retry_next */
    uint64_t ordinal;     /* which call this is, drawn by the first
                             weir_retry_next */
    uint64_t previous_ns; /* the delay before; written by weir_retry_next */
} weir_retry_state;

/* Says, after an attempt has ended, whether and when to try again.
 * state          progress of this call; changed also when it says no
 * outcome        of the attempt
 * hint_ns        delay the dependency asked for, 0: none
 * remaining_ns   until the deadline of the call, WEIR_NEVER: none
 * WEIR_OK         try again after *out_delay_ns
 * WEIR_EFINAL     the outcome is not worth another attempt
 * WEIR_EATTEMPTS  all attempts are used
 * WEIR_EDEADLINE  the delay would end at the deadline or after it
 * WEIR_EINVAL     an argument is NULL, outcome is none, or state->size is too
 *                 small
 * Any thread, one at a time for one state. */
WEIR_API int weir_retry_next(weir_retry *retry, weir_retry_state *state,
                             int outcome, uint64_t hint_ns,
                             uint64_t remaining_ns, uint64_t *out_delay_ns);

#ifdef __cplusplus
}
#endif
#endif
