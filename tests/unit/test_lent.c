/* What a call was lent: tokens and frames that their owner would have back
 * while the call is under way. */
#include <sched.h>
#include <string.h>

#include "stepping.h"

static weir_pipeline *sealed(weir_clock *clock, int retries)
{
    weir_retry_options o = retry_options(clock);
    weir_pipeline *pipeline = new_pipeline(clock);
    if (retries)
        put_retry(pipeline, new_retry(&o));
    weir_pipeline_seal(pipeline);
    return pipeline;
}

/* ---- a token that is given back at once ---- */

static int give_token_back(weir_attempt *attempt, void *arg)
{
    weir_cancel **cancel = arg;
    weir_cancel_unref(*cancel);
    *cancel = NULL;
    return weir_attempt_number(attempt) < 3 ? 7 : 0;
}

/* The run keeps it as long as it lasts: through two waits. */
static void a_token_may_be_given_back_inside_the_run(void **state)
{
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = sealed(clock, 1);
    weir_call_options o = call_options();
    weir_cancel *cancel = o.cancel = new_cancel();
    (void)state;
    weir_clock_attach(clock);
    assert_int_equal(
        weir_run_with(pipeline, &o, give_token_back, &cancel, NULL), WEIR_OK);
    weir_clock_detach(clock);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* A nested call has the tokens of its parent, which is gone before it. */
static void a_nested_call_keeps_the_tokens_of_its_parent(void **state)
{
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = sealed(clock, 0);
    weir_call_options o = call_options();
    weir_cancel *cancel = o.cancel = new_cancel();
    weir_call *outer = NULL, *inner = NULL;
    (void)state;
    assert_int_equal(weir_call_new(&outer, pipeline, &o), WEIR_OK);
    o.cancel = NULL;
    o.parent = step_attempt(outer);
    assert_int_equal(weir_call_new(&inner, pipeline, &o), WEIR_OK);
    weir_attempt_finish(o.parent, 0, WEIR_NOW);
    step_done(outer);
    weir_call_unref(outer);
    weir_attempt *attempt = step_attempt(inner);
    step_wait(inner);
    weir_cancel_fire(cancel);
    weir_cancel_unref(cancel);
    assert_true(weir_attempt_canceled(attempt));
    assert_int_equal(step(inner).action, WEIR_STEP_CANCEL);
    assert_int_equal(step_done(inner).code, WEIR_ECANCELED);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_call_unref(inner);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* ---- a cancel function that takes its time ---- */

typedef struct slow {
    weir_cancel *cancel;
    weir_pipeline *pipeline;
    atomic_int listening, inside, left, told;
} slow;

static void be_told_slowly(weir_attempt *attempt, void *arg)
{
    slow *s = arg;
    (void)attempt;
    atomic_store(&s->inside, 1);
    while (!atomic_load(&s->left))
        sched_yield();
    for (int i = 0; i < 20; i++) /* the run would return, if it could */
        sched_yield();
    atomic_store(&s->told, 1);
}

static int leave_while_told(weir_attempt *attempt, void *arg)
{
    slow *s = arg;
    weir_attempt_on_cancel(attempt, be_told_slowly, s);
    atomic_store(&s->listening, 1);
    while (!atomic_load(&s->inside))
        sched_yield();
    atomic_store(&s->left, 1);
    return 0;
}

static void *fire(void *arg)
{
    slow *s = arg;
    while (!atomic_load(&s->listening))
        sched_yield();
    weir_cancel_fire(s->cancel);
    return NULL;
}

static void a_run_does_not_return_before_its_cancel_function(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        slow s = {.cancel = new_cancel(), .pipeline = sealed(NULL, 1)};
        weir_call_options o = call_options();
        o.cancel = s.cancel;
        pthread_t thread = start(fire, &s);
        assert_int_equal(
            weir_run_with(s.pipeline, &o, leave_while_told, &s, NULL),
            WEIR_OK);
        assert_int_equal(s.told, 1);
        join(thread);
        weir_pipeline_unref(s.pipeline);
        weir_cancel_unref(s.cancel);
    }
}

/* ---- options that are changed as soon as they were given ---- */

static void options_are_copied(void **state)
{
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = sealed(clock, 0);
    weir_call_options o = call_options();
    weir_cancel *cancel = o.cancel = new_cancel();
    weir_call *call = NULL;
    (void)state;
    o.deadline_ns = START_NS + SECOND;
    assert_int_equal(weir_call_new(&call, pipeline, &o), WEIR_OK);
    memset(&o, 0x5a, sizeof o);
    weir_cancel_unref(cancel);
    weir_attempt *attempt = step_attempt(call);
    assert_int_equal(weir_attempt_remaining_ns(attempt), SECOND);
    assert_int_equal(step_wait(call), START_NS + SECOND);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(step_done(call).code, WEIR_OK);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_may_be_given_back_inside_the_run),
        cmocka_unit_test(a_nested_call_keeps_the_tokens_of_its_parent),
        cmocka_unit_test(a_run_does_not_return_before_its_cancel_function),
        cmocka_unit_test(options_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
