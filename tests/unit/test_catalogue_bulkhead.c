/* Defects of other bulkheads, semaphores and queues, one test each; the
 * table: tests/catalogue.txt. */
#include "stepping.h"

static weir_clock *vclock;

static int setup(void **state)
{
    (void)state;
    vclock = new_virtual_clock();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_clock_unref(vclock);
    return 0;
}

static weir_pipeline *pipeline_of(weir_bulkhead *outer, weir_bulkhead *inner)
{
    weir_pipeline *pipeline = new_pipeline(vclock);
    weir_pipeline_add_bulkhead(pipeline, outer);
    if (inner)
        weir_pipeline_add_bulkhead(pipeline, inner);
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    return pipeline;
}

static void count_wake(void *arg)
{
    ++*(int *)arg;
}

/* ---- a permit granted in the moment in which its waiter leaves ---- */

typedef struct line {
    weir_bulkhead *bulkhead; /* one permit, two places */
    weir_pipeline *pipeline;
    weir_call *first, *second; /* in the queue */
    int wakes;                 /* of the second */
} line;

static line stand_in_line(uint64_t deadline_ns)
{
    line l = {.bulkhead = new_bulkhead(vclock, 1, 2)};
    weir_call_options o = call_options();
    l.pipeline = pipeline_of(l.bulkhead, NULL);
    weir_bulkhead_try_acquire(l.bulkhead);
    o.deadline_ns = deadline_ns;
    assert_int_equal(weir_call_new(&l.first, l.pipeline, &o), WEIR_OK);
    l.second = new_call(l.pipeline);
    step_wait(l.first);
    return l;
}

/* The second may be served as soon as the first is through. */
static void serve_second(line *l)
{
    weir_attempt *attempt = step_attempt(l->second);
    assert_int_equal(l->wakes, 1);
    assert_int_equal(weir_bulkhead_running(l->bulkhead), 1);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(step_done(l->second).code, 0);
    assert_int_equal(weir_bulkhead_running(l->bulkhead), 0);
    assert_int_equal(weir_bulkhead_waiting(l->bulkhead), 0);
}

static void break_up(line *l)
{
    weir_call_unref(l->first);
    weir_call_unref(l->second);
    weir_pipeline_unref(l->pipeline);
    weir_bulkhead_unref(l->bulkhead);
}

static void stand_in_line_and_grant(line *l, uint64_t deadline_ns)
{
    *l = stand_in_line(deadline_ns);
    weir_call_on_wake(l->second, count_wake, &l->wakes, NULL);
    step_wait(l->second);
    weir_bulkhead_release(l->bulkhead);
}

/* C7.62 concurrency-limits#179 */
static void a_grant_at_the_instant_of_the_timeout_is_used(void **state)
{
    line l;
    (void)state;
    stand_in_line_and_grant(&l, WEIR_NEVER);
    advance(vclock, 5 * SECOND); /* the queue time of both */
    weir_attempt_finish(step_attempt(l.first), 0, WEIR_NOW);
    assert_int_equal(step_done(l.first).code, 0);
    serve_second(&l);
    break_up(&l);
}

/* C7.66 cpython#90155, asyncio#270, shuttle#167, tokio#4618 */
static void a_waiter_that_leaves_with_a_grant_passes_it_on(void **state)
{
    enum { CANCEL, DEADLINE, RELEASE, WAYS };
    (void)state;
    for (int way = 0; way < WAYS; way++) {
        line l;
        stand_in_line_and_grant(&l, weir_clock_now_ns(vclock) + SECOND);
        if (way == CANCEL)
            weir_call_cancel(l.first);
        else if (way == DEADLINE)
            advance(vclock, SECOND);
        if (way == RELEASE) {
            weir_call_unref(l.first);
            l.first = NULL;
        } else {
            assert_int_equal(step_done(l.first).code,
                             way == CANCEL ? WEIR_ECANCELED : WEIR_ETIMEDOUT);
        }
        serve_second(&l);
        break_up(&l);
    }
}

/* C7.60 failsafe#393, of stepped calls; C7.71 tokio#2340: the frame of the
 * first is gone */
