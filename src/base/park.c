/* A fire happens under the parker's lock and is its last use of the parker;
 * the parker is destroyed after it was seen, under the same lock, that nobody
 * holds it.  POSIX guarantees that a mutex may be destroyed at once after its
 * last unlock (rationale of pthread_mutex_destroy). */
#include "base/park.h"

#include <time.h>

#include "base/cancel.h"
#include "base/time.h"

static weir__mutex *lock_of(weir__parker *parker)
{
    return weir__clock_is_virtual(parker->clock)
               ? weir__clock_lock(parker->clock)
               : &parker->own;
}

static void hold(weir__waker *waker)
{
    weir__parker *parker = (weir__parker *)waker;
    weir__add_relaxed(&parker->held, 1u);
}

static void fire(weir__waker *waker)
{
    weir__parker *parker = (weir__parker *)waker;
    weir__mutex *lock = lock_of(parker);
    weir__mutex_lock(lock);
    parker->signaled = 1;
    if (parker->timer.linked)
        weir__clock_take_off(parker->clock, &parker->timer);
    weir__sub_release(&parker->held, 1u);
    pthread_cond_broadcast(&parker->cond);
    weir__mutex_unlock(lock);
}

static const weir__waker_type parker_type = {hold, fire};

static int init_cond(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    if (pthread_condattr_init(&attributes) != 0)
        return WEIR_ENOMEM;
    int error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (error == 0)
        error = pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
    return error == 0 ? WEIR_OK : WEIR_ENOMEM;
}

int weir__parker_init(weir__parker *parker, weir_clock *clock)
{
    parker->waker.type = &parker_type;
    parker->clock = clock;
    weir__init(&parker->held, 0u);
    parker->signaled = 0;
    parker->timer.waker = &parker->waker;
    parker->timer.linked = 0;
    if (weir__mutex_init(&parker->own) != 0)
        return WEIR_ENOMEM;
    if (init_cond(&parker->cond) != WEIR_OK) {
        weir__mutex_destroy(&parker->own);
        return WEIR_ENOMEM;
    }
    return WEIR_OK;
}

void weir__parker_destroy(weir__parker *parker)
{
    weir__mutex *lock = lock_of(parker);
    int cancelable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    weir__mutex_lock(lock);
    while (weir__load_acquire(&parker->held) != 0)
        pthread_cond_wait(&parker->cond, lock);
    weir__mutex_unlock(lock);
    pthread_setcancelstate(cancelable, NULL);
    pthread_cond_destroy(&parker->cond);
    weir__mutex_destroy(&parker->own);
}

static void wait_virtual(weir__parker *parker, uint64_t deadline_ns)
{
    weir_clock *clock = parker->clock;
    weir__mutex_lock(weir__clock_lock(clock));
    parker->timer.deadline_ns = deadline_ns;
    while (!parker->signaled && weir_clock_now_ns(clock) < deadline_ns) {
        if (!parker->timer.linked)
            weir__clock_thread_waits(clock, &parker->timer);
        else
            pthread_cond_wait(&parker->cond, weir__clock_lock(clock));
    }
    weir__clock_take_off(clock, &parker->timer);
    parker->signaled = 0;
    weir__mutex_unlock(weir__clock_lock(clock));
}

/* At most a day at once: a time_t may have 32 bits. */
static struct timespec real_time_in(const weir_clock *clock, uint64_t wait_ns)
{
    uint64_t most_ns =
        clock == weir_clock_monotonic() ? WEIR__DAY : WEIR__ASK_AGAIN_NS;
    uint64_t until_ns =
        weir_clock_now_ns(NULL) + weir__time_min(wait_ns, most_ns);
    struct timespec until;
    until.tv_sec = (time_t)(until_ns / WEIR__SECOND);
    until.tv_nsec = (long)(until_ns % WEIR__SECOND);
    return until;
}

/* Reads the clock outside of the lock: it may be the user's function. */
static void wait_real(weir__parker *parker, uint64_t deadline_ns)
{
    int signaled = 0;
    while (!signaled) {
        uint64_t now_ns = weir_clock_now_ns(parker->clock);
        if (now_ns >= deadline_ns)
            return;
        struct timespec until =
            real_time_in(parker->clock, deadline_ns - now_ns);
        weir__mutex_lock(&parker->own);
        if (!parker->signaled)
            pthread_cond_timedwait(&parker->cond, &parker->own, &until);
        signaled = parker->signaled;
        parker->signaled = 0;
        weir__mutex_unlock(&parker->own);
    }
}

void weir__park(weir__parker *parker, uint64_t deadline_ns)
{
    int cancelable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    if (weir__clock_is_virtual(parker->clock))
        wait_virtual(parker, deadline_ns);
    else
        wait_real(parker, deadline_ns);
    pthread_setcancelstate(cancelable, NULL);
}

int weir_clock_sleep_until(weir_clock *clock, uint64_t deadline_ns,
                           weir_cancel *cancel)
{
    weir__parker parker;
    weir__cancel_link link;
    if (deadline_ns == WEIR_NEVER && !cancel)
        return WEIR_EINVAL;
    clock = weir__clock_or_default(clock);
    if (weir__parker_init(&parker, clock) != WEIR_OK)
        return WEIR_ENOMEM;
    if (!cancel || !weir__cancel_add(cancel, &link, &parker.waker)) {
        while (!weir_cancel_fired(cancel) &&
               weir_clock_now_ns(clock) < deadline_ns)
            weir__park(&parker, deadline_ns);
        if (cancel)
            weir__cancel_remove(cancel, &link);
    }
    weir__parker_destroy(&parker);
    return weir_cancel_fired(cancel) ? WEIR_ECANCELED : WEIR_OK;
}
