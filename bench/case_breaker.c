/* The breaker: each window, each state, runs and permits, listeners. */
#include "cases.h"

#include <stdio.h>

enum { HALF_OPEN_PERIOD = 500 }; /* calls between two failures of a thread,
                                    which keep it half-open */

static const uint64_t year_ns = 365ull * 24 * 3600 * 1000000000;

const bench_window bench_windows[BENCH_WINDOWS] = {
    {"consecutive", WEIR_WINDOW_CONSECUTIVE, 100, 10, WEIR_NEVER},
    {"count", WEIR_WINDOW_COUNT, 100, 10, WEIR_NEVER},
    {"time", WEIR_WINDOW_TIME, 100, 10, WEIR_NEVER},
    {"time + slow", WEIR_WINDOW_TIME, 100, 10, 1000000000},
};

static weir_breaker_options options_of(const bench_window *window,
                                       const weir_allocator *allocator)
{
    weir_breaker_options o;
    bench_must(weir_breaker_options_init(&o, sizeof o));
    o.window = window->kind;
    o.window_calls = window->calls;
    o.minimum_calls = o.window_calls < 20 ? o.window_calls : 20;
    o.buckets = window->buckets;
    o.slow_call_ns = window->slow_call_ns;
    o.allocator = allocator;
    return o;
}

static weir_breaker *make(const weir_breaker_options *o)
{
    weir_breaker *breaker;
    bench_must(weir_breaker_new(&breaker, o));
    return breaker;
}

static void trip(weir_breaker *breaker)
{
    uint64_t permit;
    while (weir_breaker_acquire(breaker, &permit) == WEIR_OK)
        bench_must(weir_breaker_record(breaker, permit, WEIR_TRANSIENT, 0));
}

void *bench_make_closed(const void *window, const weir_allocator *allocator)
{
    weir_breaker_options o = options_of(window, allocator);
    o.failure_threshold = 1000000;
    o.failure_rate = 1;
    return make(&o);
}

static void *make_open(const void *window, const weir_allocator *allocator)
{
    weir_breaker_options o = options_of(window, allocator);
    o.open_ns = year_ns;
    weir_breaker *breaker = make(&o);
    trip(breaker);
    return breaker;
}

static void *make_half_open(const void *window,
                            const weir_allocator *allocator)
{
    weir_breaker_options o = options_of(window, allocator);
    o.failure_threshold = 1;
    o.minimum_calls = 1;
    o.failure_rate = 0.001;
    o.open_ns = 1;
    o.probes = 16;
    o.probe_successes = 1000;
    o.lease_ns = year_ns;
    o.clock = bench_clock();
    weir_breaker *breaker = make(&o);
    trip(breaker);
    bench_clock_skip();
    return breaker;
}

static void heard(const weir_event *event, void *arg)
{
    (void)event;
    (void)arg;
}

static void *make_listened(const void *window, const weir_allocator *allocator)
{
    weir_breaker *breaker = bench_make_closed(window, allocator);
    bench_must(weir_breaker_listen(breaker, heard, NULL, NULL));
    return breaker;
}

/* ---- loops ---- */

static inline int by_permit(weir_breaker *breaker, int code,
                            uint64_t elapsed_ns)
{
    uint64_t permit;
    int status = weir_breaker_acquire(breaker, &permit);
    if (status != WEIR_OK)
        return status;
    weir_breaker_record(breaker, permit,
                        code == 0 ? WEIR_SUCCESS : WEIR_TRANSIENT,
                        elapsed_ns);
    return code;
}

/* As by_permit, with the two clock readings that are the caller's then. */
static inline int by_timed_permit(weir_breaker *breaker, int fails,
                                  bench_thread *thread)
{
    uint64_t permit, began_ns;
    int status = weir_breaker_acquire(breaker, &permit), code = 0;
    if (status != WEIR_OK)
        return status;
    began_ns = weir_clock_now_ns(NULL);
    if (fails)
        code = bench_sometimes(NULL, thread);
    weir_breaker_record(breaker, permit,
                        code == 0 ? WEIR_SUCCESS : WEIR_TRANSIENT,
                        weir_clock_now_ns(NULL) - began_ns);
    return code;
}

/* A failure has opened it, or it is open: it is half-open again. */
static inline int half_open_again(int code)
{
    if (code != 0)
        bench_clock_skip();
    return code;
}

