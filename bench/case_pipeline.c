/* Timeout, pipelines of 1, 3 and 5 policies, and the public stepper. */
#include "cases.h"

static weir_timeout *new_timeout(uint64_t ns, const weir_allocator *allocator)
{
    weir_timeout_options o;
    weir_timeout *timeout;
    bench_must(weir_timeout_options_init(&o, sizeof o));
    o.timeout_ns = ns;
    o.allocator = allocator;
    bench_must(weir_timeout_new(&timeout, &o));
    return timeout;
}

static void *make_timeout(const void *how, const weir_allocator *allocator)
{
    (void)how;
    return new_timeout(1000000000, allocator);
}

static weir_retry *new_retry(const weir_allocator *allocator)
{
    weir_retry_options o;
    weir_retry *retry;
    bench_must(weir_retry_options_init(&o, sizeof o));
    o.allocator = allocator;
    bench_must(weir_retry_new(&retry, &o));
    return retry;
}

static weir_bulkhead *new_bulkhead(const weir_allocator *allocator)
{
    weir_bulkhead_options o;
    weir_bulkhead *bulkhead;
    bench_must(weir_bulkhead_options_init(&o, sizeof o));
    o.max_concurrent = 1000;
    o.allocator = allocator;
    bench_must(weir_bulkhead_new(&bulkhead, &o));
    return bulkhead;
}

static weir_pipeline *new_pipeline(const weir_allocator *allocator)
{
    weir_pipeline_options o;
    weir_pipeline *pipeline;
    bench_must(weir_pipeline_options_init(&o, sizeof o));
    o.allocator = allocator;
    bench_must(weir_pipeline_new(&pipeline, &o));
    return pipeline;
}

/* The pipeline holds the policies; the references here are given back. */
static void *make_one(const void *how, const weir_allocator *allocator)
{
    weir_pipeline *pipeline = new_pipeline(allocator);
    weir_retry *retry = new_retry(allocator);
    (void)how;
    bench_must(weir_pipeline_add_retry(pipeline, retry));
    bench_must(weir_pipeline_seal(pipeline));
    weir_retry_unref(retry);
    return pipeline;
}

static void *make_three(const void *how, const weir_allocator *allocator)
{
    weir_pipeline *pipeline = new_pipeline(allocator);
    weir_timeout *timeout = new_timeout(1000000000, allocator);
    weir_retry *retry = new_retry(allocator);
    weir_breaker *breaker = bench_make_closed(&bench_windows[0], allocator);
    (void)how;
    bench_must(weir_pipeline_add_timeout(pipeline, timeout));
    bench_must(weir_pipeline_add_retry(pipeline, retry));
    bench_must(weir_pipeline_add_breaker(pipeline, breaker));
    bench_must(weir_pipeline_seal(pipeline));
    weir_timeout_unref(timeout);
    weir_retry_unref(retry);
    weir_breaker_unref(breaker);
    return pipeline;
}

weir_pipeline *bench_recommended(const weir_allocator *allocator)
{
    weir_pipeline *pipeline = new_pipeline(allocator);
    weir_timeout *total = new_timeout(2000000000, allocator);
    weir_timeout *each = new_timeout(1000000000, allocator);
    weir_retry *retry = new_retry(allocator);
    weir_breaker *breaker = bench_make_closed(&bench_windows[0], allocator);
    weir_bulkhead *bulkhead = new_bulkhead(allocator);
    bench_must(weir_pipeline_add_timeout(pipeline, total));
    bench_must(weir_pipeline_add_retry(pipeline, retry));
    bench_must(weir_pipeline_add_breaker(pipeline, breaker));
    bench_must(weir_pipeline_add_bulkhead(pipeline, bulkhead));
    bench_must(weir_pipeline_add_timeout(pipeline, each));
    bench_must(weir_pipeline_seal(pipeline));
    weir_timeout_unref(total);
    weir_timeout_unref(each);
    weir_retry_unref(retry);
    weir_breaker_unref(breaker);
    weir_bulkhead_unref(bulkhead);
    return pipeline;
}

static void *make_five(const void *how, const weir_allocator *allocator)
{
    (void)how;
    return bench_recommended(allocator);
}

static int step_to_end(weir_call *call, uint64_t now_ns)
{
    weir_step step = {.size = sizeof step};
    while (weir_call_step(call, now_ns, &step) == WEIR_OK &&
           step.action == WEIR_STEP_ATTEMPT)
        weir_attempt_finish(step.attempt, bench_nothing(step.attempt, NULL),
                            now_ns);
    return step.action != WEIR_STEP_DONE;
}

int bench_step_through(weir_pipeline *pipeline, uint64_t now_ns)
{
    weir_call *call;
    int status = weir_call_new(&call, pipeline, NULL);
    if (status != WEIR_OK)
        return status;
    status = step_to_end(call, now_ns);
    weir_call_unref(call);
    return status;
}

/* As a connection of an event loop does, which keeps its call. */
static uint64_t step_again(void *handle, bench_thread *thread, uint64_t calls)
{
    uint64_t failed = 0, now_ns = weir_clock_now_ns(NULL);
    weir_call *call;
    (void)thread;
    if (weir_call_new(&call, handle, NULL) != WEIR_OK)
        return calls;
    for (uint64_t i = 0; i < calls; i++)
        failed += step_to_end(call, now_ns) != 0 ||
                  weir_call_reset(call, NULL) != WEIR_OK;
    weir_call_unref(call);
    return failed;
}

/* As an event loop does: one reading of the clock for many calls. */
static uint64_t step_at_loop_time(void *handle, bench_thread *thread,
                                  uint64_t calls)
{
    uint64_t failed = 0, now_ns = weir_clock_now_ns(NULL);
    (void)thread;
    for (uint64_t i = 0; i < calls; i++)
        failed += bench_step_through(handle, now_ns) != 0;
    return failed;
}

BENCH_LOOP(run_timeout, weir_timeout_run(handle, bench_nothing, NULL))
BENCH_LOOP(run, weir_run(handle, bench_nothing, NULL))
BENCH_LOOP(step_now, bench_step_through(handle, WEIR_NOW))

void bench_add_pipelines(bench_list *list)
{
    static const struct {
        const char *name;
        bench_loop loop;
        void *(*make)(const void *, const weir_allocator *);
        uint32_t flags;
        const char *floor;
    } cases[] = {
        {"timeout", run_timeout, make_timeout, BENCH_HEADLINE, BENCH_COUNTER},
        {"pipeline, 1 policy", run, make_one, 0, BENCH_ATTEMPT},
        {"pipeline, 3 policies", run, make_three, BENCH_HEADLINE,
         BENCH_COUNTER},
        {"pipeline, 5 policies", run, make_five, BENCH_HEADLINE,
         BENCH_COUNTER_PERMIT},
        {"stepper, 1 policy", step_at_loop_time, make_one, BENCH_ON_HEAP,
         BENCH_ATTEMPT},
        {"stepper, 5 policies", step_again, make_five, /* one call for all */
         BENCH_HEADLINE | BENCH_ON_HEAP, BENCH_PERMIT},
        {"stepper, 5 policies, new call", step_at_loop_time, make_five,
         BENCH_ON_HEAP, BENCH_PERMIT},
        {"stepper, 5 policies, WEIR_NOW", step_now, make_five, BENCH_ON_HEAP,
         BENCH_COUNTER_PERMIT},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bench_case *c = bench_add(list, cases[i].name, cases[i].loop,
                                  cases[i].make, NULL);
        c->flags = cases[i].flags;
        c->floor = cases[i].floor;
    }
}
