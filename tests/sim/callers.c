/* Callers, who step their calls. */
#include "world.h"

static void wake(void *arg)
{
    caller *c = arg;
    CHECK(c->world->run, c->waiting && !c->woken);
    c->woken = 1;
}

static void destroyed(void *arg)
{
    ((caller *)arg)->destroyed++;
}

/* The attempt that a call was made for ends as the call did, soon. */
static void report(caller *c, int code)
{
    running *a = c->parent ? find_attempt(c->world, c->parent) : NULL;
    c->parent = NULL;
    if (!a)
        return;
    a->nested = NULL;
    a->plan.code = code;
    a->ends_ns = weir_clock_now_ns(c->world->clock);
}

static void finish_call(caller *c)
{
    weir_result result = {.size = sizeof result};
    if (c->done++ == 0) {
        CHECK(c->world->run, weir_call_result(c->call, &result) == WEIR_OK);
        check_result(c, &result);
        run_note(c->world->run, (uint64_t)(unsigned)result.code);
        run_note(c->world->run, result.elapsed_ns);
        report(c, result.code);
    }
}

static void must_end(caller *c, uint64_t ns)
{
    if (ns < c->must_end_ns)
        c->must_end_ns = ns;
}

void step_caller(caller *c)
{
    world *w = c->world;
    weir_step step = {.size = sizeof step};
    uint64_t now_ns = random_percent(&w->run->random, 50)
                          ? WEIR_NOW
                          : weir_clock_now_ns(w->clock);
    c->waiting = c->woken = 0;
    if (!c->started && w->layers[0].kind == TIMEOUT)
        must_end(c, weir_clock_now_ns(w->clock) + w->layers[0].timeout_ns);
    c->started = 1;
    for (int i = 0; c->done == 0; i++) {
        CHECK(w->run, i < STEPS_MAX);
        CHECK(w->run, weir_call_step(c->call, now_ns, &step) == WEIR_OK);
        run_note(w->run, (uint64_t)step.action << 40 | step.wake_ns >> 24);
        if (step.action == WEIR_STEP_ATTEMPT) {
            start_attempt(c, step.attempt);
        } else if (step.action == WEIR_STEP_CANCEL) {
            cancel_attempt(c, step.attempt);
        } else if (step.action == WEIR_STEP_WAIT) {
            c->waiting = 1;
            c->wake_ns = step.wake_ns;
            return;
        } else {
            CHECK(w->run, step.action == WEIR_STEP_DONE);
            finish_call(c);
        }
    }
}

void step_woken(world *w)
{
    for (int found = 1; found;) {
        uint32_t all = w->run->scope.callers, first = random_caller(w);
        found = 0;
        for (uint32_t i = 0; i < all; i++) {
            caller *c = &w->callers[(first + i) % all];
            if (c->call && c->woken) {
                step_caller(c);
                found = 1;
            }
        }
    }
}

static void choose_token(world *w, caller *c)
{
    uint64_t choice = random_below(&w->run->random, 100);
    if (choice < 20) {
        CHECK(w->run, weir_cancel_new(&c->token) == WEIR_OK);
    } else if (choice < 40) {
        c->token = w->tokens[random_below(&w->run->random, TOKENS)];
        weir_cancel_ref(c->token);
    }
}

static void become_nested(caller *c, running *parent)
{
    uint64_t left_ns = weir_attempt_remaining_ns(parent->attempt);
    c->depth = parent->caller->depth + 1;
    c->parent = parent->attempt;
    parent->nested = c;
    parent->ends_ns = WEIR_NEVER;
    if (left_ns != WEIR_NEVER)
        must_end(c, weir_clock_now_ns(c->world->clock) + left_ns);
}

/* parent: NULL, or the attempt it is made for. */
void begin_call(world *w, caller *c, running *parent)
{
    random_source *random = &w->run->random;
    weir_call_options o;
    if (c->call || c->returned || c->unfinished)
        return;
    *c = (caller){.world = w, .must_end_ns = WEIR_NEVER,
                  .wake_ns = WEIR_NEVER};
    weir_call_options_init(&o, sizeof o);
    if (random_percent(random, 30))
        o.deadline_ns = weir_clock_now_ns(w->clock) +
                        random_time(random, 50 * w->usual_ns);
    must_end(c, o.deadline_ns);
    choose_token(w, c);
    o.cancel = c->token;
    if (parent) {
        become_nested(c, parent);
        o.parent = parent->attempt;
    }
    if (weir_call_new(&c->call, w->pipeline, &o) != WEIR_OK) {
        CHECK(w->run, w->ledger.fail_per_mille);
        report(c, WEIR_ENOMEM);
        weir_cancel_unref(c->token);
        *c = (caller){.world = w};
        return;
    }
    CHECK(w->run, weir_call_on_wake(c->call, wake, c, destroyed) == WEIR_OK);
    if (random_percent(random, 95))
        step_caller(c);
}

/* Its attempts go on without it; one that was not given up is so now. */
void return_call(world *w, caller *c)
{
    if (!c->call)
        return;
    if (!c->done) {
        for (uint32_t i = 0; i < w->running; i++)
            if (w->attempts[i].caller == c)
                w->attempts[i].given_up = 1;
        report(c, WEIR_ECANCELED);
        c->current = 0;
    }
    weir_call *call = c->call;
    weir_call_unref(call);
    c->call = NULL;
    c->returned = 1;
    c->waiting = c->woken = 0;
    weir_cancel_unref(c->token);
    c->token = NULL;
}

void fire_shared(world *w)
{
    uint32_t i = (uint32_t)random_below(&w->run->random, TOKENS);
    weir_cancel *token = w->tokens[i];
    CHECK(w->run, weir_cancel_new(&w->tokens[i]) == WEIR_OK);
    weir_cancel_fire(token);
    weir_cancel_unref(token);
}

void cancel_call(world *w, caller *c)
{
    if (!c->call)
        return;
    if (c->token && random_percent(&w->run->random, 70))
        weir_cancel_fire(c->token);
    else
        weir_call_cancel(c->call);
    CHECK(w->run, c->done || !c->started || c->woken || !c->waiting);
}
