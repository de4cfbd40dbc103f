/* What all policies have in common. */
#ifndef WEIR_POLICY_POLICY_H
#define WEIR_POLICY_POLICY_H

#include <stddef.h>

#include "base/memory.h"
#include "base/ref.h"
#include "weir/clock.h"

typedef enum weir__kind {
    WEIR__TIMEOUT,
    WEIR__RETRY,
    WEIR__BREAKER,
    WEIR__BULKHEAD,
    WEIR__BUDGET
} weir__kind;

/* The first member of every policy. */
typedef struct weir__policy weir__policy;

struct weir__policy {
    weir__ref ref;
    uint32_t bytes;
    weir__kind kind;
    weir_clock *clock; /* never NULL */
    const weir_allocator *allocator;
    void (*finish)(weir__policy *policy); /* NULL, or frees what it owns */
};

/* A policy of bytes, zeroed but for its first member; NULL: no memory. */
void *weir__policy_new(weir__kind kind, size_t bytes, weir_clock *clock,
                       const weir_allocator *allocator);
void weir__policy_unref(weir__policy *policy); /* NULL is allowed */

#endif
