/* One virtual clock, many threads. */
#include "stepping.h"

enum { THREADS = 4, ROUNDS = 1000 };

static void *attach(void *clock)
{
    for (int i = 0; i < 10 * ROUNDS; i++)
        weir_clock_attach(clock);
    return NULL;
}

static void *detach(void *clock)
{
    for (int i = 0; i < 10 * ROUNDS; i++)
        weir_clock_detach(clock);
    return NULL;
}

static void at_once(void *(*fn)(void *), void *arg)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(fn, arg);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
}

static void who_attaches_at_once_is_counted_each(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    at_once(attach, clock);
    at_once(detach, clock);
    assert_int_equal(weir_clock_detach(clock), WEIR_EINVAL);
    at_once(attach, clock);
    for (int i = 0; i < 10 * ROUNDS * THREADS; i++)
        assert_int_equal(weir_clock_detach(clock), WEIR_OK);
    assert_int_equal(weir_clock_detach(clock), WEIR_EINVAL);
    weir_clock_unref(clock);
}

typedef struct crowd {
    weir_clock *clock;
    weir_pipeline *pipeline;
    atomic_int wrong;
} crowd;

static void *wait_and_leave(void *arg)
{
    crowd *c = arg;
    for (int i = 0; i < ROUNDS; i++) {
        weir_step s = {.size = sizeof s};
        weir_call *call;
        weir_call_new(&call, c->pipeline, NULL);
        weir_call_step(call, WEIR_NOW, &s);
        weir_call_finish(call, s.attempt, 7, WEIR_NOW, &s);
        if (s.action != WEIR_STEP_WAIT)
            atomic_fetch_add(&c->wrong, 1);
        weir_call_unref(call);
    }
    return NULL;
}

static void *move_and_look(void *arg)
{
    crowd *c = arg;
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t now_ns = weir_clock_now_ns(c->clock);
        if (weir_clock_next_ns(c->clock) < now_ns ||
            weir_clock_waiters(c->clock) != 0)
            atomic_fetch_add(&c->wrong, 1);
        weir_clock_advance(c->clock, 1);
    }
    return NULL;
}

/* Calls set their timers and take them off while others move the time. */
static void crowd_leaves_no_timer_behind(void **state)
{
    (void)state;
    crowd c = {.clock = new_virtual_clock()};
    weir_retry_options r = retry_options(c.clock);
    r.jitter = WEIR_JITTER_NONE;
    c.pipeline = new_pipeline(c.clock);
    put_retry(c.pipeline, new_retry(&r));
    weir_pipeline_seal(c.pipeline);
    pthread_t mover = start(move_and_look, &c);
    at_once(wait_and_leave, &c);
    join(mover);
    assert_int_equal(c.wrong, 0);
    assert_int_equal(weir_clock_next_ns(c.clock), WEIR_NEVER);
    assert_int_equal(weir_clock_now_ns(c.clock), START_NS + ROUNDS);
    weir_pipeline_unref(c.pipeline);
    weir_clock_unref(c.clock);
}

static void *sleep_a_little(void *arg)
{
    crowd *c = arg;
    if (weir_clock_sleep_until(c->clock, START_NS + MS, NULL) != WEIR_OK)
        atomic_fetch_add(&c->wrong, 1);
    return NULL;
}

static void who_waits_is_seen_by_others(void **state)
{
    (void)state;
    crowd c = {.clock = new_virtual_clock()};
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(sleep_a_little, &c);
    while (weir_clock_next_ns(c.clock) == WEIR_NEVER)
        ;
    assert_int_equal(weir_clock_next_ns(c.clock), START_NS + MS);
    until_waiting(c.clock, THREADS);
    advance(c.clock, MS);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    assert_int_equal(weir_clock_waiters(c.clock), 0);
    assert_int_equal(weir_clock_next_ns(c.clock), WEIR_NEVER);
    assert_int_equal(c.wrong, 0);
    weir_clock_unref(c.clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_attaches_at_once_is_counted_each),
        cmocka_unit_test(crowd_leaves_no_timer_behind),
        cmocka_unit_test(who_waits_is_seen_by_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
