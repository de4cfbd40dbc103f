/* What happens when another thread comes between.
 *
 * Two operations on one world: the second runs as a whole before the n-th
 * atomic step of the first, for each n (where it needs a lock that the first
 * holds, it goes on as soon as it has it).  What then can be seen must be what
 * is seen when one comes after the other, in one order or the other. */
#ifndef TESTS_BETWEEN_H
#define TESTS_BETWEEN_H

#include <stdint.h>

#include "weir.h"

/* Operations are told which of the two they are: 0 or 1. */
typedef struct operation {
    const char *name;
    uint64_t (*run)(int who); /* what it has found out */
    unsigned kinds; /* bits: two of a kind are not made at once */
} operation;

typedef struct world {
    const char *name;
    int variants;
    void (*begin)(int variant);
    const operation *operations; /* the last one has no name */
    void (*end)(void); /* sees what is left, and frees it */
} world;

extern const world breaker_world, bulkhead_world, budget_world, call_world,
    run_world, permit_world, window_world;

/* By end: something that can be seen. */
void see(uint64_t value);

/* What weir__cpu_hint answers. */
extern uint32_t cpu;

/* Ends the program. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void must(int status);

#endif
