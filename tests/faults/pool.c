/* Stories of runs on worker threads. */
#include "faults.h"

#include <pthread.h>

static weir_pool *make_pool(rig *r, uint32_t threads)
{
    weir_pool *pool;
    weir_pool_options o;
    weir_pool_options_init(&o, sizeof o);
    o.threads = threads;
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
    weir_pool *pool = make_pool(r, 3);
    MUST(weir_pool_close(pool, 1));
    MUST(weir_pool_close(pool, 0));
    weir_pool_unref(pool);
    weir_pool_unref(make_pool(r, 3)); /* its threads end by themselves */
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
    weir_pool *pool = make_pool(r, 3);
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

/* ---- functions that end their threads, of which there may be no more ---- */

typedef struct ending {
    weir_pool *pool;
    weir_pipeline *pipeline;
    pthread_t thread;
    int status;
} ending;

static int end_thread(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    pthread_exit(NULL);
}

static int succeed(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

static void *run_to_the_end(void *arg)
{
    ending *e = arg;
    e->status = weir_pool_run(e->pool, e->pipeline, NULL, end_thread,
                              take_arg(), give_arg, NULL);
    return NULL;
}

/* Nobody waits for a thread that does not come; once there may be threads
 * again, there are. */
static void tell_threads_that_end(rig *r)
{
    enum { RUNS = 3 };
    ending runs[RUNS];
    weir_pipeline *pipeline = new_pipeline(r, NULL, NULL, NULL, NULL);
    weir_pool *pool = make_pool(r, 1);
    take_failed();
    for (int i = 0; i < RUNS; i++) {
        runs[i] = (ending){pool, pipeline, 0, 0};
        CHECK(pthread_create(&runs[i].thread, NULL, run_to_the_end,
                             &runs[i]) == 0);
    }
    for (int i = 0; i < RUNS; i++)
        CHECK(pthread_join(runs[i].thread, NULL) == 0);
    int failed = take_failed() & HARD;
    for (int i = 0; i < RUNS; i++)
        CHECK(runs[i].status == WEIR_ECANCELED ||
              (failed && (runs[i].status == WEIR_ENOMEM ||
                          runs[i].status == WEIR_EFULL)));
    CALMLY(weir_pool_run(pool, pipeline, NULL, succeed, NULL, NULL, NULL));
    CALMLY(weir_pool_close(pool, 1));
    weir_pool_unref(pool);
    weir_pipeline_unref(pipeline);
}

const story pool_stories[] = {
    {"pools", tell_pools, 2 * 7},
    {"runs on a pool", tell_pool_runs, 7 + 4 * 5},
    {"threads that end", tell_threads_that_end, 5 + 3 * 5 + 2},
    {NULL, NULL, 0},
};
