/* Somebody changes policies under way, or uses them past the pipeline. */
#include "world.h"

static layer *any_layer(world *w, layer_kind kind)
{
    uint32_t first = (uint32_t)random_below(&w->run->random, w->count);
    for (uint32_t i = 0; i < w->count; i++)
        if (w->layers[(first + i) % w->count].kind == kind)
            return &w->layers[(first + i) % w->count];
    return NULL;
}

static void change_breaker(world *w, layer *l, fault f)
{
    static const int modes[] = {WEIR_AUTOMATIC,   WEIR_AUTOMATIC,
                                WEIR_AUTOMATIC,   WEIR_FORCED_OPEN,
                                WEIR_DISABLED,    WEIR_METRICS_ONLY};
    l->chain.by_hand = 1;
    if (f == RECONFIGURED) {
        weir_breaker_options o = l->breaker_options;
        random_limits(w, &o);
        int status = weir_breaker_set_options(l->breaker, &o);
        CHECK(w->run, status == WEIR_OK || (status == WEIR_ENOMEM &&
                                            w->ledger.fail_per_mille));
    } else if (random_percent(&w->run->random, 40)) {
        weir_breaker_reset(l->breaker);
    } else {
        int mode = modes[random_below(&w->run->random, 6)];
        CHECK(w->run, weir_breaker_set_mode(l->breaker, mode) == WEIR_OK);
    }
    l->chain.by_hand = 0;
}

static void raise_ceiling(layer *l, uint32_t limit)
{
    uint32_t held = weir_bulkhead_running(l->bulkhead);
    l->ceiling = held > limit ? held : limit;
}

static void change_bulkhead(world *w, layer *l, fault f)
{
    uint32_t limit = (uint32_t)random_between(&w->run->random, 1, 12);
    if (f == RESIZED) {
        raise_ceiling(l, limit);
        CHECK(w->run, weir_bulkhead_resize(l->bulkhead, limit) == WEIR_OK);
    } else if (f == PERMIT_TAKEN) {
        l->by_hand += weir_bulkhead_try_acquire(l->bulkhead) == WEIR_OK;
    } else if (l->by_hand) {
        CHECK(w->run, weir_bulkhead_release(l->bulkhead) == WEIR_OK);
        l->by_hand--;
    }
}

void return_permits(world *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        for (layer *l = &w->layers[i]; l->by_hand; l->by_hand--)
            CHECK(w->run, weir_bulkhead_release(l->bulkhead) == WEIR_OK);
}

void meddle(world *w, fault f)
{
    layer *l = any_layer(w, f == BREAKER_BY_HAND || f == RECONFIGURED
                                ? BREAKER
                                : BULKHEAD);
    if (f == BUDGET_DRAINED) {
        for (int i = 0; w->budget && i < 20; i++)
            if (strikes(w, f))
                weir_budget_reserve(w->budget);
    } else if (l && strikes(w, f)) {
        if (l->kind == BREAKER)
            change_breaker(w, l, f);
        else
            change_bulkhead(w, l, f);
    }
}
