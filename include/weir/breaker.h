/* weir/breaker.h - circuit breaker.
 *
 *                      too many failures
 *   CLOSED -------------------------------------> OPEN
 *     ^  ^                                       |    ^
 *     |  | probe_successes          open_ns over,|    | one probe fails
 *     |  | probes succeed           next acquire v    |
 *     |  +------------------------------------ HALF_OPEN
 *     +-- weir_breaker_reset, from every state
 *
 * See Nygard, "Release It!", on the pattern.  What is too many:
 *   WEIR_WINDOW_CONSECUTIVE  failure_threshold in a row.  For a dependency
 *                that is either up or down.  Mind the rate: at 1,000 requests
 *                a second five failures are a blip of 5 ms, and the minute of
 *                outage that follows is made by the breaker.
 *   WEIR_WINDOW_COUNT  failure_rate of the last window_calls calls, or
 *                slow_rate of them slow.  For a steady stream.
 *   WEIR_WINDOW_TIME   the same of the calls of the last window_ns.  For
 *                traffic that comes and goes: old failures are forgotten. */
#ifndef WEIR_BREAKER_H
#define WEIR_BREAKER_H

#include "attempt.h"
#include "clock.h"
#include "event.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_breaker weir_breaker;

/* States, as weir_breaker_state and events report them; the manual ones are
 * also modes. */
enum {
    WEIR_CLOSED = 0,    /* calls pass */
    WEIR_OPEN = 1,      /* calls are rejected */
    WEIR_HALF_OPEN = 2, /* a few calls pass as probes */
    WEIR_FORCED_OPEN = 3,
    WEIR_DISABLED = 4,
    WEIR_METRICS_ONLY = 5
};

/* Modes.  Until the mode is changed, WEIR_FORCED_OPEN rejects every call,
 * WEIR_DISABLED passes every call and counts none, and WEIR_METRICS_ONLY
 * passes and counts every call (see weir_breaker_inspect) and never opens. */
enum { WEIR_AUTOMATIC = 0 };

enum {
    WEIR_WINDOW_CONSECUTIVE = 0,
    WEIR_WINDOW_COUNT = 1,
    WEIR_WINDOW_TIME = 2
};

typedef struct weir_breaker_options {
    uint32_t size;              /* set by weir_breaker_options_init */
    uint32_t window;            /* WEIR_WINDOW_..., default consecutive */
    uint32_t failure_threshold; /* consecutive: failures in a row that open
                                   it; 1..1,000,000, default 5.  Raise it for
                                   dependencies with a busy stream of calls. */
    uint32_t minimum_calls;     /* count, time: calls in the window before
                                   anything is judged; 1..1,000,000, default
                                   20; count: at most window_calls.  So many
                                   that one failure among them is no news. */
    double failure_rate;        /* count, time: share of failures that opens
                                   it; above 0, up to 1; default 0.5.  Well
                                   above what fails on a good day. */
    double slow_rate;           /* count, time: share of slow calls that opens
                                   it; above 0, up to 1; default 1 */
    uint64_t slow_call_ns;      /* count, time: a call that takes longer is
                                   slow; 1..1 year or WEIR_NEVER, default
                                   WEIR_NEVER: calls are not timed, as they
                                   never are with consecutive.  Timing
                                   reads the clock, or the processor's
                                   counter, twice for each call.  A
                                   probe that is slow counts as a failure. */
    uint64_t window_ns;         /* time: buckets * 1 ms..1 year, default
                                   10 s.  Where a bucket is 128 ms or more,
                                   outcomes are dated by the kernel's coarse
                                   clock, which is late by some ms.  A bucket
                                   of 4 million calls (on each processor,
                                   where threads contend) is halved: its rates
                                   stay, and it weighs less among others. */
    uint32_t window_calls;      /* count: 1..1,024, default 100 */
    uint32_t buckets;           /* time: in how many steps calls fall out of
                                   the window; 1..64, default 10 */
    uint64_t open_ns;           /* how long it rejects before it probes;
                                   1..1 year, its end is rounded up to a step
                                   of 1.05 ms; default 60 s.  About the time
                                   the dependency takes to restart. */
    uint64_t open_max_ns;       /* growth ends here, or after 255 openings;
                                   open_ns..1 year, default 1 year */
    double open_factor;         /* growth of the open time each time it opens
                                   without having closed; 1..1000, default 1:
                                   none.  2 for a dependency that may be down
                                   for long. */
    double open_jitter;         /* the open time is drawn from open time to
                                   open time * (1 + open_jitter); 0..1,
                                   default 0.  Above 0 where many clients
                                   open at once, or they probe at once. */
    uint64_t seed;              /* of the jitter; see weir_retry_options */
    uint32_t seeded;            /* 0 (default) or 1 */
    uint32_t reserved;          /* 0 */
    uint32_t probes;            /* calls let through at once while half-open;
                                   1..16, default 3 */
    uint32_t probe_successes;   /* successes that close it; 1..1,000,
                                   default 3 */
    uint64_t lease_ns;          /* when all probes are out and none has
                                   reported for so long, new ones are let
                                   through; 1..1 year, default 60 s.  Longer
                                   than the slowest honest call.  The same
                                   when one probe has been out while 15 others
                                   came and went. */
    weir_clock *clock;          /* default NULL: monotonic; retained */
    const weir_allocator *allocator; /* default NULL: the C library's */
} weir_breaker_options;

/* Writes the defaults.
 * size   sizeof *options as the caller was compiled
 * WEIR_EINVAL    options is NULL or size is below the first version's
 * WEIR_EVERSION  size is above the library's: it cannot know the defaults of
 *                the fields at the end */
WEIR_API int weir_breaker_options_init(weir_breaker_options *options,
                                       uint32_t size);

