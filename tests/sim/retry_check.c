/* Retries beside their models, two that share a budget: by weir_retry_next,
 * and by stepped calls of a pipeline of a timeout and the retry. */
#include "retries.h"

enum { CALLS = 60, ATTEMPTS = 40 };

static void compare_budget(retries *x)
{
    if (!x->budget)
        return;
    double tokens = weir_budget_tokens(x->budget);
    CHECK(x->run, tokens <= 1000.0 * x->model_budget.o.capacity);
    uint64_t now_ns = retries_now(x);
    CHECK(x->run, tokens >= model_budget_least(&x->model_budget, now_ns));
    CHECK(x->run, tokens <= model_budget_most(&x->model_budget, now_ns));
    run_note(x->run, (uint64_t)tokens);
}

static void know_budget(retries *x, model_ended *e)
{
    e->least_tokens = e->most_tokens = 1e9;
    if (x->budget) {
        e->least_tokens = model_budget_least(&x->model_budget, retries_now(x));
        e->most_tokens = model_budget_most(&x->model_budget, retries_now(x));
    }
}

/* Delays lie anywhere in their range, and not on its end: a cap after the
 * jitter would put them there. */
static void note_spread(retries *x, uint32_t i, const model_retry *m,
                        uint64_t hint_ns, uint64_t delay_ns)
{
    model_retry before = *m;
    model_bounds b = model_retry_bounds(&before, hint_ns);
    double range = (double)(b.most_ns - b.least_ns);
    if (m->o.jitter == WEIR_JITTER_NONE || range < 1e6)
        return;
    x->spread[i].sum += (double)(delay_ns - b.least_ns) / range;
    x->spread[i].count++;
    x->spread[i].tops += b.most_ns - delay_ns < 2;
    CHECK(x->run, x->spread[i].tops < 3);
}

static void check_spread(const retries *x)
{
    for (uint32_t i = 0; i < RETRIES; i++) {
        const spread *s = &x->spread[i];
        if (s->count >= 100)
            CHECK(x->run, s->sum / s->count > 0.3 && s->sum / s->count < 0.7);
    }
}

static void draw(retries *x, model_ended *e)
{
    random_source *random = &x->run->random;
    e->outcome = random_percent(random, x->failures) ? WEIR_TRANSIENT
                                                     : WEIR_THROTTLED;
    if (random_percent(random, 15))
        e->outcome = (int)random_between(random, WEIR_SUCCESS, WEIR_IGNORED);
    e->hint_ns = random_percent(random, 20) ? random_time(random, 200 * SECOND)
                                            : 0;
}

/* ---- by weir_retry_next ---- */

static void without_a_call(retries *x, uint32_t i)
{
    random_source *random = &x->run->random;
    weir_retry_state s = {.size = sizeof s, .remaining_ns = WEIR_NEVER};
    model_retry m = {.o = x->o[i]};
    int status = WEIR_OK;
    uint64_t delay_ns = 0;
    if (random_percent(random, 2))
        s.attempts = m.attempts = 999998; /* in the middle of a long one */
    else if (x->budget)
        model_budget_deposit(&x->model_budget, retries_now(x));
    for (int n = 0; n < ATTEMPTS && status == WEIR_OK; n++) {
        model_ended e;
        draw(x, &e);
        e.elapsed_ns = s.elapsed_ns += random_time(random, 10 * SECOND);
        e.remaining_ns = WEIR_NEVER;
        if (random_percent(random, 10))
            e.remaining_ns = random_time(random, 100 * SECOND);
        know_budget(x, &e);
        s.outcome = e.outcome;
        s.hint_ns = e.hint_ns;
        s.remaining_ns = e.remaining_ns;
        status = weir_retry_next(x->retry[i], &s, &delay_ns);
        model_retry told = m;
        CHECK(x->run, model_retry_allows(&m, &e, status, delay_ns));
        CHECK(x->run, s.attempts == m.attempts);
        told.attempts = m.attempts;
        if (status == WEIR_OK) {
            note_spread(x, i, &told, e.hint_ns, delay_ns);
            if (x->budget)
                model_budget_take(&x->model_budget, retries_now(x));
            s.elapsed_ns += delay_ns;
        }
        compare_budget(x);
        run_note(x->run, status == WEIR_OK ? delay_ns : (uint64_t)-status);
    }
}

/* ---- by calls ---- */

static int code_allowed(model_retry *m, const model_ended *e)
{
    static const int reasons[] = {WEIR_EFINAL, WEIR_EATTEMPTS, WEIR_EDEADLINE,
                                  WEIR_EELAPSED, WEIR_EBUDGET};
    for (uint32_t i = 0; i < 5; i++) {
        model_retry copy = *m;
        if (model_retry_allows(&copy, e, reasons[i], 0))
            return 1;
    }
    return 0;
}

