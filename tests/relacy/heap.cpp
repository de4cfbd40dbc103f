/* What base/memory.c becomes: memory that is never given out twice within a
 * schedule, so that every use after its end is noticed. */
#include "relacy_shim.h"

#include "heap.h"

#include "base/memory.h"

enum { HEAP_BYTES = 1 << 16, HEAP_FRESH = 0xa5 };

static union {
    char bytes[HEAP_BYTES];
    char aligned __attribute__((aligned(64)));
} heap;
static size_t heap_used;
static int heap_blocks;

void heap_begin()
{
    heap_used = 0;
    heap_blocks = 0;
}

int heap_is_empty()
{
    return heap_blocks == 0;
}

void *weir__allocate_plain(const weir_allocator *, size_t bytes)
{
    void *memory = heap.bytes + heap_used;
    heap_used += (bytes + WEIR__LINE - 1) / WEIR__LINE * WEIR__LINE;
    RL_ASSERT(heap_used <= sizeof heap.bytes);
    heap_blocks++;
    std::memset(memory, HEAP_FRESH, bytes);
    return memory;
}

void *weir__allocate(const weir_allocator *allocator, size_t bytes)
{
    return std::memset(weir__allocate_plain(allocator, bytes), 0, bytes);
}

void weir__release(const weir_allocator *, void *memory, size_t bytes)
{
    if (!memory)
        return;
    RL_ASSERT(*(unsigned char *)memory != SHIM_FREED || bytes < 16 ||
              std::memcmp(memory, (char *)memory + 1, bytes - 1) != 0);
    heap_blocks--;
    shim_end(memory, bytes);
}
