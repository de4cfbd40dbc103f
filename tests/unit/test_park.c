/* Parking: what a wait finds that came before it. */
#include "support.h"

#include "base/park.h"

static weir__parker parker;

static void fire(void)
{
    weir__waker_hold(&parker.waker);
    weir__waker_fire(&parker.waker);
}

static void nobody_parks_until_a_time_that_has_passed(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    assert_int_equal(weir__parker_init(&parker, clock), WEIR_OK);
    weir__park(&parker, START_NS);
    weir__park(&parker, START_NS - 1);
    assert_int_equal(weir_clock_waiters(clock), 0);
    weir__parker_destroy(&parker);
    weir_clock_unref(clock);
    assert_int_equal(weir__parker_init(&parker, weir_clock_monotonic()),
                     WEIR_OK);
    weir__park(&parker, 0);
    weir__parker_destroy(&parker);
}

/* ---- a wake that is on its way ---- */

static int waits;

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);

/* While the thread waits, the other one comes. */
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
    (void)cond;
    waits++;
    pthread_mutex_unlock(lock);
    weir__waker_fire(&parker.waker);
    pthread_mutex_lock(lock);
    return 0;
}

static void a_parker_is_there_for_who_is_about_to_fire_it(void **state)
{
    (void)state;
    weir_clock *clocks[] = {weir_clock_monotonic(), new_virtual_clock()};
    for (size_t i = 0; i < COUNT(clocks); i++) {
        assert_int_equal(weir__parker_init(&parker, clocks[i]), WEIR_OK);
        for (int held = 0; held < 2; held++)
            weir__waker_hold(&parker.waker);
        waits = 0;
        weir__parker_destroy(&parker);
        assert_int_equal(waits, 2);
        assert_int_equal(weir__load_relaxed(&parker.held), 0);
        weir_clock_unref(clocks[i]);
    }
}

/* And once only: the next wait is for what comes then. */
static void a_wake_from_before_is_not_slept_over(void **state)
{
    (void)state;
    weir_clock *clocks[] = {weir_clock_monotonic(), new_virtual_clock()};
    for (size_t i = 0; i < COUNT(clocks); i++) {
        assert_int_equal(weir__parker_init(&parker, clocks[i]), WEIR_OK);
        fire();
        weir__park(&parker, WEIR_NEVER);
        assert_int_equal(parker.signaled, 0);
        weir__parker_destroy(&parker);
        weir_clock_unref(clocks[i]);
    }
}

/* ---- a virtual clock that jumps ---- */

static weir_clock *vclock;
static int fired;

static void hold(weir__waker *waker)
{
    (void)waker;
}

static void note_fire(weir__waker *waker)
{
    (void)waker;
    fired++;
}

/* A stepped call sets its timer, and then looks whether its time has come: in
 * between it is on the clock, and in the past. */
static void a_jump_does_not_go_back_to_a_timer_of_the_past(void **state)
{
    static const weir__waker_type type = {hold, note_fire};
    weir__waker waker = {&type};
    weir__timer late = {.waker = &waker};
    (void)state;
    fired = 0;
    vclock = new_virtual_clock();
    weir__clock_set_timer(vclock, &late, START_NS - SECOND);
    assert_int_equal(weir_clock_attach(vclock), WEIR_OK);
    assert_int_equal(weir_clock_sleep_until(vclock, START_NS + SECOND, NULL),
                     WEIR_OK);
    assert_int_equal(fired, 1);
    assert_int_equal(weir_clock_now_ns(vclock), START_NS + SECOND);
    assert_int_equal(weir_clock_detach(vclock), WEIR_OK);
    weir__clock_set_timer(vclock, &late, START_NS);
    assert_int_equal(weir_clock_attach(vclock), WEIR_OK);
    weir__parker_init(&parker, vclock);
    weir__mutex_lock(weir__clock_lock(vclock));
    parker.timer.deadline_ns = WEIR_NEVER;
    weir__clock_thread_waits(vclock, &parker.timer);
    weir__clock_take_off(vclock, &parker.timer);
    weir__mutex_unlock(weir__clock_lock(vclock));
    assert_int_equal(fired, 2);
    assert_int_equal(weir_clock_now_ns(vclock), START_NS + SECOND);
    weir__parker_destroy(&parker);
    assert_int_equal(weir_clock_detach(vclock), WEIR_OK);
    weir_clock_unref(vclock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_parks_until_a_time_that_has_passed),
        cmocka_unit_test(a_parker_is_there_for_who_is_about_to_fire_it),
        cmocka_unit_test(a_wake_from_before_is_not_slept_over),
        cmocka_unit_test(a_jump_does_not_go_back_to_a_timer_of_the_past),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
