/* One call through a random pipeline, and one thing that ends its attempt or
 * its wait; the code, who gave it, who tries again and what the breakers count
 * must be what the rules say. */
#include "verdict_case.h"

#include "engine/attempt.h"

enum { CASES = 12 };

static int maybe_cancel(verdicts *x)
{
    if (!random_percent(&x->run->random, 15))
        return 0;
    if (random_percent(&x->run->random, 50))
        weir_cancel_fire(x->token);
    else
        weir_call_cancel(x->call);
    return 1;
}

/* ---- what it must have come to ---- */

static void check_breakers(verdicts *x, const model_verdict *v, int retried_at)
{
    int healthy = v->outcome == WEIR_SUCCESS || v->outcome == WEIR_DECLINED;
    int failed = v->outcome == WEIR_TRANSIENT || v->outcome == WEIR_PERMANENT;
    for (uint32_t i = 0; i < x->c.entered; i++) {
        weir_breaker_snapshot s = {.size = sizeof s};
        int counts = v->asked && (int)i > retried_at;
        if (!x->breakers[i] || x->c.layers[i].changed)
            continue;
        CHECK(x->run, weir_breaker_inspect(x->breakers[i], &s) == WEIR_OK);
        CHECK(x->run, s.calls == (uint64_t)(counts && (healthy || failed)));
        CHECK(x->run, s.failed == (uint64_t)(counts && failed));
    }
}

static int is_result(verdicts *x, const model_verdict *v, uint64_t seen_ns)
{
    weir_result result = {.size = sizeof result};
    CHECK(x->run, weir_call_result(x->call, &result) == WEIR_OK);
    return result.code == v->code && result.rejected_by == v->by &&
           result.rejected_layer == v->layer && result.attempts == x->ran &&
           result.elapsed_ns >= seen_ns - x->began_ns &&
           result.elapsed_ns <= verdict_now(x) - x->began_ns;
}

static int is_backoff(verdicts *x, const weir_step *s, int retried_at,
                      uint64_t seen_ns)
{
    uint64_t deadline_ns = model_deadline(&x->c, (uint32_t)retried_at);
    uint64_t wake_ns = seen_ns + x->c.backoff_ns;
    if (wake_ns <= verdict_now(x))
        return 1; /* it has waited while nobody looked, and gone on */
    return s->action == WEIR_STEP_WAIT &&
           s->wake_ns == (wake_ns < deadline_ns ? wake_ns : deadline_ns);
}

/* Has it come to this, if it was seen at seen_ns? */
static int is_so(verdicts *x, const model_verdict *v, const weir_step *s,
                 uint64_t seen_ns)
{
    int retried_at = model_retried_at(&x->c, v, seen_ns);
    if (retried_at >= 0 && !is_backoff(x, s, retried_at, seen_ns))
        return 0;
    if (retried_at < 0 &&
        (s->action != WEIR_STEP_DONE || !is_result(x, v, seen_ns)))
        return 0;
    if (retried_at < 0 || s->action == WEIR_STEP_WAIT)
        check_breakers(x, v, retried_at);
    return 1;
}

/* seen_ns: now, or when the work ended, as far as that was told; a delay may
 * count from either. */
static void check_verdict(verdicts *x, const model_verdict *v,
                          uint64_t seen_ns)
{
    weir_step s = {.size = sizeof s};
    do
        CHECK(x->run, weir_call_step(x->call, WEIR_NOW, &s) == WEIR_OK);
    while (s.action == WEIR_STEP_CANCEL);
    run_note(x->run, (uint64_t)s.action << 32 | (uint32_t)v->code);
    CHECK(x->run, is_so(x, v, &s, seen_ns) || is_so(x, v, &s, verdict_now(x)));
    if (s.action == WEIR_STEP_ATTEMPT)
        weir_attempt_unref(s.attempt);
}

/* ---- an attempt ---- */

static void give_up_attempt(verdicts *x, weir_attempt *attempt, int cancelled)
{
    model_verdict v = model_given_up(&x->c, cancelled, verdict_now(x));
    check_verdict(x, &v, verdict_now(x));
    weir_clock_advance(x->clock, verdict_time(x) - 1);
    int status = weir_attempt_finish(attempt, 0, WEIR_NOW);
    CHECK(x->run, status == v.code);
}

static void finish_twice(verdicts *x, weir_attempt *attempt, int code,
                         uint64_t ended_ns)
{
    weir_attempt_ref(attempt);
    CHECK(x->run, weir_attempt_finish(attempt, code, ended_ns) == WEIR_OK);
    weir_clock_advance(x->clock, verdict_time(x) - 1);
    CHECK(x->run,
          weir_attempt_finish(attempt, 0, verdict_now(x)) == WEIR_ESTALE);
    weir_attempt_unref(attempt);
}

static void run_attempt(verdicts *x, weir_attempt *attempt)
{
    random_source *random = &x->run->random;
    x->ran = 1;
    int outcome = (int)random_between(random, WEIR_SUCCESS, WEIR_IGNORED);
    int code = (int)random_between(random, 1, 50);
    weir_step s = {.size = sizeof s};
    CHECK(x->run, weir_call_step(x->call, WEIR_NOW, &s) == WEIR_OK);
    CHECK(x->run, s.action == WEIR_STEP_WAIT);
    CHECK(x->run, s.wake_ns == model_deadline(&x->c, x->c.count));
    weir_clock_advance(x->clock, verdict_time(x) - 1);
    int cancelled = maybe_cancel(x);
    if (random_percent(random, 40)) {
        if (cancelled || verdict_now(x) >= model_deadline(&x->c, x->c.count)) {
            give_up_attempt(x, attempt, cancelled);
            return;
        }
        CHECK(x->run, weir_call_step(x->call, WEIR_NOW, &s) == WEIR_OK);
        CHECK(x->run, s.action == WEIR_STEP_WAIT);
    }
    weir_attempt_set_outcome(attempt, outcome);
    uint64_t ended_ns = verdict_now(x);
    int says_when = random_percent(random, 60);
    finish_twice(x, attempt, code, says_when ? ended_ns : WEIR_NOW);
    model_verdict v =
        model_returned(&x->c, code, outcome, cancelled, ended_ns);
    int looks = !cancelled && outcome != WEIR_IGNORED &&
                outcome != WEIR_SUCCESS && outcome != WEIR_DECLINED &&
                model_deadline(&x->c, x->c.count) != WEIR_NEVER;
    check_verdict(x, &v, looks ? ended_ns : verdict_now(x));
}

