/* What happens in a world, from its first event to its end. */
#include "world.h"

#include <string.h>

/* Mostly to the next thing that happens, or a little before; sometimes far
 * beyond it. */
static void pass_time(world *w)
{
    random_source *random = &w->run->random;
    uint64_t now_ns = weir_clock_now_ns(w->clock);
    uint64_t next_ns = weir_clock_next_ns(w->clock);
    for (uint32_t i = 0; i < w->running; i++)
        if (w->attempts[i].ends_ns < next_ns)
            next_ns = w->attempts[i].ends_ns;
    uint64_t by = random_time(random, 4 * w->usual_ns);
    if (next_ns != WEIR_NEVER && next_ns > now_ns &&
        random_percent(random, 80))
        by = next_ns - now_ns - random_below(random, 2);
    if (strikes(w, LEAP))
        by = random_time(random, YEAR);
    weir_clock_advance(w->clock, by);
    end_due_attempts(w);
}

static void event(world *w)
{
    uint64_t choice = random_below(&w->run->random, 100);
    caller *c = &w->callers[random_caller(w)];
    maybe_outage(w);
    if (choice < 35)
        begin_call(w, c, NULL);
    else if (choice < 78)
        pass_time(w);
    else if (choice < 83 && c->call && strikes(w, CANCELLED))
        cancel_call(w, c);
    else if (choice < 84)
        fire_shared(w);
    else if (choice < 88 && c->call && strikes(w, CALLER_GONE))
        return_call(w, c);
    else if (choice < 93 && c->call && !c->done && strikes(w, SPURIOUS_STEP))
        step_caller(c);
    else
        meddle(w, (fault)random_between(&w->run->random, BREAKER_BY_HAND,
                                        BUDGET_DRAINED));
    step_woken(w);
    end_due_attempts(w); /* those whose nested call has ended */
    step_woken(w);
    check_world(w);
}

/* ---- the end of the world ---- */

static void settle(world *w)
{
    return_permits(w);
    for (int i = 0;
         w->running || weir_clock_next_ns(w->clock) != WEIR_NEVER; i++) {
        CHECK(w->run, i < STEPS_MAX);
        if (w->running && random_percent(&w->run->random, 90))
            end_attempt(w,
                        (uint32_t)random_below(&w->run->random, w->running));
        else
            pass_time(w);
        step_woken(w);
        check_world(w);
    }
    for (uint32_t i = 0; i < w->run->scope.callers; i++)
        CHECK(w->run, !w->callers[i].started || w->callers[i].returned ||
                          w->callers[i].done == 1);
    for (uint32_t i = 0; i < w->count; i++)
        if (w->layers[i].kind == BULKHEAD) {
            CHECK(w->run, weir_bulkhead_running(w->layers[i].bulkhead) == 0);
            CHECK(w->run, weir_bulkhead_waiting(w->layers[i].bulkhead) == 0);
        }
}

/* Nobody is on the way, so no probe is out: half-open lets a call through.  And
 * so does every breaker when its time is over. */
static void check_breakers_recover(world *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (weir_breaker_state(w->layers[i].breaker) == WEIR_HALF_OPEN)
            CHECK(w->run,
                  weir_breaker_retry_after_ns(w->layers[i].breaker) == 0);
    weir_clock_advance(w->clock, 1000 * w->usual_ns + SECOND);
    for (uint32_t i = 0; i < w->count; i++) {
        weir_breaker *breaker = w->layers[i].breaker;
        uint64_t permit;
        if (breaker && weir_breaker_mode(breaker) != WEIR_FORCED_OPEN)
            CHECK(w->run, weir_breaker_acquire(breaker, &permit) == WEIR_OK);
    }
}

static void end_of_world(world *w)
{
    /* Half of the worlds give their handles back while attempts still run. */
    int early = random_percent(&w->run->random, 50);
    if (!early) {
        settle(w);
        check_breakers_recover(w);
    }
    for (uint32_t i = 0; i < w->run->scope.callers; i++)
        return_call(w, &w->callers[i]);
    return_permits(w);
    release_policies(w);
    while (w->running)
        end_attempt(w, (uint32_t)random_below(&w->run->random, w->running));
    for (uint32_t i = 0; i < w->count; i++)
        CHECK(w->run, w->layers[i].kind != BREAKER ||
                          w->layers[i].chain.ended == 1);
    for (uint32_t i = 0; i < w->run->scope.callers; i++)
        CHECK(w->run, w->callers[i].destroyed == w->callers[i].returned);
    for (uint32_t i = 0; i < TOKENS; i++)
        weir_cancel_unref(w->tokens[i]);
    CHECK(w->run, w->ledger.blocks == 0 && w->ledger.bytes == 0);
    CHECK(w->run, weir_clock_next_ns(w->clock) == WEIR_NEVER);
}

void world_run(run *r)
{
    static world w;
    memset(&w, 0, sizeof w);
    w.run = r;
    ledger_init(&w.ledger, r);
    CHECK(r, weir_clock_new_virtual(&w.clock,
                                    random_time(&r->random, YEAR)) == WEIR_OK);
    w.usual_ns = random_time(&r->random, SECOND) + MS;
    w.fail = (uint32_t)random_below(&r->random, 80);
    w.slow = (uint32_t)random_below(&r->random, 40);
    make_pipeline(&w);
    for (uint32_t i = 0; i < TOKENS; i++)
        CHECK(r, weir_cancel_new(&w.tokens[i]) == WEIR_OK);
    if (strikes(&w, NO_MEMORY))
        w.ledger.fail_per_mille = 20;
    for (uint32_t i = 0; i < r->scope.events; i++)
        event(&w);
    end_of_world(&w);
    weir_clock_unref(w.clock);
}
