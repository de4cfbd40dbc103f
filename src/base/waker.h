/* Waking somebody who waits, whoever it is: a parked thread or a stepped
 * call.
 *
 * A waiter is registered somewhere (a bulkhead's queue, a cancel token, a
 * virtual clock) under that place's lock.  Who decides to wake it calls hold
 * under the same lock, before the waiter can see that it was chosen, and fire
 * after the lock is free.  Between the two the waiter's memory stays, so that
 * fire never touches a frame that is gone; fire gives the hold back. */
#ifndef WEIR_BASE_WAKER_H
#define WEIR_BASE_WAKER_H

typedef struct weir__waker weir__waker;

typedef struct weir__waker_type {
    void (*hold)(weir__waker *waker);
    void (*fire)(weir__waker *waker);
} weir__waker_type;

struct weir__waker {
    const weir__waker_type *type;
};

static inline void weir__waker_hold(weir__waker *waker)
{
    waker->type->hold(waker);
}

static inline void weir__waker_fire(weir__waker *waker)
{
    waker->type->fire(waker);
}

#endif
