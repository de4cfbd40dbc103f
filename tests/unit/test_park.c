/* Parking: what a wait finds that came before it, how long it is, and who comes
 * while it goes on. */
#include "support.h"

#include <string.h>
#include <time.h>

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

static int waits, timed_waits, cancelable;
static atomic_int waits_itself;

int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock);

/* While the thread waits, the other one comes. */
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock)
{
    int state;
    if (atomic_load(&waits_itself))
        return __real_pthread_cond_wait(cond, lock);
    waits++;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    cancelable += state != PTHREAD_CANCEL_DISABLE;
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
        waits = cancelable = 0;
        weir__parker_destroy(&parker);
        assert_int_equal(waits, 2);
        assert_int_equal(cancelable, 0);
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
        waits = timed_waits = 0;
        weir__park(&parker, WEIR_NEVER);
        assert_int_equal(waits + timed_waits, 0);
        assert_int_equal(parker.signaled, 0);
        weir__parker_destroy(&parker);
        weir_clock_unref(clocks[i]);
    }
}

/* Whatever was where it is made. */
static void a_new_parker_was_not_woken(void **state)
{
    (void)state;
    memset(&parker, 0xff, sizeof parker);
    assert_int_equal(weir__parker_init(&parker, weir_clock_monotonic()),
                     WEIR_OK);
    assert_int_equal(parker.signaled, 0);
    weir__parker_destroy(&parker);
}

/* ---- the wait for the machine's time ---- */

static uint64_t until_ns; /* what the last one was for */

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until);

/* And is woken at once. */
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *lock,
                                  const struct timespec *until)
{
    (void)cond;
    (void)lock;
    timed_waits++;
    assert_in_range(until->tv_nsec, 0, SECOND - 1);
    until_ns = (uint64_t)until->tv_sec * SECOND + (uint64_t)until->tv_nsec;
    parker.signaled = 1;
    return 0;
}

static uint64_t ten(void *arg)
{
    (void)arg;
    return 10;
}

static void park_for(weir_clock *clock, uint64_t wait_ns, uint64_t expected_ns)
{
    timed_waits = 0;
    assert_int_equal(weir__parker_init(&parker, clock), WEIR_OK);
    uint64_t before_ns = weir_clock_now_ns(NULL);
    weir__park(&parker, weir_clock_now_ns(clock) + wait_ns);
    uint64_t after_ns = weir_clock_now_ns(NULL);
    assert_int_equal(timed_waits, 1);
    assert_in_range(until_ns, before_ns + expected_ns, after_ns + expected_ns);
    weir__parker_destroy(&parker);
}

static void a_wait_is_as_long_as_asked_for_or_a_day(void **state)
{
    weir_clock *clock = weir_clock_monotonic();
    (void)state;
    park_for(clock, DAY / 2 + 7 * MS, DAY / 2 + 7 * MS);
    park_for(clock, DAY, DAY);
    park_for(clock, 3 * DAY, DAY);
}

static void a_clock_of_the_users_is_asked_again(void **state)
{
    weir_clock *clock;
    (void)state;
    assert_int_equal(weir_clock_new_custom(&clock, ten, NULL, NULL), WEIR_OK);
    park_for(clock, 60 * MS, 60 * MS);
    park_for(clock, DAY, 100 * MS);
    assert_int_equal(weir__parker_init(&parker, clock), WEIR_OK);
    timed_waits = 0;
    weir__park(&parker, 10);
    assert_int_equal(timed_waits, 0);
    weir__parker_destroy(&parker);
    weir_clock_unref(clock);
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

/* The clock has moved, and wakes one after the other: who sees the time for
 * himself, and goes, is not on it any more. */

static pthread_t sleeper;
static uint32_t left_on_it;

static void *park(void *arg)
{
    weir__park(&parker, START_NS + 2 * SECOND);
    return arg;
}

static void let_the_sleeper_see(weir__waker *waker)
{
    (void)waker;
    pthread_cond_broadcast(&parker.cond);
    join(sleeper);
    left_on_it = weir_clock_waiters(vclock);
}

static void who_has_gone_is_not_on_the_clock(void **state)
{
    static const weir__waker_type type = {hold, let_the_sleeper_see};
    weir__waker waker = {&type};
    weir__timer first = {.waker = &waker};
    (void)state;
    atomic_store(&waits_itself, 1);
    vclock = new_virtual_clock();
    assert_int_equal(weir__parker_init(&parker, vclock), WEIR_OK);
    sleeper = start(park, NULL);
    until_waiting(vclock, 1);
    weir__clock_set_timer(vclock, &first, START_NS + SECOND);
    assert_int_equal(weir_clock_advance(vclock, 2 * SECOND), WEIR_OK);
    assert_int_equal(left_on_it, 0);
    assert_int_equal(parker.signaled, 0);
    weir__parker_destroy(&parker);
    weir_clock_unref(vclock);
    atomic_store(&waits_itself, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_parks_until_a_time_that_has_passed),
        cmocka_unit_test(a_parker_is_there_for_who_is_about_to_fire_it),
        cmocka_unit_test(a_wake_from_before_is_not_slept_over),
        cmocka_unit_test(a_new_parker_was_not_woken),
        cmocka_unit_test(a_wait_is_as_long_as_asked_for_or_a_day),
        cmocka_unit_test(a_clock_of_the_users_is_asked_again),
        cmocka_unit_test(a_jump_does_not_go_back_to_a_timer_of_the_past),
        cmocka_unit_test(who_has_gone_is_not_on_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
