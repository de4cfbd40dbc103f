/* weir/clock.h - where time comes from.
 *
 * Each policy and each pipeline has one clock, given in its options; NULL
 * there means the machine's monotonic clock.  A pipeline accepts policies of
 * its own clock only.
 *
 * A clock that goes back counts as standing still until it has caught up, and
 * what was to end meanwhile ends so much later.  One that leaps forward ends
 * what it leaps over.  At its end, WEIR_NEVER - 1, no time passes any more:
 * open times, backoff and waits for a permit are over at once, and a deadline
 * that would lie beyond it is none. */
#ifndef WEIR_CLOCK_H
#define WEIR_CLOCK_H

#include "cancel.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_clock weir_clock;

/* Returns nanoseconds since some fixed point, below WEIR_NEVER.  Any thread;
 * must be fast. */
typedef uint64_t (*weir_now_fn)(void *arg);

/* The machine's monotonic clock: a static handle that needs no unref. */
WEIR_API weir_clock *weir_clock_monotonic(void);

/* Makes a clock that stands still until it is advanced, so that policies can
 * be tested without waiting.
 * start_ns   its first reading, any value below WEIR_NEVER
 * WEIR_EINVAL  out is NULL or start_ns is WEIR_NEVER
 * WEIR_ENOMEM  no memory for the handle */
WEIR_API int weir_clock_new_virtual(weir_clock **out, uint64_t start_ns);

/* Makes a clock that asks your function.  A blocking wait on it sleeps the
 * missing time by the machine's clock, at most 100 ms, asks again, and so on;
 * it should therefore run at about the machine's speed.  Do not take the time
 * of day: a clock set back by an hour keeps a breaker open for an hour.
 * destroy (NULL: none) runs with arg when the last reference is gone, or
 * before an error is returned.
 * WEIR_EINVAL  out or now is NULL
 * WEIR_ENOMEM  no memory for the handle */
WEIR_API int weir_clock_new_custom(weir_clock **out, weir_now_fn now, void *arg,
                                   weir_destroy_fn destroy);

WEIR_API void weir_clock_ref(weir_clock *clock);
WEIR_API void weir_clock_unref(weir_clock *clock);

/* Reads the clock.  NULL reads the monotonic one. */
WEIR_API uint64_t weir_clock_now_ns(weir_clock *clock);

/* Blocks the calling thread until the clock (NULL: the monotonic one) has
 * reached deadline_ns.
 * cancel (NULL: none)   ends the wait early when it is fired
 * WEIR_OK        the deadline is reached and cancel not fired
 * WEIR_ECANCELED cancel was fired
 * WEIR_EINVAL    deadline_ns is WEIR_NEVER and cancel is NULL
 * WEIR_ENOMEM    the system has no resources for a wait
 * Blocks.  Not a cancellation point of pthread_cancel. */
WEIR_API int weir_clock_sleep_until(weir_clock *clock, uint64_t deadline_ns,
                                    weir_cancel *cancel);

/* Moves a virtual clock forward (it stops short of WEIR_NEVER) and wakes
 * every thread and call whose time has come.
 * WEIR_EINVAL  clock is not virtual */
WEIR_API int weir_clock_advance(weir_clock *clock, uint64_t by_ns);

/* The earliest time that a thread or call waits for on a virtual clock, or
 * WEIR_NEVER when none does or the clock is not virtual. */
WEIR_API uint64_t weir_clock_next_ns(weir_clock *clock);

/* How many threads wait on a virtual clock, those without a deadline
 * included; 0 for other clocks. */
WEIR_API uint32_t weir_clock_waiters(weir_clock *clock);

/* Makes the calling thread a participant of a virtual clock.  A clock with
 * participants moves by itself: whenever all of them wait on it, it jumps to
 * the earliest time anything waits for.  With one participant every wait
 * returns at once; with several, a program of threads becomes a simulation.
 * Every thread that waits on such a clock must be attached, and one that steps
 * calls, or time may jump while it works.  Give each attach one detach.
 * WEIR_EINVAL  clock is not virtual; or detach without attach */
WEIR_API int weir_clock_attach(weir_clock *clock);
WEIR_API int weir_clock_detach(weir_clock *clock);

#ifdef __cplusplus
}
#endif
#endif
