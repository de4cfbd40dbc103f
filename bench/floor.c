#include "floor.h"

#include <stdatomic.h>
#include <time.h>

/* What the callback is given: as long as weir_attempt's first part. */
typedef struct attempt {
    void *call, *clock;
    uint64_t said, deadline_ns, began;
} attempt;

typedef struct line {
    _Alignas(128) _Atomic uint64_t word;
} line;

static line shared;
static _Thread_local line own __attribute__((tls_model("initial-exec")));

static inline uint64_t counter(void)
{
#if defined __x86_64__ || defined __i386__
    return __builtin_ia32_rdtsc();
#elif defined __aarch64__
    uint64_t count;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
#else
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_nsec;
#endif
}

static inline uint64_t coarse(void)
{
    struct timespec t;
#ifdef CLOCK_MONOTONIC_COARSE
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
#else
    clock_gettime(CLOCK_MONOTONIC, &t);
#endif
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static inline void swap(line *l, uint64_t more)
{
    uint64_t w = atomic_load_explicit(&l->word, memory_order_acquire);
    while (!atomic_compare_exchange_weak_explicit(&l->word, &w, w + more,
                                                  memory_order_acq_rel,
                                                  memory_order_acquire))
        ;
}

static inline int call(attempt *a, void *handle, uint64_t began, weir_fn fn,
                       void *arg)
{
    a->call = 0;
    a->clock = handle;
    a->said = 0;
    a->deadline_ns = UINT64_MAX;
    a->began = began;
    return fn((weir_attempt *)(void *)a, arg) | (int)a->said;
}

int floor_run(void *handle, weir_fn fn, void *arg)
{
    (void)handle;
    return fn(0, arg);
}

int floor_attempt(void *handle, weir_fn fn, void *arg)
{
    attempt a;
    return call(&a, handle, 0, fn, arg);
}

int floor_permit(void *handle, weir_fn fn, void *arg)
{
    attempt a;
    swap(&own, 1);
    int code = call(&a, handle, 0, fn, arg);
    swap(&own, UINT64_MAX);
    return code;
}

int floor_counter(void *handle, weir_fn fn, void *arg)
{
    attempt a;
    return call(&a, handle, counter(), fn, arg);
}

int floor_counter_permit(void *handle, weir_fn fn, void *arg)
{
    attempt a;
    swap(&own, 1);
    int code = call(&a, handle, counter(), fn, arg);
    swap(&own, UINT64_MAX);
    return code;
}

int floor_tally(void *handle, weir_fn fn, void *arg)
{
    attempt a;
    int code = call(&a, handle, 0, fn, arg);
    atomic_fetch_add(&own.word, coarse() | 1);
    return code;
}

int floor_timed_tally(void *handle, weir_fn fn, void *arg)
{
    attempt a;
    int code = call(&a, handle, counter(), fn, arg);
    atomic_fetch_add(&own.word, coarse() + counter() - a.began);
    return code;
}

int floor_swap(void *handle, weir_fn fn, void *arg)
{
    attempt a;
    int code = call(&a, handle, 0, fn, arg);
    swap(&shared, 1);
    return code;
}

int floor_swaps(void *handle, weir_fn fn, void *arg)
{
    attempt a;
    swap(&shared, 1);
    int code = call(&a, handle, 0, fn, arg);
    swap(&shared, UINT64_MAX);
    return code;
}

int floor_look(void *handle)
{
    return handle && atomic_load_explicit(&shared.word,
                                          memory_order_acquire) == 1;
}

int floor_look_at_clock(void *handle)
{
    return handle && coarse() == 1;
}
