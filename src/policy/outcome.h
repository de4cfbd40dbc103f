/* How the policies group outcomes. */
#ifndef WEIR_POLICY_OUTCOME_H
#define WEIR_POLICY_OUTCOME_H

#include "weir/outcome.h"

static inline int weir__outcome_valid(int outcome)
{
    return outcome >= WEIR_SUCCESS && outcome <= WEIR_IGNORED;
}

/* The dependency is healthy, whether or not it gave what was asked for. */
static inline int weir__outcome_healthy(int outcome)
{
    return outcome == WEIR_SUCCESS || outcome == WEIR_DECLINED;
}

static inline int weir__outcome_failed(int outcome)
{
    return outcome == WEIR_TRANSIENT || outcome == WEIR_PERMANENT;
}

static inline int weir__outcome_retryable(int outcome)
{
    return outcome == WEIR_TRANSIENT || outcome == WEIR_THROTTLED;
}

#endif
