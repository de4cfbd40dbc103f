/* What the machine itself takes for the things that a call is made of. */
#include "cases.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

static struct {
    _Alignas(128) _Atomic uint64_t word;
    _Alignas(128) pthread_mutex_t mutex;
    _Alignas(128) uint64_t guarded;
} shared = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local struct {
    _Alignas(128) _Atomic uint64_t word;
} own;

/* The compiler shall not see what it points to. */
static weir_fn volatile hidden = bench_nothing;

static int add(_Atomic uint64_t *word)
{
    atomic_fetch_add_explicit(word, 1, memory_order_relaxed);
    return 0;
}

static int add_by_exchange(_Atomic uint64_t *word)
{
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(word, &old, old + 1,
                                                  memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
    return 0;
}

static int add_locked(void)
{
    pthread_mutex_lock(&shared.mutex);
    shared.guarded++;
    return pthread_mutex_unlock(&shared.mutex);
}

static int read_clock(clockid_t clock)
{
    struct timespec t;
    return clock_gettime(clock, &t);
}

static int allocate_and_free(void)
{
    void *volatile memory = malloc(64);
    free(memory);
    return 0;
}

BENCH_LOOP(indirect, hidden(NULL, thread))
BENCH_LOOP(library, floor_run(handle, bench_nothing, NULL))
BENCH_LOOP(library_failing, floor_run(handle, bench_sometimes, thread))
BENCH_LOOP(relaxed_load, atomic_load_explicit(&shared.word,
                                              memory_order_relaxed) == 1)
BENCH_LOOP(add_own, add(&own.word))
BENCH_LOOP(add_shared, add(&shared.word))
BENCH_LOOP(exchange_shared, add_by_exchange(&shared.word))
BENCH_LOOP(mutex_shared, add_locked())
BENCH_LOOP(monotonic, read_clock(CLOCK_MONOTONIC))
#ifdef CLOCK_MONOTONIC_COARSE
BENCH_LOOP(coarse, read_clock(CLOCK_MONOTONIC_COARSE))
#endif
#if defined(__x86_64__) || defined(__i386__)
BENCH_LOOP(counter, __rdtsc() == 0)
#endif
BENCH_LOOP(memory, allocate_and_free())

void bench_add_floors(bench_list *list)
{
    bench_add(list, BENCH_FLOOR, library, NULL, NULL)->flags = BENCH_HEADLINE;
    bench_add(list, "floor: the same, 1 % of callbacks fail", library_failing,
              NULL, NULL)->fails_each = 100;
    bench_add(list, "floor: indirect call", indirect, NULL, NULL);
    bench_add(list, "floor: relaxed load, shared", relaxed_load, NULL,
              NULL)->flags = BENCH_LOOSE;
    bench_add(list, "floor: fetch_add, own line", add_own, NULL, NULL);
    bench_add(list, "floor: fetch_add, shared line", add_shared, NULL, NULL);
    bench_add(list, "floor: compare-exchange loop, shared", exchange_shared,
              NULL, NULL);
    bench_add(list, "floor: mutex lock and unlock, shared", mutex_shared, NULL,
              NULL);
    bench_add(list, "floor: CLOCK_MONOTONIC", monotonic, NULL, NULL);
#ifdef CLOCK_MONOTONIC_COARSE
    bench_add(list, "floor: CLOCK_MONOTONIC_COARSE", coarse, NULL, NULL);
#endif
#if defined(__x86_64__) || defined(__i386__)
    bench_add(list, "floor: rdtsc", counter, NULL, NULL);
#endif
    bench_add(list, "floor: malloc and free, 64 bytes", memory, NULL, NULL);
}
