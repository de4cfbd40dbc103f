#include "cases.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

void bench_must(int status)
{
    if (status == WEIR_OK)
        return;
    fprintf(stderr, "bench: %s\n", weir_strerror(status));
    exit(1);
}

int bench_nothing(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

int bench_sometimes(weir_attempt *attempt, void *arg)
{
    bench_thread *thread = arg;
    (void)attempt;
    if (--thread->until_failure > 0)
        return 0;
    thread->until_failure = thread->fails_each;
    return 1;
}

static _Atomic uint64_t skipped_ns;

static uint64_t skipping_now(void *arg)
{
    (void)arg;
    return bench_now_ns() +
           atomic_load_explicit(&skipped_ns, memory_order_relaxed);
}

weir_clock *bench_clock(void)
{
    static weir_clock *clock;
    if (!clock)
        bench_must(weir_clock_new_custom(&clock, skipping_now, NULL, NULL));
    return clock;
}

void bench_clock_skip(void)
{
    atomic_fetch_add_explicit(&skipped_ns, 4000000, memory_order_relaxed);
}

bench_case *bench_add(bench_list *list, const char *name, bench_loop loop,
                      void *(*make)(const void *, const weir_allocator *),
                      const void *how)
{
    if (list->n == BENCH_MAX_CASES)
        abort();
    bench_case *c = &list->cases[list->n++];
    *c = (bench_case){{0}, loop, make, how, NULL, 0, 1, 0, 1, 0, NULL};
    snprintf(c->name, sizeof c->name, "%s", name);
    return c;
}

void bench_add_all(bench_list *list)
{
    bench_add_floors(list);
    bench_add_breakers(list);
    bench_add_retries(list);
    bench_add_bulkheads(list);
    bench_add_pipelines(list);
    for (int i = 0; i < list->n; i++)
        if (list->cases[i].make)
            list->cases[i].handle =
                list->cases[i].make(list->cases[i].how, NULL);
}
