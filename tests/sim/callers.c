/* Callers, who step their calls, and the attempts that they run. */
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

/* ---- attempts ---- */

void end_attempt(world *w, uint32_t index)
{
    running a = w->attempts[index];
    caller *c = a.caller;
    w->attempts[index] = w->attempts[--w->running];
    c->unfinished--;
    c->current -= !a.given_up;
    if (a.plan.outcome >= 0)
        weir_attempt_set_outcome(a.attempt, a.plan.outcome);
    if (a.plan.hint_ns)
        weir_attempt_retry_after(a.attempt, a.plan.hint_ns);
    if (a.plan.forgets) {
        if (!a.given_up)
            c->last_code = WEIR_ECANCELED;
        weir_attempt_unref(a.attempt);
    } else {
        uint64_t now_ns = random_percent(&w->run->random, 50)
                              ? WEIR_NOW
                              : weir_clock_now_ns(w->clock);
        if (!a.given_up)
            c->last_code = a.plan.code;
        int status = weir_attempt_finish(a.attempt, a.plan.code, now_ns);
        CHECK(w->run, a.given_up ? status == WEIR_ETIMEDOUT ||
                                       status == WEIR_ECANCELED
                                 : status == WEIR_OK);
    }
    run_note(w->run, (uint64_t)(unsigned)a.plan.code << 1 |
                         (uint64_t)a.given_up);
}

void end_due_attempts(world *w)
{
    for (uint32_t i = 0; i < w->running;)
        if (w->attempts[i].ends_ns <= weir_clock_now_ns(w->clock))
            end_attempt(w, i);
        else
            i++;
}

static void start_attempt(caller *c, weir_attempt *attempt)
{
    world *w = c->world;
    CHECK(w->run, attempt && w->running < ATTEMPTS_MAX && !c->done);
    running *a = &w->attempts[w->running++];
    *a = (running){.attempt = attempt, .caller = c};
    plan_attempt(w, &a->plan);
    a->ends_ns = a->plan.takes_ns == WEIR_NEVER
                     ? WEIR_NEVER
                     : weir_clock_now_ns(w->clock) + a->plan.takes_ns;
    c->attempts++;
    c->current++;
    c->unfinished++;
    CHECK(w->run, weir_attempt_number(attempt) == c->attempts);
    check_admission(w);
    if (a->plan.takes_ns == 0)
        end_attempt(w, w->running - 1);
}

static void cancel_attempt(caller *c, weir_attempt *attempt)
{
    world *w = c->world;
    uint32_t i = 0;
    while (i < w->running && w->attempts[i].attempt != attempt)
        i++;
    CHECK(w->run, i < w->running && !w->attempts[i].given_up);
    CHECK(w->run, weir_attempt_canceled(attempt));
    w->attempts[i].given_up = 1;
    c->current--;
    if (w->attempts[i].plan.heeds_cancel)
        end_attempt(w, i);
}

/* ---- callers ---- */

static void finish_call(caller *c)
{
    weir_result result = {.size = sizeof result};
    if (c->done++ == 0) {
        CHECK(c->world->run, weir_call_result(c->call, &result) == WEIR_OK);
        check_result(c, &result);
        run_note(c->world->run, (uint64_t)(unsigned)result.code);
        run_note(c->world->run, result.elapsed_ns);
    }
}

void step_caller(caller *c)
{
    world *w = c->world;
    weir_step step = {.size = sizeof step};
    uint64_t now_ns = random_percent(&w->run->random, 50)
                          ? WEIR_NOW
                          : weir_clock_now_ns(w->clock);
    c->waiting = c->woken = 0;
    if (!c->started && w->layers[0].kind == TIMEOUT &&
        weir_clock_now_ns(w->clock) + w->layers[0].timeout_ns < c->must_end_ns)
        c->must_end_ns =
            weir_clock_now_ns(w->clock) + w->layers[0].timeout_ns;
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
        uint32_t first = (uint32_t)random_below(&w->run->random, CALLERS);
        found = 0;
        for (uint32_t i = 0; i < CALLERS; i++) {
            caller *c = &w->callers[(first + i) % CALLERS];
            if (c->call && c->woken) {
                step_caller(c);
                found = 1;
            }
        }
    }
}

void begin_call(world *w, caller *c)
{
    random_source *random = &w->run->random;
    weir_call_options o;
    uint64_t now_ns = weir_clock_now_ns(w->clock);
    if (c->call || c->returned)
        return;
    *c = (caller){.world = w, .must_end_ns = WEIR_NEVER,
                  .wake_ns = WEIR_NEVER};
    weir_call_options_init(&o, sizeof o);
    if (random_percent(random, 30))
        o.deadline_ns = now_ns + random_time(random, 50 * w->usual_ns);
    c->must_end_ns = o.deadline_ns;
    if (random_percent(random, 20))
        CHECK(w->run, weir_cancel_new(&c->token) == WEIR_OK);
    o.cancel = c->token;
    if (weir_call_new(&c->call, w->pipeline, &o) != WEIR_OK) {
        CHECK(w->run, w->ledger.fail_per_mille);
        c->call = NULL;
        weir_cancel_unref(c->token);
        c->token = NULL;
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
    if (!c->done)
        for (uint32_t i = 0; i < w->running; i++)
            if (w->attempts[i].caller == c)
                w->attempts[i].given_up = 1;
    c->current = 0;
    weir_call *call = c->call;
    weir_call_unref(call);
    c->call = NULL;
    c->returned = 1;
    c->waiting = c->woken = 0;
    weir_cancel_unref(c->token);
    c->token = NULL;
}

void cancel_call(world *w, caller *c)
{
    if (!c->call)
        return;
    if (c->token && random_percent(&w->run->random, 70))
        weir_cancel_fire(c->token);
    else
        weir_call_cancel(c->call);
    CHECK(w->run, c->done || !c->started || c->woken);
}
