/* Stories of stepped calls. */
#include "faults.h"

#include <unistd.h>

static void ignore_wake(void *arg)
{
    (void)arg;
    may_be_cancelled();
}

static void ignore_cancel(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    may_be_cancelled();
}

static weir_call *make_call(weir_pipeline *pipeline, weir_attempt *parent,
                            weir_cancel *cancel)
{
    weir_call *call;
    weir_call_options o;
    weir_call_options_init(&o, sizeof o);
    o.parent = parent;
    o.cancel = cancel;
    MAKE(call, weir_call_new(&call, pipeline, &o));
    return call;
}

/* ---- a call that gives up attempts, which are then in the way ---- */

enum { HANGING = 3 };

typedef struct hanging {
    weir_attempt *attempts[HANGING];
    int count;
} hanging;

static void wait_for(rig *r, uint64_t wake_ns)
{
    uint64_t now_ns = now_of(r);
    if (wake_ns > now_ns &&
        weir_clock_advance(r->clock, wake_ns - now_ns) != WEIR_OK)
        while (now_of(r) < wake_ns) /* it ticks */
            ;
}

/* There no deadline comes. */
static void finish_at_the_end_of_time(hanging *h)
{
    CHECK(clock_ended());
    CHECK(weir_attempt_finish(h->attempts[--h->count], 0, WEIR_NOW) ==
          WEIR_OK);
}

static int step_to_the_end(rig *r, weir_call *call, hanging *h)
{
    weir_step step = {.size = sizeof step};
    weir_result result = {.size = sizeof result};
    do {
        CHECK(weir_call_step(call, WEIR_NOW, &step) == WEIR_OK);
        if (step.action == WEIR_STEP_ATTEMPT) {
            CHECK(h->count < HANGING);
            h->attempts[h->count++] = step.attempt;
        } else if (step.action == WEIR_STEP_WAIT) {
            if (step.wake_ns != WEIR_NEVER)
                wait_for(r, step.wake_ns);
            else
                finish_at_the_end_of_time(h);
        }
    } while (step.action != WEIR_STEP_DONE);
    CHECK(weir_call_result(call, &result) == WEIR_OK);
    CHECK(result.code != WEIR_ENOMEM || result.rejected_by == WEIR_BY_CALL);
    return result.code;
}

static void finish_all(hanging *h)
{
    while (h->count > 0)
        CHECK(weir_attempt_finish(h->attempts[--h->count], 0, WEIR_NOW) ==
              WEIR_ETIMEDOUT);
}

/* A step that runs out of memory ends the call with that, and what was taken
 * for it is given back; the attempts that hang are not lost. */
static void tell_hanging(rig *r)
{
    hanging h = {{NULL}, 0};
    weir_breaker *breaker = new_breaker(r);
    weir_breaker_ref(breaker);
    weir_pipeline *pipeline = new_pipeline(r, new_retry(r), breaker, NULL,
                                           new_timeout(r, 50 * US));
    weir_call *call = make_call(pipeline, NULL, NULL);
    take_failed();
    int code = step_to_the_end(r, call, &h);
    int failed = take_failed() & HARD;
    CHECK(code == (failed ? WEIR_ENOMEM : WEIR_ETIMEDOUT) || clock_ended());
    CHECK(h.count == HANGING || (failed && h.count > 0) || clock_ended());
    finish_all(&h);
    weir_call_unref(call);
    calm();
    call = make_call(pipeline, NULL, NULL);
    code = step_to_the_end(r, call, &h);
    CHECK(code == WEIR_ETIMEDOUT || clock_ended());
    uncalm();
    weir_call_unref(call); /* before its attempts */
    finish_all(&h);
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
}

/* ---- wake signals ---- */

static void wait_and_cancel(weir_call *call)
{
    weir_step step = {.size = sizeof step};
    MUST(weir_call_step(call, WEIR_NOW, &step));
    CHECK(step.action == WEIR_STEP_ATTEMPT);
    weir_attempt *attempt = step.attempt;
    MUST(weir_attempt_on_cancel(attempt, ignore_cancel, NULL));
    MUST(weir_call_step(call, WEIR_NOW, &step));
    CHECK(step.action == WEIR_STEP_WAIT);
    step_begins();
    weir_call_cancel(call);
    MUST(weir_call_step(call, WEIR_NOW, &step));
    CHECK(step.action == WEIR_STEP_CANCEL);
    MUST_GIVE(WEIR_ECANCELED, weir_attempt_finish(attempt, 0, WEIR_NOW));
    MUST(weir_call_step(call, WEIR_NOW, &step));
    CHECK(step.action == WEIR_STEP_DONE);
}

