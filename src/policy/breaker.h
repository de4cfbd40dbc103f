/* A circuit breaker: the core, its time, and its listeners. */
#ifndef WEIR_POLICY_BREAKER_H
#define WEIR_POLICY_BREAKER_H

#include "policy/breaker_core.h"
#include "policy/events.h"
#include "policy/policy.h"

struct weir_breaker {
    weir__policy policy;
    weir__breaker_limits limits; /* immutable */
    uint64_t made_ns;
    weir__events_slot events;
    _Alignas(WEIR__LINE) weir__breaker_core core;
};

/* now_ns may be WEIR_NOW; otherwise as the functions of the API. */
int weir__breaker_acquire(weir_breaker *breaker, uint64_t now_ns,
                          uint64_t *out_permit);
int weir__breaker_record(weir_breaker *breaker, uint64_t permit, int outcome,
                         uint64_t now_ns);
uint64_t weir__breaker_retry_after(const weir_breaker *breaker,
                                   uint64_t now_ns);

#endif
