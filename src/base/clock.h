/* Clocks, as the library uses them. */
#ifndef WEIR_BASE_CLOCK_H
#define WEIR_BASE_CLOCK_H

#include "base/atomic.h"
#include "base/lock.h"
#include "base/ref.h"
#include "base/waker.h"
#include "weir/clock.h"

/* Something that waits on a virtual clock. */
typedef struct weir__timer weir__timer;

struct weir__timer {
    weir__timer *previous; /* all under the clock's lock */
    weir__timer *next;
    weir__waker *waker;
    uint64_t deadline_ns;
    int linked;
    int thread; /* a parked thread, as opposed to a stepped call */
};

typedef enum weir__clock_kind {
    WEIR__MONOTONIC,
    WEIR__VIRTUAL,
    WEIR__CUSTOM
} weir__clock_kind;

struct weir_clock {
    weir__atomic_u32 counted; /* the processor's counter goes with it */
    weir__clock_kind kind;
    weir__ref ref;
    weir_now_fn now; /* custom */
    void *arg;
    weir_destroy_fn destroy;
    weir__atomic_u64 now_ns; /* virtual: written under lock, read anywhere */
    weir__mutex lock;        /* virtual, and all below under it */
    weir__timer *first;
    uint32_t waiting; /* threads among the timers */
    uint32_t participants;
};

/* The clock that NULL in options stands for. */
weir_clock *weir__clock_or_default(weir_clock *clock);

static inline int weir__clock_is_virtual(const weir_clock *clock)
{
    return clock->kind == WEIR__VIRTUAL;
}

/* The time, late by a few ticks of the kernel at most where that is the
 * cheaper reading: by up to WEIR__COARSE_LAG_NS, or more on a machine that
 * was stopped. */
uint64_t weir__clock_coarse_ns(weir_clock *clock);

#define WEIR__COARSE_LAG_NS UINT64_C(32000000)

/* Virtual clocks only.  Sets, moves or removes (WEIR_NEVER) the timer of a
 * stepped call, whose waker is fired when the time has come. */
void weir__clock_set_timer(weir_clock *clock, weir__timer *timer,
                           uint64_t deadline_ns);

/* For parking on a virtual clock: its lock guards all that waits on it. */
weir__mutex *weir__clock_lock(weir_clock *clock);

/* Under the lock: counts the calling thread as waiting until the timer is
 * taken off, and lets the clock jump if it was the last participant to wait;
 * that gives the lock up for a moment. */
void weir__clock_thread_waits(weir_clock *clock, weir__timer *timer);

/* Under the lock: takes a timer off. */
void weir__clock_take_off(weir_clock *clock, weir__timer *timer);

#endif
