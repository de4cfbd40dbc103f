/* Parking the calling thread until a time has come or it is woken. */
#ifndef WEIR_BASE_PARK_H
#define WEIR_BASE_PARK_H

#include <pthread.h>

#include "base/atomic.h"
#include "base/clock.h"

/* Lives on the stack of the thread that waits. */
typedef struct weir__parker {
    weir__waker waker;
    weir_clock *clock; /* borrowed */
    weir__mutex own;   /* not used on a virtual clock, which brings its own */
    pthread_cond_t cond;
    weir__timer timer;     /* on a virtual clock */
    weir__atomic_u32 held; /* wakers that will still fire */
    int signaled;          /* under the lock */
} weir__parker;

/* WEIR_ENOMEM when the system has no resources. */
int weir__parker_init(weir__parker *parker, weir_clock *clock);

/* Waits for whoever is about to fire the waker. */
void weir__parker_destroy(weir__parker *parker);

/* Returns when the clock has reached deadline_ns or the waker was fired since
 * the last return: which of them, the caller finds out.  Not a cancellation
 * point: a thread unwound here would leave its place in a queue behind. */
void weir__park(weir__parker *parker, uint64_t deadline_ns);

#endif
