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
    o.hint_max_ns = random_percent(random, 20) ? 0 : 10 * SECOND;
    o.seed = random_next(random);
    o.seeded = 1;
    o.jitter = (int32_t)random_between(random, WEIR_JITTER_NONE,
                                       WEIR_JITTER_DECORRELATED);
    o.clock = w->clock;
    o.allocator = &w->ledger.allocator;
    l->max_attempts = o.max_attempts;
    CHECK(w->run, weir_retry_new(&l->retry, &o) == WEIR_OK);
    CHECK(w->run, weir_pipeline_add_retry(w->pipeline, l->retry) == WEIR_OK);
}

static void add_breaker(world *w, layer *l)
{
    random_source *random = &w->run->random;
    weir_breaker_options o;
    weir_breaker_options_init(&o, sizeof o);
    o.failure_threshold = (uint32_t)random_between(random, 1, 8);
    o.open_ns = random_time(random, 50 * w->usual_ns);
    o.probes = (uint32_t)random_between(random, 1, 4);
    o.probe_successes = (uint32_t)random_between(random, 1, 4);
    o.lease_ns = random_time(random, 50 * w->usual_ns);
    o.clock = w->clock;
    o.allocator = &w->ledger.allocator;
    CHECK(w->run, weir_breaker_new(&l->breaker, &o) == WEIR_OK);
    CHECK(w->run,
          weir_pipeline_add_breaker(w->pipeline, l->breaker) == WEIR_OK);
    chain_listen(&l->chain, w->run, l->breaker);
}

static void add_bulkhead(world *w, layer *l)
{
    random_source *random = &w->run->random;
    weir_bulkhead_options o;
    weir_bulkhead_options_init(&o, sizeof o);
    o.max_concurrent = (uint32_t)random_between(random, 1, 12);
    o.max_queue = (uint32_t)random_below(random, 12);
    o.queue_ns = random_time(random, 20 * w->usual_ns);
    o.clock = w->clock;
    o.allocator = &w->ledger.allocator;
    l->max_concurrent = o.max_concurrent;
    l->max_queue = o.max_queue;
    CHECK(w->run, weir_bulkhead_new(&l->bulkhead, &o) == WEIR_OK);
    CHECK(w->run,
          weir_pipeline_add_bulkhead(w->pipeline, l->bulkhead) == WEIR_OK);
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
    if (!pipeline_first)
        weir_pipeline_unref(w->pipeline);
    w->pipeline = NULL;
}
