/* Runs that nothing keeps waiting: who cancels them, and who leaves them his
 * permit. */
#include "between.h"

#include <string.h>

static weir_pipeline *pipeline;
static weir_breaker *breaker;
static weir_cancel *token;
static int failures; /* of the function, before it succeeds */
static int told, runs;

static void on_cancel(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    told++;
}

static int work(weir_attempt *attempt, void *arg)
{
    (void)arg;
    must(weir_attempt_on_cancel(attempt, on_cancel, 0));
    return runs++ < failures;
}

static uint64_t run(int who)
{
    weir_call_options options;
    (void)who;
    must(weir_call_options_init(&options, sizeof options));
    options.cancel = token;
    return (uint64_t)weir_run_with(pipeline, &options, work, 0, 0);
}

static uint64_t fire(int who)
{
    (void)who;
    weir_cancel_fire(token);
    return 0;
}

static uint64_t trip(int who)
{
    (void)who;
    return (uint64_t)weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
}

static void begin(int variant)
{
    weir_retry_options options;
    weir_retry *retry;
    must(weir_retry_options_init(&options, sizeof options));
    options.base_ns = 0;
    must(weir_retry_new(&retry, &options));
    must(weir_breaker_new(&breaker, 0));
    must(weir_cancel_new(&token));
    must(weir_pipeline_new(&pipeline, 0));
    must(weir_pipeline_add_retry(pipeline, retry));
    must(weir_pipeline_add_breaker(pipeline, breaker));
    must(weir_pipeline_seal(pipeline));
    weir_retry_unref(retry);
    failures = variant;
    told = runs = 0;
}

static void end(void)
{
    if (told > 1)
        fail("%d attempts were told to stop", told);
    if (told > 0 && !weir_cancel_fired(token))
        fail("an attempt was told to stop by nobody");
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_cancel_unref(token);
}

static const operation operations[] = {
    {"run", run, 1},
    {"fire the token", fire, 0},
    {"force the breaker open", trip, 0},
    {0, 0, 0}};

const world run_world = {"blocking run", 3, begin, operations, end};

/* ---- a permit, and the breaker inside of it that its holder trips ---- */

static weir_bulkhead *bulkhead;
static int is_held;

static int succeed(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

static uint64_t run_straight(int who)
{
    (void)who;
    return (uint64_t)weir_run(pipeline, succeed, 0);
}

static uint64_t run_stepped(int who)
{
    weir_call *call;
    weir_step out = {.size = sizeof out};
    weir_result result = {.size = sizeof result};
    (void)who;
    must(weir_call_new(&call, pipeline, 0));
    must(weir_call_step(call, WEIR_NOW, &out));
    if (out.action == WEIR_STEP_ATTEMPT)
        must(weir_call_finish(call, out.attempt, 0, WEIR_NOW, &out));
    must(weir_call_result(call, &result));
    weir_call_unref(call);
    return (uint64_t)result.code;
}

static uint64_t trip_and_leave(int who)
{
    if (is_held) {
        is_held = 0;
        trip(who);
        must(weir_bulkhead_release(bulkhead));
    }
    return 0;
}

static void begin_full(int variant)
{
    weir_bulkhead_options options;
    (void)variant;
    must(weir_bulkhead_options_init(&options, sizeof options));
    options.max_concurrent = 1;
    options.max_queue = 0;
    must(weir_bulkhead_new(&bulkhead, &options));
    must(weir_breaker_new(&breaker, 0));
    must(weir_pipeline_new(&pipeline, 0));
    must(weir_pipeline_add_bulkhead(pipeline, bulkhead));
    must(weir_pipeline_add_breaker(pipeline, breaker));
    must(weir_pipeline_seal(pipeline));
    must(weir_bulkhead_try_acquire(bulkhead));
    is_held = 1;
}

static void end_full(void)
{
    trip_and_leave(0);
    if (weir_bulkhead_running(bulkhead) != 0)
        fail("a permit was lost");
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_bulkhead_unref(bulkhead);
}

static const operation full_operations[] = {
    {"run", run_straight, 0},
    {"run by steps", run_stepped, 0},
    {"trip and leave", trip_and_leave, 0},
    {0, 0, 0}};

const world permit_world = {"permit", 1, begin_full, full_operations,
                            end_full};
