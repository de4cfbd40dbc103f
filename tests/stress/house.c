/* The house: memory, time and policies. */
#include "stress.h"

#include <string.h>
#include <time.h>

/* ---- memory ---- */

static void *allocate(void *context, uint64_t bytes, uint64_t alignment)
{
    house *h = context;
    void *memory = NULL;
    if (posix_memalign(&memory, (size_t)alignment, (size_t)bytes) != 0)
        return NULL;
    count(h, LIVE_BLOCKS, 1);
    count(h, LIVE_BYTES, (long long)bytes);
    return memory;
}

static void release(void *context, void *memory, uint64_t bytes)
{
    house *h = context;
    count(h, LIVE_BLOCKS, -1);
    count(h, LIVE_BYTES, -(long long)bytes);
    memset(memory, 0x5a, (size_t)bytes);
    free(memory);
}

/* ---- time: the machine's, and a step for each look ---- */

static uint64_t now(void *arg)
{
    static atomic_ullong looks;
    struct timespec t;
    (void)arg;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 * MS + (uint64_t)t.tv_nsec +
           300 * atomic_fetch_add_explicit(&looks, 1, memory_order_relaxed);
}

/* ---- breakers ---- */

static void on_event(const weir_event *e, void *arg)
{
    chain *c = arg;
    CHECK(add(&c->inside, 1) == 0);
    if (c->events > 0) {
        uint64_t steps = (e->sequence - c->sequence) & 0x1fffff;
        CHECK(steps >= 1 && steps < 0x100000);
        if (steps == 1)
            CHECK(e->from == c->state);
        else
            c->gaps++;
    }
    CHECK(e->kind == WEIR_EVENT_TRANSITION ||
          (e->from == WEIR_HALF_OPEN && e->to == WEIR_HALF_OPEN));
    CHECK(e->to != WEIR_HALF_OPEN || e->from == WEIR_OPEN ||
          e->from == WEIR_HALF_OPEN);
    CHECK(e->to != WEIR_OPEN || e->from == WEIR_CLOSED ||
          e->from == WEIR_HALF_OPEN);
    c->sequence = e->sequence;
    c->state = e->to;
    c->events++;
    CHECK(add(&c->inside, -1) == 1);
}

static void new_breaker(house *h, int i)
{
    weir_breaker_options *o = &h->breaker_options[i];
    weir_breaker_options_init(o, sizeof *o);
    o->window = i == 3 ? WEIR_WINDOW_COUNT : (uint32_t)i;
    o->failure_threshold = 4;
    o->minimum_calls = 8;
    o->window_calls = i == 3 ? 17 : 40;
    o->window_ns = 20 * MS;
    o->buckets = 8;
    if (i > 0)
        o->slow_call_ns = 400 * US;
    o->open_ns = 100 * US;
    o->open_factor = i == 3 ? 2.0 : 1.0;
    o->open_max_ns = i == 3 ? 2 * MS : o->open_ns;
    o->open_jitter = i == 3 ? 0.5 : 0.0;
    o->lease_ns = 200 * US;
    o->clock = h->clock;
    o->allocator = &h->allocator;
    CHECK(weir_breaker_new(&h->breakers[i], o) == WEIR_OK);
    CHECK(weir_breaker_listen(h->breakers[i], on_event, &h->chains[i], NULL) ==
          WEIR_OK);
}

/* ---- the other policies ---- */

static void new_bulkhead(house *h, int i)
{
    weir_bulkhead_options o;
    weir_bulkhead_options_init(&o, sizeof o);
    o.max_concurrent = h->limit_max / 2;
    o.max_queue = 4;
    o.queue_ns = 100 * US;
    if (i == 1)
        o.abandoned_max_ns = 50 * US;
    o.clock = h->clock;
    o.allocator = &h->allocator;
    CHECK(weir_bulkhead_new(&h->bulkheads[i], &o) == WEIR_OK);
}

static void new_budget(house *h)
{
    weir_budget_options o;
    weir_budget_options_init(&o, sizeof o);
    o.capacity = CAPACITY;
    o.ratio = 0.3;
    o.per_second = 10000;
    o.clock = h->clock;
    o.allocator = &h->allocator;
    CHECK(weir_budget_new(&h->budget, &o) == WEIR_OK);
}

