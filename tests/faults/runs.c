/* Stories of blocking runs and waits. */
#include "faults.h"

#include <errno.h>

/* ---- what is run; it leaves errno behind, which is to stay ---- */

static int succeed(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ((rig *)arg)->runs++;
    return 0;
}

static int fail_first(weir_attempt *attempt, void *arg)
{
    ((rig *)arg)->runs++;
    return weir_attempt_number(attempt) == 1 ? 7 : 0;
}

static int fail_always(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ((rig *)arg)->runs++;
    return 7;
}

/* The runs of the function since the last look. */
static int take_runs(rig *r)
{
    int runs = r->runs;
    r->runs = 0;
    return runs;
}

/* ---- nothing that waits asks for anything ---- */

static void tell_healthy(rig *r)
{
    weir_breaker *breaker = new_breaker(r);
    weir_bulkhead *bulkhead = new_bulkhead(r);
    weir_retry *retry = new_retry(r);
    weir_timeout *timeout = new_timeout(r, SECOND);
    weir_call_options o;
    weir_result result = {.size = sizeof result};
    weir_retry_ref(retry);
    weir_breaker_ref(breaker);
    weir_bulkhead_ref(bulkhead);
    weir_timeout_ref(timeout);
    weir_pipeline *pipeline =
        new_pipeline(r, retry, breaker, bulkhead, timeout);
    weir_call_options_init(&o, sizeof o);
    MUST(weir_run(pipeline, succeed, r));
    MUST(weir_run_with(pipeline, &o, succeed, r, &result));
    MUST(weir_breaker_run(breaker, succeed, r));
    MUST(weir_bulkhead_run(bulkhead, succeed, r));
    MUST(weir_retry_run(retry, succeed, r));
    MUST(weir_timeout_run(timeout, succeed, r));
    MUST_GIVE(7, weir_breaker_run(breaker, fail_always, r));
    MUST_GIVE(7, weir_bulkhead_run(bulkhead, fail_always, r));
    MUST_GIVE(7, by_the_clock(weir_timeout_run(timeout, fail_always, r),
                              WEIR_ETIMEDOUT, 7));
    CHECK(take_runs(r) == 9);
    weir_pipeline_unref(pipeline);
    weir_timeout_unref(timeout);
    weir_retry_unref(retry);
    weir_bulkhead_unref(bulkhead);
    weir_breaker_unref(breaker);
}

/* ---- backoff: "the system has no resources for a wait; fn has run" ---- */

typedef struct guarded {
    weir_breaker *breaker;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline; /* retry > breaker > bulkhead > timeout */
} guarded;

static guarded open_guarded(rig *r)
{
    guarded g = {new_breaker(r), new_bulkhead(r), NULL};
    weir_breaker_ref(g.breaker);
    weir_bulkhead_ref(g.bulkhead);
    g.pipeline = new_pipeline(r, new_retry(r), g.breaker, g.bulkhead,
                              new_timeout(r, SECOND));
    return g;
}

static void close_guarded(guarded *g)
{
    weir_pipeline_unref(g->pipeline);
    weir_bulkhead_unref(g->bulkhead);
    weir_breaker_unref(g->breaker);
}

static void check_guarded(const guarded *g, uint64_t failures)
{
    weir_breaker_snapshot s = {.size = sizeof s};
    CHECK(weir_breaker_inspect(g->breaker, &s) == WEIR_OK);
    CHECK(s.failed == failures && s.state == WEIR_CLOSED);
    CHECK(weir_bulkhead_running(g->bulkhead) == 0);
    CHECK(weir_bulkhead_waiting(g->bulkhead) == 0);
}

static void tell_backoff(rig *r)
{
    guarded g = open_guarded(r);
    weir_retry *retry = new_retry(r);
    while (!WORKS(weir_run(g.pipeline, fail_first, r))) {
        CHECK(take_runs(r) == 1);
        check_guarded(&g, 1);
        weir_breaker_reset(g.breaker);
    }
    CHECK(take_runs(r) == 2);
    check_guarded(&g, 0);
    while (!GIVES(7, weir_retry_run(retry, fail_always, r)))
        CHECK(take_runs(r) == 1);
    CHECK(take_runs(r) == 3);
    weir_retry_unref(retry);
    close_guarded(&g);
}

static void check_no_resources(const weir_result *result)
{
    CHECK(result->code == WEIR_ENOMEM);
    CHECK(result->rejected_by == WEIR_BY_CALL);
}

/* With options and a result; with tokens, which have to be watched. */
static void tell_backoff_with(rig *r)
{
    guarded g = open_guarded(r);
    weir_result result = {.size = sizeof result};
    weir_call_options o;
    weir_call_options_init(&o, sizeof o);
    for (int tokens = 0; tokens < 2; tokens++) {
        if (tokens)
            o.cancel = new_cancel();
        result.code = 77;
        while (!WORKS(
            weir_run_with(g.pipeline, &o, fail_first, r, &result))) {
            check_no_resources(&result);
            CHECK(result.last_code == (tokens ? 0 : 7));
            CHECK(result.attempts == (tokens ? 0 : 1));
            CHECK(take_runs(r) == (tokens ? 0 : 1));
            check_guarded(&g, tokens ? 0 : 1);
            weir_breaker_reset(g.breaker);
        }
        CHECK(result.code == 0 && result.attempts == 2);
        CHECK(take_runs(r) == 2);
        check_guarded(&g, 0);
    }
    weir_cancel_unref(o.cancel);
    close_guarded(&g);
}

