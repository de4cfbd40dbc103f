#include "policy/backoff.h"

#include "base/random.h"

/* base * factor^n, at most cap.  By squaring: attempt 10^6 takes 20 steps.
 * What overflows a double is infinite, and that is not below the cap. */
static uint64_t exponential(const weir__backoff *b, uint32_t n)
{
    double v = (double)b->base_ns, factor = b->factor;
    if (b->base_ns == 0)
        return 0;
    for (; n; n >>= 1) {
        if (n & 1)
            v *= factor;
        factor *= factor;
    }
    return v < (double)b->cap_ns ? (uint64_t)v : b->cap_ns;
}

static uint64_t linear(const weir__backoff *b, uint32_t n)
{
    return b->base_ns != 0 && n > b->cap_ns / b->base_ns ? b->cap_ns
                                                         : b->base_ns * n;
}

/* Before the jitter; attempt counts from 1. */
static uint64_t plain(const weir__backoff *b, uint32_t attempt)
{
    switch (b->kind) {
    case WEIR_BACKOFF_CONSTANT:
        return b->base_ns;
    case WEIR_BACKOFF_LINEAR:
        return linear(b, attempt);
    default:
        return exponential(b, attempt - 1);
    }
}

/* What is drawn from. */
typedef struct range {
    uint64_t from_ns;
    uint64_t to_ns;
} range;

static range decorrelated(const weir__backoff *b, uint64_t previous_ns)
{
    uint64_t top = b->cap_ns;
    if (previous_ns < b->base_ns)
        previous_ns = b->base_ns;
    if (previous_ns <= b->cap_ns / 3)
        top = previous_ns * 3;
    return (range){b->base_ns, top};
}

static range range_of(const weir__backoff *b, uint32_t attempt,
                      uint64_t previous_ns)
{
    uint64_t v;
    if (b->jitter == WEIR_JITTER_DECORRELATED)
        return decorrelated(b, previous_ns);
    v = plain(b, attempt ? attempt : 1);
    switch (b->jitter) {
    case WEIR_JITTER_FULL:
        return (range){0, v};
    case WEIR_JITTER_EQUAL:
        return (range){v / 2, v};
    default:
        return (range){v, v};
    }
}

uint64_t weir__backoff_delay(const weir__backoff *backoff, uint32_t attempt,
                             uint64_t previous_ns, uint64_t hint_ns,
                             uint64_t random)
{
    range r = range_of(backoff, attempt, previous_ns);
    if (hint_ns > 0)
        r = (range){hint_ns, hint_ns + (r.to_ns - r.from_ns)};
    return weir__random_between(random, r.from_ns, r.to_ns);
}
