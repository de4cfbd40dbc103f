/* Waiting for a bulkhead's permit on the calling thread, without a call. */
#include "base/cancel.h"
#include "base/park.h"
#include "base/time.h"
#include "policy/bulkhead.h"

/* Until a permit of abandoned work falls due, at most. */
static void wait_once(weir_bulkhead *bulkhead, weir__waiter *waiter,
                      weir__parker *parker, uint64_t end_ns)
{
    uint64_t reclaim_ns = weir__bulkhead_reclaim(bulkhead, WEIR_NOW);
    if (!weir__waiter_granted(waiter))
        weir__park(parker, weir__time_min(end_ns, reclaim_ns));
}

/* A clock that goes back stands still. */
static uint64_t later(const weir_bulkhead *bulkhead, uint64_t *now_ns)
{
    uint64_t read_ns = weir_clock_now_ns(bulkhead->policy.clock);
    if (read_ns > *now_ns)
        *now_ns = read_ns;
    return *now_ns;
}

/* What ended the wait: WEIR_OK for a permit. */
static int wait_for_permit(weir_bulkhead *bulkhead, weir__waiter *waiter,
                           weir__parker *parker, uint64_t deadline_ns,
                           weir_cancel *cancel)
{
    uint64_t now_ns = weir_clock_now_ns(bulkhead->policy.clock);
    uint64_t queue_end_ns = weir__time_wait_end(now_ns, bulkhead->queue_ns);
    uint64_t end_ns = weir__time_min(queue_end_ns, deadline_ns);
    int status = WEIR_OK;
    while (!weir__waiter_granted(waiter) && status == WEIR_OK) {
        if (weir_cancel_fired(cancel))
            status = WEIR_ECANCELED;
        else if (later(bulkhead, &now_ns) >= end_ns)
            status = end_ns == queue_end_ns ? WEIR_EQUEUETIME : WEIR_ETIMEDOUT;
        else
            wait_once(bulkhead, waiter, parker, end_ns);
    }
    if (status != WEIR_OK && weir__bulkhead_quit(bulkhead, waiter))
        status = WEIR_OK;
    return status;
}

static int enter_and_wait(weir_bulkhead *bulkhead, weir__parker *parker,
                          uint64_t deadline_ns, weir_cancel *cancel)
{
    weir__waiter waiter;
    weir__cancel_link link;
    link.linked = 0;
    int status = weir__bulkhead_enter(bulkhead, &waiter, &parker->waker);
    if (status != WEIR__QUEUED)
        return status;
    if (cancel)
        weir__cancel_add(cancel, &link, &parker->waker);
    status = wait_for_permit(bulkhead, &waiter, parker, deadline_ns, cancel);
    if (cancel)
        weir__cancel_remove(cancel, &link);
    return status;
}

int weir_bulkhead_acquire_until(weir_bulkhead *bulkhead, uint64_t deadline_ns,
                                weir_cancel *cancel)
{
    weir__parker parker;
    int status = weir_bulkhead_try_acquire(bulkhead);
    if (status != WEIR_EFULL)
        return status;
    if (weir__parker_init(&parker, bulkhead->policy.clock) != WEIR_OK)
        return WEIR_ENOMEM;
    status = enter_and_wait(bulkhead, &parker, deadline_ns, cancel);
    weir__parker_destroy(&parker);
    return status;
}

int weir_bulkhead_acquire(weir_bulkhead *bulkhead)
{
    return weir_bulkhead_acquire_until(bulkhead, WEIR_NEVER, NULL);
}
