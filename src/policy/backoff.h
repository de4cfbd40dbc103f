/* The delay after the n-th attempt, before the driver is asked to wait. */
#ifndef WEIR_POLICY_BACKOFF_H
#define WEIR_POLICY_BACKOFF_H

#include <stdint.h>

#include "weir/retry.h"

typedef struct weir__backoff {
    uint64_t base_ns;
    uint64_t cap_ns;
    double factor;
    int kind;   /* WEIR_BACKOFF_... */
    int jitter; /* WEIR_JITTER_... */
} weir__backoff;

/* attempt       1, 2, ... any
 * previous_ns   the delay before; 0: none
 * hint_ns       0: none.  Else it takes the place of the least delay, and the
 *               jitter is spread on top of it: clients that were told the same
 *               time do not come back in step
 * random        a random number */
uint64_t weir__backoff_delay(const weir__backoff *backoff, uint32_t attempt,
                             uint64_t previous_ns, uint64_t hint_ns,
                             uint64_t random);

/* Is every delay 0?  (Decorrelated ones may grow from that of a hint.) */
static inline int weir__backoff_is_none(const weir__backoff *backoff)
{
    return backoff->base_ns == 0 &&
           backoff->jitter != WEIR_JITTER_DECORRELATED;
}

#endif
