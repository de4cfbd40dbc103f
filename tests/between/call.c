/* A stepped call on its way, and those who finish, cancel and wake it. */
#include "between.h"

#include <string.h>

#include "policy/bulkhead.h"

#define SECOND UINT64_C(1000000000)

enum {
    FULL, DUE, QUEUEING, QUEUED_TOO_LONG, /* no attempt yet */
    HANDED_OUT, WAITING, LATE, GIVEN_UP, APART, STATES
};

/* Operations of a kind are not made at once: steps; those that end the
 * attempt, the one before it, a further reference, a permit; those that need
 * the call, and what gives it back. */
enum {
    STEPS = 1, ENDS = 2, ENDS_OLD = 4, GIVES_BACK = 8, FREES = 16, CANCELS = 32
};

static weir_clock *vclock;
static weir_pipeline *pipeline;
static weir_breaker *breaker;
static weir_bulkhead *bulkhead;
static weir_cancel *token;
static weir__abandoned abandoned;
static weir_call *call;
static weir_attempt *attempt, *old, *shared;
static enum { NONE, HELD, LEFT } permit; /* a stranger's */
static int action, woken, destroyed;
static uint64_t wake_ns; /* of the action */

static void wake(void *arg)
{
    (void)arg;
    woken = 1;
}

static void destroy(void *arg)
{
    (void)arg;
    destroyed++;
}

/* ---- operations ---- */

/* What a step says is not seen, for it may go far: only where it all ends. */
static void note(weir_step *out)
{
    while (out->action == WEIR_STEP_CANCEL)
        must(weir_call_step(call, WEIR_NOW, out));
    action = out->action;
    wake_ns = out->wake_ns;
    if (action == WEIR_STEP_ATTEMPT)
        attempt = out->attempt;
}

static uint64_t step(int who)
{
    weir_step out = {.size = sizeof out, .action = WEIR_STEP_CANCEL};
    (void)who;
    woken = 0;
    note(&out);
    return 0;
}

static weir_attempt *take(weir_attempt **from)
{
    weir_attempt *taken = *from;
    *from = 0;
    return taken;
}

static uint64_t finish(int who)
{
    weir_attempt *mine = take(&attempt);
    (void)who;
    return mine ? (uint64_t)weir_attempt_finish(mine, 0, WEIR_NOW) : 0;
}

static uint64_t finish_and_step(int who)
{
    weir_attempt *mine = take(&attempt);
    weir_step out = {.size = sizeof out};
    (void)who;
    if (!mine)
        return 0;
    woken = 0;
    int status = weir_call_finish(call, mine, 0, WEIR_NOW, &out);
    note(&out);
    return (uint64_t)status;
}

static uint64_t drop(int who)
{
    (void)who;
    weir_attempt_unref(take(&attempt));
    return 0;
}

static uint64_t finish_old(int who)
{
    weir_attempt *mine = take(&old);
    (void)who;
    return mine ? (uint64_t)weir_attempt_finish(mine, 0, WEIR_NOW) : 0;
}

static uint64_t give_back(int who)
{
    (void)who;
    weir_attempt_unref(take(&shared));
    return 0;
}

static uint64_t cancel(int who)
{
    (void)who;
    weir_call_cancel(call);
    return 0;
}

static uint64_t fire(int who)
{
    (void)who;
    weir_cancel_fire(token);
    return 0;
}

static uint64_t free_permit(int who)
{
    (void)who;
    if (permit == HELD)
        must(weir_bulkhead_release(bulkhead));
    else if (permit == LEFT)
        weir__bulkhead_release_abandoned(bulkhead, &abandoned);
    permit = NONE;
    return 0;
}

static uint64_t abandon(int who)
{
    (void)who;
    if (permit == HELD) {
        weir__bulkhead_abandon(bulkhead, &abandoned,
                               weir_clock_now_ns(vclock));
        permit = LEFT;
    }
    return 0;
}

static uint64_t pass_time(int who)
{
    (void)who;
    return (uint64_t)weir_clock_advance(vclock, SECOND);
}

static uint64_t trip(int who)
{
    (void)who;
    return (uint64_t)weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
}

static uint64_t unref(int who)
{
    (void)who;
    weir_call_unref(call);
    call = 0;
    return 0;
}

/* ---- the world ---- */

