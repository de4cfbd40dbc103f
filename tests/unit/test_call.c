/* The stepper: calls, attempts, waking, and every order of release. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "weir.h"

#define MS UINT64_C(1000000)

/* A pipeline retry > breaker > bulkhead > timeout on a virtual clock. */
typedef struct fixture {
    weir_clock *clock;
    weir_retry *retry;
    weir_breaker *breaker;
    weir_bulkhead *bulkhead;
    weir_timeout *timeout;
    weir_pipeline *pipeline;
    weir_call *call;
} fixture;

static int setup(void **state)
{
    static fixture f;
    weir_retry_options r;
    weir_breaker_options b;
    weir_bulkhead_options k;
    weir_timeout_options t;
    weir_pipeline_options p;
    weir_clock_new_virtual(&f.clock, 1000);
    weir_retry_options_init(&r, sizeof r);
    weir_breaker_options_init(&b, sizeof b);
    weir_bulkhead_options_init(&k, sizeof k);
    weir_timeout_options_init(&t, sizeof t);
    weir_pipeline_options_init(&p, sizeof p);
    r.clock = b.clock = k.clock = t.clock = p.clock = f.clock;
    r.base_ns = 100 * MS;
    r.jitter = WEIR_JITTER_NONE;
    k.max_concurrent = 2;
    k.max_queue = 1;
    t.timeout_ns = 500 * MS;
    assert_int_equal(weir_retry_new(&f.retry, &r), WEIR_OK);
    assert_int_equal(weir_breaker_new(&f.breaker, &b), WEIR_OK);
    assert_int_equal(weir_bulkhead_new(&f.bulkhead, &k), WEIR_OK);
    assert_int_equal(weir_timeout_new(&f.timeout, &t), WEIR_OK);
    assert_int_equal(weir_pipeline_new(&f.pipeline, &p), WEIR_OK);
    weir_pipeline_add_retry(f.pipeline, f.retry);
    weir_pipeline_add_breaker(f.pipeline, f.breaker);
    weir_pipeline_add_bulkhead(f.pipeline, f.bulkhead);
    weir_pipeline_add_timeout(f.pipeline, f.timeout);
    weir_pipeline_seal(f.pipeline);
    assert_int_equal(weir_call_new(&f.call, f.pipeline, NULL), WEIR_OK);
    *state = &f;
    return 0;
}

/* Releases what the test has not released (and set to NULL) itself. */
static int teardown(void **state)
{
    fixture *f = *state;
    weir_call_unref(f->call);
    if (f->bulkhead)
        assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
    weir_pipeline_unref(f->pipeline);
    weir_retry_unref(f->retry);
    weir_breaker_unref(f->breaker);
    weir_bulkhead_unref(f->bulkhead);
    weir_timeout_unref(f->timeout);
    weir_clock_unref(f->clock);
    return 0;
}

static weir_step step(weir_call *call)
{
    weir_step s = {.size = sizeof s};
    assert_int_equal(weir_call_step(call, WEIR_NOW, &s), WEIR_OK);
    return s;
}

static weir_attempt *step_attempt(weir_call *call)
{
    weir_step s = step(call);
    assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
    assert_non_null(s.attempt);
    return s.attempt;
}

static uint64_t step_wait(weir_call *call)
{
    weir_step s = step(call);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    return s.wake_ns;
}

static weir_result step_done(weir_call *call)
{
    weir_result r = {.size = sizeof r};
    assert_int_equal(step(call).action, WEIR_STEP_DONE);
    assert_int_equal(weir_call_result(call, &r), WEIR_OK);
    return r;
}

static void success_takes_an_attempt_a_wait_and_is_done(void **state)
{
    fixture *f = *state;
    weir_attempt *attempt = step_attempt(f->call);
    assert_int_equal(weir_attempt_number(attempt), 1);
    assert_int_equal(weir_attempt_remaining_ns(attempt), 500 * MS);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 1);
    assert_int_equal(step_wait(f->call), 1000 + 500 * MS);
    weir_clock_advance(f->clock, 20 * MS);
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW), WEIR_OK);
    weir_result r = step_done(f->call);
    assert_int_equal(r.code, WEIR_OK);
    assert_int_equal(r.attempts, 1);
    assert_int_equal(r.elapsed_ns, 20 * MS);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
    assert_int_equal(step(f->call).action, WEIR_STEP_DONE);
}

