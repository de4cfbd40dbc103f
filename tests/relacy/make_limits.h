/* The options of a breaker, of which few matter here. */
#ifndef TESTS_RELACY_LIMITS_H
#define TESTS_RELACY_LIMITS_H

#include <cstring>

#include "policy/breaker_core.h"

static weir__breaker_limits make_limits(uint64_t threshold, uint64_t open_ns,
                                        uint64_t lease_ns, uint32_t probes,
                                        uint32_t probe_successes)
{
    weir__breaker_limits limits = weir__breaker_limits();
    limits.threshold = threshold;
    limits.open_ns = open_ns;
    limits.lease_ns = lease_ns;
    limits.open_factor = 1.0;
    limits.probes = probes;
    limits.probe_successes = probe_successes;
    return limits;
}

/* Without growth and jitter it is this. */
uint64_t weir__breaker_open_time(const weir__breaker_limits *limits, uint32_t,
                                 uint64_t)
{
    return limits->open_ns;
}

#endif
