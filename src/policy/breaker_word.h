/* The state of a circuit breaker in one 64-bit word, lock-free.
 *
 *   63..61 state       CLOSED, OPEN, HALF_OPEN, FORCED_OPEN, DISABLED,
 *                      METRICS_ONLY
 *   60..40 generation  counts transitions, modulo 2^21
 *   39..0  payload     what belongs to the state:
 *     CLOSED      39..0  failures in a row, where these are what trips it
 *     OPEN        39..0  when it ends, in ticks since the breaker was made
 *     HALF_OPEN   39..28 successes so far
 *                 27..16 next: number of the next ticket
 *                 15..0  window: bit i is set while ticket next-1-i is out
 *     else        0
 *   A tick is 2^20 ns: 40 bits of them last for 36 years. */
#ifndef WEIR_POLICY_BREAKER_WORD_H
#define WEIR_POLICY_BREAKER_WORD_H

#include <stdint.h>

#include "weir/breaker.h"

#define WEIR__TICK_SHIFT 20
#define WEIR__GENERATION_MASK UINT64_C(0x1fffff)
#define WEIR__PAYLOAD_MASK UINT64_C(0xffffffffff)
#define WEIR__TICKET_MAX UINT64_C(0xfff)
#define WEIR__WINDOW_TOP UINT64_C(0x8000)

static inline int weir__word_state(uint64_t w)
{
    return (int)(w >> 61);
}

static inline uint64_t weir__word_generation(uint64_t w)
{
    return (w >> 40) & WEIR__GENERATION_MASK;
}

static inline uint64_t weir__word_payload(uint64_t w)
{
    return w & WEIR__PAYLOAD_MASK;
}

static inline uint64_t weir__word(int state, uint64_t generation,
                                  uint64_t payload)
{
    return (uint64_t)state << 61 |
           (generation & WEIR__GENERATION_MASK) << 40 | payload;
}

/* Is it another state than that of an earlier word? */
static inline int weir__word_moved(uint64_t w, uint64_t earlier)
{
    return (w ^ earlier) > WEIR__PAYLOAD_MASK;
}

/* A closed word passes every call. */
static inline int weir__word_passes(uint64_t w)
{
    return weir__word_state(w) == WEIR_CLOSED;
}

/* A success changes nothing: the breaker is closed without failures, in the
 * generation of the permit or in a later one, where it is stale. */
static inline int weir__word_spotless(uint64_t w)
{
    return (w & ~(WEIR__GENERATION_MASK << 40)) == 0;
}

static inline uint64_t weir__probes_window(uint64_t w)
{
    return w & 0xffff;
}

static inline uint64_t weir__probes_next(uint64_t w)
{
    return (w >> 16) & WEIR__TICKET_MAX;
}

static inline uint64_t weir__probes_successes(uint64_t w)
{
    return (w >> 28) & 0xfff;
}

static inline uint64_t weir__probes(uint64_t successes, uint64_t next,
                                    uint64_t window)
{
    return successes << 28 | next << 16 | window;
}

static inline uint64_t weir__ticks_up(uint64_t ns)
{
    uint64_t ticks = ns >> WEIR__TICK_SHIFT;
    return ticks + ((ns & ((UINT64_C(1) << WEIR__TICK_SHIFT) - 1)) != 0);
}

static inline uint64_t weir__ticks_down(uint64_t ns)
{
    return ns >> WEIR__TICK_SHIFT;
}

/* A permit is the state and generation it was given in, and for a probe the
 * number of its ticket. */
static inline uint64_t weir__permit(uint64_t w, uint64_t ticket)
{
    return weir__word(weir__word_state(w), weir__word_generation(w), ticket);
}

#endif