/* ---- an attempt of a pool; the threads of a real one: tests/stress ---- */

static void give_up_unrun(verdicts *x, weir_attempt *attempt, int cancelled)
{
    model_verdict v = model_given_up(&x->c, cancelled, verdict_now(x));
    v.asked = 0;
    check_verdict(x, &v, verdict_now(x));
    weir_clock_advance(x->clock, verdict_time(x) - 1);
    weir__attempt_finish_unrun(attempt, WEIR_ECANCELED);
}

static void refuse(verdicts *x, weir_attempt *attempt, int cancelled)
{
    int closed = random_percent(&x->run->random, 50);
    int status = closed ? WEIR_ECANCELED : WEIR_EFULL;
    model_verdict v =
        model_unrun(&x->c, status, cancelled, verdict_now(x));
    weir__attempt_finish_unrun(attempt, status);
    check_verdict(x, &v, verdict_now(x));
}

/* A worker comes, its time is over before, or the pool is full or closes. */
static void wait_for_worker(verdicts *x, weir_attempt *attempt)
{
    random_source *random = &x->run->random;
    weir_step s = {.size = sizeof s};
    weir__attempt_wait(attempt);
    CHECK(x->run, weir_call_step(x->call, WEIR_NOW, &s) == WEIR_OK);
    CHECK(x->run, s.action == WEIR_STEP_WAIT);
    CHECK(x->run, s.wake_ns == model_deadline(&x->c, x->c.count));
    weir_clock_advance(x->clock, verdict_time(x) - 1);
    int cancelled = maybe_cancel(x);
    int over =
        cancelled || verdict_now(x) >= model_deadline(&x->c, x->c.count);
    if (over && random_percent(random, 50)) {
        give_up_unrun(x, attempt, cancelled);
    } else if (over || random_percent(random, 50)) {
        refuse(x, attempt, cancelled);
    } else {
        weir__attempt_begin(attempt);
        run_attempt(x, attempt);
    }
}

/* ---- a wait ---- */

static void change_breakers(verdicts *x)
{
    random_source *random = &x->run->random;
    for (uint32_t i = 0; i < x->c.entered; i++) {
        if (!x->breakers[i] || !random_percent(random, 40))
            continue;
        x->c.layers[i].changed = 1;
        x->c.layers[i].rejects = random_percent(random, 50);
        if (x->c.layers[i].rejects)
            weir_breaker_set_mode(x->breakers[i], WEIR_FORCED_OPEN);
        else
            weir_breaker_reset(x->breakers[i]);
    }
}

static void wait_in_queue(verdicts *x)
{
    random_source *random = &x->run->random;
    weir_step s = {.size = sizeof s};
    uint64_t queue_end_ns = x->began_ns + x->queue_ns, next_ns;
    CHECK(x->run, weir_call_step(x->call, x->began_ns, &s) == WEIR_OK);
    CHECK(x->run, s.action == WEIR_STEP_WAIT);
    next_ns = model_deadline(&x->c, x->c.count);
    CHECK(x->run,
          s.wake_ns == (next_ns < queue_end_ns ? next_ns : queue_end_ns));
    weir_clock_advance(x->clock, verdict_time(x) - 1);
    int granted = random_percent(random, 40);
    int cancelled = maybe_cancel(x);
    if (granted) {
        change_breakers(x);
        CHECK(x->run, weir_bulkhead_release(x->bulkhead) == WEIR_OK);
    }
    model_verdict v = model_waited(&x->c, cancelled, granted, verdict_now(x));
    if (v.code == WEIR_EQUEUETIME && verdict_now(x) < queue_end_ns)
        v.code = 0; /* not yet */
    if (v.code != 0)
        check_verdict(x, &v, verdict_now(x));
    else
        CHECK(x->run, weir_call_step(x->call, WEIR_NOW, &s) == WEIR_OK &&
                          s.action == (granted ? WEIR_STEP_ATTEMPT
                                               : WEIR_STEP_WAIT));
    if (v.code == 0 && granted)
        weir_attempt_unref(s.attempt);
    if (!granted)
        weir_bulkhead_release(x->bulkhead);
}

/* ---- one case ---- */

void verdict_check_run(run *r)
{
    for (int i = 0; i < CASES; i++) {
        verdicts x;
        weir_step s = {.size = sizeof s};
        open_case(&x, r);
        x.c.entered = x.c.count;
        if (x.bulkhead && random_percent(&r->random, 50)) {
            x.c.entered = x.bulkhead_at + 1;
            CHECK(r, weir_bulkhead_try_acquire(x.bulkhead) == WEIR_OK);
            wait_in_queue(&x);
        } else {
            CHECK(r, weir_call_step(x.call, x.began_ns, &s) == WEIR_OK);
            CHECK(r, s.action == WEIR_STEP_ATTEMPT);
            if (random_percent(&r->random, 30))
                wait_for_worker(&x, s.attempt);
            else
                run_attempt(&x, s.attempt);
        }
        close_case(&x);
    }
}
