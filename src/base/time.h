/* Saturating arithmetic on nanoseconds. */
#ifndef WEIR_BASE_TIME_H
#define WEIR_BASE_TIME_H

#include <stdint.h>

#define WEIR__MS UINT64_C(1000000)
#define WEIR__SECOND (1000 * WEIR__MS)
#define WEIR__DAY (86400 * WEIR__SECOND)
#define WEIR__YEAR (365 * WEIR__DAY)

/* How long a wait trusts a clock that is not the machine's: it is asked again
 * after that, for one wrong reading must not make a wait of an hour. */
#define WEIR__ASK_AGAIN_NS (100 * WEIR__MS)

/* Sticks to the end of time: WEIR_NEVER plus anything is WEIR_NEVER. */
static inline uint64_t weir__time_add(uint64_t a, uint64_t b)
{
    return b > UINT64_MAX - a ? UINT64_MAX : a + b;
}

/* When a wait of a length ends, which it does: at the end of time at the
 * latest, where nothing passes any more. */
static inline uint64_t weir__time_wait_end(uint64_t now, uint64_t wait)
{
    return wait < UINT64_MAX - now ? now + wait : UINT64_MAX - 1;
}

/* How long from then to now; 0 for a clock that went back. */
static inline uint64_t weir__time_since(uint64_t now, uint64_t then)
{
    return now > then ? now - then : 0;
}

static inline uint64_t weir__time_min(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

#endif
