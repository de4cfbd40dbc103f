/* A bulkhead: the core, its queue and its limits. */
#ifndef WEIR_POLICY_BULKHEAD_H
#define WEIR_POLICY_BULKHEAD_H

#include "policy/bulkhead_core.h"
#include "policy/policy.h"
#include "weir/bulkhead.h"

struct weir_bulkhead {
    weir__policy policy;
    uint32_t max_concurrent;
    uint32_t max_queue;
    uint64_t queue_ns;
    weir__queue queue;
    _Alignas(WEIR__LINE) weir__bulkhead_core core;
};

/* WEIR_OK, WEIR_EFULL or WEIR__QUEUED; see bulkhead_core.h. */
int weir__bulkhead_enter(weir_bulkhead *bulkhead, weir__waiter *waiter,
                         weir__waker *waker);
int weir__bulkhead_quit(weir_bulkhead *bulkhead, weir__waiter *waiter);
int weir__bulkhead_release(weir_bulkhead *bulkhead);

#endif
