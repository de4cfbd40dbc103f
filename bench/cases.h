/* The cases: what is measured. */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#include <stddef.h>

#include "floor.h"
#include "harness.h"

enum { BENCH_MAX_CASES = 128 };

typedef struct bench_list {
    bench_case cases[BENCH_MAX_CASES];
    int n;
} bench_list;

/* The name of the case whose median is F. */
#define BENCH_FLOOR "floor: library call with callback"

/* What other cases cannot go below; see floor.h. */
#define BENCH_LOAD "floor: relaxed load, shared"
#define BENCH_INDIRECT "floor: indirect call"
#define BENCH_ATTEMPT "floor: F with an attempt"
#define BENCH_PERMIT "floor: F between two swaps"
#define BENCH_COUNTER "floor: F with the counter"
#define BENCH_COUNTER_PERMIT "floor: F with the counter, two swaps"
#define BENCH_TALLY "floor: F, coarse clock, addition"
#define BENCH_TIMED_TALLY "floor: the same, counter twice"
#define BENCH_SWAP "floor: F, one swap, shared"
#define BENCH_SWAPS "floor: F between two swaps, shared"
#define BENCH_LOOK "floor: library call that looks"
#define BENCH_LOOKS "floor: two library calls that look"
#define BENCH_LOOK_AT_CLOCK "floor: the same, at the coarse clock"
#define BENCH_HAND_OVER "floor: hand-over, mutex and condition"

void bench_add_floors(bench_list *list);
void bench_add_breakers(bench_list *list);
void bench_add_retries(bench_list *list);
void bench_add_bulkheads(bench_list *list);
void bench_add_pipelines(bench_list *list);
void bench_add_all(bench_list *list);

/* Adds a case; the fields that are not given are 0, per_call 1. */
bench_case *bench_add(bench_list *list, const char *name, bench_loop loop,
                      void *(*make)(const void *, const weir_allocator *),
                      const void *how);

/* Functions to protect: one that succeeds; one that fails as the
 * bench_thread, its arg, says. */
int bench_nothing(weir_attempt *attempt, void *arg);
int bench_sometimes(weir_attempt *attempt, void *arg);

/* Ends the program with a word unless status is WEIR_OK. */
void bench_must(int status);

/* The machine's monotonic clock, which can be put forward: what waits for a
 * minute need not be waited for. */
weir_clock *bench_clock(void);
void bench_clock_skip(void);

/* The five recommended policies. */
weir_pipeline *bench_recommended(const weir_allocator *allocator);

/* Takes a call through a pipeline by the public stepper. */
int bench_step_through(weir_pipeline *pipeline, uint64_t now_ns);

/* Breakers with the windows of the comparison, as the growth needs them. */
typedef struct bench_window {
    const char *name;
    uint32_t kind;
    uint32_t calls, buckets;
    uint64_t slow_call_ns;
} bench_window;

enum { BENCH_WINDOWS = 4 };
extern const bench_window bench_windows[BENCH_WINDOWS];

/* A closed breaker that no failures open. */
void *bench_make_closed(const void *window, const weir_allocator *allocator);

#endif
