/* Clocks and waiting on them. */
#include <string.h>

#include "support.h"

static void the_monotonic_clock_is_static_and_never_goes_back(void **state)
{
    weir_clock *clock = weir_clock_monotonic();
    uint64_t before_ns = weir_clock_now_ns(clock);
    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t now_ns = weir_clock_now_ns(i % 2 ? clock : NULL);
        assert_true(now_ns >= before_ns);
        before_ns = now_ns;
    }
    weir_clock_ref(clock);
    weir_clock_unref(clock);
    weir_clock_unref(clock); /* too many do no harm */
    weir_clock_unref(NULL);
    weir_clock_ref(NULL);
    assert_ptr_equal(weir_clock_monotonic(), clock);
}

static void a_virtual_clock_stands_still_until_it_is_advanced(void **state)
{
    weir_clock *clock = new_virtual_clock();
    (void)state;
    assert_int_equal(weir_clock_now_ns(clock), START_NS);
    assert_int_equal(weir_clock_now_ns(clock), START_NS);
    advance(clock, 1);
    assert_int_equal(weir_clock_now_ns(clock), START_NS + 1);
    advance(clock, 0);
    assert_int_equal(weir_clock_now_ns(clock), START_NS + 1);
    advance(clock, YEAR);
    assert_int_equal(weir_clock_now_ns(clock), START_NS + 1 + YEAR);
    weir_clock_unref(clock);
}

static void a_virtual_clock_stops_short_of_never(void **state)
{
    weir_clock *clock = new_virtual_clock();
    (void)state;
    advance(clock, UINT64_MAX);
    assert_int_equal(weir_clock_now_ns(clock), WEIR_NEVER - 1);
    advance(clock, UINT64_MAX);
    assert_int_equal(weir_clock_now_ns(clock), WEIR_NEVER - 1);
    weir_clock_unref(clock);
}

static void clocks_reject_what_is_out_of_range(void **state)
{
    weir_clock *clock = NULL;
    (void)state;
    assert_int_equal(weir_clock_new_virtual(NULL, 0), WEIR_EINVAL);
    assert_int_equal(weir_clock_new_virtual(&clock, WEIR_NEVER), WEIR_EINVAL);
    assert_null(clock);
    assert_int_equal(weir_clock_new_virtual(&clock, WEIR_NEVER - 1), WEIR_OK);
    weir_clock_unref(clock);
    assert_int_equal(weir_clock_new_virtual(&clock, 0), WEIR_OK);
    assert_int_equal(weir_clock_now_ns(clock), 0);
    assert_int_equal(weir_clock_sleep_until(clock, WEIR_NEVER, NULL),
                     WEIR_EINVAL);
    assert_int_equal(weir_clock_detach(clock), WEIR_EINVAL);
    assert_int_equal(weir_clock_attach(clock), WEIR_OK);
    assert_int_equal(weir_clock_detach(clock), WEIR_OK);
    assert_int_equal(weir_clock_detach(clock), WEIR_EINVAL);
    weir_clock_unref(clock);
}

static uint64_t now_of_arg(void *arg)
{
    return *(uint64_t *)arg;
}

static void only_virtual_clocks_are_advanced_and_joined(void **state)
{
    uint64_t now_ns = 5;
    weir_clock *custom = NULL;
    (void)state;
    assert_int_equal(weir_clock_new_custom(&custom, now_of_arg, &now_ns, NULL),
                     WEIR_OK);
    weir_clock *const others[] = {NULL, weir_clock_monotonic(), custom};
    for (size_t i = 0; i < COUNT(others); i++) {
        assert_int_equal(weir_clock_advance(others[i], 1), WEIR_EINVAL);
        assert_int_equal(weir_clock_attach(others[i]), WEIR_EINVAL);
        assert_int_equal(weir_clock_detach(others[i]), WEIR_EINVAL);
        assert_int_equal(weir_clock_next_ns(others[i]), WEIR_NEVER);
        assert_int_equal(weir_clock_waiters(others[i]), 0);
    }
    weir_clock_unref(custom);
}

