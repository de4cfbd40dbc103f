#include "verdict_case.h"

#include <string.h>

uint64_t verdict_now(verdicts *x)
{
    return weir_clock_now_ns(x->clock);
}

uint64_t verdict_time(verdicts *x)
{
    return random_time(&x->run->random, 1000);
}

/* ---- the pipeline ---- */

static void add_timeout(verdicts *x, weir_pipeline *pipeline,
                        uint64_t timeout_ns)
{
    weir_timeout *timeout;
    weir_timeout_options o;
    weir_timeout_options_init(&o, sizeof o);
    o.timeout_ns = timeout_ns;
    o.clock = x->clock;
    o.allocator = &x->ledger.allocator;
    CHECK(x->run, weir_timeout_new(&timeout, &o) == WEIR_OK);
    CHECK(x->run, weir_pipeline_add_timeout(pipeline, timeout) == WEIR_OK);
    weir_timeout_unref(timeout);
}

/* Never trips; its window shows what it has counted. */
static void add_breaker(verdicts *x, uint32_t at)
{
    weir_breaker_options o;
    weir_breaker_options_init(&o, sizeof o);
    o.window = WEIR_WINDOW_COUNT;
    o.window_calls = o.minimum_calls = 10;
    o.clock = x->clock;
    o.allocator = &x->ledger.allocator;
    CHECK(x->run, weir_breaker_new(&x->breakers[at], &o) == WEIR_OK);
    CHECK(x->run, weir_pipeline_add_breaker(x->pipeline, x->breakers[at]) ==
                      WEIR_OK);
}

static void add_bulkhead(verdicts *x, uint32_t at)
{
    weir_bulkhead_options o;
    weir_bulkhead_options_init(&o, sizeof o);
    o.max_concurrent = 1;
    o.queue_ns = x->queue_ns = verdict_time(x);
    o.clock = x->clock;
    o.allocator = &x->ledger.allocator;
    CHECK(x->run, weir_bulkhead_new(&x->bulkhead, &o) == WEIR_OK);
    CHECK(x->run,
          weir_pipeline_add_bulkhead(x->pipeline, x->bulkhead) == WEIR_OK);
    x->bulkhead_at = at;
}

static void add_retry(verdicts *x)
{
    weir_retry *retry;
    weir_retry_options o;
    weir_retry_options_init(&o, sizeof o);
    o.base_ns = o.cap_ns = x->c.backoff_ns;
    o.jitter = WEIR_JITTER_NONE;
    o.retry_on = x->c.retry_on;
    o.clock = x->clock;
    o.allocator = &x->ledger.allocator;
    CHECK(x->run, weir_retry_new(&retry, &o) == WEIR_OK);
    CHECK(x->run, weir_pipeline_add_retry(x->pipeline, retry) == WEIR_OK);
    weir_retry_unref(retry);
}

static weir_pipeline *new_pipeline(verdicts *x)
{
    weir_pipeline *pipeline;
    weir_pipeline_options o;
    weir_pipeline_options_init(&o, sizeof o);
    o.clock = x->clock;
    o.allocator = &x->ledger.allocator;
    CHECK(x->run, weir_pipeline_new(&pipeline, &o) == WEIR_OK);
    return pipeline;
}

static void add_layer(verdicts *x, uint32_t at, verdict_kind kind)
{
    x->c.layers[at] = (verdict_layer){kind, WEIR_NEVER, 0, 0};
    switch (kind) {
    case V_TIMEOUT:
        x->c.layers[at].deadline_ns = x->began_ns + verdict_time(x);
        add_timeout(x, x->pipeline,
                    x->c.layers[at].deadline_ns - x->began_ns);
        break;
    case V_BREAKER:
        add_breaker(x, at);
        break;
    case V_BULKHEAD:
        add_bulkhead(x, at);
        break;
    case V_RETRY:
        add_retry(x);
        break;
    }
}

static void build(verdicts *x)
{
    random_source *random = &x->run->random;
    int retries = 0;
    x->c.count = (uint32_t)random_between(random, 1, VERDICT_LAYERS_MAX);
    x->c.retry_on = (uint32_t)random_below(random, 8);
    x->c.backoff_ns = verdict_time(x);
    x->pipeline = new_pipeline(x);
    for (uint32_t i = 0; i < x->c.count; i++) {
        verdict_kind kind = (verdict_kind)random_below(random, 4);
        if ((kind == V_BULKHEAD && x->bulkhead) ||
            (kind == V_RETRY && retries++))
            kind = V_TIMEOUT;
        add_layer(x, i, kind);
    }
    CHECK(x->run, weir_pipeline_seal(x->pipeline) == WEIR_OK);
}

/* ---- the call ---- */

static void make_parent(verdicts *x, weir_call_options *o)
{
    weir_call_options outer;
    weir_step s = {.size = sizeof s};
    uint64_t timeout_ns = verdict_time(x);
    x->outer = new_pipeline(x);
    add_timeout(x, x->outer, timeout_ns);
    CHECK(x->run, weir_pipeline_seal(x->outer) == WEIR_OK);
    weir_call_options_init(&outer, sizeof outer);
    outer.cancel = x->token;
    CHECK(x->run, weir_call_new(&x->outer_call, x->outer, &outer) == WEIR_OK);
    CHECK(x->run,
          weir_call_step(x->outer_call, x->began_ns, &s) == WEIR_OK);
    x->parent = s.attempt;
    o->parent = x->parent;
    if (x->began_ns + timeout_ns < x->c.call_deadline_ns)
        x->c.call_deadline_ns = x->began_ns + timeout_ns;
}

static void make_call(verdicts *x)
{
    weir_call_options o;
    weir_call_options_init(&o, sizeof o);
    x->c.call_deadline_ns = WEIR_NEVER;
    if (random_percent(&x->run->random, 30))
        x->c.call_deadline_ns = o.deadline_ns = x->began_ns + verdict_time(x);
    CHECK(x->run, weir_cancel_new(&x->token) == WEIR_OK);
    if (random_percent(&x->run->random, 30))
        make_parent(x, &o);
    else
        o.cancel = x->token;
    CHECK(x->run, weir_call_new(&x->call, x->pipeline, &o) == WEIR_OK);
}

/* ---- life ---- */

void open_case(verdicts *x, run *r)
{
    memset(x, 0, sizeof *x);
    x->run = r;
    ledger_init(&x->ledger, r);
    CHECK(r, weir_clock_new_virtual(&x->clock,
                                    random_time(&r->random, YEAR)) == WEIR_OK);
    x->began_ns = verdict_now(x);
    build(x);
    make_call(x);
}

void close_case(verdicts *x)
{
    weir_call_unref(x->call);
    weir_attempt_unref(x->parent);
    weir_call_unref(x->outer_call);
    weir_pipeline_unref(x->outer);
    weir_pipeline_unref(x->pipeline);
    weir_cancel_unref(x->token);
    if (x->bulkhead)
        CHECK(x->run, weir_bulkhead_running(x->bulkhead) == 0);
    for (uint32_t i = 0; i < VERDICT_LAYERS_MAX; i++)
        weir_breaker_unref(x->breakers[i]);
    weir_bulkhead_unref(x->bulkhead);
    CHECK(x->run, x->ledger.blocks == 0 && x->ledger.bytes == 0);
    weir_clock_unref(x->clock);
}
