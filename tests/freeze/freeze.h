/* Threads that can be stopped before any of their atomic steps.
 *
 * A party is a thread of control on a stack of its own; they take turns on one
 * real thread, so every run does the same.  The library is compiled with the
 * compiler's instrumentation for ThreadSanitizer, but linked to atomics.c:
 * each atomic operation of its sources and each lock of a mutex is a step. */
#ifndef TESTS_FREEZE_H
#define TESTS_FREEZE_H

#include <stdint.h>

enum { PARTIES = 3 };

/* More steps than any operation may take: it would wait for somebody. */
enum { STEPS_MAX = 300 };

/* The running party is about to take a step; it may be stopped here. */
void step(void);

/* The running party found a mutex locked by one that is stopped. */
void blocked(void);

/* Bugs to be found: a compare and swap that is a spin lock around a comparison
 * and a store; one that is a comparison and a store without the lock. */
extern enum seeded { NONE, SPIN, TORN } seeded;

/* What the parties work on.  The end checks that whatever they did was done
 * once, and that all goes on. */
typedef struct world {
    const char *name;
    int variants;
    int operations;
    void (*begin)(int variant, const int *operations);
    void (*operate)(int party, int operation);
    void (*end)(void);
} world;

extern const world breaker_world, bulkhead_world, budget_world;

/* Tells where it was, and ends the program. */
void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A clock that the test sets. */
struct weir_clock *test_clock(void);
extern uint64_t test_now_ns;

#endif
