/* Measuring: many short rounds of all cells in turn, so that drift of the
 * machine hits all alike; each round on fresh, pinned threads, warmed up
 * first; rounds that other load disturbed are thrown away; the median of the
 * rest, with minimum and 90th percentile.
 *
 * A cell is one case at one number of threads, which share one handle.  Its
 * figure is nanoseconds of one thread per operation: of its wall clock while
 * each thread has a core, of its processor time where there are more threads
 * than cores (then they take turns, and waiting for a turn is no cost). */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdint.h>

enum {
    BENCH_MAX_THREADS = 16,
    BENCH_LOOSE = 1, /* how many calls fail is not fixed */
    BENCH_BLOCKS = 2, /* calls sleep: waiting is part of the figure */
    BENCH_HEADLINE = 4, /* one of the cases in the chart */
    BENCH_ON_HEAP = 8 /* calls may allocate */
};

/* What a thread of a round has for itself. */
typedef struct bench_thread {
    uint32_t fails_each; /* one call in so many fails; 0: none */
    uint32_t until_failure;
    uint64_t at; /* for loops that walk over something */
} bench_thread;

/* Makes so many calls; returns how many of them did not return 0. */
typedef uint64_t (*bench_loop)(void *handle, bench_thread *thread,
                               uint64_t calls);

/* A loop with the call itself in it, as a user would write it: no pointer
 * between the loop and the library. */
#define BENCH_LOOP(name, call)                                                \
    static uint64_t name(void *handle, bench_thread *thread, uint64_t calls)  \
    {                                                                         \
        uint64_t failed = 0;                                                  \
        (void)handle;                                                         \
        (void)thread;                                                         \
        for (uint64_t i = 0; i < calls; i++)                                  \
            failed += (call) != 0;                                            \
        return failed;                                                        \
    }

struct weir_allocator;

typedef struct bench_case {
    char name[64];
    bench_loop loop;
    /* Makes the handle the way how says; allocator may be NULL. */
    void *(*make)(const void *how, const struct weir_allocator *allocator);
    const void *how;
    void *handle;
    uint32_t fails_each; /* of its calls: 0 none, 1 all, n one in n */
    uint32_t per_call;   /* operations that one call is counted as */
    uint32_t flags;      /* BENCH_LOOSE, ... */
    uint32_t least_threads;
    uint64_t warm_up; /* calls before a round, at least */
    const char *floor; /* name of the case it cannot go below; NULL: of none */
} bench_case;

typedef struct bench_cell {
    const bench_case *c;
    int threads;
    uint64_t chunk; /* calls between two looks at the clock */
    double *ns;     /* of the rounds tried: first the kept ones */
    int kept, tried;
    double median, min, p90; /* of the kept ones; of all, where few were */
    int doubtful;            /* too few were kept */
} bench_cell;

typedef struct bench_plan {
    int rounds;      /* to keep of each cell, where each thread has a core */
    int rounds_over; /* the same where there are more threads than cores */
    double seconds;  /* stops then at the latest */
} bench_plan;

/* Measures all cells; exits with a word if a case does not do what it says. */
void bench_measure(bench_cell *cells, int n, const bench_plan *plan);

void bench_cell_init(bench_cell *cell, const bench_case *c, int threads);

/* The processors this process may use. */
int bench_cores(void);

/* Whether the system says how long a thread waited for a processor. */
int bench_sees_disturbance(void);

uint64_t bench_now_ns(void);

#endif