static void make_pipeline(int state)
{
    weir_pipeline_options options;
    weir_breaker_options breaks;
    weir_bulkhead_options limits;
    weir_retry_options retries;
    weir_timeout_options times;
    weir_retry *retry;
    weir_timeout *timeout;
    must(weir_clock_new_virtual(&vclock, SECOND));
    must(weir_pipeline_options_init(&options, sizeof options));
    must(weir_breaker_options_init(&breaks, sizeof breaks));
    must(weir_bulkhead_options_init(&limits, sizeof limits));
    must(weir_retry_options_init(&retries, sizeof retries));
    must(weir_timeout_options_init(&times, sizeof times));
    options.clock = breaks.clock = limits.clock = retries.clock =
        times.clock = vclock;
    retries.base_ns = 0;
    retries.max_attempts = 2;
    limits.max_concurrent = state == APART ? 2 : 1;
    limits.abandoned_max_ns = state < HANDED_OUT ? SECOND : WEIR_NEVER;
    times.timeout_ns = SECOND;
    must(weir_pipeline_new(&pipeline, &options));
    must(weir_retry_new(&retry, &retries));
    must(weir_breaker_new(&breaker, &breaks));
    must(weir_bulkhead_new(&bulkhead, &limits));
    must(weir_timeout_new(&timeout, &times));
    must(weir_pipeline_add_retry(pipeline, retry));
    must(weir_pipeline_add_breaker(pipeline, breaker));
    must(weir_pipeline_add_bulkhead(pipeline, bulkhead));
    must(weir_pipeline_add_timeout(pipeline, timeout));
    must(weir_pipeline_seal(pipeline));
    weir_retry_unref(retry);
    weir_timeout_unref(timeout);
}

static void make_call(int with_token)
{
    weir_call_options options;
    must(weir_cancel_new(&token));
    must(weir_call_options_init(&options, sizeof options));
    if (with_token)
        options.cancel = token;
    must(weir_call_new(&call, pipeline, &options));
    must(weir_call_on_wake(call, wake, 0, destroy));
    attempt = old = shared = 0;
    permit = NONE;
    woken = destroyed = action = 0;
}

static void wait_in_queue(int state)
{
    must(weir_bulkhead_try_acquire(bulkhead));
    permit = HELD;
    if (state == DUE)
        abandon(0);
    if (state != FULL)
        step(0);
    if (state == QUEUED_TOO_LONG)
        must(weir_clock_advance(vclock, 5 * SECOND));
}

static void begin(int variant)
{
    int state = variant % STATES;
    make_pipeline(state);
    make_call(variant / STATES);
    if (state < HANDED_OUT) {
        wait_in_queue(state);
        return;
    }
    step(0);
    shared = attempt;
    weir_attempt_ref(shared);
    if (state == WAITING)
        step(0);
    if (state >= LATE)
        must(weir_clock_advance(vclock, SECOND));
    if (state >= GIVEN_UP) {
        old = take(&attempt);
        step(0);
    }
}

/* Who was told to wait and was not woken has nothing to do, and no earlier
 * time to wait for. */
static void drive(void)
{
    if (action == WEIR_STEP_WAIT && !woken) {
        uint64_t told_ns = wake_ns;
        step(0);
        if (action != WEIR_STEP_WAIT || wake_ns < told_ns)
            fail("a wake was lost");
    }
    for (int turns = 0; action != WEIR_STEP_DONE; turns++) {
        finish(0);
        finish_old(0);
        free_permit(0);
        step(0);
        if (action == WEIR_STEP_WAIT)
            pass_time(0);
        if (turns > STATES)
            fail("it never ends");
    }
}

static void end(void)
{
    weir_result result = {.size = sizeof result};
    if (call) {
        drive();
        must(weir_call_result(call, &result));
        see((uint64_t)result.code);
        see(result.attempts);
        unref(0);
    }
    finish(0);
    finish_old(0);
    give_back(0);
    free_permit(0);
    if (weir_bulkhead_running(bulkhead) != 0)
        fail("a permit was lost");
    if (destroyed != 1)
        fail("the call was destroyed %d times", destroyed);
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_bulkhead_unref(bulkhead);
    weir_cancel_unref(token);
    weir_clock_unref(vclock);
}

static const operation operations[] = {
    {"step", step, STEPS},
    {"finish", finish, ENDS},
    {"finish and step", finish_and_step, STEPS | ENDS},
    {"drop", drop, ENDS},
    {"finish the old one", finish_old, ENDS_OLD},
    {"give a reference back", give_back, GIVES_BACK},
    {"cancel", cancel, CANCELS},
    {"fire the token", fire, 0},
    {"free a permit", free_permit, FREES},
    {"abandon a permit", abandon, FREES},
    {"pass time", pass_time, 0},
    {"force the breaker open", trip, 0},
    {"give the call back", unref, STEPS | CANCELS},
    {0, 0, 0}};

const world call_world = {"call", 2 * STATES, begin, operations, end};