static void new_retry(house *h, int i)
{
    weir_retry_options o;
    weir_retry_options_init(&o, sizeof o);
    o.max_attempts = ATTEMPTS_MAX;
    o.base_ns = 2 * US;
    o.cap_ns = 30 * US;
    o.hint_max_ns = 20 * US;
    o.jitter = i ? WEIR_JITTER_DECORRELATED : WEIR_JITTER_FULL;
    o.retry_on = i ? 7 : 0;
    o.max_elapsed_ns = i ? 500 * US : WEIR_NEVER;
    o.budget = h->budget;
    o.clock = h->clock;
    o.allocator = &h->allocator;
    CHECK(weir_retry_new(&h->retries[i], &o) == WEIR_OK);
}

static void new_timeout(house *h, int i)
{
    weir_timeout_options o;
    weir_timeout_options_init(&o, sizeof o);
    o.timeout_ns = i ? 100 * US : 500 * US;
    o.clock = h->clock;
    o.allocator = &h->allocator;
    CHECK(weir_timeout_new(&h->timeouts[i], &o) == WEIR_OK);
}

/* Layers: T total, t attempt's timeout, r R retries, 0..3 breakers, k K
 * bulkheads. */
static void add_layer(house *h, route *r, char layer)
{
    int status = WEIR_EINVAL;
    if (layer == 'T' || layer == 't')
        status = weir_pipeline_add_timeout(r->pipeline,
                                           h->timeouts[layer == 't']);
    else if (layer == 'r' || layer == 'R')
        status =
            weir_pipeline_add_retry(r->pipeline, h->retries[layer == 'R']);
    else if (layer == 'k' || layer == 'K')
        status = weir_pipeline_add_bulkhead(r->pipeline,
                                            h->bulkheads[layer == 'K']);
    else
        status =
            weir_pipeline_add_breaker(r->pipeline, h->breakers[layer - '0']);
    CHECK(status == WEIR_OK);
    if (layer == 'r' || layer == 'R') {
        r->most_attempts *= ATTEMPTS_MAX;
        r->bulkheads = 0; /* one permit for several that were given up */
    }
    if (layer == 'k' || layer == 'K')
        r->bulkheads |= 1u << (layer == 'K');
}

static void new_route(house *h, route *r, const char *layers)
{
    weir_pipeline_options o;
    weir_pipeline_options_init(&o, sizeof o);
    o.clock = h->clock;
    o.allocator = &h->allocator;
    r->most_attempts = 1;
    CHECK(weir_pipeline_new(&r->pipeline, &o) == WEIR_OK);
    for (; *layers; layers++)
        add_layer(h, r, *layers);
    CHECK(weir_pipeline_seal(r->pipeline) == WEIR_OK);
}

/* Where threads are many, those with a permit mostly do not run: with few
 * permits all others would be turned away. */
void open_house(house *h, int threads)
{
    static const char *const routes[PIPELINES] = {"Tr0kt", "TR1Kt", "2k",
                                                  "rtK3", "Tk2r1t", "k"};
    weir_pool_options o;
    h->limit_max = 6 + (uint32_t)threads / 2;
    h->allocator = (weir_allocator){allocate, release, h};
    pthread_mutex_init(&h->tokens_lock, NULL);
    CHECK(weir_clock_new_custom(&h->clock, now, NULL, NULL) == WEIR_OK);
    new_budget(h);
    for (int i = 0; i < BREAKERS; i++)
        new_breaker(h, i);
    for (int i = 0; i < 2; i++) {
        new_bulkhead(h, i);
        new_retry(h, i);
        new_timeout(h, i);
    }
    for (int i = 0; i < PIPELINES; i++)
        new_route(h, &h->routes[i], routes[i]);
    for (int i = 0; i < TOKENS; i++)
        CHECK(weir_cancel_new(&h->tokens[i]) == WEIR_OK);
    open_anvil(h);
    weir_pool_options_init(&o, sizeof o);
    o.threads = 2;
    o.max_queue = 1;
    o.allocator = &h->allocator;
    CHECK(weir_pool_new(&h->pool, &o) == WEIR_OK);
}
