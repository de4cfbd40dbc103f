/* weir's rows, through the shared library as users call it, with a callback;
 * and the floor of C: an empty call into a shared library that calls back. */
#include "floor.h"
#include "rounds.h"

#include <stdio.h>
#include <stdlib.h>

static const uint64_t SECOND = 1000000000, HOUR = 3600 * (uint64_t)1000000000;

static int succeed(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

static int fail(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 1;
}

static int runs;

static int count_success(weir_attempt *attempt, void *arg)
{
    runs++;
    return succeed(attempt, arg);
}

static int count_failure(weir_attempt *attempt, void *arg)
{
    runs++;
    return fail(attempt, arg);
}

static const bodies quick = {succeed, fail};
static const bodies counting = {count_success, count_failure};

/* ---- chunks of calls; each returns how many results were wrong ---- */

#define CHUNK(name, call, expected)                                           \
    static int name(void *h, const bodies *b)                                 \
    {                                                                         \
        int wrong = 0;                                                        \
        for (int i = 0; i < CALLS; i++)                                       \
            wrong += (call) != (expected);                                    \
        return wrong;                                                         \
    }

CHUNK(bare, floor_run(h, b->ok, NULL), 0)
CHUNK(retry_ok, weir_retry_run(h, b->ok, NULL), 0)
CHUNK(retry_fail, weir_retry_run(h, b->fail, NULL), 1)
CHUNK(breaker_ok, weir_breaker_run(h, b->ok, NULL), 0)
CHUNK(breaker_open, weir_breaker_run(h, b->ok, NULL), WEIR_EOPEN)
CHUNK(bulkhead_free, weir_bulkhead_run(h, b->ok, NULL), 0)
CHUNK(bulkhead_full, weir_bulkhead_run(h, b->ok, NULL), WEIR_EFULL)
CHUNK(timeout_ok, weir_timeout_run(h, b->ok, NULL), 0)
CHUNK(pipeline_ok, weir_run(h, b->ok, NULL), 0)
CHUNK(budget_empty, ((void)b, weir_budget_reserve(h)), WEIR_EBUDGET)

static int breaker_some_fail(void *h, const bodies *b)
{
    int wrong = 0;
    for (int i = 0; i < CALLS / 100; i++) {
        for (int j = 0; j < 99; j++)
            wrong += weir_breaker_run(h, b->ok, NULL) != 0;
        wrong += weir_breaker_run(h, b->fail, NULL) != 1;
    }
    return wrong;
}

/* ---- the handles ---- */

static void must(int status)
{
    if (status == WEIR_OK)
        return;
    fprintf(stderr, "weir: %s\n", weir_strerror(status));
    exit(1);
}

static weir_breaker *new_breaker(uint32_t window, uint64_t slow_call_ns)
{
    weir_breaker *breaker;
    weir_breaker_options o;
    must(weir_breaker_options_init(&o, sizeof o));
    o.window = window;
    o.slow_call_ns = slow_call_ns;
    o.open_ns = HOUR;
    must(weir_breaker_new(&breaker, &o));
    return breaker;
}

static weir_breaker *new_open_breaker(void)
{
    weir_breaker *breaker = new_breaker(WEIR_WINDOW_CONSECUTIVE, WEIR_NEVER);
    while (weir_breaker_state(breaker) == WEIR_CLOSED)
        weir_breaker_run(breaker, fail, NULL);
    return breaker;
}

static weir_retry *new_retry(void)
{
    weir_retry *retry;
    weir_retry_options o;
    must(weir_retry_options_init(&o, sizeof o));
    o.max_attempts = 3;
    o.base_ns = 0;
    must(weir_retry_new(&retry, &o));
    return retry;
}

static weir_bulkhead *new_bulkhead(void)
{
    weir_bulkhead *bulkhead;
    weir_bulkhead_options o;
    must(weir_bulkhead_options_init(&o, sizeof o));
    o.max_queue = 0;
    must(weir_bulkhead_new(&bulkhead, &o));
    return bulkhead;
}

static weir_bulkhead *new_full_bulkhead(void)
{
    weir_bulkhead *bulkhead = new_bulkhead();
    while (weir_bulkhead_try_acquire(bulkhead) == WEIR_OK)
        ;
    return bulkhead;
}

static weir_timeout *new_timeout(void)
{
    weir_timeout *timeout;
    weir_timeout_options o;
    must(weir_timeout_options_init(&o, sizeof o));
    o.timeout_ns = SECOND;
    must(weir_timeout_new(&timeout, &o));
    return timeout;
}

static weir_budget *new_empty_budget(void)
{
    weir_budget *budget;
    weir_budget_options o;
    must(weir_budget_options_init(&o, sizeof o));
    o.per_second = 0;
    must(weir_budget_new(&budget, &o));
    while (weir_budget_reserve(budget) == WEIR_OK)
        ;
    return budget;
}

static weir_pipeline *new_pipeline_of_3(void)
{
    weir_pipeline *pipeline;
    must(weir_pipeline_new(&pipeline, NULL));
    must(weir_pipeline_add_timeout(pipeline, new_timeout()));
    must(weir_pipeline_add_retry(pipeline, new_retry()));
    must(weir_pipeline_add_breaker(
        pipeline, new_breaker(WEIR_WINDOW_CONSECUTIVE, WEIR_NEVER)));
    must(weir_pipeline_seal(pipeline));
    return pipeline;
}

static weir_pipeline *new_pipeline_of_5(void)
{
    weir_pipeline *pipeline;
    must(weir_pipeline_new_recommended(&pipeline, 2 * SECOND, SECOND));
    return pipeline;
}

static void add(const char *scene, chunk_fn chunk, void *handle, int expected)
{
    const char *library = chunk == bare ? "C" : "weir";
    rounds_add(&(row){scene, library, chunk, handle, &quick});
    runs = 0;
    int wrong = chunk(handle, &counting);
    if (wrong == 0 && runs == expected * CALLS)
        return;
    fprintf(stderr, "%s: %d wrong results, %d runs\n", scene, wrong, runs);
    exit(1);
}

int main(void)
{
    add("call", bare, NULL, 1);
    add("retry", retry_ok, new_retry(), 1);
    add("retry-fail", retry_fail, new_retry(), 3);
    add("breaker", breaker_ok, new_breaker(WEIR_WINDOW_CONSECUTIVE, WEIR_NEVER),
        1);
    add("breaker-count", breaker_ok, new_breaker(WEIR_WINDOW_COUNT, WEIR_NEVER),
        1);
    add("breaker-count-1", breaker_some_fail,
        new_breaker(WEIR_WINDOW_COUNT, WEIR_NEVER), 1);
    add("breaker-time", breaker_ok, new_breaker(WEIR_WINDOW_TIME, WEIR_NEVER),
        1);
    add("breaker-timed", breaker_ok, new_breaker(WEIR_WINDOW_TIME, SECOND), 1);
    add("breaker-open", breaker_open, new_open_breaker(), 0);
    add("bulkhead", bulkhead_free, new_bulkhead(), 1);
    add("bulkhead-full", bulkhead_full, new_full_bulkhead(), 0);
    add("timeout", timeout_ok, new_timeout(), 1);
    add("pipeline-3", pipeline_ok, new_pipeline_of_3(), 1);
    add("pipeline-5", pipeline_ok, new_pipeline_of_5(), 1);
    add("bucket-empty", budget_empty, new_empty_budget(), 0);
    return rounds_serve();
}