/* Runs one attempt; 0 when the call is over. */
static int attempt(retries *x, uint32_t i, weir_call *call, model_retry *m,
                   uint64_t began_ns)
{
    random_source *random = &x->run->random;
    weir_step s = {.size = sizeof s};
    model_ended e;
    CHECK(x->run, weir_call_step(call, WEIR_NOW, &s) == WEIR_OK);
    CHECK(x->run, s.action == WEIR_STEP_ATTEMPT);
    CHECK(x->run, weir_attempt_number(s.attempt) == m->attempts + 1);
    draw(x, &e);
    uint64_t left_ns = weir_attempt_remaining_ns(s.attempt);
    CHECK(x->run, left_ns == began_ns + x->timeout_ns - retries_now(x));
    weir_clock_advance(x->clock, random_below(random, left_ns));
    e.elapsed_ns = retries_now(x) - began_ns;
    e.remaining_ns = x->timeout_ns - e.elapsed_ns;
    know_budget(x, &e);
    weir_attempt_set_outcome(s.attempt, e.outcome);
    if (e.hint_ns)
        weir_attempt_retry_after(s.attempt, e.hint_ns);
    int code = (int)random_between(random, 1, 100);
    CHECK(x->run, weir_attempt_finish(s.attempt, code, WEIR_NOW) == WEIR_OK);
    CHECK(x->run, weir_call_step(call, WEIR_NOW, &s) == WEIR_OK);
    if (s.action == WEIR_STEP_DONE) {
        weir_result result = {.size = sizeof result};
        CHECK(x->run, weir_call_result(call, &result) == WEIR_OK);
        CHECK(x->run, result.code == code && result.last_code == code);
        CHECK(x->run, result.attempts == m->attempts + 1);
        CHECK(x->run, code_allowed(m, &e));
        run_note(x->run, (uint64_t)code);
        return 0;
    }
    uint64_t delay_ns = 0;
    if (s.action == WEIR_STEP_WAIT) {
        delay_ns = s.wake_ns - retries_now(x);
        model_retry told = *m;
        told.attempts++;
        note_spread(x, i, &told, e.hint_ns, delay_ns);
    } else {
        /* A delay of nothing; the attempt is as good as over. */
        CHECK(x->run, s.action == WEIR_STEP_ATTEMPT);
        weir_attempt_unref(s.attempt);
    }
    CHECK(x->run, model_retry_allows(m, &e, WEIR_OK, delay_ns));
    if (x->budget)
        model_budget_take(&x->model_budget, retries_now(x));
    run_note(x->run, delay_ns);
    if (s.action != WEIR_STEP_WAIT)
        return 0;
    weir_clock_advance(x->clock, delay_ns - 1);
    CHECK(x->run, weir_call_step(call, WEIR_NOW, &s) == WEIR_OK);
    CHECK(x->run, s.action == WEIR_STEP_WAIT);
    weir_clock_advance(x->clock, 1);
    return 1;
}

static void with_a_call(retries *x, uint32_t i)
{
    weir_call *call;
    model_retry m = {.o = x->o[i]};
    uint64_t began_ns = retries_now(x);
    CHECK(x->run, weir_call_new(&call, x->pipeline[i], NULL) == WEIR_OK);
    if (x->budget)
        model_budget_deposit(&x->model_budget, began_ns);
    while (attempt(x, i, call, &m, began_ns))
        compare_budget(x);
    weir_call_unref(call);
    compare_budget(x);
}

/* ---- a handle of the same seed draws the same ---- */

static void check_twin(retries *x, uint32_t i)
{
    weir_retry_state s = {.size = sizeof s, .remaining_ns = WEIR_NEVER};
    weir_retry *again[2];
    uint64_t delays[2] = {0, 0};
    int status[2];
    for (int n = 0; n < 2; n++)
        CHECK(x->run, weir_retry_new(&again[n], &x->o[i]) == WEIR_OK);
    s.outcome = WEIR_TRANSIENT;
    for (int n = 0; n < 2; n++) {
        weir_retry_state one = s;
        if (x->budget)
            model_budget_deposit(&x->model_budget, retries_now(x));
        status[n] = weir_retry_next(again[n], &one, &delays[n]);
        if (status[n] == WEIR_OK && x->budget)
            model_budget_take(&x->model_budget, retries_now(x));
    }
    CHECK(x->run, status[0] == WEIR_EBUDGET || status[1] == WEIR_EBUDGET ||
                      (status[0] == status[1] && delays[0] == delays[1]));
    weir_retry_unref(again[0]);
    weir_retry_unref(again[1]);
}

void retry_check_run(run *r)
{
    retries x;
    open_retries(&x, r);
    for (int n = 0; n < CALLS; n++) {
        uint32_t i = (uint32_t)random_below(&r->random, RETRIES);
        if (random_percent(&r->random, 40))
            weir_clock_advance(x.clock, random_time(&r->random, 10 * SECOND));
        if (random_percent(&r->random, 50))
            without_a_call(&x, i);
        else
            with_a_call(&x, i);
    }
    check_twin(&x, 0);
    check_spread(&x);
    close_retries(&x);
}
