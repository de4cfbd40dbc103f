/* What a handle and its calls take from the heap. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include "cases.h"

typedef struct bench_memory {
    uint64_t bytes;    /* of a handle that has been used */
    double allocations; /* of a call */
} bench_memory;

/* Counts what passes through weir_allocator: one handle of the case, used by
 * one thread. */
bench_memory bench_memory_of(const bench_case *c);

/* The allocator that counts, and what it has out. */
const weir_allocator *bench_counting(void);
uint64_t bench_counted_bytes(void);

#endif
