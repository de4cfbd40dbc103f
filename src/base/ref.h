/* Reference counts.
 *
 * Taking a reference is relaxed: whoever takes one holds one already.  Giving
 * one back releases what this thread did with the object; the last one
 * acquires what all others did before it takes the object apart. */
#ifndef WEIR_BASE_REF_H
#define WEIR_BASE_REF_H

#include "base/atomic.h"

typedef struct weir__ref {
    weir__atomic_u32 count;
} weir__ref;

static inline void weir__ref_init(weir__ref *ref)
{
    weir__init(&ref->count, 1u);
}

static inline void weir__ref_take(weir__ref *ref)
{
    weir__add_relaxed(&ref->count, 1u);
}

/* The caller's is the only one, and nobody else can take one. */
static inline int weir__ref_alone(weir__ref *ref)
{
    return weir__load_acquire(&ref->count) == 1u;
}

/* 1 when that was the last one. */
static inline int weir__ref_drop(weir__ref *ref)
{
    return weir__sub_acq_rel(&ref->count, 1u) == 1u;
}

#endif
