#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void *libc_allocate(size_t bytes)
{
    void *memory = NULL;
    int saved = errno;
    if (posix_memalign(&memory, WEIR__LINE, bytes) != 0)
        memory = NULL;
    errno = saved;
    return memory;
}

void *weir__allocate(const weir_allocator *allocator, size_t bytes)
{
    void *memory = allocator ? allocator->allocate(allocator->context, bytes,
                                                   WEIR__LINE)
                             : libc_allocate(bytes);
    if (memory)
        memset(memory, 0, bytes);
    return memory;
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