static void attempt_may_be_finished_before_the_next_step(void **state)
{
    fixture *f = *state;
    weir_attempt_finish(step_attempt(f->call), 0, WEIR_NOW);
    assert_int_equal(step_done(f->call).code, WEIR_OK);
}

static void bad_arguments_are_refused(void **state)
{
    fixture *f = *state;
    weir_call *call = NULL;
    weir_pipeline *unsealed;
    weir_step s = {.size = sizeof s - 1};
    weir_result r = {.size = sizeof r};
    weir_call_options o;
    weir_pipeline_new(&unsealed, NULL);
    assert_int_equal(weir_call_new(&call, unsealed, NULL), WEIR_EINVAL);
    weir_pipeline_unref(unsealed);
    assert_int_equal(weir_call_new(&call, NULL, NULL), WEIR_EINVAL);
    assert_int_equal(weir_call_new(NULL, f->pipeline, NULL), WEIR_EINVAL);
    weir_call_options_init(&o, sizeof o);
    o.reserved = 1;
    assert_int_equal(weir_call_new(&call, f->pipeline, &o), WEIR_EINVAL);
    assert_null(call);
    assert_int_equal(weir_call_step(f->call, WEIR_NOW, &s), WEIR_EINVAL);
    assert_int_equal(weir_call_step(f->call, WEIR_NOW, NULL), WEIR_EINVAL);
    assert_int_equal(weir_call_step(NULL, WEIR_NOW, &s), WEIR_EINVAL);
    assert_int_equal(weir_call_result(f->call, &r), WEIR_EINVAL);
    assert_int_equal(weir_attempt_finish(NULL, 0, WEIR_NOW), WEIR_EINVAL);
    weir_attempt_unref(NULL);
    weir_attempt_ref(NULL);
    weir_call_cancel(NULL);
    weir_call_unref(NULL);
}

/* resilience4j#263 */
static void second_finish_of_a_held_attempt_is_stale(void **state)
{
    fixture *f = *state;
    weir_attempt *attempt = step_attempt(f->call);
    weir_attempt_ref(attempt);
    assert_int_equal(weir_attempt_finish(attempt, 7, WEIR_NOW), WEIR_OK);
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW), WEIR_ESTALE);
    step_wait(f->call); /* the backoff */
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW), WEIR_ESTALE);
    weir_call_cancel(f->call);
    assert_int_equal(step_done(f->call).last_code, 7);
    weir_attempt_unref(attempt);
}

/* opossum, resilience4j#2296, Hystrix#1867: freed while the work runs.  What a
 * retry does on new nodes while the old ones are held. */
static void given_up_attempts_hold_their_permits_until_finished(void **state)
{
    fixture *f = *state;
    weir_attempt *first = step_attempt(f->call);
    step_wait(f->call);
    weir_clock_advance(f->clock, 500 * MS);
    weir_step s = step(f->call);
    assert_int_equal(s.action, WEIR_STEP_CANCEL);
    assert_ptr_equal(s.attempt, first);
    assert_true(weir_attempt_canceled(first));
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 1);
    assert_int_equal(step_wait(f->call), 1000 + 600 * MS);
    weir_clock_advance(f->clock, 100 * MS);
    weir_attempt *second = step_attempt(f->call);
    assert_int_equal(weir_attempt_number(second), 2);
    assert_false(weir_attempt_canceled(second));
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 2);
    assert_int_equal(weir_attempt_finish(first, 0, WEIR_NOW), WEIR_ETIMEDOUT);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 1);
    assert_int_equal(weir_attempt_finish(second, 0, WEIR_NOW), WEIR_OK);
    assert_int_equal(step_done(f->call).attempts, 2);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
}

