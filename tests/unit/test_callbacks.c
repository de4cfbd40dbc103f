/* Callbacks that do more than they should at the worst time.  See also
 * test_reentry.c; cancellation in callbacks is in tests/faults. */
#include <sched.h>

#include "support.h"

/* ---- a destroy function that comes back ---- */

typedef struct classifier {
    weir_pipeline *pipeline;
    int destroyed;
} classifier;

static int as_transient(int code, void *arg)
{
    (void)code;
    (void)arg;
    return WEIR_TRANSIENT;
}

static void destroy_and_set_another(void *arg)
{
    classifier *c = arg;
    c->destroyed++;
    if (c->destroyed == 1)
        assert_int_equal(weir_pipeline_classify(c->pipeline, as_transient, c,
                                                destroy_and_set_another),
                         WEIR_OK);
}

/* Each of the three once: the first by the second, which the third replaces
 * before it has ever been asked, and the third with the pipeline. */
static void a_classifier_may_be_replaced_by_the_end_of_another(void **state)
{
    classifier first, second = {NULL, 1};
    (void)state;
    first.pipeline = new_pipeline(NULL);
    first.destroyed = 0;
    weir_pipeline_classify(first.pipeline, as_transient, &first,
                           destroy_and_set_another);
    weir_pipeline_classify(first.pipeline, as_transient, &second,
                           destroy_and_set_another);
    assert_int_equal(first.destroyed, 1);
    assert_int_equal(second.destroyed, 2);
    weir_pipeline_unref(first.pipeline);
    assert_int_equal(first.destroyed, 2);
    assert_int_equal(second.destroyed, 2);
}

/* ---- a wake that is a cancellation point ---- */

typedef struct waker {
    weir_bulkhead *bulkhead;
    atomic_int woken, back;
} waker;

static void wake(void *arg)
{
    pthread_testcancel(); /* as write is */
    atomic_fetch_add(&((waker *)arg)->woken, 1);
}

static void *release_and_end(void *arg)
{
    waker *w = arg;
    pthread_cancel(pthread_self());
    weir_bulkhead_release(w->bulkhead);
    atomic_store(&w->back, 1);
    pthread_testcancel();
    return NULL;
}

/* Or the call that was handed the permit would never be stepped again. */
static void a_thread_that_is_cancelled_still_wakes_others(void **state)
{
    weir_step s = {.size = sizeof s};
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_call *call = NULL;
    waker w = {new_bulkhead(clock, 1, 1), 0, 0};
    (void)state;
    weir_pipeline_add_bulkhead(pipeline, w.bulkhead);
    weir_pipeline_seal(pipeline);
    assert_int_equal(weir_bulkhead_try_acquire(w.bulkhead), WEIR_OK);
    assert_int_equal(weir_call_new(&call, pipeline, NULL), WEIR_OK);
    weir_call_on_wake(call, wake, &w, NULL);
    weir_call_step(call, WEIR_NOW, &s);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    join(start(release_and_end, &w));
    assert_int_equal(w.woken, 1);
    assert_int_equal(w.back, 1);
    weir_call_step(call, WEIR_NOW, &s);
    assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
    weir_attempt_finish(s.attempt, 0, WEIR_NOW);
    weir_call_unref(call);
    assert_int_equal(weir_bulkhead_running(w.bulkhead), 0);
    weir_pipeline_unref(pipeline);
    weir_bulkhead_unref(w.bulkhead);
    weir_clock_unref(clock);
}

/* ---- listeners crosswise ---- */

typedef struct side {
    weir_breaker *own, *other;
    atomic_int *inside; /* listeners, of both sides */
    atomic_int opened;
} side;

static void reset_the_other(const weir_event *event, void *arg)
{
    side *s = arg;
    if (event->to != WEIR_OPEN)
        return;
    atomic_fetch_add(&s->opened, 1);
    atomic_fetch_add(s->inside, 1);
    for (int i = 0; i < 10 && atomic_load(s->inside) < 2; i++)
        sched_yield(); /* for the other one, who may not come */
    weir_breaker_reset(s->other);
    weir_breaker_state(s->own);
    atomic_fetch_sub(s->inside, 1);
}

static void *open_again_and_again(void *arg)
{
    side *s = arg;
    for (int i = 0; i < 150; i++) {
        uint64_t permit;
        if (weir_breaker_acquire(s->own, &permit) == WEIR_OK)
            weir_breaker_record(s->own, permit, WEIR_TRANSIENT, WEIR_NEVER);
        weir_breaker_reset(s->own);
    }
    return NULL;
}

/* C9.88 VelesDB#2109: one lock within the other, and the other way round */
static void listeners_of_two_breakers_may_use_each_other(void **state)
{
    weir_breaker_options o = breaker_options(NULL);
    (void)state;
    o.failure_threshold = 1;
    weir_breaker *one = new_breaker(&o), *two = new_breaker(&o);
    atomic_int inside = 0;
    side sides[2] = {{one, two, &inside, 0}, {two, one, &inside, 0}};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_breaker_listen(sides[i].own, reset_the_other,
                                             &sides[i], NULL),
                         WEIR_OK);
    for (int i = 0; i < 2; i++)
        threads[i] = start(open_again_and_again, &sides[i]);
    for (int i = 0; i < 2; i++)
        join(threads[i]);
    assert_true(sides[0].opened > 0 && sides[1].opened > 0);
    weir_breaker_unref(one);
    weir_breaker_unref(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_classifier_may_be_replaced_by_the_end_of_another),
        cmocka_unit_test(a_thread_that_is_cancelled_still_wakes_others),
        cmocka_unit_test(listeners_of_two_breakers_may_use_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
