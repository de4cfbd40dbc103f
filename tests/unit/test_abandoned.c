/* Permits whose work was given up, and bulkheads that change their size. */
#include "support.h"

#include "policy/bulkhead.h"

#include <sched.h>

typedef struct fixture {
    weir_clock *clock;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline; /* retry of 2 > bulkhead > timeout of a second */
} fixture;

static fixture make(uint32_t permits, uint32_t queue, uint64_t abandoned_ns)
{
    fixture f;
    f.clock = new_virtual_clock();
    weir_bulkhead_options o = bulkhead_options(f.clock);
    weir_retry_options r = retry_options(f.clock);
    o.max_concurrent = permits;
    o.max_queue = queue;
    o.queue_ns = 100 * SECOND;
    o.abandoned_max_ns = abandoned_ns;
    assert_int_equal(weir_bulkhead_new(&f.bulkhead, &o), WEIR_OK);
    r.max_attempts = 2;
    r.base_ns = 0;
    f.pipeline = new_pipeline(f.clock);
    put_retry(f.pipeline, new_retry(&r));
    weir_pipeline_add_bulkhead(f.pipeline, f.bulkhead);
    put_timeout(f.pipeline, new_timeout(f.clock, SECOND));
    weir_pipeline_seal(f.pipeline);
    return f;
}

static void unmake(fixture *f)
{
    weir_pipeline_unref(f->pipeline);
    weir_bulkhead_unref(f->bulkhead);
    weir_clock_unref(f->clock);
}

static weir_step step(weir_call *call)
{
    weir_step s = {.size = sizeof s};
    assert_int_equal(weir_call_step(call, WEIR_NOW, &s), WEIR_OK);
    return s;
}

static weir_call *new_call(const fixture *f)
{
    weir_call *call;
    assert_int_equal(weir_call_new(&call, f->pipeline, NULL), WEIR_OK);
    return call;
}

/* A call of two attempts, both given up: two permits abandoned. */
static void abandon_two(fixture *f, weir_attempt **attempts)
{
    weir_call *call = new_call(f);
    for (int i = 0; i < 2; i++) {
        attempts[i] = step(call).attempt;
        assert_non_null(attempts[i]);
        advance(f->clock, SECOND);
        assert_int_equal(step(call).action, WEIR_STEP_CANCEL);
    }
    assert_int_equal(step(call).action, WEIR_STEP_DONE);
    weir_call_unref(call);
}

static void abandoned_work_is_counted_until_it_ends(void **state)
{
    (void)state;
    weir_attempt *attempts[2];
    fixture f = make(3, 0, WEIR_NEVER);
    abandon_two(&f, attempts);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 2);
    assert_int_equal(weir_bulkhead_abandoned(f.bulkhead), 2);
    advance(f.clock, YEAR);
    weir_attempt_finish(attempts[1], 0, WEIR_NOW);
    assert_int_equal(weir_bulkhead_abandoned(f.bulkhead), 1);
    weir_attempt_finish(attempts[0], 0, WEIR_NOW);
    assert_int_equal(weir_bulkhead_abandoned(f.bulkhead), 0);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 0);
    unmake(&f);
}

static void permit_is_taken_back_when_its_time_is_over(void **state)
{
    (void)state;
    weir_attempt *attempts[2];
    fixture f = make(2, 0, 10 * SECOND);
    abandon_two(&f, attempts); /* at 1 s and 2 s */
    assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_EFULL);
    advance(f.clock, 9 * SECOND - 1);
    assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_EFULL);
    advance(f.clock, 1);
    assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_EFULL);
    assert_int_equal(weir_bulkhead_abandoned(f.bulkhead), 1);
    assert_int_equal(weir_attempt_finish(attempts[0], 0, WEIR_NOW),
                     WEIR_ETIMEDOUT); /* nothing to give back */
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 2);
    weir_attempt_finish(attempts[1], 0, WEIR_NOW);
    weir_bulkhead_release(f.bulkhead);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 0);
    unmake(&f);
}

