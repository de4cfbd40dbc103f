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
    pthread_cond_t is_free;
    _Alignas(128) uint64_t guarded;
    int taken;
} shared = {.mutex = PTHREAD_MUTEX_INITIALIZER,
            .is_free = PTHREAD_COND_INITIALIZER};

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

/* One permit for all. */
static int take_turns(void)
{
    pthread_mutex_lock(&shared.mutex);
    while (shared.taken)
        pthread_cond_wait(&shared.is_free, &shared.mutex);
    shared.taken = 1;
    pthread_mutex_unlock(&shared.mutex);
    int code = hidden(NULL, NULL);
    pthread_mutex_lock(&shared.mutex);
    shared.taken = 0;
    pthread_cond_signal(&shared.is_free);
    pthread_mutex_unlock(&shared.mutex);
    return code;
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
BENCH_LOOP(attempt, floor_attempt(handle, bench_nothing, NULL))
BENCH_LOOP(permit, floor_permit(handle, bench_nothing, NULL))
BENCH_LOOP(with_counter, floor_counter(handle, bench_nothing, NULL))
BENCH_LOOP(counter_permit, floor_counter_permit(handle, bench_nothing, NULL))
BENCH_LOOP(tally, floor_tally(handle, bench_nothing, NULL))
BENCH_LOOP(timed_tally, floor_timed_tally(handle, bench_nothing, NULL))
BENCH_LOOP(swap, floor_swap(handle, bench_nothing, NULL))
BENCH_LOOP(swaps, floor_swaps(handle, bench_nothing, NULL))
BENCH_LOOP(look, floor_look(&shared))
BENCH_LOOP(looks, floor_look(&shared) + floor_look(thread))
BENCH_LOOP(look_at_clock, floor_look_at_clock(&shared))
BENCH_LOOP(hand_over, take_turns())
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
    static const struct {
        const char *name;
        bench_loop loop;
        uint32_t flags;
    } cases[] = {
        {BENCH_FLOOR, library, BENCH_HEADLINE},
        {BENCH_ATTEMPT, attempt, 0},
        {BENCH_COUNTER, with_counter, 0},
        {BENCH_PERMIT, permit, 0},
        {BENCH_COUNTER_PERMIT, counter_permit, 0},
        {BENCH_TALLY, tally, 0},
        {BENCH_TIMED_TALLY, timed_tally, 0},
        {BENCH_SWAP, swap, 0},
        {BENCH_SWAPS, swaps, 0},
        {BENCH_LOOK, look, BENCH_LOOSE},
        {BENCH_LOOKS, looks, BENCH_LOOSE},
        {BENCH_LOOK_AT_CLOCK, look_at_clock, 0},
        {BENCH_INDIRECT, indirect, 0},
        {BENCH_LOAD, relaxed_load, BENCH_LOOSE},
        {"floor: fetch_add, own line", add_own, 0},
        {"floor: fetch_add, shared line", add_shared, 0},
        {"floor: compare-exchange loop, shared", exchange_shared, 0},
        {"floor: mutex lock and unlock, shared", mutex_shared, 0},
        {"floor: CLOCK_MONOTONIC", monotonic, 0},
#ifdef CLOCK_MONOTONIC_COARSE
        {"floor: CLOCK_MONOTONIC_COARSE", coarse, 0},
#endif
#if defined(__x86_64__) || defined(__i386__)
        {"floor: rdtsc", counter, 0},
#endif
        {"floor: malloc and free, 64 bytes", memory, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++)
        bench_add(list, cases[i].name, cases[i].loop, NULL, NULL)->flags =
            cases[i].flags;
    bench_add(list, "floor: F, 1 % of callbacks fail", library_failing, NULL,
              NULL)->fails_each = 100;
    bench_case *c = bench_add(list, BENCH_HAND_OVER, hand_over, NULL, NULL);
    c->least_threads = 2;
    c->flags = BENCH_BLOCKS;
}
