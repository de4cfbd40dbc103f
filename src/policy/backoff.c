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

static uint64_t decorrelated(const weir__backoff *b, uint64_t previous_ns,
                             uint64_t random)
{
    uint64_t top = b->cap_ns;
    if (previous_ns < b->base_ns)
        previous_ns = b->base_ns;
    if (previous_ns <= b->cap_ns / 3)
        top = previous_ns * 3;
    return weir__random_between(random, b->base_ns, top);
}

uint64_t weir__backoff_delay(const weir__backoff *backoff, uint32_t attempt,
                             uint64_t previous_ns, uint64_t random)
{
    uint64_t v;
    if (backoff->jitter == WEIR_JITTER_DECORRELATED)
        return decorrelated(backoff, previous_ns, random);
    v = plain(backoff, attempt ? attempt : 1);
    switch (backoff->jitter) {
    case WEIR_JITTER_FULL:
        return weir__random_between(random, 0, v);
    case WEIR_JITTER_EQUAL:
        return weir__random_between(random, v / 2, v);
    default:
        return v;
    }
}
