/* The points: threads, handles, depth, windows. */
#include "growth.h"

#include <stdio.h>
#include <stdlib.h>

#include "memory.h"

growth_point *growth_add(growth *g, const char *plot, const char *series,
                         double x, bench_loop loop,
                         void *(*make)(const void *, const weir_allocator *),
                         const void *how)
{
    if (g->n == GROWTH_MAX_POINTS)
        abort();
    growth_point *p = &g->points[g->n++];
    uint64_t bytes = bench_counted_bytes();
    *p = (growth_point){plot, {0}, x, {{0}, loop, make, how, NULL, 0, 1, 0, 1,
                                       0, NULL}, 1, 0};
    snprintf(p->series, sizeof p->series, "%s", series);
    snprintf(p->c.name, sizeof p->c.name, "%s, %s %.0f", series, plot, x);
    p->c.handle = make ? make(how, bench_counting()) : NULL;
    p->bytes = bench_counted_bytes() - bytes;
    return p;
}

/* ---- breakers: how many of the calls fail ---- */

static const struct {
    const char *name;
    uint32_t each;
} failures[] = {{"healthy", 0}, {"1 % fail", 100}, {"half fail", 2}};

BENCH_LOOP(floor_loop, floor_run(handle, bench_nothing, NULL))
BENCH_LOOP(breaker, weir_breaker_run(handle, bench_nothing, NULL))
BENCH_LOOP(breaker_failing, weir_breaker_run(handle, bench_sometimes, thread))
BENCH_LOOP(pipeline, weir_run(handle, bench_nothing, NULL))
BENCH_LOOP(bulkhead, weir_bulkhead_run(handle, bench_nothing, NULL))

static void add_breaker(growth *g, const char *plot, const char *name,
                        double x, int threads, int failing,
                        const bench_window *window)
{
    char series[40];
    snprintf(series, sizeof series, "%s, %s", name, failures[failing].name);
    growth_point *p =
        growth_add(g, plot, series, x, failing ? breaker_failing : breaker,
                   bench_make_closed, window);
    p->c.fails_each = failures[failing].each;
    p->threads = threads;
}

/* ---- threads that share one handle ---- */

static const int thread_counts[] = {1, 2, 3, 4, 6, 8, 12, 16};

enum { THREAD_COUNTS = sizeof thread_counts / sizeof thread_counts[0] };

static void *make_recommended(const void *how, const weir_allocator *allocator)
{
    (void)how;
    return bench_recommended(allocator);
}

static void *make_bulkhead(const void *how, const weir_allocator *allocator)
{
    weir_bulkhead_options o;
    weir_bulkhead *made;
    (void)how;
    bench_must(weir_bulkhead_options_init(&o, sizeof o));
    o.max_concurrent = 1000;
    o.allocator = allocator;
    bench_must(weir_bulkhead_new(&made, &o));
    return made;
}

void growth_of_threads(growth *g)
{
    static const struct {
        const char *name;
        bench_loop loop;
        void *(*make)(const void *, const weir_allocator *);
    } others[] = {{"floor F", floor_loop, NULL},
                  {"bulkhead, free", bulkhead, make_bulkhead},
                  {"5 policies, healthy", pipeline, make_recommended}};
    for (int i = 0; i < 3; i++)
        for (int t = 0; t < THREAD_COUNTS; t++)
            growth_add(g, "threads", others[i].name, thread_counts[t],
                       others[i].loop, others[i].make, NULL)
                ->threads = thread_counts[t];
    for (int w = 0; w < 3; w++)
        for (int f = 0; f < 3; f++)
            for (int t = 0; t < THREAD_COUNTS; t++)
                add_breaker(g, "threads", bench_windows[w].name,
                            thread_counts[t], thread_counts[t], f,
                            &bench_windows[w]);
}

/* ---- handles, each call on another ---- */

enum { MOST_HANDLES = 1 << 20, MOST_WARM_UP = 1 << 17 };

typedef struct crowd {
    void **handles;
    uint32_t mask;
} crowd;

/* The next of the crowd in an order that no prefetcher guesses. */
static inline void *next_of(const crowd *c, bench_thread *thread)
{
    thread->at = thread->at * 6364136223846793005u + 1442695040888963407u;
    return c->handles[(thread->at >> 40) & c->mask];
}

static inline int touch(const void *handle)
{
    (void)*(const volatile char *)handle;
    return 0;
}

BENCH_LOOP(crowd_touch, touch(next_of(handle, thread)))
BENCH_LOOP(crowd_run, weir_breaker_run(next_of(handle, thread), bench_nothing,
                                       NULL))

