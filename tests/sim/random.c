#include "sim.h"

/* SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
uint64_t random_next(random_source *r)
{
    uint64_t x = r->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void random_seed(random_source *r, uint64_t seed)
{
    *r = (random_source){.state = seed};
    r->state = random_next(r); /* neighbouring seeds are no neighbours */
}

void random_bytes(random_source *r, const uint8_t *bytes, size_t size)
{
    random_seed(r, 0);
    r->bytes = bytes;
    r->left = size;
}

/* As many bytes as the limit has. */
static uint64_t take_bytes(random_source *r, uint64_t limit)
{
    uint64_t x = 0;
    for (uint64_t rest = limit - 1; rest && r->left; rest >>= 8, r->left--)
        x = x << 8 | *r->bytes++;
    return x;
}

/* The bias of the modulo does not matter here. */
uint64_t random_below(random_source *r, uint64_t limit)
{
    return (r->left ? take_bytes(r, limit) : random_next(r)) % limit;
}

uint64_t random_between(random_source *r, uint64_t low, uint64_t high)
{
    return low + random_below(r, high - low + 1);
}

int random_percent(random_source *r, uint32_t percent)
{
    return random_below(r, 100) < percent;
}

uint64_t random_time(random_source *r, uint64_t high)
{
    uint32_t bits = 0;
    while (bits < 63 && high >> (bits + 1))
        bits++;
    uint64_t top = UINT64_C(1) << random_between(r, 0, bits);
    return random_between(r, 1, top * 2 - 1 < high ? top * 2 - 1 : high);
}