static int reset(weir_breaker *breaker)
{
    weir_breaker_reset(breaker);
    return 0;
}

BENCH_LOOP(run, weir_breaker_run(handle, bench_nothing, NULL))
BENCH_LOOP(run_failing, weir_breaker_run(handle, bench_sometimes, thread))
BENCH_LOOP(run_probe, half_open_again(weir_breaker_run(
                          handle, bench_sometimes, thread)))
BENCH_LOOP(permit, by_permit(handle, 0, WEIR_NEVER))
BENCH_LOOP(permit_failing, by_permit(handle, bench_sometimes(NULL, thread),
                                     WEIR_NEVER))
BENCH_LOOP(permit_probe, half_open_again(by_permit(
                             handle, bench_sometimes(NULL, thread), 0)))
BENCH_LOOP(timed, by_timed_permit(handle, 0, thread))
BENCH_LOOP(timed_failing, by_timed_permit(handle, 1, thread))
BENCH_LOOP(transition, reset(handle))

/* ---- the cases ---- */

typedef struct state {
    const char *name;
    void *(*make)(const void *, const weir_allocator *);
    bench_loop run, permit, timed_permit;
    uint32_t fails_each, flags;
    const char *floors[BENCH_WINDOWS]; /* one for each window */
    const char *permit_floors[BENCH_WINDOWS];
} state;

static const state states[] = {
    {"success", bench_make_closed, run, permit, timed, 0, BENCH_HEADLINE,
     {BENCH_ATTEMPT, BENCH_ATTEMPT, BENCH_TALLY, BENCH_TIMED_TALLY},
     {BENCH_LOOKS, BENCH_LOOKS, BENCH_TALLY, BENCH_TIMED_TALLY}},
    {"1 % fail", bench_make_closed, run_failing, permit_failing, timed_failing,
     100, BENCH_HEADLINE,
     {BENCH_ATTEMPT, BENCH_SWAP, BENCH_TALLY, BENCH_TIMED_TALLY},
     {BENCH_LOOKS, BENCH_SWAP, BENCH_TALLY, BENCH_TIMED_TALLY}},
    {"open", make_open, run, permit, permit, 1, 0,
     {BENCH_LOOK_AT_CLOCK, BENCH_LOOK_AT_CLOCK, BENCH_LOOK_AT_CLOCK,
      BENCH_LOOK_AT_CLOCK},
     {BENCH_LOOK_AT_CLOCK, BENCH_LOOK_AT_CLOCK, BENCH_LOOK_AT_CLOCK,
      BENCH_LOOK_AT_CLOCK}},
    {"half-open", make_half_open, run_probe, permit_probe, permit_probe,
     HALF_OPEN_PERIOD, BENCH_LOOSE,
     {BENCH_SWAPS, BENCH_SWAPS, BENCH_SWAPS, BENCH_SWAPS},
     {BENCH_SWAPS, BENCH_SWAPS, BENCH_SWAPS, BENCH_SWAPS}},
};

static void add_state(bench_list *list, const bench_window *window,
                      const state *s)
{
    char name[64];
    snprintf(name, sizeof name, "breaker, %s: %s", window->name, s->name);
    bench_case *c = bench_add(list, name, s->run, s->make, window);
    c->fails_each = s->fails_each;
    c->flags = s->flags;
    c->floor = s->floors[window - bench_windows];
    snprintf(name, sizeof name, "breaker, %s: %s, permit", window->name,
             s->name);
    c = bench_add(list, name,
                  window->slow_call_ns == WEIR_NEVER ? s->permit
                                                     : s->timed_permit,
                  s->make, window);
    c->fails_each = s->fails_each;
    c->flags = s->flags & BENCH_LOOSE;
    c->floor = s->permit_floors[window - bench_windows];
}

void bench_add_breakers(bench_list *list)
{
    for (int w = 0; w < BENCH_WINDOWS; w++)
        for (unsigned s = 0; s < sizeof states / sizeof states[0]; s++)
            add_state(list, &bench_windows[w], &states[s]);
    bench_add(list, "breaker, with a listener: success", run, make_listened,
              &bench_windows[0])->floor = BENCH_ATTEMPT;
    bench_add(list, "breaker: transition", transition, bench_make_closed,
              &bench_windows[0])->floor = BENCH_SWAP;
    bench_add(list, "breaker, with a listener: transition", transition,
              make_listened, &bench_windows[0])->floor = BENCH_SWAP;
}
