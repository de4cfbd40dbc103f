/* Stories of runs on worker threads. */
#include "faults.h"

static weir_pool *make_pool(rig *r)
{
    weir_pool *pool;
    weir_pool_options o;
    weir_pool_options_init(&o, sizeof o);
    o.threads = 3;
    o.max_queue = 2;
    o.allocator = r->allocator;
    MAKE(pool, weir_pool_new(&pool, &o));
    return pool;
}

static int fail_first(weir_attempt *attempt, void *arg)
{
    (void)arg;
    return weir_attempt_number(attempt) == 1 ? 7 : 0;
}

static void tell_pools(rig *r)
{
    weir_pool *pool = make_pool(r);
    MUST(weir_pool_close(pool, 1));
    MUST(weir_pool_close(pool, 0));
    weir_pool_unref(pool);
    weir_pool_unref(make_pool(r)); /* its threads end by themselves */
}

/* The jobs of a run that fails were never begun, or are done. */
static void tell_pool_runs(rig *r)
{
    weir_result result = {.size = sizeof result};
    weir_bulkhead *bulkhead = new_bulkhead(r);
    weir_bulkhead_ref(bulkhead);
    weir_pipeline *pipeline =
        new_pipeline(r, new_retry(r), NULL, bulkhead, NULL);
    weir_call_options o;
    weir_call_options_init(&o, sizeof o);
    o.cancel = new_cancel();
    weir_pool *pool = make_pool(r);
    ledger idle = owed();
    for (int i = 0; i < 3; i++) {
        settle(idle); /* a worker may still hold what the last run had */
        while (!WORKS(weir_pool_run(pool, pipeline, i ? &o : NULL, fail_first,
                                    take_arg(), give_arg, &result)))
            CHECK(weir_bulkhead_running(bulkhead) == 0);
        CHECK(result.code == 0 && result.attempts == 2);
    }
    MUST(weir_pool_close(pool, 1));
    settle(idle);
    MUST_GIVE(WEIR_ECANCELED,
              weir_pool_run(pool, pipeline, NULL, fail_first, take_arg(),
                            give_arg, NULL));
    CHECK(weir_bulkhead_running(bulkhead) == 0);
    weir_pool_unref(pool);
    weir_cancel_unref(o.cancel);
    weir_pipeline_unref(pipeline);
    weir_bulkhead_unref(bulkhead);
}

const story pool_stories[] = {
    {"pools", tell_pools, 2 * 7},
    {"runs on a pool", tell_pool_runs, 7 + 4 * 5},
    {NULL, NULL, 0},
};