static void tell_wake(rig *r)
{
    weir_pipeline *pipeline = new_pipeline(r, NULL, NULL, NULL, NULL);
    weir_call *call = make_call(pipeline, NULL, NULL);
    MUST(weir_call_on_wake(call, ignore_wake, take_arg(), give_arg));
    wait_and_cancel(call);
    DO(weir_call_unref(call));
    weir_pipeline_unref(pipeline);
}

/* Interrupted once, the eight bytes are there all the same; if they cannot
 * be written at all, nothing is, and nothing else suffers. */
static void tell_wake_fd(rig *r)
{
    int ends[2];
    uint64_t one[2] = {0, 0};
    weir_pipeline *pipeline = new_pipeline(r, NULL, NULL, NULL, NULL);
    weir_call *call = make_call(pipeline, NULL, NULL);
    CHECK(pipe(ends) == 0);
    MUST(weir_call_wake_fd(call, ends[1]));
    close_own(ends[1]);
    wait_and_cancel(call);
    weir_call_unref(call);
    ssize_t bytes = read_own(ends[0], one, sizeof one);
    CHECK(bytes == 0 || (bytes == 8 && one[0] == 1));
    close_own(ends[0]);
    weir_pipeline_unref(pipeline);
}

/* ---- tokens and parents ---- */

static void tell_nested_calls(rig *r)
{
    weir_step step = {.size = sizeof step};
    weir_pipeline *pipeline = new_pipeline(r, NULL, NULL, NULL, NULL);
    weir_cancel *outer = new_cancel(), *inner = new_cancel();
    weir_call *call = make_call(pipeline, NULL, outer);
    MUST(weir_call_step(call, WEIR_NOW, &step));
    weir_call *nested = make_call(pipeline, step.attempt, inner);
    MUST(weir_attempt_finish(step.attempt, 0, WEIR_NOW));
    weir_cancel_fire(outer);
    MUST(weir_call_step(nested, WEIR_NOW, &step));
    CHECK(step.action == WEIR_STEP_DONE);
    weir_call_unref(nested);
    weir_call_unref(call);
    weir_cancel_unref(inner);
    weir_cancel_unref(outer);
    weir_pipeline_unref(pipeline);
}

/* ---- the queue of a bulkhead: none of it is allocated ---- */

static void tell_queued_call(rig *r)
{
    weir_step step = {.size = sizeof step};
    weir_bulkhead *bulkhead = new_bulkhead(r);
    weir_bulkhead_ref(bulkhead);
    weir_pipeline *pipeline = new_pipeline(r, NULL, NULL, bulkhead, NULL);
    weir_call *call = make_call(pipeline, NULL, NULL);
    MUST(weir_call_on_wake(call, ignore_wake, take_arg(), give_arg));
    CALMLY(weir_bulkhead_try_acquire(bulkhead));
    MUST(weir_call_step(call, WEIR_NOW, &step));
    CHECK(step.action == (clock_ended() ? WEIR_STEP_DONE : WEIR_STEP_WAIT));
    MUST(weir_bulkhead_release(bulkhead));
    if (!clock_ended()) {
        MUST(weir_call_step(call, WEIR_NOW, &step));
        CHECK(step.action == WEIR_STEP_ATTEMPT);
        MUST(weir_attempt_finish(step.attempt, 0, WEIR_NOW));
    }
    weir_call_unref(call);
    CHECK(weir_bulkhead_running(bulkhead) == 0);
    weir_pipeline_unref(pipeline);
    weir_bulkhead_unref(bulkhead);
}

const story step_stories[] = {
    {"attempts that hang", tell_hanging, 4},
    {"wake signals", tell_wake, 1},
    {"wake descriptors", tell_wake_fd, 3},
    {"nested calls", tell_nested_calls, 2},
    {"queued calls", tell_queued_call, 1},
    {NULL, NULL, 0},
};
