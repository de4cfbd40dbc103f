/* Short loops on one word each, where two threads meet: a bulkhead of fixed
 * size and a budget that nothing refills, both of which must add up. */
#include "stress.h"

enum { BLOWS = 100 };

static void on_permits(house *h)
{
    for (int i = 0; i < BLOWS; i++) {
        if (weir_bulkhead_try_acquire(h->anvil) != WEIR_OK)
            continue;
        CHECK(add(&h->on_anvil, 1) < ANVIL);
        CHECK(weir_bulkhead_running(h->anvil) <= ANVIL);
        CHECK(add(&h->on_anvil, -1) > 0);
        CHECK(weir_bulkhead_release(h->anvil) == WEIR_OK);
    }
}

static void on_tokens(house *h, uint64_t *random)
{
    int deposits = 0, takes = 0;
    for (int i = 0; i < BLOWS; i++) {
        if (random_percent(random, 30)) {
            deposits++;
            weir_budget_deposit(h->purse);
        } else if (weir_budget_reserve(h->purse) == WEIR_OK) {
            takes++;
        }
    }
    count(h, DEPOSITS, deposits);
    count(h, TAKES, takes);
    CHECK(weir_budget_tokens(h->purse) <= CAPACITY * 1000);
}

void hammer(house *h, uint64_t *random)
{
    if (random_percent(random, 50))
        on_permits(h);
    else
        on_tokens(h, random);
}

void open_anvil(house *h)
{
    weir_bulkhead_options b;
    weir_budget_options o;
    weir_bulkhead_options_init(&b, sizeof b);
    b.max_concurrent = ANVIL;
    b.max_queue = 0;
    b.clock = h->clock;
    b.allocator = &h->allocator;
    CHECK(weir_bulkhead_new(&h->anvil, &b) == WEIR_OK);
    weir_budget_options_init(&o, sizeof o);
    o.capacity = CAPACITY;
    o.ratio = 0.5;
    o.per_second = 0;
    o.clock = h->clock;
    o.allocator = &h->allocator;
    CHECK(weir_budget_new(&h->purse, &o) == WEIR_OK);
}

/* What a full budget does not take in is lost, and nothing else. */
void close_anvil(house *h)
{
    uint64_t had = CAPACITY * 1000 + (uint64_t)counted(h, DEPOSITS) * 500;
    uint64_t taken = (uint64_t)counted(h, TAKES) * 1000;
    CHECK(taken + weir_budget_tokens(h->purse) <= had);
    CHECK(weir_bulkhead_running(h->anvil) == 0);
    weir_bulkhead_unref(h->anvil);
    weir_budget_unref(h->purse);
}