static void waiting_call_gets_the_permit_that_is_taken_back(void **state)
{
    (void)state;
    weir_attempt *attempts[2];
    fixture f = make(2, 1, 10 * SECOND);
    abandon_two(&f, attempts);
    uint64_t begun_ns = weir_clock_now_ns(f.clock);
    weir_call *call = new_call(&f);
    weir_step s = step(call);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    assert_int_equal(s.wake_ns, begun_ns + 9 * SECOND);
    advance(f.clock, 9 * SECOND);
    s = step(call);
    assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
    weir_attempt_finish(s.attempt, 0, WEIR_NOW);
    assert_int_equal(step(call).action, WEIR_STEP_DONE);
    weir_call_unref(call);
    weir_attempt_finish(attempts[0], 0, WEIR_NOW);
    weir_attempt_finish(attempts[1], 0, WEIR_NOW);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 0);
    unmake(&f);
}

static void count_wake(void *arg)
{
    ++*(int *)arg;
}

/* It waited for the queue time when the work was given up, and must learn
 * that a permit will come earlier. */
static void waiter_is_told_of_work_abandoned_later(void **state)
{
    (void)state;
    int woken = 0;
    fixture f = make(1, 1, 10 * SECOND);
    weir_call *first = new_call(&f), *second = new_call(&f);
    weir_call_on_wake(second, count_wake, &woken, NULL);
    weir_attempt *attempt = step(first).attempt;
    assert_int_equal(step(second).action, WEIR_STEP_WAIT);
    weir_call_cancel(first);
    assert_int_equal(step(first).action, WEIR_STEP_CANCEL);
    assert_int_equal(woken, 1);
    weir_step s = step(second);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    assert_int_equal(s.wake_ns, weir_clock_now_ns(f.clock) + 10 * SECOND);
    weir_call_unref(first);
    weir_call_unref(second);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 0);
    unmake(&f);
}

typedef enum end { LEAVES, SERVED_BY_RESIZE, SERVED_BY_RELEASE } end;

/* Only the first in the queue waits for it; when that one leaves, or is
 * served, the next must. */
static void next_waiter_is_told(end of_the_first)
{
    int woken = 0;
    fixture f = make(2, 2, 10 * SECOND);
    weir_call *calls[3] = {new_call(&f), new_call(&f), new_call(&f)};
    weir_attempt *attempt = step(calls[0]).attempt;
    assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_OK);
    weir_call_on_wake(calls[2], count_wake, &woken, NULL);
    assert_int_equal(step(calls[1]).action, WEIR_STEP_WAIT);
    assert_int_equal(step(calls[2]).action, WEIR_STEP_WAIT);
    weir_call_cancel(calls[0]);
    assert_int_equal(step(calls[0]).action, WEIR_STEP_CANCEL);
    if (of_the_first == LEAVES)
        weir_call_unref(calls[1]);
    else if (of_the_first == SERVED_BY_RESIZE)
        assert_int_equal(weir_bulkhead_resize(f.bulkhead, 3), WEIR_OK);
    else
        assert_int_equal(weir_bulkhead_release(f.bulkhead), WEIR_OK);
    assert_int_equal(woken, 1);
    weir_step s = step(calls[2]);
    assert_int_equal(s.wake_ns, weir_clock_now_ns(f.clock) + 10 * SECOND);
    if (of_the_first != LEAVES)
        weir_call_unref(calls[1]);
    weir_call_unref(calls[0]);
    weir_call_unref(calls[2]);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    if (of_the_first != SERVED_BY_RELEASE)
        weir_bulkhead_release(f.bulkhead);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 0);
    unmake(&f);
}

static void next_waiter_is_told_when_the_first_leaves(void **state)
{
    (void)state;
    next_waiter_is_told(LEAVES);
}

