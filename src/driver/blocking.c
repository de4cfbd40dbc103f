#include "driver/blocking.h"

#include <stddef.h>

#include "base/park.h"
#include "engine/direct.h"
#include "engine/step.h"

/* Lives on the caller's stack; initialised as far as it is used. */
typedef struct blocking {
    weir_call call; /* first */
    weir__waker token_waker; /* fired by cancel tokens alone */
    int can_park;            /* the parker is set up */
    weir__parker parker;
    weir_attempt attempt;
    weir__node slots[WEIR_PIPELINE_MAX];
} blocking;

static blocking *blocking_of(weir_call *call)
{
    return (blocking *)call;
}

/* ---- the call's type ---- */

/* Pairs with the swap of a thread that fires a cancel token: if it told the
 * attempt before this one, the token is seen as fired by who listens in this
 * one.  Without tokens there is no such thread. */
static void set_cancel_state(blocking *b, uint32_t state)
{
    if (b->call.token_count == 0)
        weir__store_relaxed(&b->attempt.cancel_state, state);
    else
        weir__exchange_acq_rel(&b->attempt.cancel_state, state);
}

static weir_attempt *new_attempt(weir_call *call)
{
    set_cancel_state(blocking_of(call), WEIR__CANCEL_NONE);
    return call->own_attempt;
}

static int prepare_wait(weir_call *call)
{
    blocking *b = blocking_of(call);
    if (!b->can_park &&
        weir__parker_init(&b->parker, call->pipeline->clock) == WEIR_OK)
        b->can_park = 1;
    return b->can_park ? WEIR_OK : WEIR_ENOMEM;
}

static const weir__call_type blocking_type = {new_attempt, prepare_wait};

static void hold(weir__waker *waker)
{
    weir__waker_hold(&((blocking *)waker)->parker.waker);
}

static void fire(weir__waker *waker)
{
    weir__waker_fire(&((blocking *)waker)->parker.waker);
}

static const weir__waker_type blocking_waker = {hold, fire};

/* ---- cancel tokens: apart, for whoever hands a permit over may be late, and
 * must not find that there is somebody to be told ---- */

static blocking *blocking_of_token(weir__waker *waker)
{
    return (blocking *)(void *)((char *)waker -
                                offsetof(blocking, token_waker));
}

static void hold_token(weir__waker *waker)
{
    hold(&blocking_of_token(waker)->call.waker);
}

/* On a foreign thread.  The run does not end before the parker is fired. */
static void fire_token(weir__waker *waker)
{
    blocking *b = blocking_of_token(waker);
    weir__attempt_tell_cancel(&b->attempt);
    fire(&b->call.waker);
}

static const weir__waker_type token_waker = {hold_token, fire_token};

/* ---- begin, end ---- */

static void begin(blocking *b, weir_pipeline *pipeline,
                  const weir_call_options *options)
{
    b->call.waker.type = &blocking_waker;
    b->token_waker.type = &token_waker;
    b->call.type = &blocking_type;
    b->call.pipeline = pipeline;
    b->call.slots = b->slots;
    b->call.own_attempt = &b->attempt;
    b->can_park = 0;
    weir__init(&b->attempt.word, UINT64_C(0));
    weir__init(&b->attempt.cancel_state, (uint32_t)WEIR__CANCEL_NONE);
    weir__call_init(&b->call, options);
}

/* Runs on every way out.  A call that is not done is being unwound: out of
 * the user's function, by a C++ exception or pthread_cancel. */
static void end(blocking *b)
{
    if (b->call.state != WEIR__DONE) {
        weir__verdict unwound = {0};
        unwound.code = WEIR_ECANCELED;
        unwound.outcome = WEIR_TRANSIENT;
        unwound.asked = 1;
        unwound.final = 1;
        unwound.elapsed_ns = WEIR_NEVER;
        weir__call_set_now(&b->call, WEIR_NOW);
        if (b->call.state == WEIR__DIRECT)
            weir__direct_spread(&b->call);
        weir__leave(&b->call, &unwound);
    }
    if (b->can_park) {
        weir__call_unwatch_tokens(&b->call);
        weir__parker_destroy(&b->parker);
    }
    for (uint32_t i = 0; i < b->call.token_count; i++)
        weir_cancel_unref(b->call.tokens[i]);
}

