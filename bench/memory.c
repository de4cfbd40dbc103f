#include "memory.h"

#include <stdlib.h>

enum { CALLS = 2000 };

static uint64_t bytes_out, allocations;

static void *allocate(void *context, uint64_t bytes, uint64_t alignment)
{
    (void)context;
    bytes_out += bytes;
    allocations++;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment *
                                        alignment);
}

static void release(void *context, void *memory, uint64_t bytes)
{
    (void)context;
    if (memory)
        bytes_out -= bytes;
    free(memory);
}

const weir_allocator *bench_counting(void)
{
    static const weir_allocator counting = {allocate, release, NULL};
    return &counting;
}

uint64_t bench_counted_bytes(void)
{
    return bytes_out;
}

bench_memory bench_memory_of(const bench_case *c)
{
    bench_thread thread = {c->fails_each, c->fails_each, 0};
    uint64_t bytes = bytes_out, before;
    void *handle = c->make(c->how, bench_counting());
    c->loop(handle, &thread, CALLS);
    before = allocations;
    c->loop(handle, &thread, CALLS);
    return (bench_memory){bytes_out - bytes,
                          (double)(allocations - before) / CALLS};
}
