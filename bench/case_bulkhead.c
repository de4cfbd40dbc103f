/* The bulkhead: free, contended, full, and a permit that is handed over. */
#include "cases.h"

typedef struct room {
    uint32_t permits, taken, queue;
} room;

static const room wide = {1000, 0, 0}, narrow = {1, 0, 0}, full = {1, 1, 0},
                  queued = {1, 0, 20};

static void *make(const void *how, const weir_allocator *allocator)
{
    const room *r = how;
    weir_bulkhead_options o;
    weir_bulkhead *bulkhead;
    bench_must(weir_bulkhead_options_init(&o, sizeof o));
    o.max_concurrent = r->permits;
    o.max_queue = r->queue;
    o.allocator = allocator;
    bench_must(weir_bulkhead_new(&bulkhead, &o));
    for (uint32_t i = 0; i < r->taken; i++)
        bench_must(weir_bulkhead_try_acquire(bulkhead));
    return bulkhead;
}

static inline int by_permit(weir_bulkhead *bulkhead)
{
    int status = weir_bulkhead_try_acquire(bulkhead);
    return status == WEIR_OK ? weir_bulkhead_release(bulkhead) : status;
}

BENCH_LOOP(run, weir_bulkhead_run(handle, bench_nothing, NULL))
BENCH_LOOP(permit, by_permit(handle))

void bench_add_bulkheads(bench_list *list)
{
    bench_case *c = bench_add(list, "bulkhead: free", run, make, &wide);
    c->flags = BENCH_HEADLINE;
    c->floor = BENCH_PERMIT;
    bench_add(list, "bulkhead: free, permit", permit, make, &wide)->floor =
        BENCH_PERMIT;
    c = bench_add(list, "bulkhead: one permit for all", run, make, &narrow);
    c->flags = BENCH_LOOSE;
    c->floor = BENCH_SWAPS;
    c = bench_add(list, "bulkhead: full", run, make, &full);
    c->fails_each = 1;
    c->flags = BENCH_HEADLINE;
    c->floor = BENCH_LOOK;
    c = bench_add(list, "bulkhead: full, permit", permit, make, &full);
    c->fails_each = 1;
    c->floor = BENCH_LOOK;
    c = bench_add(list, "bulkhead: hand-over", run, make, &queued);
    c->least_threads = 2;
    c->flags = BENCH_BLOCKS;
    c->floor = BENCH_HAND_OVER;
}