static void next_waiter_is_told_when_the_first_is_served(void **state)
{
    (void)state;
    next_waiter_is_told(SERVED_BY_RESIZE);
    next_waiter_is_told(SERVED_BY_RELEASE);
}

static uint64_t tick(void *arg)
{
    uint64_t *times = arg; /* now, and how much later at each look */
    return times[0] += times[1];
}

/* Its time comes while the call looks; the call goes on, or waits for no time
 * at all, but is not told by itself. */
static void a_step_gives_its_own_call_no_signal(void **state)
{
    (void)state;
    for (uint64_t by = 1; by < 8; by++)
        for (uint64_t before = 1; before < 32; before++) {
            uint64_t times[] = {SECOND, 0};
            weir_bulkhead_options o;
            weir__abandoned permit;
            weir_bulkhead *bulkhead;
            int woken = 0;
            fixture f = {.clock = NULL};
            assert_int_equal(
                weir_clock_new_custom(&f.clock, tick, times, NULL), WEIR_OK);
            o = bulkhead_options(f.clock);
            o.max_concurrent = 1;
            o.abandoned_max_ns = SECOND;
            assert_int_equal(weir_bulkhead_new(&bulkhead, &o), WEIR_OK);
            f.pipeline = new_pipeline(f.clock);
            weir_pipeline_add_bulkhead(f.pipeline, bulkhead);
            weir_pipeline_seal(f.pipeline);
            assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
            weir_call *call = new_call(&f);
            weir_call_on_wake(call, count_wake, &woken, NULL);
            weir__bulkhead_abandon(bulkhead, &permit, times[0]);
            times[0] += SECOND - before;
            times[1] = by;
            weir_step s = step(call);
            if (s.action == WEIR_STEP_WAIT) {
                assert_int_equal(s.wake_ns, 2 * SECOND);
                times[0] += SECOND;
                s = step(call);
            }
            assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
            assert_int_equal(woken, 0);
            weir_attempt_finish(s.attempt, 0, WEIR_NOW);
            weir_call_unref(call);
            weir__bulkhead_release_abandoned(bulkhead, &permit);
            assert_int_equal(weir_bulkhead_running(bulkhead), 0);
            weir_bulkhead_unref(bulkhead);
            weir_pipeline_unref(f.pipeline);
            weir_clock_unref(f.clock);
        }
}

/* Given up by somebody whose time was an hour ahead, and by others. */
static void permits_are_taken_back_in_the_order_of_their_times(void **state)
{
    enum { PERMITS = 4 };
    static const uint64_t ahead_ns[PERMITS] = {3600 * SECOND, 2 * SECOND, 0,
                                               SECOND};
    (void)state;
    weir__abandoned permits[PERMITS];
    fixture f = make(PERMITS, 0, 10 * SECOND);
    for (int i = 0; i < PERMITS; i++) {
        assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_OK);
        weir__bulkhead_abandon(f.bulkhead, &permits[i],
                               weir_clock_now_ns(f.clock) + ahead_ns[i]);
    }
    advance(f.clock, 10 * SECOND - 1);
    assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_EFULL);
    advance(f.clock, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_OK);
        assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_EFULL);
        assert_int_equal(weir_bulkhead_abandoned(f.bulkhead), 3 - i);
        advance(f.clock, SECOND);
    }
    for (int i = 0; i < PERMITS; i++)
        weir__bulkhead_release_abandoned(f.bulkhead, &permits[i]);
    for (int i = 0; i < 3; i++)
        weir_bulkhead_release(f.bulkhead);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 0);
    unmake(&f);
}

static void *acquire(void *arg)
{
    return (void *)(intptr_t)weir_bulkhead_acquire(arg);
}