static void call_is_done_while_given_up_attempts_run(void **state)
{
    fixture *f = *state;
    weir_attempt *attempt = step_attempt(f->call);
    weir_call_cancel(f->call);
    assert_int_equal(step(f->call).action, WEIR_STEP_CANCEL);
    weir_result r = step_done(f->call);
    assert_int_equal(r.code, WEIR_ECANCELED);
    assert_int_equal(r.rejected_by, WEIR_BY_CALL);
    weir_call_unref(f->call);
    f->call = NULL;
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 1);
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW),
                     WEIR_ECANCELED);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
}

static void released_attempt_is_ignored(void **state)
{
    fixture *f = *state;
    weir_attempt_unref(step_attempt(f->call));
    weir_result r = step_done(f->call);
    assert_int_equal(r.code, WEIR_ECANCELED);
    assert_int_equal(r.attempts, 1);
    for (int i = 0; i < 4; i++) { /* and the breaker has counted nothing */
        uint64_t permit;
        weir_breaker_acquire(f->breaker, &permit);
        weir_breaker_record(f->breaker, permit, WEIR_TRANSIENT, WEIR_NEVER);
    }
    assert_int_equal(weir_breaker_state(f->breaker), WEIR_CLOSED);
}

static void released_call_is_cancelled(void **state)
{
    fixture *f = *state;
    weir_attempt *attempt = step_attempt(f->call);
    weir_call_unref(f->call);
    f->call = NULL;
    assert_true(weir_attempt_canceled(attempt));
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW),
                     WEIR_ECANCELED);
}

static void call_released_before_its_first_step_asks_nobody(void **state)
{
    fixture *f = *state;
    weir_call_unref(f->call);
    f->call = NULL;
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
}

/* helidon#556 */
static void call_released_in_the_queue_leaves_it(void **state)
{
    fixture *f = *state;
    weir_bulkhead_try_acquire(f->bulkhead);
    weir_bulkhead_try_acquire(f->bulkhead);
    step_wait(f->call);
    assert_int_equal(weir_bulkhead_waiting(f->bulkhead), 1);
    weir_call_unref(f->call);
    f->call = NULL;
    assert_int_equal(weir_bulkhead_waiting(f->bulkhead), 0);
    weir_bulkhead_release(f->bulkhead);
    weir_bulkhead_release(f->bulkhead);
}

/* tokio#4618, cpython#90155: the permit comes at the moment the call is given
 * back. */
static void call_released_with_a_granted_permit_gives_it_on(void **state)
{
    fixture *f = *state;
    weir_bulkhead_try_acquire(f->bulkhead);
    weir_bulkhead_try_acquire(f->bulkhead);
    step_wait(f->call);
    weir_bulkhead_release(f->bulkhead);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 2);
    weir_call_unref(f->call);
    f->call = NULL;
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 1);
    weir_bulkhead_release(f->bulkhead);
}

/* ---- every order of release ---- */

static void release(fixture *f, int what, weir_attempt *attempt)
{
    switch (what) {
    case 0:
        weir_call_unref(f->call);
        f->call = NULL;
        break;
    case 1:
        weir_attempt_finish(attempt, 0, WEIR_NOW);
        break;
    case 2:
        weir_pipeline_unref(f->pipeline);
        f->pipeline = NULL;
        break;
    case 3:
        weir_breaker_unref(f->breaker);
        weir_bulkhead_unref(f->bulkhead);
        weir_retry_unref(f->retry);
        weir_timeout_unref(f->timeout);
        f->breaker = NULL;
        f->bulkhead = NULL;
        f->retry = NULL;
        f->timeout = NULL;
        break;
    default:
        weir_clock_unref(f->clock);
        f->clock = NULL;
    }
}

