/* Memory from the allocator of a handle. */
#ifndef WEIR_BASE_MEMORY_H
#define WEIR_BASE_MEMORY_H

#include <stddef.h>

#include "weir/base.h"

enum { WEIR__LINE = 64 }; /* a cache line, and the largest alignment */

/* Zeroed memory, aligned to a cache line; NULL when there is none.
 * allocator NULL is the C library. */
void *weir__allocate(const weir_allocator *allocator, size_t bytes);

/* As it comes, and aligned for any ordinary type: for what lives as long as
 * one call. */
void *weir__allocate_plain(const weir_allocator *allocator, size_t bytes);

void weir__release(const weir_allocator *allocator, void *memory,
                   size_t bytes);

#endif
