/* A token bucket in one word.
 *
 *   63..40 tokens, in thousandths: up to 16,777 whole ones
 *   39..0  tick of the last refill, in 2^20 ns since the budget was made
 *
 * Invariants
 *   1. 0 <= tokens <= capacity, and every change is one compare and swap of
 *      both halves: what is taken was there, and nothing is refilled twice.
 *   2. The tick never goes back.  A reader with an older time refills nothing.
 *      (The tick comes round after 36 years; a reader that is late at that
 *      moment takes his time for one of 36 years later, and fills the bucket.
 *      A clock that leaps by 18 to 36 years at once is taken for such a reader,
 *      and nothing is refilled until it has come round.)
 *   3. It always refills: a refill that comes to less than a thousandth leaves
 *      the tick where it is, so that small steps add up.
 *
 * Memory orders: relaxed would do, the word guards no other data; acquire and
 * release are kept for callers that hand work from one to the other.
 * Progress: lock-free.  A full bucket is only read. */
#ifndef WEIR_POLICY_BUDGET_CORE_H
#define WEIR_POLICY_BUDGET_CORE_H

#include "base/atomic.h"
#include "weir/base.h"

typedef struct weir__budget_core {
    weir__atomic_u64 word;
} weir__budget_core;

/* All in thousandths of a token. */
typedef struct weir__budget_limits {
    uint64_t capacity;
    uint64_t deposit;
    uint64_t per_second;
} weir__budget_limits;

#define WEIR__TOKEN UINT64_C(1000)
#define WEIR__BUDGET_TICK_MASK UINT64_C(0xffffffffff)
#define WEIR__BUDGET_TICK_SHIFT 20

static inline uint64_t weir__budget_tokens(uint64_t w)
{
    return w >> 40;
}

static inline uint64_t weir__budget_word(uint64_t tokens, uint64_t tick)
{
    return tokens << 40 | tick;
}

static inline void
weir__budget_core_init(weir__budget_core *core,
                       const weir__budget_limits *limits)
{
    weir__init(&core->word, weir__budget_word(limits->capacity, 0));
}

/* Thousandths that come in so many ticks: ticks * 2^20 / 10^9 * per_second.
 * What would overflow is far more than any bucket holds. */
static inline uint64_t weir__budget_gain(uint64_t ticks, uint64_t per_second)
{
    if (per_second == 0)
        return 0;
    if (ticks > UINT64_MAX / (per_second << 11))
        ticks = UINT64_MAX / (per_second << 11);
    return (ticks * per_second << 11) / 1953125;
}

/* The word with what has come by itself up to age_ns.  The tick goes on by
 * what the gain has used, so that fractions are not lost. */
static inline uint64_t weir__budget_refilled(uint64_t w,
                                             const weir__budget_limits *limits,
                                             uint64_t age_ns)
{
    uint64_t tick = w & WEIR__BUDGET_TICK_MASK;
    uint64_t now =
        (age_ns >> WEIR__BUDGET_TICK_SHIFT) & WEIR__BUDGET_TICK_MASK;
    uint64_t tokens = weir__budget_tokens(w), gain;
    if (now <= tick && tick - now <= WEIR__BUDGET_TICK_MASK / 2)
        return w;
    gain = weir__budget_gain((now - tick) & WEIR__BUDGET_TICK_MASK,
                             limits->per_second);
    if (gain == 0)
        return w;
    if (gain >= limits->capacity - tokens)
        return weir__budget_word(limits->capacity, now);
    tick += (gain * 1953125 + (limits->per_second << 11) - 1) /
            (limits->per_second << 11);
    return weir__budget_word(tokens + gain, tick & WEIR__BUDGET_TICK_MASK);
}

static inline void weir__budget_core_deposit(weir__budget_core *core,
                                             const weir__budget_limits *limits)
{
    uint64_t w = weir__load_relaxed(&core->word);
    for (;;) {
        uint64_t tokens = weir__budget_tokens(w);
        uint64_t room = limits->capacity - tokens;
        uint64_t gain = limits->deposit < room ? limits->deposit : room;
        if (gain == 0 || weir__cas_weak_acq_rel(&core->word, &w,
                                                w + (gain << 40)))
            return;
    }
}

/* 1 when a token was taken. */
static inline int weir__budget_core_reserve(weir__budget_core *core,
                                            const weir__budget_limits *limits,
                                            uint64_t age_ns)
{
    uint64_t w = weir__load_relaxed(&core->word);
    for (;;) {
        uint64_t to = weir__budget_refilled(w, limits, age_ns);
        if (weir__budget_tokens(to) < WEIR__TOKEN)
            return 0;
        if (weir__cas_weak_acq_rel(&core->word, &w,
                                   to - (WEIR__TOKEN << 40)))
            return 1;
    }
}

#endif
