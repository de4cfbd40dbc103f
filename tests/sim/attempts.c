/* Attempts that callers run. */
#include "engine/attempt.h"

#include "world.h"

running *find_attempt(world *w, const weir_attempt *attempt)
{
    for (uint32_t i = 0; i < w->running; i++)
        if (w->attempts[i].attempt == attempt)
            return &w->attempts[i];
    return NULL;
}

static void give_up(running *a)
{
    if (!a->given_up)
        a->caller->current--;
    a->given_up = 1;
}

static void finish(world *w, const running *a)
{
    uint64_t now_ns = random_percent(&w->run->random, 50)
                          ? WEIR_NOW
                          : weir_clock_now_ns(w->clock);
    if (a->plan.late_clock && now_ns != WEIR_NOW && now_ns > MS)
        now_ns -= random_below(&w->run->random, MS);
    if (a->plan.twice)
        weir_attempt_ref(a->attempt);
    int status = weir_attempt_finish(a->attempt, a->plan.code, now_ns);
    CHECK(w->run, a->given_up ? status == WEIR_ETIMEDOUT ||
                                    status == WEIR_ECANCELED
                              : status == WEIR_OK);
    if (a->plan.twice) {
        CHECK(w->run, weir_attempt_finish(a->attempt, 0, WEIR_NOW) ==
                          WEIR_ESTALE);
        weir_attempt_unref(a->attempt);
    }
}

void end_attempt(world *w, uint32_t index)
{
    running a = w->attempts[index];
    caller *c = a.caller;
    w->attempts[index] = w->attempts[--w->running];
    c->unfinished--;
    c->current -= !a.given_up;
    if (a.nested)
        a.nested->parent = NULL;
    if (a.plan.outcome >= 0)
        weir_attempt_set_outcome(a.attempt, a.plan.outcome);
    if (a.plan.hint_ns)
        weir_attempt_retry_after(a.attempt, a.plan.hint_ns);
    if (!a.given_up)
        c->last_code = a.plan.forgets ? WEIR_ECANCELED : a.plan.code;
    if (a.plan.forgets)
        weir_attempt_unref(a.attempt);
    else
        finish(w, &a);
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

/* The cancel function: of an attempt that runs in a call that steps. */
static void told(weir_attempt *attempt, void *arg)
{
    world *w = arg;
    running *a = find_attempt(w, attempt);
    CHECK(w->run, a && a->plan.listens);
    CHECK(w->run, weir_attempt_canceled(attempt));
    a->plan.listens = 0; /* told once */
    plan p = a->plan;
    caller *c = a->caller;
    give_up(a);
    if (p.cancels && c->call)
        weir_call_cancel(c->call);
    if (p.fires)
        fire_shared(w);
    if (p.ends)
        end_attempt(w, (uint32_t)(find_attempt(w, attempt) - w->attempts));
}

/* Its work is another caller's call. */
static int nest(world *w, running *a)
{
    caller *c = &w->callers[random_caller(w)];
    if (a->caller->depth >= DEPTH_MAX || c->call || c->returned ||
        c == a->caller || c->unfinished || !strikes(w, NESTED))
        return 0;
    begin_call(w, c, a);
    return 1;
}

static void check_remaining(const caller *c, const weir_attempt *attempt)
{
    run *r = c->world->run;
    uint64_t now_ns = weir_clock_now_ns(c->world->clock);
    uint64_t left_ns = weir_attempt_remaining_ns(attempt);
    CHECK(r, left_ns > 0);
    CHECK(r, c->must_end_ns == WEIR_NEVER ||
                 left_ns <= c->must_end_ns - now_ns);
}

void start_attempt(caller *c, weir_attempt *attempt)
{
    world *w = c->world;
    CHECK(w->run, attempt && w->running < ATTEMPTS_MAX && !c->done);
    if (strikes(w, NO_WORKER)) { /* as weir_pool_run does */
        weir__attempt_finish_unrun(attempt, WEIR_EFULL);
        return;
    }
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
    check_remaining(c, attempt);
    if (a->plan.listens)
        CHECK(w->run, weir_attempt_on_cancel(attempt, told, w) == WEIR_OK);
    check_admission(w);
    if (!nest(w, a) && a->plan.takes_ns == 0)
        end_attempt(w, w->running - 1);
}

void cancel_attempt(caller *c, weir_attempt *attempt)
{
    world *w = c->world;
    running *a = find_attempt(w, attempt);
    CHECK(w->run, a && a->caller == c);
    CHECK(w->run, !a->plan.listens); /* its function came first */
    CHECK(w->run, weir_attempt_canceled(attempt));
    give_up(a);
    if (a->nested)
        cancel_call(w, a->nested);
    if (a->plan.heeds_cancel)
        end_attempt(w, (uint32_t)(a - w->attempts));
}
