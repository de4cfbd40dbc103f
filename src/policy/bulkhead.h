/* A bulkhead: the core, its queue and its limits. */
#ifndef WEIR_POLICY_BULKHEAD_H
#define WEIR_POLICY_BULKHEAD_H

#include "policy/bulkhead_core.h"
#include "policy/policy.h"
#include "weir/bulkhead.h"

/* A permit that is out for work nobody waits for any more. */
typedef struct weir__abandoned weir__abandoned;

struct weir__abandoned {
    weir__abandoned *older; /* all under the queue's lock */
    weir__abandoned *younger;
    uint64_t until_ns; /* then the permit is taken back */
    int listed;        /* 0: it was taken back */
};

struct weir_bulkhead {
    weir__policy policy;
    uint32_t max_queue;
    uint64_t queue_ns;
    uint64_t abandoned_max_ns; /* WEIR_NEVER: for ever */
    weir__queue queue;
    weir__abandoned *oldest; /* under queue.lock: a list by until_ns */
    weir__abandoned *youngest;
    weir__atomic_u32 abandoned; /* the length of it; set under the lock */
    _Alignas(WEIR__LINE) weir__bulkhead_core core;
};

/* WEIR_OK, WEIR_EFULL or WEIR__QUEUED; see bulkhead_core.h. */
int weir__bulkhead_enter(weir_bulkhead *bulkhead, weir__waiter *waiter,
                         weir__waker *waker);
/* Notes that the work of a permit was abandoned at now_ns. */
void weir__bulkhead_abandon(weir_bulkhead *bulkhead, weir__abandoned *permit,
                            uint64_t now_ns);

/* The work has ended: gives the permit back unless it was taken back. */
void weir__bulkhead_release_abandoned(weir_bulkhead *bulkhead,
                                      weir__abandoned *permit);

/* Takes back the permits whose time is over; when the next one's will be, or
 * WEIR_NEVER.  now_ns may be WEIR_NOW. */
uint64_t weir__bulkhead_reclaim(weir_bulkhead *bulkhead, uint64_t now_ns);

/* Is it certain that it rejects?  Only looks. */
static inline int weir__bulkhead_is_full(weir_bulkhead *bulkhead)
{
    uint64_t w = weir__load_relaxed(&bulkhead->core.word);
    return !weir__is_striped(w) &&
           weir__held(w) >= weir__load_relaxed(&bulkhead->core.limit) &&
           weir__waiting(w) >= bulkhead->max_queue &&
           (bulkhead->abandoned_max_ns == WEIR_NEVER ||
            weir__load_acquire(&bulkhead->abandoned) == 0);
}

/* When the next one's time will be over, or WEIR_NEVER.  Only looks. */
uint64_t weir__bulkhead_due(weir_bulkhead *bulkhead);

/* As weir__bulkhead_core_try.  contended: a swap of the word has failed. */
int weir__bulkhead_try(weir_bulkhead *bulkhead, int contended);

/* 1 with a permit, 0 when none is free: one swap where nobody else is. */
static inline int weir__bulkhead_take(weir_bulkhead *bulkhead)
{
    weir__bulkhead_core *core = &bulkhead->core;
    uint64_t w = weir__load_acquire(&core->word);
    if (weir__unlikely(weir__is_striped(w)))
        return weir__bulkhead_try(bulkhead, 0);
    return weir__has_free(core, w) &&
           (weir__likely(weir__cas_acq_rel(&core->word, &w, w + 1)) ||
            weir__bulkhead_try(bulkhead, 1));
}

int weir__bulkhead_quit(weir_bulkhead *bulkhead, weir__waiter *waiter);
int weir__bulkhead_release(weir_bulkhead *bulkhead);

#endif