/* Leaks and uses after free show under a sanitizer. */
static void handles_may_be_released_in_every_order(void **state)
{
    enum { KINDS = 5, ORDERS = 120 };
    (void)state;
    for (int order = 0; order < ORDERS; order++) {
        void *fresh;
        int left[KINDS] = {0, 1, 2, 3, 4}, rest = order;
        setup(&fresh);
        fixture *f = fresh;
        weir_attempt *attempt = step_attempt(f->call);
        for (int n = KINDS; n > 0; n--) {
            int i = rest % n;
            rest /= n;
            release(f, left[i], attempt);
            left[i] = left[n - 1];
        }
        teardown(&fresh);
    }
}

/* ---- waking ---- */

static void count(void *arg)
{
    (*(int *)arg)++;
}

static void wake_comes_once_for_a_wait_and_not_without_one(void **state)
{
    fixture *f = *state;
    int woken = 0, destroyed = 0;
    assert_int_equal(weir_call_on_wake(f->call, count, &woken, NULL), WEIR_OK);
    assert_int_equal(weir_call_on_wake(f->call, count, &woken, NULL),
                     WEIR_EINVAL);
    assert_int_equal(weir_call_on_wake(f->call, count, &destroyed, count),
                     WEIR_EINVAL);
    assert_int_equal(destroyed, 1);
    assert_int_equal(weir_call_wake_fd(f->call, 1), WEIR_EINVAL);
    weir_attempt *attempt = step_attempt(f->call);
    weir_call_cancel(f->call); /* the owner has not waited yet */
    assert_int_equal(woken, 0);
    assert_int_equal(step(f->call).action, WEIR_STEP_CANCEL);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    step_done(f->call);
    weir_call_cancel(f->call);
    assert_int_equal(woken, 0);
}

static void wakes_of_one_wait_are_one(void **state)
{
    fixture *f = *state;
    int woken = 0;
    weir_call_on_wake(f->call, count, &woken, NULL);
    weir_attempt *attempt = step_attempt(f->call);
    step_wait(f->call);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_call_cancel(f->call);
    weir_call_cancel(f->call);
    assert_int_equal(woken, 1);
    assert_int_equal(step_done(f->call).code, WEIR_OK);
}

static void hand_over_and_time_wake_a_call(void **state)
{
    fixture *f = *state;
    int woken = 0;
    weir_call_on_wake(f->call, count, &woken, NULL);
    weir_bulkhead_try_acquire(f->bulkhead);
    weir_bulkhead_try_acquire(f->bulkhead);
    step_wait(f->call);
    weir_bulkhead_release(f->bulkhead);
    assert_int_equal(woken, 1);
    weir_attempt *attempt = step_attempt(f->call);
    step_wait(f->call);
    weir_clock_advance(f->clock, 499 * MS);
    assert_int_equal(woken, 1);
    weir_clock_advance(f->clock, 1 * MS);
    assert_int_equal(woken, 2);
    assert_int_equal(step(f->call).action, WEIR_STEP_CANCEL);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_bulkhead_release(f->bulkhead);
}

static void wake_fd_gets_eight_bytes(void **state)
{
    fixture *f = *state;
    int fds[2];
    uint64_t value = 0;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(weir_call_wake_fd(f->call, -1), WEIR_EINVAL);
    assert_int_equal(weir_call_wake_fd(f->call, fds[1]), WEIR_OK);
    weir_attempt *attempt = step_attempt(f->call);
    step_wait(f->call);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(read(fds[0], &value, sizeof value), 8);
    assert_int_equal(value, 1);
    step_done(f->call);
    close(fds[0]);
    close(fds[1]);
}

/* ---- deadlines, cancellation ---- */

static void deadline_of_the_call_bounds_everything(void **state)
{
    fixture *f = *state;
    weir_call_options o;
    weir_call *call;
    weir_call_options_init(&o, sizeof o);
    o.deadline_ns = 1000 + 300 * MS;
    weir_call_new(&call, f->pipeline, &o);
    weir_attempt *attempt = step_attempt(call);
    assert_int_equal(weir_attempt_remaining_ns(attempt), 300 * MS);
    assert_int_equal(step_wait(call), o.deadline_ns);
    weir_clock_advance(f->clock, 300 * MS);
    assert_int_equal(step(call).action, WEIR_STEP_CANCEL);
    weir_result r = step_done(call);
    assert_int_equal(r.code, WEIR_ETIMEDOUT);
    assert_int_equal(r.rejected_by, WEIR_BY_CALL);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_call_unref(call);
}