static void waiting_thread_gets_the_permit_that_is_taken_back(void **state)
{
    (void)state;
    weir_attempt *attempts[2];
    void *status;
    fixture f = make(2, 1, 10 * SECOND);
    abandon_two(&f, attempts);
    pthread_t thread = start(acquire, f.bulkhead);
    until_waiting(f.clock, 1);
    advance(f.clock, 9 * SECOND);
    pthread_join(thread, &status);
    assert_int_equal((intptr_t)status, WEIR_OK);
    weir_attempt_finish(attempts[0], 0, WEIR_NOW);
    weir_attempt_finish(attempts[1], 0, WEIR_NOW);
    weir_bulkhead_release(f.bulkhead);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 0);
    unmake(&f);
}

/* ---- resize ---- */

static void more_permits_serve_the_queue_in_order(void **state)
{
    (void)state;
    weir_call *calls[4];
    weir_attempt *attempts[4] = {0};
    fixture f = make(1, 3, WEIR_NEVER);
    for (int i = 0; i < 4; i++) {
        calls[i] = new_call(&f);
        attempts[i] = step(calls[i]).attempt;
    }
    assert_int_equal(weir_bulkhead_waiting(f.bulkhead), 3);
    assert_int_equal(weir_bulkhead_resize(f.bulkhead, 3), WEIR_OK);
    assert_int_equal(weir_bulkhead_max_concurrent(f.bulkhead), 3);
    assert_int_equal(weir_bulkhead_waiting(f.bulkhead), 1);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 3);
    attempts[1] = step(calls[1]).attempt;
    attempts[2] = step(calls[2]).attempt;
    assert_non_null(attempts[1]);
    assert_non_null(attempts[2]);
    assert_int_equal(step(calls[3]).action, WEIR_STEP_WAIT);
    for (int i = 0; i < 3; i++) {
        weir_attempt_finish(attempts[i], 0, WEIR_NOW);
        weir_call_unref(calls[i]);
    }
    weir_call_unref(calls[3]);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 0);
    unmake(&f);
}

/* resilience4j blocks the administrator's thread until calls have ended. */
static void fewer_permits_take_effect_as_they_come_back(void **state)
{
    (void)state;
    fixture f = make(3, 2, WEIR_NEVER);
    for (int i = 0; i < 3; i++)
        assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_OK);
    weir_call *call = new_call(&f);
    assert_int_equal(step(call).action, WEIR_STEP_WAIT);
    assert_int_equal(weir_bulkhead_resize(f.bulkhead, 1), WEIR_OK);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 3);
    weir_bulkhead_release(f.bulkhead);
    weir_bulkhead_release(f.bulkhead);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 1);
    assert_int_equal(step(call).action, WEIR_STEP_WAIT);
    assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_EFULL);
    weir_bulkhead_release(f.bulkhead);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 1); /* handed over */
    weir_step s = step(call);
    assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
    weir_attempt_finish(s.attempt, 0, WEIR_NOW);
    assert_int_equal(step(call).action, WEIR_STEP_DONE);
    weir_call_unref(call);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 0);
    unmake(&f);
}

static void sizes_out_of_range_are_refused(void **state)
{
    (void)state;
    fixture f = make(3, 2, WEIR_NEVER);
    assert_int_equal(weir_bulkhead_resize(f.bulkhead, 0), WEIR_EINVAL);
    assert_int_equal(weir_bulkhead_resize(f.bulkhead, 1000001), WEIR_EINVAL);
    assert_int_equal(weir_bulkhead_resize(NULL, 1), WEIR_EINVAL);
    assert_int_equal(weir_bulkhead_max_concurrent(f.bulkhead), 3);
    assert_int_equal(weir_bulkhead_abandoned(NULL), 0);
    assert_int_equal(weir_bulkhead_max_concurrent(NULL), 0);
    unmake(&f);
}

/* ---- threads: sizes change while callers come and go ---- */

enum { CALLERS = 4, EACH = 3000, LARGEST = 4 };

typedef struct crowd {
    weir_bulkhead *bulkhead;
    atomic_int inside;
    atomic_int over;
    atomic_int done;
} crowd;