/* Handles in use: their windows are full, where that is a number of calls. */
static void **make_handles(const bench_window *window, uint64_t *bytes_each)
{
    void **handles = malloc(MOST_HANDLES * sizeof *handles);
    uint64_t bytes = bench_counted_bytes();
    if (!handles)
        abort();
    for (int i = 0; i < MOST_HANDLES; i++) {
        handles[i] = bench_make_closed(window, bench_counting());
        for (uint32_t n = 0; n < window->calls; n++)
            weir_breaker_run(handles[i], bench_nothing, NULL);
    }
    *bytes_each = (bench_counted_bytes() - bytes) / MOST_HANDLES;
    return handles;
}

static void add_crowd(growth *g, const char *series, bench_loop loop,
                      void **handles, uint64_t bytes_each, uint32_t n)
{
    crowd *c = malloc(sizeof *c);
    if (!c)
        abort();
    *c = (crowd){handles, n - 1};
    growth_point *p = growth_add(g, "handles", series, n, loop, NULL, NULL);
    p->c.handle = c;
    p->c.warm_up = 4 * n < MOST_WARM_UP ? 4 * n : MOST_WARM_UP;
    p->bytes = bytes_each;
}

void growth_of_handles(growth *g)
{
    for (int w = 0; w < 3; w++) {
        uint64_t bytes_each;
        void **handles = make_handles(&bench_windows[w], &bytes_each);
        for (uint32_t n = 1; w == 0 && n <= MOST_HANDLES; n *= 16)
            add_crowd(g, "one byte of each", crowd_touch, handles, 0, n);
        for (uint32_t n = 1; n <= MOST_HANDLES; n *= 16)
            add_crowd(g, bench_windows[w].name, crowd_run, handles,
                      bytes_each, n);
    }
}

/* ---- policies in one pipeline ---- */

typedef struct depth {
    int policies;
    char kinds[WEIR_PIPELINE_MAX + 1]; /* of t, r, b, k; repeated */
} depth;

static void add_policy(weir_pipeline *p, char kind,
                       const weir_allocator *allocator)
{
    weir_timeout_options o;
    weir_timeout *timeout;
    weir_retry *retry;
    weir_breaker *guard;
    weir_bulkhead *room;
    switch (kind) {
    case 't':
        bench_must(weir_timeout_options_init(&o, sizeof o));
        o.timeout_ns = 1000000000;
        o.allocator = allocator;
        bench_must(weir_timeout_new(&timeout, &o));
        bench_must(weir_pipeline_add_timeout(p, timeout));
        return;
    case 'r':
        bench_must(weir_retry_new(&retry, NULL));
        bench_must(weir_pipeline_add_retry(p, retry));
        return;
    case 'b':
        guard = bench_make_closed(&bench_windows[0], allocator);
        bench_must(weir_pipeline_add_breaker(p, guard));
        return;
    default:
        room = make_bulkhead(NULL, allocator);
        bench_must(weir_pipeline_add_bulkhead(p, room));
    }
}

static void *make_deep(const void *how, const weir_allocator *allocator)
{
    const depth *d = how;
    weir_pipeline_options o;
    weir_pipeline *p;
    bench_must(weir_pipeline_options_init(&o, sizeof o));
    o.allocator = allocator;
    bench_must(weir_pipeline_new(&p, &o));
    for (int i = 0, k = 0; i < d->policies; i++) {
        add_policy(p, d->kinds[k], allocator);
        k = d->kinds[k + 1] ? k + 1 : 0;
    }
    bench_must(weir_pipeline_seal(p));
    return p;
}

void growth_of_depth(growth *g)
{
    static const struct {
        const char *name, *kinds;
    } shapes[] = {{"timeouts", "t"},
                  {"retries", "r"},
                  {"breakers", "b"},
                  {"bulkheads", "k"},
                  {"timeout, retry, breaker, bulkhead ...", "trbk"}};
    for (int s = 0; s < 5; s++)
        for (int n = 1; n <= WEIR_PIPELINE_MAX; n++) {
            depth d = {n, {0}};
            snprintf(d.kinds, sizeof d.kinds, "%s", shapes[s].kinds);
            growth_add(g, "policies", shapes[s].name, n, pipeline, make_deep,
                       &d);
        }
}

/* ---- the length of a window ---- */

void growth_of_windows(growth *g)
{
    static const uint32_t lengths[] = {1, 4, 16, 64, 256, 1024};
    for (int f = 0; f < 3; f++)
        for (int i = f ? 2 : 0; i < 6; i++) {
            bench_window w = bench_windows[1];
            w.calls = lengths[i];
            add_breaker(g, "calls in the window", "count", lengths[i], 1, f,
                        &w);
        }
    for (int f = 0; f < 3; f++)
        for (int i = 0; i < 4; i++) {
            bench_window w = bench_windows[2];
            w.buckets = lengths[i];
            add_breaker(g, "buckets", "time", lengths[i], 1, f, &w);
        }
}