/* ---- the loop ---- */

static void run_attempt(blocking *b, weir_fn fn, void *arg)
{
    weir_call *call = &b->call;
    for (;;) {
        int code = fn(call->attempt, arg);
        set_cancel_state(b, WEIR__CANCEL_TOLD); /* too late now */
        weir__call_set_now(call, WEIR_NOW);
        if (!weir__step_again(call, code)) {
            weir__step_returned(call, code);
            return;
        }
        set_cancel_state(b, WEIR__CANCEL_NONE);
    }
}

static void wait(blocking *b, uint64_t wake_ns)
{
    if (prepare_wait(&b->call) == WEIR_OK)
        weir__park(&b->parker, wake_ns);
    else
        weir__store_relaxed(&b->call.cancelled, 1u);
    weir__call_set_now(&b->call, WEIR_NOW);
}

static int drive(blocking *b, weir_fn fn, void *arg)
{
    uint64_t wake_ns;
    weir_attempt *none;
    for (;;)
        switch (weir__step(&b->call, &wake_ns, &none)) {
        case WEIR_STEP_ATTEMPT:
            run_attempt(b, fn, arg);
            break;
        case WEIR_STEP_WAIT:
            wait(b, wake_ns);
            break;
        default: /* DONE; nobody else sets the flag of a blocking call */
            if (weir__load_relaxed(&b->call.cancelled) != 0)
                b->call.result.code = WEIR_ENOMEM;
            return b->call.result.code;
        }
}

/* A call that cannot be woken is done before it begins. */
static void watch_tokens(blocking *b)
{
    if (prepare_wait(&b->call) == WEIR_OK) {
        weir__call_watch_tokens(&b->call, &b->token_waker);
    } else {
        weir__verdict v = weir__verdict_by_call(WEIR_ENOMEM, WEIR_IGNORED);
        weir__leave(&b->call, &v);
    }
}

int weir__blocking_run(weir_pipeline *pipeline,
                       const weir_call_options *options, weir_fn fn, void *arg,
                       weir_result *out)
{
    blocking b __attribute__((cleanup(end)));
    begin(&b, pipeline, options);
    for (uint32_t i = 0; i < b.call.token_count; i++)
        weir_cancel_ref(b.call.tokens[i]);
    if (out)
        b.call.started_ns = weir__call_now(&b.call);
    if (b.call.token_count > 0)
        watch_tokens(&b);
    int code = drive(&b, fn, arg);
    if (out)
        weir__call_copy_result(&b.call, out);
    return code;
}

/* ---- from the straight path ---- */

int weir__blocking_go_on(weir_pipeline *pipeline,
                         const weir__straight *straight, int code)
{
    blocking b __attribute__((cleanup(end)));
    uint32_t before = straight->attempt.said >> WEIR__SAID_BITS;
    begin(&b, pipeline, &weir__call_defaults);
    b.call.passed_word = straight->word;
    b.call.passed_ns = pipeline->shape & WEIR__TIMED
                           ? weir__stamp_ns(&straight->attempt.began)
                           : 0;
    b.call.now_ns = b.call.passed_ns; /* when the attempt began */
    b.call.result.attempts = before;
    weir__call_start(&b.call, &b.attempt, WEIR_NEVER);
    weir__call_set_now(&b.call, WEIR_NOW);
    b.attempt.said = straight->attempt.said;
    b.attempt.outcome = straight->attempt.outcome;
    b.attempt.hint_ns = straight->attempt.hint_ns;
    weir__direct_spread(&b.call);
    if (before > 0) /* the retry is all there is */
        b.call.node->u.progress.attempts = before;
    b.attempt.deadline_ns = weir__call_deadline(&b.call);
    weir__step_returned(&b.call, code);
    return drive(&b, straight->fn, straight->arg);
}