static void call_past_its_deadline_asks_nobody(void **state)
{
    fixture *f = *state;
    weir_call_options o;
    weir_call *call;
    weir_call_options_init(&o, sizeof o);
    o.deadline_ns = 1000;
    weir_call_new(&call, f->pipeline, &o);
    weir_result r = step_done(call);
    assert_int_equal(r.code, WEIR_ETIMEDOUT);
    assert_int_equal(r.attempts, 0);
    weir_call_unref(call);
}

static void success_before_the_deadline_was_acted_upon_stays(void **state)
{
    fixture *f = *state;
    weir_attempt *attempt = step_attempt(f->call);
    weir_clock_advance(f->clock, 900 * MS);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(step_done(f->call).code, WEIR_OK);
}

static void failure_in_time_that_is_stepped_late_is_not_late(void **state)
{
    fixture *f = *state;
    weir_attempt *attempt = step_attempt(f->call);
    weir_attempt_set_outcome(attempt, WEIR_PERMANENT);
    weir_attempt_finish(attempt, 9, 1000 + 100 * MS);
    weir_clock_advance(f->clock, 900 * MS);
    assert_int_equal(step_done(f->call).code, 9);
}

static void time_that_goes_back_stands_still(void **state)
{
    fixture *f = *state;
    weir_step s = {.size = sizeof s};
    weir_call_step(f->call, 5000 * MS, &s);
    assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
    weir_attempt_finish(s.attempt, 5, 5000 * MS);
    weir_call_step(f->call, 4000 * MS, &s);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    assert_int_equal(s.wake_ns, 5100 * MS);
}

static void told(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (*(int *)arg)++;
}

static void told_and_finishes(weir_attempt *attempt, void *arg)
{
    (*(int *)arg)++;
    weir_attempt_finish(attempt, 1, WEIR_NOW);
}

static void attempt_that_listens_is_told_once(void **state)
{
    fixture *f = *state;
    int n = 0;
    weir_attempt *attempt = step_attempt(f->call);
    assert_int_equal(weir_attempt_on_cancel(attempt, NULL, &n), WEIR_EINVAL);
    assert_int_equal(weir_attempt_on_cancel(attempt, told, &n), WEIR_OK);
    assert_int_equal(weir_attempt_on_cancel(attempt, told, &n), WEIR_EINVAL);
    assert_int_equal(n, 0);
    weir_call_cancel(f->call);
    assert_int_equal(step(f->call).action, WEIR_STEP_CANCEL);
    assert_int_equal(n, 1);
    step_done(f->call);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(n, 1);
}

static void attempt_that_listens_late_is_told_at_once(void **state)
{
    fixture *f = *state;
    int n = 0;
    weir_attempt *attempt = step_attempt(f->call);
    weir_call_cancel(f->call);
    step(f->call);
    weir_attempt_on_cancel(attempt, told, &n);
    assert_int_equal(n, 1);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
}

static void attempt_of_a_cancelled_call_is_told_before_the_step(void **state)
{
    fixture *f = *state;
    int n = 0;
    weir_attempt *attempt = step_attempt(f->call);
    weir_call_cancel(f->call);
    weir_attempt_on_cancel(attempt, told, &n);
    assert_int_equal(n, 1);
    step(f->call);
    assert_int_equal(n, 1);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
}

/* Then there is nobody left to tell, and no CANCEL step with a pointer to an
 * attempt that is gone. */
