/* A retry budget: the core and its time. */
#ifndef WEIR_POLICY_BUDGET_H
#define WEIR_POLICY_BUDGET_H

#include "policy/budget_core.h"
#include "policy/policy.h"
#include "weir/budget.h"

struct weir_budget {
    weir__policy policy; /* for its reference count, clock and memory: a
                            budget is part of retries, not of pipelines */
    weir__budget_limits limits;
    uint64_t made_ns;
    _Alignas(WEIR__LINE) weir__budget_core core;
};

#endif