/* Makes a closed breaker.  Its time ends 36 years later: then open times are
 * over at once.
 * options   NULL: the defaults
 * WEIR_EINVAL    out is NULL, options->size is too small, or a field is out of
 *                its range
 * WEIR_EVERSION  options has fields that this library does not know and that
 *                are not zero
 * WEIR_ENOMEM    no memory for the handle */
WEIR_API int weir_breaker_new(weir_breaker **out,
                              const weir_breaker_options *options);
WEIR_API void weir_breaker_ref(weir_breaker *breaker);
WEIR_API void weir_breaker_unref(weir_breaker *breaker);

/* Runs fn(attempt, arg) under the breaker and records its outcome by
 * weir_classify_default or weir_attempt_set_outcome.  The caller keeps his
 * reference until the run returns.
 * WEIR_EOPEN    rejected, fn was not run
 * WEIR_EINVAL   breaker or fn is NULL
 * anything else what fn returned
 * Blocks as long as fn does. */
WEIR_API int weir_breaker_run(weir_breaker *breaker, weir_fn fn, void *arg);

/* Asks whether a call may go ahead.  On WEIR_OK, *out_permit must be given to
 * weir_breaker_record once, from any thread.
 * WEIR_EOPEN    rejected: open, or half-open with no place for a probe
 * WEIR_EINVAL   an argument is NULL
 * Lock-free, but for the listeners of a transition, which come one at a time.
 * Reads the clock unless closed. */
WEIR_API int weir_breaker_acquire(weir_breaker *breaker, uint64_t *out_permit);

/* Records how a call that was let through has ended.
 * outcome      WEIR_SUCCESS, ...
 * elapsed_ns   how long the call took, without time in queues, or WEIR_NEVER:
 *              not known; used where slow_call_ns is set
 * WEIR_OK      counted, or given back for outcomes that do not count
 * WEIR_ESTALE  the breaker has changed its state since, or the probe has
 *              reported already: nothing was counted
 * WEIR_EINVAL  breaker is NULL or outcome is none
 * Recording a permit of a closed breaker twice counts twice.
 * Lock-free, but for the listeners of a transition, which come one at a time,
 * and for a time window under contention, which once allocates. */
WEIR_API int weir_breaker_record(weir_breaker *breaker, uint64_t permit,
                                 int outcome, uint64_t elapsed_ns);

/* The state a call would meet: an open breaker whose time is over reads as
 * WEIR_HALF_OPEN although only the next acquire makes the transition.  In a
 * manual mode, that mode.  WEIR_EINVAL for NULL. */
WEIR_API int weir_breaker_state(const weir_breaker *breaker);

/* WEIR_AUTOMATIC or a manual mode; WEIR_EINVAL for NULL. */
WEIR_API int weir_breaker_mode(const weir_breaker *breaker);

/* Changes the mode.  Back to automatic, the breaker starts closed.  Calls that
 * were let through before are stale.  Setting the mode it has does nothing.
 * WEIR_EINVAL  breaker is NULL or mode is none
 * May call listeners. */
WEIR_API int weir_breaker_set_mode(weir_breaker *breaker, int mode);

/* Closes the breaker and forgets its failures; calls that were let through
 * before are stale.  In a manual mode it does nothing.  NULL is allowed.
 * May call listeners. */
WEIR_API void weir_breaker_reset(weir_breaker *breaker);

/* How long until a call may be let through: 0 when it would be now; the rest
 * of the open time; the rest of the lease when all probes are out; WEIR_NEVER
 * when forced open. */
WEIR_API uint64_t weir_breaker_retry_after_ns(const weir_breaker *breaker);

/* Changes the options of a live breaker.  Its state, its history and the
 * permits that are out stay as they are; the next outcome is judged by the
 * new options.  window, what shapes it (window_calls, or buckets and the
 * length of one), the clock and the allocator must be those it was made with,
 * and slow_call_ns must be WEIR_NEVER if and only if it was.
 * options   not NULL
 * WEIR_EINVAL, WEIR_EVERSION   as weir_breaker_new, or one of those differs
 * WEIR_ENOMEM  no memory: about 100 bytes for each change, kept as long as the
 *              breaker
 * Takes no lock; calls under way are not disturbed. */
WEIR_API int weir_breaker_set_options(weir_breaker *breaker,
                                      const weir_breaker_options *options);

typedef struct weir_breaker_snapshot {
    uint32_t size;       /* set by the caller: sizeof(weir_breaker_snapshot) */
    int32_t state;       /* as weir_breaker_state */
    uint64_t generation; /* counts transitions, modulo 2^21 */
    uint64_t calls;      /* in the window; consecutive: 0 */
    uint64_t failed;     /* of them; consecutive: in a row */
    uint64_t slow;       /* of them */
    uint64_t retry_after_ns; /* as weir_breaker_retry_after_ns */
} weir_breaker_snapshot;

/* Shows a breaker, for people and for metrics, as it was a moment ago.
 * out   out->size must be set
 * WEIR_EINVAL  an argument is NULL or out->size is too small */
WEIR_API int weir_breaker_inspect(const weir_breaker *breaker,
                                  weir_breaker_snapshot *out);

/* Adds a listener for the transitions from now on.  It stays as long as the
 * breaker; it may call any function of the breaker, this one included.
 * destroy (NULL: none) runs with arg when the breaker is gone, or before an
 * error is returned.
 * WEIR_EINVAL  breaker or fn is NULL
 * WEIR_ENOMEM  no memory for the listener */
WEIR_API int weir_breaker_listen(weir_breaker *breaker, weir_listener_fn fn,
                                 void *arg, weir_destroy_fn destroy);

#ifdef __cplusplus
}
#endif
#endif
