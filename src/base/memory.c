#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *libc_allocate(size_t bytes, size_t alignment)
{
    void *memory = NULL;
    int saved = errno;
    if (posix_memalign(&memory, alignment, bytes) != 0)
        memory = NULL;
    errno = saved;
    return memory;
}

static void *allocate(const weir_allocator *allocator, size_t bytes,
                      size_t alignment)
{
    return allocator
               ? allocator->allocate(allocator->context, bytes, alignment)
               : libc_allocate(bytes, alignment);
}

void *weir__allocate(const weir_allocator *allocator, size_t bytes)
{
    void *memory = allocate(allocator, bytes, WEIR__LINE);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
}

void *weir__allocate_plain(const weir_allocator *allocator, size_t bytes)
{
    return allocate(allocator, bytes, _Alignof(max_align_t));
}

void weir__release(const weir_allocator *allocator, void *memory, size_t bytes)
{
    if (!memory)
        return;
    if (allocator)
        allocator->release(allocator->context, memory, bytes);
    else
        free(memory);
}