static void attempt_finished_when_told_needs_no_cancel_step(void **state)
{
    fixture *f = *state;
    int n = 0;
    weir_attempt *attempt = step_attempt(f->call);
    weir_attempt_on_cancel(attempt, told_and_finishes, &n);
    weir_call_cancel(f->call);
    weir_step s = step(f->call);
    assert_int_equal(s.action, WEIR_STEP_DONE);
    assert_null(s.attempt);
    assert_int_equal(step_done(f->call).code, WEIR_ECANCELED);
    assert_int_equal(n, 1);
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
}

/* Polly v8 by reading: a cancelled probe closed the circuit */
static void cancelled_probe_is_out_until_its_work_ends(void **state)
{
    fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        uint64_t permit;
        weir_breaker_acquire(f->breaker, &permit);
        weir_breaker_record(f->breaker, permit, WEIR_TRANSIENT, WEIR_NEVER);
    }
    weir_clock_advance(f->clock, 61000 * MS);
    weir_attempt *attempt = step_attempt(f->call);
    weir_call_cancel(f->call);
    step(f->call);
    step_done(f->call);
    uint64_t a, b, c;
    assert_int_equal(weir_breaker_acquire(f->breaker, &a), WEIR_OK);
    assert_int_equal(weir_breaker_acquire(f->breaker, &b), WEIR_OK);
    assert_int_equal(weir_breaker_acquire(f->breaker, &c), WEIR_EOPEN);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(weir_breaker_acquire(f->breaker, &c), WEIR_OK);
    assert_int_equal(weir_breaker_state(f->breaker), WEIR_HALF_OPEN);
}

/* ---- threads ---- */

enum { OWNERS = 4, CALLS = 300 };

typedef struct owner {
    fixture *f;
    weir_cancel *cancel;
    unsigned seed;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int woken;
    atomic_int done;
} owner;

static void wake_owner(void *arg)
{
    owner *o = arg;
    pthread_mutex_lock(&o->lock);
    o->woken = 1;
    pthread_cond_signal(&o->cond);
    pthread_mutex_unlock(&o->lock);
}

static void sleep_until_woken(owner *o)
{
    pthread_mutex_lock(&o->lock);
    while (!o->woken)
        pthread_cond_wait(&o->cond, &o->lock);
    o->woken = 0;
    pthread_mutex_unlock(&o->lock);
}

static void *finish_it(void *arg)
{
    weir_attempt_finish(arg, 0, WEIR_NOW);
    return NULL;
}

/* Each attempt is finished by a thread of its own, some calls are cancelled;
 * every wait must end by a wake, since the clock stands still. */
static void *own(void *arg)
{
    owner *o = arg;
    for (int i = 0; i < CALLS; i++) {
        weir_call *call;
        weir_step s = {.size = sizeof s};
        pthread_t thread;
        int started = 0;
        weir_call_new(&call, o->f->pipeline, NULL);
        weir_call_on_wake(call, wake_owner, o, NULL);
        do {
            weir_call_step(call, WEIR_NOW, &s);
            if (s.action == WEIR_STEP_ATTEMPT) {
                started = 1;
                pthread_create(&thread, NULL, finish_it, s.attempt);
                o->seed = o->seed * 1103515245u + 12345u;
                if ((o->seed >> 16) % 4 == 0)
                    weir_call_cancel(call);
            } else if (s.action == WEIR_STEP_WAIT) {
                sleep_until_woken(o);
            }
        } while (s.action != WEIR_STEP_DONE);
        weir_call_unref(call);
        o->woken = 0;
        if (started)
            pthread_join(thread, NULL);
        atomic_fetch_add(&o->done, 1);
    }
    return NULL;
}

