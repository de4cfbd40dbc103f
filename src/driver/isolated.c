/* Isolated runs: the caller drives a stepped call, workers run its attempts. */
#include "base/callback.h"
#include "base/memory.h"
#include "base/park.h"
#include "driver/pool.h"
#include "engine/attempt.h"

/* Lives as long as the memory of its call: a wake may still be on its way
 * when the run has returned. */
typedef struct run {
    weir__parker parker;
    weir_pool *pool;
    weir_clock *clock;
    weir_fn fn;
    void *arg;
    weir_destroy_fn destroy;
} run;

static void free_run(run *r)
{
    weir_pool *pool = r->pool;
    weir__parker_destroy(&r->parker);
    weir_clock_unref(r->clock);
    weir__release(pool->allocator, r, sizeof *r);
    weir__pool_drop(pool);
}

static void on_call_gone(void *arg)
{
    run *r = arg;
    weir__call_back(r->destroy, r->arg);
    free_run(r);
}

static void on_wake(void *arg)
{
    run *r = arg;
    weir__waker_hold(&r->parker.waker);
    weir__waker_fire(&r->parker.waker);
}

static run *new_run(weir_pool *pool, weir_pipeline *pipeline, weir_fn fn,
                    void *arg, weir_destroy_fn destroy)
{
    weir_clock *clock = weir_pipeline_clock(pipeline);
    run *r = weir__allocate(pool->allocator, sizeof *r);
    if (!r)
        return NULL;
    if (weir__parker_init(&r->parker, clock) != WEIR_OK) {
        weir__release(pool->allocator, r, sizeof *r);
        return NULL;
    }
    weir__pool_hold(pool);
    weir_clock_ref(clock);
    r->pool = pool;
    r->clock = clock;
    r->fn = fn;
    r->arg = arg;
    r->destroy = destroy;
    return r;
}

static void start(const run *r, weir_attempt *attempt)
{
    int status = weir__pool_submit(r->pool, attempt, r->fn, r->arg);
    if (status != WEIR_OK)
        weir__attempt_finish_unrun(attempt, status);
}

/* What no worker has begun must not wait for one: it holds permits. */
static void stop(const run *r, weir_attempt *attempt)
{
    if (weir__pool_take_out(r->pool, attempt))
        weir__attempt_finish_unrun(attempt, WEIR_ECANCELED);
}

/* Holds the attempt it has started, so that the attempt named by a CANCEL is
 * that one and no other at the same address. */
static void drive(run *r, weir_call *call)
{
    weir_step step = {.size = sizeof step};
    weir_attempt *held = NULL;
    do {
        weir_call_step(call, WEIR_NOW, &step);
        switch (step.action) {
        case WEIR_STEP_ATTEMPT:
            weir_attempt_unref(held);
            held = step.attempt;
            weir_attempt_ref(held);
            start(r, held);
            break;
        case WEIR_STEP_CANCEL:
            stop(r, held);
            break;
        case WEIR_STEP_WAIT:
            weir__park(&r->parker, step.wake_ns);
            break;
        default:
            break;
        }
    } while (step.action != WEIR_STEP_DONE);
    weir_attempt_unref(held);
}

static int refuse(int status, void *arg, weir_destroy_fn destroy)
{
    weir__call_back(destroy, arg);
    return status;
}

static int run_on_pool(weir_pool *pool, weir_pipeline *pipeline,
                       const weir_call_options *options, weir_fn fn,
                       void *arg, weir_destroy_fn destroy, weir_result *out)
{
    weir_result result = {.size = sizeof result};
    weir_call *call;
    if (!pool || !fn || (out && out->size < sizeof *out))
        return refuse(WEIR_EINVAL, arg, destroy);
    int status = weir_call_new(&call, pipeline, options);
    if (status != WEIR_OK)
        return refuse(status, arg, destroy);
    run *r = new_run(pool, pipeline, fn, arg, destroy);
    if (!r) {
        weir_call_unref(call);
        return refuse(WEIR_ENOMEM, arg, destroy);
    }
    weir_call_on_wake(call, on_wake, r, on_call_gone);
    drive(r, call);
    weir_call_result(call, out ? out : &result);
    status = out ? out->code : result.code;
    weir_call_unref(call);
    return status;
}

/* Nothing of the user's that may be unwound runs on this thread. */
int weir_pool_run(weir_pool *pool, weir_pipeline *pipeline,
                  const weir_call_options *options, weir_fn fn, void *arg,
                  weir_destroy_fn destroy, weir_result *out)
{
    int cancelable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    int status =
        run_on_pool(pool, pipeline, options, fn, arg, destroy, out);
    pthread_setcancelstate(cancelable, NULL);
    return status;
}