/* ---- custom clocks ---- */

typedef struct own_clock {
    atomic_int destroyed; /* first: count_destroy gets the struct */
    uint64_t now_ns, step_ns;
} own_clock;

static uint64_t own_now(void *arg)
{
    own_clock *own = arg;
    return own->now_ns += own->step_ns;
}

static void a_custom_clock_asks_its_function(void **state)
{
    own_clock own = {.now_ns = 70, .step_ns = 3};
    weir_clock *clock = NULL;
    (void)state;
    assert_int_equal(weir_clock_new_custom(&clock, own_now, &own,
                                           count_destroy),
                     WEIR_OK);
    assert_int_equal(weir_clock_now_ns(clock), 73);
    assert_int_equal(weir_clock_now_ns(clock), 76);
    weir_clock_ref(clock);
    weir_clock_unref(clock);
    assert_int_equal(own.destroyed, 0);
    weir_clock_unref(clock);
    assert_int_equal(own.destroyed, 1);
}

/* WEIR_NEVER means "not read yet" further down. */
static void a_custom_clock_stops_short_of_never(void **state)
{
    uint64_t now_ns = 0, permit;
    weir_clock *clock;
    weir_breaker *breaker;
    weir_breaker_options o;
    (void)state;
    assert_int_equal(weir_clock_new_custom(&clock, now_of_arg, &now_ns, NULL),
                     WEIR_OK);
    weir_breaker_options_init(&o, sizeof o);
    o.clock = clock;
    o.failure_threshold = 1;
    assert_int_equal(weir_breaker_new(&breaker, &o), WEIR_OK);
    assert_int_equal(weir_breaker_acquire(breaker, &permit), WEIR_OK);
    weir_breaker_record(breaker, permit, WEIR_TRANSIENT, WEIR_NEVER);
    now_ns = WEIR_NEVER;
    assert_true(weir_clock_now_ns(clock) == WEIR_NEVER - 1);
    assert_int_equal(weir_breaker_acquire(breaker, &permit), WEIR_OK);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void a_custom_clock_that_fails_is_destroyed_at_once(void **state)
{
    own_clock own = {.destroyed = 0};
    weir_clock *clock = NULL;
    (void)state;
    assert_int_equal(weir_clock_new_custom(NULL, own_now, &own, count_destroy),
                     WEIR_EINVAL);
    assert_int_equal(own.destroyed, 1);
    assert_int_equal(weir_clock_new_custom(&clock, NULL, &own, count_destroy),
                     WEIR_EINVAL);
    assert_int_equal(own.destroyed, 2);
    assert_int_equal(weir_clock_new_custom(&clock, NULL, NULL, NULL),
                     WEIR_EINVAL);
    assert_null(clock);
}

/* The wait is repeated until the function itself says that it is time: the
 * clock goes on by 1 ns each time that it is asked. */
static void a_wait_on_a_custom_clock_asks_again_until_it_is_time(void **state)
{
    own_clock own = {.now_ns = 0, .step_ns = 1};
    weir_clock *clock = NULL;
    (void)state;
    assert_int_equal(weir_clock_new_custom(&clock, own_now, &own, NULL),
                     WEIR_OK);
    assert_int_equal(weir_clock_sleep_until(clock, 30, NULL), WEIR_OK);
    assert_true(own.now_ns >= 30);
    weir_clock_unref(clock);
}

static void a_policy_keeps_its_clock_alive(void **state)
{
    own_clock own = {.now_ns = 1};
    weir_clock *clock = NULL;
    (void)state;
    assert_int_equal(weir_clock_new_custom(&clock, own_now, &own,
                                           count_destroy),
                     WEIR_OK);
    weir_breaker_options o = breaker_options(clock);
    weir_breaker *breaker = new_breaker(&o);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_clock_unref(clock);
    assert_ptr_equal(weir_pipeline_clock(pipeline), clock);
    put_breaker(pipeline, breaker);
    assert_int_equal(own.destroyed, 0);
    weir_pipeline_unref(pipeline);
    assert_int_equal(own.destroyed, 1);
}

/* ---- waiting ---- */

static void a_deadline_that_has_passed_does_not_block(void **state)
{
    weir_clock *clock = new_virtual_clock();
    (void)state;
    assert_int_equal(weir_clock_sleep_until(clock, START_NS, NULL), WEIR_OK);
    assert_int_equal(weir_clock_sleep_until(clock, 0, NULL), WEIR_OK);
    assert_int_equal(weir_clock_sleep_until(NULL, 0, NULL), WEIR_OK);
    assert_int_equal(weir_clock_now_ns(clock), START_NS);
    weir_clock_unref(clock);
}

static void a_fired_token_does_not_block(void **state)
{
    weir_clock *clock = new_virtual_clock();
    weir_cancel *cancel = new_cancel();
    (void)state;
    weir_cancel_fire(cancel);
    assert_int_equal(weir_clock_sleep_until(clock, WEIR_NEVER, cancel),
                     WEIR_ECANCELED);
    assert_int_equal(weir_clock_sleep_until(NULL, WEIR_NEVER, cancel),
                     WEIR_ECANCELED);
    assert_int_equal(weir_clock_now_ns(clock), START_NS);
    weir_cancel_unref(cancel);
    weir_clock_unref(clock);
}

static void with_one_participant_every_wait_returns_at_once(void **state)
{
    weir_clock *clock = new_virtual_clock();
    (void)state;
    assert_int_equal(weir_clock_attach(clock), WEIR_OK);
    for (uint64_t i = 1; i <= 100; i++) {
        uint64_t deadline_ns = START_NS + i * DAY;
        assert_int_equal(weir_clock_sleep_until(clock, deadline_ns, NULL),
                         WEIR_OK);
        assert_int_equal(weir_clock_now_ns(clock), deadline_ns);
    }
    assert_int_equal(weir_clock_detach(clock), WEIR_OK);
    weir_clock_unref(clock);
}

/* A stepped call's timer that comes first must not be taken for the thread's:
 * the clock has to jump once more, or nobody would ever move it. */
static void a_timer_of_a_stepped_call_does_not_stop_the_clock(void **state)
{
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_call *call = NULL;
    weir_step step = {.size = sizeof step};
    (void)state;
    put_timeout(pipeline, new_timeout(clock, SECOND));
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    assert_int_equal(weir_call_new(&call, pipeline, NULL), WEIR_OK);
    assert_int_equal(weir_call_step(call, WEIR_NOW, &step), WEIR_OK);
    assert_int_equal(step.action, WEIR_STEP_ATTEMPT);
    weir_attempt *attempt = step.attempt;
    assert_int_equal(weir_call_step(call, WEIR_NOW, &step), WEIR_OK);
    assert_int_equal(step.action, WEIR_STEP_WAIT);
    assert_int_equal(weir_clock_next_ns(clock), START_NS + SECOND);
    assert_int_equal(weir_clock_attach(clock), WEIR_OK);
    assert_int_equal(
        weir_clock_sleep_until(clock, START_NS + 2 * SECOND, NULL), WEIR_OK);
    assert_int_equal(weir_clock_now_ns(clock), START_NS + 2 * SECOND);
    assert_int_equal(weir_clock_detach(clock), WEIR_OK);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

typedef struct sleeper {
    weir_clock *clock;
    weir_cancel *cancel;
    uint64_t deadline_ns;
    atomic_int status;
    atomic_int done;
    _Atomic uint64_t woke_ns;
} sleeper;

static void *sleep_once(void *arg)
{
    sleeper *s = arg;
    atomic_store(&s->status, weir_clock_sleep_until(s->clock, s->deadline_ns,
                                                    s->cancel));
    atomic_store(&s->woke_ns, weir_clock_now_ns(s->clock));
    atomic_store(&s->done, 1);
    return NULL;
}

/* All participants wait for ever, and then a call for a time. */
static void the_clock_jumps_to_a_timer_that_is_set_last(void **state)
{
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_cancel *cancel = new_cancel();
    sleeper end = {.clock = clock, .cancel = cancel, .deadline_ns = WEIR_NEVER};
    weir_call *call = NULL;
    weir_step step = {.size = sizeof step};
    (void)state;
    put_timeout(pipeline, new_timeout(clock, SECOND));
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    assert_int_equal(weir_clock_attach(clock), WEIR_OK);
    pthread_t thread = start(sleep_once, &end);
    until_waiting(clock, 1);
    assert_int_equal(weir_call_new(&call, pipeline, NULL), WEIR_OK);
    assert_int_equal(weir_call_step(call, WEIR_NOW, &step), WEIR_OK);
    assert_int_equal(step.action, WEIR_STEP_ATTEMPT);
    weir_attempt *attempt = step.attempt;
    assert_int_equal(weir_call_step(call, WEIR_NOW, &step), WEIR_OK);
    assert_int_equal(step.action, WEIR_STEP_CANCEL);
    assert_int_equal(weir_clock_now_ns(clock), START_NS + SECOND);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_call_unref(call);
    weir_cancel_fire(cancel);
    join(thread);
    assert_int_equal(weir_clock_detach(clock), WEIR_OK);
    weir_pipeline_unref(pipeline);
    weir_cancel_unref(cancel);
    weir_clock_unref(clock);
}

static void advancing_wakes_those_whose_time_has_come(void **state)
{
    weir_clock *clock = new_virtual_clock();
    sleeper soon = {.clock = clock, .deadline_ns = START_NS + 10};
    sleeper late = {.clock = clock, .deadline_ns = START_NS + 20};
    (void)state;
    pthread_t first = start(sleep_once, &late);
    pthread_t second = start(sleep_once, &soon);
    until_waiting(clock, 2);
    assert_int_equal(weir_clock_next_ns(clock), START_NS + 10);
    advance(clock, 9);
    assert_int_equal(weir_clock_waiters(clock), 2);
    advance(clock, 1);
    join(second);
    assert_int_equal(soon.status, WEIR_OK);
    assert_int_equal(soon.woke_ns, START_NS + 10);
    assert_int_equal(late.done, 0);
    assert_int_equal(weir_clock_waiters(clock), 1);
    assert_int_equal(weir_clock_next_ns(clock), START_NS + 20);
    advance(clock, 1000);
    join(first);
    assert_int_equal(late.status, WEIR_OK);
    assert_int_equal(weir_clock_next_ns(clock), WEIR_NEVER);
    weir_clock_unref(clock);
}

static void firing_a_token_wakes_all_who_wait_with_it(void **state)
{
    weir_clock *clock = new_virtual_clock();
    weir_cancel *cancel = new_cancel();
    sleeper with[3] = {{.clock = clock, .cancel = cancel,
                        .deadline_ns = WEIR_NEVER},
                       {.clock = clock, .cancel = cancel,
                        .deadline_ns = START_NS + 1},
                       {.clock = NULL, .cancel = cancel,
                        .deadline_ns = WEIR_NEVER}};
    sleeper without = {.clock = clock, .deadline_ns = START_NS + 2};
    pthread_t threads[4];
    (void)state;
    for (int i = 0; i < 3; i++)
        threads[i] = start(sleep_once, &with[i]);
    threads[3] = start(sleep_once, &without);
    until_waiting(clock, 3); /* the third waits on the machine's clock */
    weir_cancel_fire(cancel);
    for (int i = 0; i < 3; i++) {
        join(threads[i]);
        assert_int_equal(with[i].status, WEIR_ECANCELED);
    }
    assert_int_equal(with[0].woke_ns, START_NS);
    assert_int_equal(without.done, 0);
    assert_int_equal(weir_clock_waiters(clock), 1);
    advance(clock, 2);
    join(threads[3]);
    assert_int_equal(without.status, WEIR_OK);
    weir_cancel_unref(cancel);
    weir_clock_unref(clock);
}

/* ---- a simulation of several threads ---- */

enum { ACTORS = 4, NAPS = 50 };

typedef struct stage {
    weir_clock *clock;
    atomic_int arrived;
    atomic_int wrong;
    _Atomic uint64_t latest_ns;
} stage;

typedef struct actor {
    stage *stage;
    uint64_t nap_ns;
} actor;

/* Everybody attaches before the first sleeps. */
static void *act(void *arg)
{
    actor *a = arg;
    stage *s = a->stage;
    weir_clock_attach(s->clock);
    atomic_fetch_add(&s->arrived, 1);
    while (atomic_load(&s->arrived) != ACTORS)
        ;
    for (uint64_t i = 1; i <= NAPS; i++) {
        uint64_t due_ns = START_NS + i * a->nap_ns;
        weir_clock_sleep_until(s->clock, due_ns, NULL);
        if (weir_clock_now_ns(s->clock) != due_ns ||
            atomic_exchange(&s->latest_ns, due_ns) > due_ns)
            atomic_fetch_add(&s->wrong, 1);
    }
    weir_clock_detach(s->clock);
    return NULL;
}

/* No actor ever finds that the clock has run past his deadline, and whoever
 * detaches leaves the others moving. */
static void a_clock_with_participants_moves_by_itself(void **state)
{
    stage s = {.clock = new_virtual_clock()};
    actor actors[ACTORS];
    pthread_t threads[ACTORS];
    (void)state;
    for (unsigned i = 0; i < ACTORS; i++) {
        actors[i] = (actor){&s, (i + 1) * MS + i};
        threads[i] = start(act, &actors[i]);
    }
    for (int i = 0; i < ACTORS; i++)
        join(threads[i]);
    assert_int_equal(s.wrong, 0);
    assert_int_equal(weir_clock_now_ns(s.clock),
                     START_NS + NAPS * (ACTORS * MS + ACTORS - 1));
    assert_int_equal(weir_clock_detach(s.clock), WEIR_EINVAL);
    weir_clock_unref(s.clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_monotonic_clock_is_static_and_never_goes_back),
        cmocka_unit_test(a_virtual_clock_stands_still_until_it_is_advanced),
        cmocka_unit_test(a_virtual_clock_stops_short_of_never),
        cmocka_unit_test(a_custom_clock_stops_short_of_never),
        cmocka_unit_test(clocks_reject_what_is_out_of_range),
        cmocka_unit_test(only_virtual_clocks_are_advanced_and_joined),
        cmocka_unit_test(a_custom_clock_asks_its_function),
        cmocka_unit_test(a_custom_clock_that_fails_is_destroyed_at_once),
        cmocka_unit_test(a_wait_on_a_custom_clock_asks_again_until_it_is_time),
        cmocka_unit_test(a_policy_keeps_its_clock_alive),
        cmocka_unit_test(a_deadline_that_has_passed_does_not_block),
        cmocka_unit_test(a_fired_token_does_not_block),
        cmocka_unit_test(with_one_participant_every_wait_returns_at_once),
        cmocka_unit_test(a_timer_of_a_stepped_call_does_not_stop_the_clock),
        cmocka_unit_test(the_clock_jumps_to_a_timer_that_is_set_last),
        cmocka_unit_test(advancing_wakes_those_whose_time_has_come),
        cmocka_unit_test(firing_a_token_wakes_all_who_wait_with_it),
        cmocka_unit_test(a_clock_with_participants_moves_by_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
