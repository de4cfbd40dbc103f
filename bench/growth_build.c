/* The time to build and to free a handle, beside how many there are. */
#define _POSIX_C_SOURCE 200809L
#include "growth.h"

#include <stdlib.h>
#include <time.h>

#include "memory.h"

enum { MOST = 1 << 20, LEAST_WORK = 1 << 14 };

typedef struct kind {
    const char *name;
    void *(*make)(const weir_allocator *allocator);
    void (*free)(void *handle);
    uint32_t most;
} kind;

static void *make_retry(const weir_allocator *allocator)
{
    weir_retry_options o;
    weir_retry *retry;
    bench_must(weir_retry_options_init(&o, sizeof o));
    o.allocator = allocator;
    bench_must(weir_retry_new(&retry, &o));
    return retry;
}

static void *make_bulkhead(const weir_allocator *allocator)
{
    weir_bulkhead_options o;
    weir_bulkhead *bulkhead;
    bench_must(weir_bulkhead_options_init(&o, sizeof o));
    o.allocator = allocator;
    bench_must(weir_bulkhead_new(&bulkhead, &o));
    return bulkhead;
}

static void *make_consecutive(const weir_allocator *allocator)
{
    return bench_make_closed(&bench_windows[0], allocator);
}

static void *make_count(const weir_allocator *allocator)
{
    return bench_make_closed(&bench_windows[1], allocator);
}

static void *make_time(const weir_allocator *allocator)
{
    return bench_make_closed(&bench_windows[2], allocator);
}

static void *make_recommended(const weir_allocator *allocator)
{
    return bench_recommended(allocator);
}

static void free_retry(void *handle) { weir_retry_unref(handle); }
static void free_bulkhead(void *handle) { weir_bulkhead_unref(handle); }
static void free_breaker(void *handle) { weir_breaker_unref(handle); }
static void free_pipeline(void *handle) { weir_pipeline_unref(handle); }

/* Processor time: too long for rounds that nothing disturbs. */
static uint64_t own_time_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* n handles at a time, as often as makes the work long enough to time. */
static growth_built build(const kind *k, uint32_t n, void **handles)
{
    uint32_t times = n < LEAST_WORK ? LEAST_WORK / n : 1;
    uint64_t build_ns = 0, free_ns = 0, bytes = 0;
    for (uint32_t t = 0; t < times; t++) {
        uint64_t before = bench_counted_bytes(), began_ns = own_time_ns();
        for (uint32_t i = 0; i < n; i++)
            handles[i] = k->make(bench_counting());
        uint64_t built_ns = own_time_ns();
        bytes = bench_counted_bytes() - before;
        for (uint32_t i = 0; i < n; i++)
            k->free(handles[i]);
        build_ns += built_ns - began_ns;
        free_ns += own_time_ns() - built_ns;
    }
    double all = (double)times * n;
    return (growth_built){k->name, n, (double)build_ns / all,
                          (double)free_ns / all, (double)bytes / n};
}

int growth_of_building(growth_built *built)
{
    static const kind kinds[] = {
        {"breaker, consecutive", make_consecutive, free_breaker, MOST},
        {"breaker, count 100", make_count, free_breaker, MOST},
        {"breaker, time, 10 buckets", make_time, free_breaker, MOST},
        {"bulkhead", make_bulkhead, free_bulkhead, MOST},
        {"retry", make_retry, free_retry, MOST},
        {"pipeline with its 5 policies", make_recommended, free_pipeline,
         MOST / 16},
    };
    void **handles = malloc(MOST * sizeof *handles);
    int count = 0;
    if (!handles)
        abort();
    for (unsigned i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        for (uint32_t n = 16; n <= kinds[i].most; n *= 16)
            built[count++] = build(&kinds[i], n, handles);
    free(handles);
    return count;
}
