/* What happens in a world, from its first event to its end. */
#include "world.h"

#include <string.h>

enum { EVENTS = 400 };

static void meddle_with_breaker(world *w)
{
    static const int modes[] = {WEIR_AUTOMATIC, WEIR_AUTOMATIC,
                                WEIR_FORCED_OPEN, WEIR_DISABLED};
    layer *l = &w->layers[random_below(&w->run->random, w->count)];
    if (l->kind != BREAKER)
        return;
    l->chain.by_hand = 1;
    if (random_percent(&w->run->random, 40))
        weir_breaker_reset(l->breaker);
    else
        weir_breaker_set_mode(l->breaker,
                              modes[random_below(&w->run->random, 4)]);
    l->chain.by_hand = 0;
}

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
    if (random_percent(random, 1))
        by = random_time(random, YEAR);
    weir_clock_advance(w->clock, by);
    end_due_attempts(w);
}

static void event(world *w)
{
    uint64_t choice = random_below(&w->run->random, 100);
    caller *c = &w->callers[random_below(&w->run->random, CALLERS)];
    maybe_outage(w);
    if (choice < 35)
        begin_call(w, c);
    else if (choice < 80)
        pass_time(w);
    else if (choice < 86)
        cancel_call(w, c);
    else if (choice < 92)
        return_call(w, c);
    else if (choice < 97 && c->call && !c->done)
        step_caller(c); /* that nobody asked for */
    else
        meddle_with_breaker(w);
    step_woken(w);
    check_world(w);
}

/* ---- the end of the world ---- */

static void settle(world *w)
{
    for (int i = 0;
         w->running || weir_clock_next_ns(w->clock) != WEIR_NEVER; i++) {
        CHECK(w->run, i < STEPS_MAX);
        if (w->running)
            end_attempt(w,
                        (uint32_t)random_below(&w->run->random, w->running));
        else
            pass_time(w);
        step_woken(w);
        check_world(w);
    }
    for (uint32_t i = 0; i < CALLERS; i++)
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
    weir_clock_advance(w->clock, 100 * w->usual_ns + SECOND);
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
    for (uint32_t i = 0; i < CALLERS; i++)
        return_call(w, &w->callers[i]);
    release_policies(w);
    while (w->running)
        end_attempt(w, (uint32_t)random_below(&w->run->random, w->running));
    for (uint32_t i = 0; i < w->count; i++)
        CHECK(w->run, w->layers[i].kind != BREAKER ||
                          w->layers[i].chain.ended == 1);
    for (uint32_t i = 0; i < CALLERS; i++)
        CHECK(w->run, w->callers[i].destroyed == w->callers[i].returned);
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
    if (random_percent(&r->random, 20))
        w.ledger.fail_per_mille = 20;
    for (int i = 0; i < EVENTS; i++)
        event(&w);
    end_of_world(&w);
    weir_clock_unref(w.clock);
}