/* ---- queues ---- */

static void tell_queue(rig *r)
{
    guarded g = open_guarded(r);
    weir_result result = {.size = sizeof result};
    CALMLY(weir_bulkhead_try_acquire(g.bulkhead));
    while (!GIVES(WEIR_EQUEUETIME, weir_run(g.pipeline, succeed, r)))
        CHECK(weir_bulkhead_running(g.bulkhead) == 1 &&
              weir_bulkhead_waiting(g.bulkhead) == 0);
    while (!GIVES(WEIR_EQUEUETIME,
                  weir_run_with(g.pipeline, NULL, succeed, r, &result)))
        check_no_resources(&result);
    MUST_GIVE(WEIR_EQUEUETIME, weir_bulkhead_run(g.bulkhead, succeed, r));
    MUST(weir_bulkhead_release(g.bulkhead));
    CHECK(take_runs(r) == 0);
    check_guarded(&g, 0);
    MUST(weir_run(g.pipeline, succeed, r));
    close_guarded(&g);
}

static void tell_acquire(rig *r)
{
    weir_bulkhead *bulkhead = new_bulkhead(r);
    weir_cancel *cancel = new_cancel();
    MUST(weir_bulkhead_acquire(bulkhead));
    MUST_GIVE(WEIR_EQUEUETIME, weir_bulkhead_acquire(bulkhead));
    for (int i = 0; i < 2; i++) {
        while (!GIVES(WEIR_ETIMEDOUT,
                      by_the_clock(weir_bulkhead_acquire_until(
                                       bulkhead, now_of(r) + 10 * US,
                                       i ? cancel : NULL),
                                   WEIR_EQUEUETIME, WEIR_ETIMEDOUT)))
            CHECK(weir_bulkhead_running(bulkhead) == 1 &&
                  weir_bulkhead_waiting(bulkhead) == 0);
    }
    weir_cancel_fire(cancel);
    MUST_GIVE(WEIR_ECANCELED,
              weir_bulkhead_acquire_until(bulkhead, WEIR_NEVER, cancel));
    MUST(weir_bulkhead_release(bulkhead));
    MUST(weir_bulkhead_acquire_until(bulkhead, WEIR_NEVER, NULL));
    MUST(weir_bulkhead_release(bulkhead));
    weir_cancel_unref(cancel);
    weir_bulkhead_unref(bulkhead);
}

/* ---- nested runs ---- */

typedef struct nest {
    rig *r;
    weir_pipeline *inner;
    weir_cancel *cancel; /* of the inner run, beside that of the outer one */
    int code;            /* of the inner run */
} nest;

static int run_inner(weir_attempt *attempt, void *arg)
{
    nest *n = arg;
    weir_call_options o;
    weir_call_options_init(&o, sizeof o);
    o.parent = attempt;
    o.cancel = n->cancel;
    n->code = weir_run_with(n->inner, &o, fail_first, n->r, NULL);
    return n->code;
}

/* An inner run that has no resources is a failure to the outer one, which
 * may try again. */
static void tell_nested(rig *r)
{
    guarded g = open_guarded(r);
    nest n = {r, new_pipeline(r, new_retry(r), NULL, NULL, NULL),
              new_cancel(), 0};
    weir_call_options o;
    weir_call_options_init(&o, sizeof o);
    o.cancel = new_cancel();
    weir_pipeline *outer = new_pipeline(r, NULL, NULL, NULL, NULL);
    while (!WORKS(weir_run_with(outer, &o, run_inner, &n, NULL)))
        CHECK(n.code == WEIR_OK || n.code == WEIR_ENOMEM);
    CHECK(n.code == WEIR_OK);
    weir_pipeline_unref(outer);
    weir_pipeline_unref(n.inner);
    weir_cancel_unref(n.cancel);
    weir_cancel_unref(o.cancel);
    close_guarded(&g);
}

/* ---- errno is the function's ---- */

static int leave_errno(weir_attempt *attempt, void *arg)
{
    int code = fail_first(attempt, arg);
    errno = EDOM;
    return code;
}

static void tell_errno(rig *r)
{
    guarded g = open_guarded(r);
    for (int first = 0; first < 2; first++) {
        errno = 0;
        int status = weir_run(g.pipeline, leave_errno, r);
        int failed = take_failed() & HARD;
        CHECK(status == (failed ? WEIR_ENOMEM : WEIR_OK));
        CHECK(errno == EDOM || failed);
        weir_breaker_reset(g.breaker);
    }
    close_guarded(&g);
}

const story run_stories[] = {
    {"healthy runs", tell_healthy, 0},
    {"backoff", tell_backoff, 8},
    {"backoff with options", tell_backoff_with, 8},
    {"queues", tell_queue, 12},
    {"acquiring", tell_acquire, 12},
    {"nested runs", tell_nested, 8},
    {"errno of the function", tell_errno, 4},
    {NULL, NULL, 0},
};
