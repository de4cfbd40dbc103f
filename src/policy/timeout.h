/* A bound on time.  It has no state: the deadline belongs to the call. */
#ifndef WEIR_POLICY_TIMEOUT_H
#define WEIR_POLICY_TIMEOUT_H

#include "policy/policy.h"
#include "weir/timeout.h"

struct weir_timeout {
    weir__policy policy;
    uint64_t timeout_ns;
};

#endif
