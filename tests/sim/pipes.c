/* A random pipeline: up to six policies in any order. */
#include "world.h"

static void add_timeout(world *w, layer *l)
{
    weir_timeout_options o;
    weir_timeout_options_init(&o, sizeof o);
    o.timeout_ns = random_time(&w->run->random, 20 * w->usual_ns);
    o.clock = w->clock;
    o.allocator = &w->ledger.allocator;
    l->timeout_ns = o.timeout_ns;
    CHECK(w->run, weir_timeout_new(&l->timeout, &o) == WEIR_OK);
    CHECK(w->run,
          weir_pipeline_add_timeout(w->pipeline, l->timeout) == WEIR_OK);
}

static void add_retry(world *w, layer *l)
{
    random_source *random = &w->run->random;
    weir_retry_options o;
    weir_retry_options_init(&o, sizeof o);
    o.max_attempts = (uint32_t)random_between(random, 1, 4);
    o.base_ns = random_time(random, 4 * w->usual_ns);
    o.cap_ns = o.base_ns * random_between(random, 1, 8);
    o.factor = 1.0 + (double)random_below(random, 30) / 10.0;
    o.hint_max_ns = random_percent(random, 20) ? 0 : 10 * SECOND;
    if (random_percent(random, 30))
        o.max_elapsed_ns = random_time(random, 50 * w->usual_ns);
    o.seed = random_next(random);
    o.seeded = 1;
    o.backoff = (int32_t)random_below(random, 3);
    o.jitter = (int32_t)random_below(random, 4);
    o.retry_on = (uint32_t)random_below(random, 8);
    o.budget = random_percent(random, 70) ? w->budget : NULL;
    o.clock = w->clock;
    o.allocator = &w->ledger.allocator;
    l->max_attempts = o.max_attempts;
    CHECK(w->run, weir_retry_new(&l->retry, &o) == WEIR_OK);
    CHECK(w->run, weir_pipeline_add_retry(w->pipeline, l->retry) == WEIR_OK);
}

/* What may change on a live breaker. */
void random_limits(world *w, weir_breaker_options *o)
{
    random_source *random = &w->run->random;
    o->failure_threshold = (uint32_t)random_between(random, 1, 8);
    o->minimum_calls = (uint32_t)random_between(random, 1, 8);
    o->failure_rate = (double)random_between(random, 1, 10) / 10.0;
    o->slow_rate = (double)random_between(random, 1, 10) / 10.0;
    if (o->slow_call_ns != WEIR_NEVER)
        o->slow_call_ns = random_time(random, 4 * w->usual_ns);
    o->open_ns = random_time(random, 50 * w->usual_ns);
    o->open_max_ns = o->open_ns * random_between(random, 1, 8);
    o->open_factor = 1.0 + (double)random_below(random, 3);
    o->open_jitter = (double)random_below(random, 11) / 10.0;
    o->probes = (uint32_t)random_between(random, 1, 4);
    o->probe_successes = (uint32_t)random_between(random, 1, 4);
    o->lease_ns = random_time(random, 50 * w->usual_ns);
}

static void add_breaker(world *w, layer *l)
{
    random_source *random = &w->run->random;
    weir_breaker_options *o = &l->breaker_options;
    weir_breaker_options_init(o, sizeof *o);
    o->window = (uint32_t)random_below(random, 3);
    o->window_calls = (uint32_t)random_between(random, 8, 30);
    o->buckets = (uint32_t)random_between(random, 1, 8);
    o->window_ns = o->buckets * MS + random_time(random, 50 * w->usual_ns);
    if (o->window != WEIR_WINDOW_CONSECUTIVE && random_percent(random, 50))
        o->slow_call_ns = 1;
    random_limits(w, o);
    o->seed = random_next(random);
    o->seeded = 1;
    o->clock = w->clock;
    o->allocator = &w->ledger.allocator;
    CHECK(w->run, weir_breaker_new(&l->breaker, o) == WEIR_OK);
    CHECK(w->run,
          weir_pipeline_add_breaker(w->pipeline, l->breaker) == WEIR_OK);
    chain_listen(&l->chain, w->run, l->breaker);
}

static void add_bulkhead(world *w, layer *l)
{
    random_source *random = &w->run->random;
    weir_bulkhead_options *o = &l->bulkhead_options;
    weir_bulkhead_options_init(o, sizeof *o);
    o->max_concurrent = (uint32_t)random_between(random, 1, 12);
    o->max_queue = (uint32_t)random_below(random, 12);
    o->queue_ns = random_time(random, 20 * w->usual_ns);
    if (random_percent(random, 40))
        o->abandoned_max_ns = random_time(random, 20 * w->usual_ns);
    o->clock = w->clock;
    o->allocator = &w->ledger.allocator;
    l->ceiling = o->max_concurrent;
    CHECK(w->run, weir_bulkhead_new(&l->bulkhead, o) == WEIR_OK);
    CHECK(w->run,
          weir_pipeline_add_bulkhead(w->pipeline, l->bulkhead) == WEIR_OK);
}

static void make_budget(world *w)
{
    weir_budget_options o;
    if (!random_percent(&w->run->random, 50))
        return;
    weir_budget_options_init(&o, sizeof o);
    o.capacity = w->capacity =
        (uint32_t)random_between(&w->run->random, 1, 30);
    o.per_second = (double)random_below(&w->run->random, 20);
    o.clock = w->clock;
    o.allocator = &w->ledger.allocator;
    CHECK(w->run, weir_budget_new(&w->budget, &o) == WEIR_OK);
}

static void add_layer(world *w)
{
    static void (*const add[])(world *, layer *) = {add_timeout, add_retry,
                                                    add_breaker, add_bulkhead};
    layer *l = &w->layers[w->count++];
    l->kind = (layer_kind)random_below(&w->run->random, 4);
    add[l->kind](w, l);
    run_note(w->run, (uint64_t)l->kind);
}

void make_pipeline(world *w)
{
    weir_pipeline_options o;
    uint64_t layers = random_between(&w->run->random, 1, LAYERS_MAX);
    weir_pipeline_options_init(&o, sizeof o);
    o.clock = w->clock;
    o.allocator = &w->ledger.allocator;
    CHECK(w->run, weir_pipeline_new(&w->pipeline, &o) == WEIR_OK);
    make_budget(w);
    while (w->count < layers)
        add_layer(w);
    CHECK(w->run, weir_pipeline_seal(w->pipeline) == WEIR_OK);
    w->most_attempts = 1;
    for (uint32_t i = 0; i < w->count; i++)
        if (w->layers[i].kind == RETRY)
            w->most_attempts *= w->layers[i].max_attempts;
}

static void release_layer(layer *l)
{
    weir_timeout_unref(l->timeout);
    weir_retry_unref(l->retry);
    weir_breaker_unref(l->breaker);
    weir_bulkhead_unref(l->bulkhead);
    l->timeout = NULL;
    l->retry = NULL;
    l->breaker = NULL;
    l->bulkhead = NULL;
}

void release_policies(world *w)
{
    uint32_t first = (uint32_t)random_below(&w->run->random, w->count);
    int pipeline_first = random_percent(&w->run->random, 50);
    if (pipeline_first)
        weir_pipeline_unref(w->pipeline);
    for (uint32_t i = 0; i < w->count; i++)
        release_layer(&w->layers[(first + i) % w->count]);
    weir_budget_unref(w->budget);
    w->budget = NULL;
    if (!pipeline_first)
        weir_pipeline_unref(w->pipeline);
    w->pipeline = NULL;
}
