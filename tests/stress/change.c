/* How the house is changed under way, and what must hold in the end. */
#include "stress.h"

#include <sched.h>

/* ---- under way ---- */

weir_cancel *borrow_token(house *h, uint64_t *random)
{
    pthread_mutex_lock(&h->tokens_lock);
    weir_cancel *token = h->tokens[random_below(random, TOKENS)];
    weir_cancel_ref(token);
    pthread_mutex_unlock(&h->tokens_lock);
    return token;
}

void fire_token(house *h, uint64_t *random)
{
    weir_cancel *fresh, *old;
    uint32_t i = random_below(random, TOKENS);
    CHECK(weir_cancel_new(&fresh) == WEIR_OK);
    pthread_mutex_lock(&h->tokens_lock);
    old = h->tokens[i];
    h->tokens[i] = fresh;
    pthread_mutex_unlock(&h->tokens_lock);
    weir_cancel_fire(old);
    weir_cancel_unref(old);
}

static void reconfigure(house *h, uint64_t *random, int i)
{
    weir_breaker_options o = h->breaker_options[i];
    o.failure_threshold = 1 + random_below(random, 6);
    o.minimum_calls = 1 + random_below(random, 10);
    o.failure_rate = (double)(1 + random_below(random, 10)) / 10.0;
    o.probes = 1 + random_below(random, 16);
    o.probe_successes = 1 + random_below(random, 4);
    CHECK(weir_breaker_set_options(h->breakers[i], &o) == WEIR_OK);
}

void operate(house *h, uint64_t *random)
{
    static const int modes[] = {WEIR_FORCED_OPEN, WEIR_DISABLED,
                                WEIR_METRICS_ONLY};
    int i = (int)random_below(random, BREAKERS);
    switch (random_below(random, 6)) {
    case 0:
        weir_breaker_reset(h->breakers[i]);
        break;
    case 1:
        weir_breaker_set_mode(h->breakers[i], modes[random_below(random, 3)]);
        break;
    case 2:
        for (i = 0; i < BREAKERS; i++)
            weir_breaker_set_mode(h->breakers[i], WEIR_AUTOMATIC);
        break;
    case 3:
        reconfigure(h, random, i);
        break;
    case 4:
        weir_bulkhead_resize(h->bulkheads[random_below(random, BULKHEADS)],
                             1 + random_below(random, h->limit_max));
        break;
    default:
        fire_token(h, random);
    }
    CHECK(weir_budget_tokens(h->budget) <= CAPACITY * 1000);
}

/* The second bulkhead takes permits back, so more may be inside. */
void go_in(house *h, const route *r)
{
    count(h, ATTEMPTS, 1);
    for (int i = 0; i < BULKHEADS; i++)
        if (r->bulkheads & 1u << i)
            CHECK(add(&h->inside[i], 1) < (int)h->limit_max || i == 1);
}

void go_out(house *h, const route *r)
{
    for (int i = 0; i < BULKHEADS; i++)
        if (r->bulkheads & 1u << i)
            CHECK(add(&h->inside[i], -1) > 0);
}

/* ---- the end ---- */

static void check_breaker(house *h, int i)
{
    weir_breaker_snapshot s = {.size = sizeof s};
    uint64_t permit;
    chain *c = &h->chains[i];
    CHECK(weir_breaker_inspect(h->breakers[i], &s) == WEIR_OK);
    CHECK(s.failed <= s.calls || i == 0);
    CHECK(c->events == 0 || c->state == s.state || s.state == WEIR_HALF_OPEN);
    CHECK(c->events == 0 || c->sequence == s.generation);
    weir_breaker_set_mode(h->breakers[i], WEIR_DISABLED);
    weir_breaker_set_mode(h->breakers[i], WEIR_AUTOMATIC);
    CHECK(weir_breaker_acquire(h->breakers[i], &permit) == WEIR_OK);
    CHECK(weir_breaker_record(h->breakers[i], permit, WEIR_SUCCESS, 0) ==
          WEIR_OK);
}

/* All permits are back, so as many can be taken as there are. */
static void check_bulkhead(house *h, int i)
{
    weir_bulkhead *b = h->bulkheads[i];
    uint32_t limit = weir_bulkhead_max_concurrent(b);
    CHECK(weir_bulkhead_running(b) == 0);
    CHECK(weir_bulkhead_waiting(b) == 0);
    CHECK(weir_bulkhead_abandoned(b) == 0);
    CHECK(atomic_load(&h->inside[i]) == 0);
    for (uint32_t n = 0; n < limit; n++)
        CHECK(weir_bulkhead_try_acquire(b) == WEIR_OK);
    CHECK(weir_bulkhead_try_acquire(b) == WEIR_EFULL);
    for (uint32_t n = 0; n < limit; n++)
        CHECK(weir_bulkhead_release(b) == WEIR_OK);
    CHECK(weir_bulkhead_release(b) == WEIR_ESTALE);
}

void close_house(house *h)
{
    CHECK(weir_pool_close(h->pool, 1) == WEIR_OK);
    CHECK(weir_pool_running(h->pool) == 0 && weir_pool_waiting(h->pool) == 0);
    weir_pool_unref(h->pool);
    close_anvil(h);
    for (int i = 0; i < BULKHEADS; i++)
        check_bulkhead(h, i);
    for (int i = 0; i < BREAKERS; i++)
        check_breaker(h, i);
    for (int i = 0; i < BREAKERS; i++)
        weir_breaker_unref(h->breakers[i]);
    for (int i = 0; i < PIPELINES; i++)
        weir_pipeline_unref(h->routes[i].pipeline);
    for (int i = 0; i < 2; i++) {
        weir_bulkhead_unref(h->bulkheads[i]);
        weir_retry_unref(h->retries[i]);
        weir_timeout_unref(h->timeouts[i]);
    }
    for (int i = 0; i < TOKENS; i++)
        weir_cancel_unref(h->tokens[i]);
    weir_budget_unref(h->budget);
    CHECK(counted(h, STARTED) == counted(h, ENDED));
    CHECK(counted(h, GIVEN) == counted(h, GONE));
    CHECK(counted(h, LIVE_BLOCKS) == 0);
    CHECK(counted(h, LIVE_BYTES) == 0);
    weir_clock_unref(h->clock);
}