static void *come_and_go(void *arg)
{
    crowd *c = arg;
    for (int i = 0; i < EACH; i++) {
        if (weir_bulkhead_acquire(c->bulkhead) != WEIR_OK)
            continue;
        if (atomic_fetch_add(&c->inside, 1) >= LARGEST)
            atomic_fetch_add(&c->over, 1);
        if (i % 16 == 0)
            sched_yield();
        atomic_fetch_sub(&c->inside, 1);
        weir_bulkhead_release(c->bulkhead);
    }
    atomic_fetch_add(&c->done, 1);
    return NULL;
}

static void nobody_is_forgotten_while_the_size_changes(void **state)
{
    (void)state;
    fixture f = make(1, CALLERS, WEIR_NEVER);
    pthread_t threads[CALLERS];
    crowd c = {.bulkhead = f.bulkhead};
    for (int i = 0; i < CALLERS; i++)
        threads[i] = start(come_and_go, &c);
    for (uint32_t n = 0; atomic_load(&c.done) < CALLERS; n++)
        weir_bulkhead_resize(f.bulkhead, 1 + n % LARGEST);
    for (int i = 0; i < CALLERS; i++)
        join(threads[i]);
    assert_int_equal(atomic_load(&c.over), 0);
    assert_int_equal(weir_bulkhead_running(f.bulkhead), 0);
    assert_int_equal(weir_bulkhead_waiting(f.bulkhead), 0);
    unmake(&f);
}

/* Where permits may be taken back, only who takes the lock knows. */
static void full_is_certain_where_no_permit_can_be_taken_back(void **state)
{
    static const struct {
        uint64_t abandoned_ns;
        uint32_t queue;
        int full;
    } cases[] = {{WEIR_NEVER, 0, 1}, {5 * SECOND, 0, 0}, {WEIR_NEVER, 1, 0}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        fixture f = make(2, cases[i].queue, cases[i].abandoned_ns);
        weir_attempt *attempts[2];
        assert_false(weir__bulkhead_is_full(f.bulkhead));
        assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_OK);
        assert_int_equal(weir_bulkhead_try_acquire(f.bulkhead), WEIR_OK);
        assert_int_equal(weir__bulkhead_is_full(f.bulkhead),
                         cases[i].queue == 0);
        weir_bulkhead_release(f.bulkhead);
        weir_bulkhead_release(f.bulkhead);
        abandon_two(&f, attempts);
        assert_int_equal(weir_bulkhead_running(f.bulkhead), 2);
        assert_int_equal(weir__bulkhead_is_full(f.bulkhead), cases[i].full);
        for (int n = 0; n < 2; n++)
            weir_attempt_finish(attempts[n], 0, WEIR_NOW);
        unmake(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(abandoned_work_is_counted_until_it_ends),
        cmocka_unit_test(permit_is_taken_back_when_its_time_is_over),
        cmocka_unit_test(waiting_call_gets_the_permit_that_is_taken_back),
        cmocka_unit_test(waiter_is_told_of_work_abandoned_later),
        cmocka_unit_test(permits_are_taken_back_in_the_order_of_their_times),
        cmocka_unit_test(a_step_gives_its_own_call_no_signal),
        cmocka_unit_test(next_waiter_is_told_when_the_first_leaves),
        cmocka_unit_test(next_waiter_is_told_when_the_first_is_served),
        cmocka_unit_test(waiting_thread_gets_the_permit_that_is_taken_back),
        cmocka_unit_test(more_permits_serve_the_queue_in_order),
        cmocka_unit_test(fewer_permits_take_effect_as_they_come_back),
        cmocka_unit_test(sizes_out_of_range_are_refused),
        cmocka_unit_test(nobody_is_forgotten_while_the_size_changes),
        cmocka_unit_test(full_is_certain_where_no_permit_can_be_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
