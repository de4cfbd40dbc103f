#include "retries.h"

#include <string.h>

uint64_t retries_now(retries *x)
{
    return weir_clock_now_ns(x->clock);
}

static void new_budget(retries *x)
{
    random_source *random = &x->run->random;
    weir_budget_options o;
    weir_budget_options_init(&o, sizeof o);
    o.capacity = (uint32_t)random_time(random, 10000);
    o.ratio = (double)random_below(random, 1001) / 1000.0;
    o.per_second = (double)random_below(random, 2) *
                   (double)random_time(random, 10000000) / 1000.0;
    o.clock = x->clock;
    o.allocator = &x->ledger.allocator;
    CHECK(x->run, weir_budget_new(&x->budget, &o) == WEIR_OK);
    model_budget_init(&x->model_budget, &o, retries_now(x));
}

static void new_retry(retries *x, uint32_t i)
{
    random_source *random = &x->run->random;
    weir_retry_options *o = &x->o[i];
    weir_retry_options_init(o, sizeof *o);
    o->max_attempts = (uint32_t)random_between(random, 1, 12);
    if (random_percent(random, 20))
        o->max_attempts = 1000000;
    o->base_ns = random_percent(random, 5) ? 0 : random_time(random, SECOND);
    o->cap_ns = o->base_ns + random_time(random, 100 * SECOND);
    o->factor = 1.0 + (double)random_time(random, 1000) / 100.0;
    o->hint_max_ns = random_percent(random, 20)
                         ? 0
                         : random_time(random, 100 * SECOND);
    if (random_percent(random, 40))
        o->max_elapsed_ns = random_time(random, 1000 * SECOND);
    o->seed = random_next(random);
    o->seeded = 1;
    o->backoff = (int32_t)random_below(random, 3);
    o->jitter = (int32_t)random_below(random, 4);
    o->budget = x->budget;
    o->clock = x->clock;
    o->allocator = &x->ledger.allocator;
    CHECK(x->run, weir_retry_new(&x->retry[i], o) == WEIR_OK);
}

static void new_pipeline(retries *x, uint32_t i)
{
    weir_pipeline_options o;
    weir_pipeline_options_init(&o, sizeof o);
    o.clock = x->clock;
    o.allocator = &x->ledger.allocator;
    CHECK(x->run, weir_pipeline_new(&x->pipeline[i], &o) == WEIR_OK);
    CHECK(x->run,
          weir_pipeline_add_timeout(x->pipeline[i], x->timeout) == WEIR_OK);
    CHECK(x->run,
          weir_pipeline_add_retry(x->pipeline[i], x->retry[i]) == WEIR_OK);
    CHECK(x->run, weir_pipeline_seal(x->pipeline[i]) == WEIR_OK);
}

void open_retries(retries *x, run *r)
{
    random_source *random = &r->random;
    weir_timeout_options o;
    memset(x, 0, sizeof *x);
    x->run = r;
    ledger_init(&x->ledger, r);
    CHECK(x->run, weir_clock_new_virtual(&x->clock,
                                         random_time(random, YEAR)) ==
                      WEIR_OK);
    if (random_percent(random, 60))
        new_budget(x);
    weir_timeout_options_init(&o, sizeof o);
    o.timeout_ns = x->timeout_ns = random_time(random, 10000 * SECOND);
    o.clock = x->clock;
    o.allocator = &x->ledger.allocator;
    CHECK(x->run, weir_timeout_new(&x->timeout, &o) == WEIR_OK);
    x->failures = (uint32_t)random_below(random, 101);
    for (uint32_t i = 0; i < RETRIES; i++) {
        new_retry(x, i);
        new_pipeline(x, i);
    }
}

void close_retries(retries *x)
{
    for (uint32_t i = 0; i < RETRIES; i++) {
        weir_pipeline_unref(x->pipeline[i]);
        weir_retry_unref(x->retry[i]);
    }
    weir_timeout_unref(x->timeout);
    weir_budget_unref(x->budget);
    CHECK(x->run, x->ledger.blocks == 0 && x->ledger.bytes == 0);
    weir_clock_unref(x->clock);
}
