/* What must hold after every event, when nobody is left to be stepped. */
#include "world.h"

static int has(const world *w, uint32_t from, uint32_t to, layer_kind kind)
{
    for (uint32_t i = from; i < to; i++)
        if (w->layers[i].kind == kind)
            return 1;
    return 0;
}

typedef struct census {
    uint32_t current;    /* callers with an attempt that was not given up */
    uint32_t unfinished; /* callers with an attempt */
    uint32_t others;     /* that wait for something else */
} census;

static census count_callers(const world *w)
{
    census n = {0, 0, 0};
    for (uint32_t i = 0; i < w->run->scope.callers; i++) {
        const caller *c = &w->callers[i];
        n.current += c->current > 0;
        n.unfinished += c->unfinished > 0;
        n.others += c->waiting && !c->current;
    }
    return n;
}

/* Permits that are out are those of attempts that run, abandoned ones
 * included, of calls that wait further inside or between attempts, and those
 * taken by hand. */
static void check_permits(world *w, uint32_t at)
{
    layer *l = &w->layers[at];
    uint32_t held = weir_bulkhead_running(l->bulkhead);
    uint32_t limit = weir_bulkhead_max_concurrent(l->bulkhead);
    uint32_t waiting = weir_bulkhead_waiting(l->bulkhead);
    uint32_t own = held - l->by_hand, attempts = w->running;
    census n = count_callers(w);
    CHECK(w->run, held >= l->by_hand && held <= l->ceiling);
    if (l->ceiling > limit)
        l->ceiling = held > limit ? held : limit; /* it shrinks only */
    CHECK(w->run, weir_bulkhead_abandoned(l->bulkhead) <= own);
    CHECK(w->run, waiting <= l->bulkhead_options.max_queue);
    CHECK(w->run, waiting <= n.others);
    CHECK(w->run, waiting == 0 || held >= limit);
    CHECK(w->run, own >= n.current);
    if (l->bulkhead_options.abandoned_max_ns == WEIR_NEVER) {
        if (has(w, 0, at, RETRY) && !has(w, at + 1, w->count, RETRY))
            CHECK(w->run, own >= attempts); /* a permit for each attempt */
        else
            CHECK(w->run, own >= n.unfinished);
    }
    if (!has(w, at + 1, w->count, RETRY) &&
        !has(w, at + 1, w->count, BULKHEAD))
        n.others = 0;
    CHECK(w->run, own <= attempts + n.others);
    if (!has(w, 0, at, RETRY))
        CHECK(w->run, own <= n.unfinished + n.others); /* one for each call */
}

/* A breaker that was asked in this very step, or again after a wait in a
 * queue, is not open.  (One with a retry inside was asked for the first of
 * several attempts.) */
void check_admission(world *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (w->layers[i].kind == BREAKER &&
            !has(w, i + 1, w->count, RETRY)) {
            int state = weir_breaker_state(w->layers[i].breaker);
            CHECK(w->run, state != WEIR_OPEN && state != WEIR_FORCED_OPEN);
        }
}

static void check_caller(world *w, const caller *c, uint64_t now_ns)
{
    CHECK(w->run, c->done <= 1 && c->destroyed <= 1);
    CHECK(w->run, c->attempts <= w->most_attempts);
    CHECK(w->run, c->current <= 1);
    if (!c->call || c->done || !c->started)
        return;
    CHECK(w->run, c->waiting);
    CHECK(w->run, !c->woken); /* everybody who was woken has been stepped */
    CHECK(w->run, now_ns < c->must_end_ns);
    CHECK(w->run, now_ns < c->wake_ns);
    CHECK(w->run, !weir_cancel_fired(c->token));
}

void check_world(world *w)
{
    uint64_t now_ns = weir_clock_now_ns(w->clock);
    for (uint32_t i = 0; i < w->count; i++) {
        if (w->layers[i].kind == BULKHEAD)
            check_permits(w, i);
        if (w->layers[i].kind == BREAKER)
            CHECK(w->run, w->layers[i].chain.state ==
                                  weir_breaker_state(w->layers[i].breaker) ||
                              weir_breaker_state(w->layers[i].breaker) ==
                                  WEIR_HALF_OPEN);
    }
    for (uint32_t i = 0; i < w->run->scope.callers; i++)
        check_caller(w, &w->callers[i], now_ns);
    if (w->budget)
        CHECK(w->run,
              weir_budget_tokens(w->budget) <= 1000 * w->capacity);
}

static void check_rejection(caller *c, const weir_result *result)
{
    run *r = c->world->run;
    layer_kind kind = TIMEOUT;
    if (result->rejected_by != WEIR_BY_CALL &&
        result->rejected_by != WEIR_BY_POOL) {
        CHECK(r, result->rejected_layer < c->world->count);
        kind = c->world->layers[result->rejected_layer].kind;
    }
    switch (result->rejected_by) {
    case WEIR_BY_BREAKER:
        CHECK(r, result->code == WEIR_EOPEN && kind == BREAKER);
        break;
    case WEIR_BY_BULKHEAD:
        CHECK(r, (result->code == WEIR_EFULL ||
                  result->code == WEIR_EQUEUETIME) && kind == BULKHEAD);
        break;
    case WEIR_BY_TIMEOUT:
        CHECK(r, result->code == WEIR_ETIMEDOUT && kind == TIMEOUT);
        break;
    case WEIR_BY_POOL:
        CHECK(r, result->code == WEIR_EFULL);
        break;
    default:
        CHECK(r, result->rejected_by == WEIR_BY_CALL);
        CHECK(r, result->code == WEIR_ETIMEDOUT ||
                     result->code == WEIR_ECANCELED ||
                     (result->code == WEIR_ENOMEM &&
                      c->world->ledger.fail_per_mille));
    }
}

void check_result(caller *c, const weir_result *result)
{
    run *r = c->world->run;
    CHECK(r, result->attempts == c->attempts);
    CHECK(r, result->last_code == c->last_code);
    CHECK(r, result->code == WEIR_EOPEN || result->retry_after_ns == 0);
    if (result->rejected_by != WEIR_BY_NONE) {
        check_rejection(c, result);
        return;
    }
    CHECK(r, c->attempts > 0);
    CHECK(r, result->code == c->last_code);
}
