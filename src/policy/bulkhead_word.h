/* The permits of a bulkhead in one 64-bit word, lock-free.
 *
 *   63..41 era       counts eras, and changes of the limit, modulo 2^23
 *   40     striped   an era is on: permits may lie in stripes
 *   39..20 waiting   waiters in the queue, while no era is on;
 *          gathered  in an era: the first stripes, which were emptied again
 *   19..0  held      permits that are out or lie in stripes
 *
 * A stripe (bulkhead_stripes.h) has one, too:
 *
 *   63..41 era       the one in which it was last used
 *   40     open      permits may be put in and taken out
 *   19..0  held      permits that lie in it */
#ifndef WEIR_POLICY_BULKHEAD_WORD_H
#define WEIR_POLICY_BULKHEAD_WORD_H

#include "base/atomic.h"
#include "base/memory.h"

#define WEIR__ONE_ERA (UINT64_C(1) << 41)
#define WEIR__STRIPED (UINT64_C(1) << 40)
#define WEIR__OPEN WEIR__STRIPED
#define WEIR__ONE_WAITING (UINT64_C(1) << 20)
#define WEIR__HELD_MASK (WEIR__ONE_WAITING - 1)
#define WEIR__WAITING_MASK (WEIR__HELD_MASK << 20)

enum { WEIR__PERMIT_STRIPES = 8 };

typedef struct weir__stripe {
    weir__atomic_u64 word;
    char line[WEIR__LINE - 8];
} weir__stripe;

typedef struct weir__bulkhead_core {
    weir__atomic_u64 word;
    weir__atomic_u32 limit;
    weir__atomic_u32 contended; /* how often threads met at the word */
    char line[WEIR__LINE - 16];
    weir__stripe stripes[WEIR__PERMIT_STRIPES];
} weir__bulkhead_core;

static inline uint32_t weir__held(uint64_t w)
{
    return (uint32_t)(w & WEIR__HELD_MASK);
}

static inline int weir__is_striped(uint64_t w)
{
    return (w & WEIR__STRIPED) != 0;
}

static inline uint32_t weir__gathered(uint64_t w)
{
    return (uint32_t)(w / WEIR__ONE_WAITING) & 0xfffff;
}

static inline uint32_t weir__waiting(uint64_t w)
{
    return weir__is_striped(w) ? 0 : weir__gathered(w);
}

/* No era is on, and nobody waits. */
static inline int weir__is_plain(uint64_t w)
{
    return (w & (WEIR__STRIPED | WEIR__WAITING_MASK)) == 0;
}

static inline int weir__same_era(uint64_t a, uint64_t b)
{
    return (a ^ b) < WEIR__ONE_ERA;
}

static inline uint64_t weir__era_of(uint64_t w)
{
    return w & ~(WEIR__ONE_ERA - 1);
}

#endif