static void no_wake_is_lost_among_threads(void **state)
{
    fixture *f = *state;
    owner owners[OWNERS];
    pthread_t threads[OWNERS];
    for (unsigned i = 0; i < OWNERS; i++) {
        owners[i].f = f;
        owners[i].seed = i;
        owners[i].woken = 0;
        atomic_init(&owners[i].done, 0);
        pthread_mutex_init(&owners[i].lock, NULL);
        pthread_cond_init(&owners[i].cond, NULL);
        pthread_create(&threads[i], NULL, own, &owners[i]);
    }
    for (int i = 0; i < OWNERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(atomic_load(&owners[i].done), CALLS);
        pthread_mutex_destroy(&owners[i].lock);
        pthread_cond_destroy(&owners[i].cond);
    }
    assert_int_equal(weir_bulkhead_running(f->bulkhead), 0);
    assert_int_equal(weir_bulkhead_waiting(f->bulkhead), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void failure_of_a_later_time_than_the_step_moves_time_on(void **state)
{
    fixture *f = *state;
    weir_step s = {.size = sizeof s};
    weir_call_step(f->call, 1000, &s);
    assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
    weir_attempt_finish(s.attempt, 5, 1000 + 200 * MS);
    weir_call_step(f->call, 1000, &s);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    assert_int_equal(s.wake_ns, 1000 + 300 * MS);
}

/* ---- an attempt that is finished twice at once ---- */

static weir_attempt *finished_by_clock;

/* A clock in whose reading somebody else finishes the attempt. */
static uint64_t finishing_now(void *arg)
{
    weir_attempt *attempt = finished_by_clock;
    (void)arg;
    finished_by_clock = NULL;
    if (attempt)
        assert_int_equal(weir_attempt_finish(attempt, 0, 1000), WEIR_OK);
    return 1000;
}

static void who_finishes_second_is_stale(void **state)
{
    weir_clock *clock;
    weir_pipeline *pipeline;
    weir_timeout *timeout;
    weir_call *call;
    weir_timeout_options t;
    weir_pipeline_options p;
    (void)state;
    assert_int_equal(weir_clock_new_custom(&clock, finishing_now, NULL, NULL),
                     WEIR_OK);
    weir_timeout_options_init(&t, sizeof t);
    weir_pipeline_options_init(&p, sizeof p);
    t.clock = p.clock = clock;
    t.timeout_ns = 500 * MS;
    assert_int_equal(weir_timeout_new(&timeout, &t), WEIR_OK);
    assert_int_equal(weir_pipeline_new(&pipeline, &p), WEIR_OK);
    weir_pipeline_add_timeout(pipeline, timeout);
    weir_pipeline_seal(pipeline);
    assert_int_equal(weir_call_new(&call, pipeline, NULL), WEIR_OK);
    weir_attempt *attempt = step_attempt(call);
    finished_by_clock = attempt;
    weir_attempt_ref(attempt);
    assert_int_equal(weir_attempt_finish(attempt, 9, WEIR_NOW), WEIR_ESTALE);
    weir_attempt_unref(attempt);
    assert_int_equal(step_done(call).code, 0);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_timeout_unref(timeout);
    weir_clock_unref(clock);
}

static void no_attempt_listens_to_nothing(void **state)
{
    fixture *f = *state;
    int times = 0;
    assert_int_equal(weir_attempt_on_cancel(NULL, told, &times), WEIR_EINVAL);
    weir_attempt *attempt = step_attempt(f->call);
    assert_int_equal(weir_attempt_on_cancel(attempt, NULL, &times),
                     WEIR_EINVAL);
    assert_int_equal(weir_attempt_on_cancel(attempt, told, &times), WEIR_OK);
    assert_int_equal(weir_attempt_on_cancel(attempt, told, &times),
                     WEIR_EINVAL);
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW), WEIR_OK);
    assert_int_equal(times, 0);
}

static void successes_of_stepped_calls_count_in_a_window(void **state)
{
    weir_breaker *breaker;
    weir_pipeline *pipeline;
    weir_breaker_options o;
    weir_breaker_snapshot seen = {.size = sizeof seen};
    (void)state;
    weir_breaker_options_init(&o, sizeof o);
    o.window = WEIR_WINDOW_COUNT;
    o.window_calls = 4;
    o.minimum_calls = 4;
    assert_int_equal(weir_breaker_new(&breaker, &o), WEIR_OK);
    assert_int_equal(weir_pipeline_new(&pipeline, NULL), WEIR_OK);
    weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_seal(pipeline);
    for (int i = 0; i < 7; i++) {
        weir_call *call;
        assert_int_equal(weir_call_new(&call, pipeline, NULL), WEIR_OK);
        weir_attempt_finish(step_attempt(call), i == 1, WEIR_NOW);
        step_done(call);
        weir_call_unref(call);
        assert_int_equal(weir_breaker_inspect(breaker, &seen), WEIR_OK);
        assert_int_equal(seen.calls, i < 4 ? i + 1 : 4);
        assert_int_equal(seen.failed, i >= 1 && i < 5);
    }
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
}