static void a_permit_skips_those_whose_time_was_over(void **state)
{
    line l = stand_in_line(WEIR_NEVER);
    (void)state;
    advance(vclock, 4 * SECOND);
    weir_call_on_wake(l.second, count_wake, &l.wakes, NULL);
    step_wait(l.second);
    advance(vclock, SECOND);
    assert_int_equal(step_done(l.first).code, WEIR_EQUEUETIME);
    weir_call_unref(l.first);
    l.first = NULL;
    l.wakes = 0; /* the clock's */
    assert_int_equal(weir_bulkhead_waiting(l.bulkhead), 1);
    weir_bulkhead_release(l.bulkhead);
    serve_second(&l);
    break_up(&l);
}

/* ---- two bulkheads ---- */

/* C7.75 solr#4236, C7.69 Hystrix#1319 */
static void the_outer_permit_comes_back_when_the_inner_is_refused(
    void **state)
{
    (void)state;
    for (uint32_t queue = 0; queue < 2; queue++) {
        weir_bulkhead *outer = new_bulkhead(vclock, 1, 0);
        weir_bulkhead *inner = new_bulkhead(vclock, 1, queue);
        weir_pipeline *pipeline = pipeline_of(outer, inner);
        weir_bulkhead_try_acquire(inner);
        for (int i = 0; i < 3; i++) {
            weir_call *call = new_call(pipeline);
            if (queue) {
                step_wait(call);
                assert_int_equal(weir_bulkhead_running(outer), 1);
                advance(vclock, 5 * SECOND);
            }
            assert_int_equal(step_done(call).code,
                             queue ? WEIR_EQUEUETIME : WEIR_EFULL);
            weir_call_unref(call);
            assert_int_equal(weir_bulkhead_running(outer), 0);
        }
        assert_int_equal(weir_bulkhead_running(inner), 1);
        weir_pipeline_unref(pipeline);
        weir_bulkhead_unref(outer);
        weir_bulkhead_unref(inner);
    }
}

/* C7.75 scylladb#3865: each has what the other waits for; the end of one
 * wait lets the other go on */
static void two_bulkheads_taken_crosswise_do_not_block_for_ever(void **state)
{
    weir_bulkhead *one = new_bulkhead(vclock, 1, 1);
    weir_bulkhead *two = new_bulkhead(vclock, 1, 1);
    weir_pipeline *pipeline = pipeline_of(one, two);
    weir_call *call = new_call(pipeline);
    (void)state;
    weir_clock_attach(vclock);
    weir_bulkhead_try_acquire(two);
    step_wait(call); /* has one, waits for two */
    assert_int_equal(
        weir_bulkhead_acquire_until(
            one, weir_clock_now_ns(vclock) + 2 * SECOND, NULL),
        WEIR_ETIMEDOUT); /* has two, waits for one */
    weir_bulkhead_release(two);
    weir_attempt_finish(step_attempt(call), 0, WEIR_NOW);
    assert_int_equal(step_done(call).code, 0);
    assert_int_equal(weir_bulkhead_running(one), 0);
    assert_int_equal(weir_bulkhead_running(two), 0);
    weir_clock_detach(vclock);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_bulkhead_unref(one);
    weir_bulkhead_unref(two);
}

/* ---- the count of permits ---- */

/* C7.70 tokio#8395, #3188 */
static void the_count_of_permits_does_not_overflow(void **state)
{
    static const uint32_t limits[] = {1, 1000000, 1, 999999, 2};
    weir_bulkhead *bulkhead = new_bulkhead(vclock, 1000000, 0);
    (void)state;
    for (size_t i = 0; i < COUNT(limits); i++) {
        uint32_t taken = 0;
        assert_int_equal(weir_bulkhead_resize(bulkhead, limits[i]), WEIR_OK);
        while (weir_bulkhead_try_acquire(bulkhead) == WEIR_OK)
            taken++;
        assert_int_equal(taken, limits[i]);
        for (uint32_t n = 0; n < taken; n++)
            weir_bulkhead_release(bulkhead);
        for (int n = 0; n < 1000; n++)
            assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_ESTALE);
        assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    }
    weir_bulkhead_unref(bulkhead);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_grant_at_the_instant_of_the_timeout_is_used),
        TEST(a_waiter_that_leaves_with_a_grant_passes_it_on),
        TEST(a_permit_skips_those_whose_time_was_over),
        TEST(the_outer_permit_comes_back_when_the_inner_is_refused),
        TEST(two_bulkheads_taken_crosswise_do_not_block_for_ever),
        TEST(the_count_of_permits_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
