#include "sim.h"

static void *allocate(void *context, uint64_t bytes, uint64_t alignment)
{
    ledger *l = context;
    void *memory = NULL;
    if (random_below(&l->run->random, 1000) < l->fail_per_mille)
        return NULL;
    if (posix_memalign(&memory, (size_t)alignment, (size_t)bytes) != 0)
        return NULL;
    l->blocks++;
    l->bytes += bytes;
    return memory;
}

static void release(void *context, void *memory, uint64_t bytes)
{
    ledger *l = context;
    CHECK(l->run, l->blocks > 0 && l->bytes >= bytes);
    l->blocks--;
    l->bytes -= bytes;
    free(memory);
}

void ledger_init(ledger *l, run *r)
{
    l->allocator.allocate = allocate;
    l->allocator.release = release;
    l->allocator.context = l;
    l->run = r;
    l->blocks = 0;
    l->bytes = 0;
    l->fail_per_mille = 0;
}