/* ---- the signal of a broken pipe ---- */

static void wake_through_a_broken_pipe(fixture *f)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(weir_call_wake_fd(f->call, fds[1]), WEIR_OK);
    close(fds[0]);
    weir_attempt *attempt = step_attempt(f->call);
    step_wait(f->call);
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW), WEIR_OK);
    step_done(f->call);
    close(fds[1]);
}

static int pipe_signal_in(sigset_t *set)
{
    return sigismember(set, SIGPIPE);
}

static void pipe_signal_from_before_stays_pending(void **state)
{
    sigset_t pipe_signal, before, now;
    int taken;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    pthread_kill(pthread_self(), SIGPIPE);
    wake_through_a_broken_pipe(*state);
    sigpending(&now);
    assert_true(pipe_signal_in(&now));
    sigwait(&pipe_signal, &taken);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void pipe_signal_that_is_ignored_is_not_waited_for(void **state)
{
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    wake_through_a_broken_pipe(*state);
    signal(SIGPIPE, before);
}

static void waking_leaves_mask_and_cancel_state_alone(void **state)
{
    sigset_t mask;
    int cancel;
    wake_through_a_broken_pipe(*state);
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    assert_false(pipe_signal_in(&mask));
    sigpending(&mask);
    assert_false(pipe_signal_in(&mask));
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &cancel);
    assert_int_equal(cancel, PTHREAD_CANCEL_ENABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(success_takes_an_attempt_a_wait_and_is_done),
        TEST(attempt_may_be_finished_before_the_next_step),
        TEST(bad_arguments_are_refused),
        TEST(second_finish_of_a_held_attempt_is_stale),
        TEST(given_up_attempts_hold_their_permits_until_finished),
        TEST(call_is_done_while_given_up_attempts_run),
        TEST(released_attempt_is_ignored),
        TEST(released_call_is_cancelled),
        TEST(call_released_before_its_first_step_asks_nobody),
        TEST(call_released_in_the_queue_leaves_it),
        TEST(call_released_with_a_granted_permit_gives_it_on),
        cmocka_unit_test(handles_may_be_released_in_every_order),
        TEST(wake_comes_once_for_a_wait_and_not_without_one),
        TEST(wakes_of_one_wait_are_one),
        TEST(hand_over_and_time_wake_a_call),
        TEST(wake_fd_gets_eight_bytes),
        TEST(deadline_of_the_call_bounds_everything),
        TEST(call_past_its_deadline_asks_nobody),
        TEST(success_before_the_deadline_was_acted_upon_stays),
        TEST(failure_in_time_that_is_stepped_late_is_not_late),
        TEST(time_that_goes_back_stands_still),
        TEST(attempt_that_listens_is_told_once),
        TEST(attempt_that_listens_late_is_told_at_once),
        TEST(attempt_of_a_cancelled_call_is_told_before_the_step),
        TEST(attempt_finished_when_told_needs_no_cancel_step),
        TEST(cancelled_probe_is_out_until_its_work_ends),
        TEST(no_wake_is_lost_among_threads),
        TEST(failure_of_a_later_time_than_the_step_moves_time_on),
        TEST(who_finishes_second_is_stale),
        TEST(no_attempt_listens_to_nothing),
        TEST(successes_of_stepped_calls_count_in_a_window),
        TEST(pipe_signal_from_before_stays_pending),
        TEST(pipe_signal_that_is_ignored_is_not_waited_for),
        TEST(waking_leaves_mask_and_cancel_state_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
