/* Cancel tokens, as the API shows them and as those who wait use them. */
#include "base/cancel.h"

#include "support.h"

/* A waker that counts: each fire gives back one hold. */
typedef struct counter {
    weir__waker waker; /* first */
    atomic_int held;
    atomic_int fired;
} counter;

static void hold(weir__waker *waker)
{
    atomic_fetch_add(&((counter *)waker)->held, 1);
}

/* Giving the hold back is the last use: the waiter may be gone after it. */
static void fire(weir__waker *waker)
{
    counter *c = (counter *)waker;
    atomic_fetch_add(&c->fired, 1);
    atomic_fetch_sub(&c->held, 1);
}

static const weir__waker_type counter_type = {hold, fire};

static counter new_counter(void)
{
    return (counter){.waker = {&counter_type}};
}

static void a_token_is_fired_once_and_for_all(void **state)
{
    weir_cancel *cancel = new_cancel();
    (void)state;
    assert_int_equal(weir_cancel_fired(cancel), 0);
    weir_cancel_fire(cancel);
    assert_int_equal(weir_cancel_fired(cancel), 1);
    weir_cancel_fire(cancel);
    assert_int_equal(weir_cancel_fired(cancel), 1);
    weir_cancel_unref(cancel);
}

static void no_token_is_never_fired(void **state)
{
    (void)state;
    assert_int_equal(weir_cancel_new(NULL), WEIR_EINVAL);
    assert_int_equal(weir_cancel_fired(NULL), 0);
    weir_cancel_fire(NULL);
    weir_cancel_ref(NULL);
    weir_cancel_unref(NULL);
}

static void a_token_lives_until_its_last_reference(void **state)
{
    weir_cancel *cancel = new_cancel();
    (void)state;
    weir_cancel_ref(cancel);
    weir_cancel_unref(cancel);
    weir_cancel_fire(cancel);
    assert_int_equal(weir_cancel_fired(cancel), 1);
    weir_cancel_unref(cancel);
}

static void firing_reaches_everybody_once(void **state)
{
    weir_cancel *cancel = new_cancel();
    counter counters[5];
    weir__cancel_link links[5];
    (void)state;
    for (int i = 0; i < 5; i++) {
        counters[i] = new_counter();
        assert_int_equal(
            weir__cancel_add(cancel, &links[i], &counters[i].waker), 0);
    }
    weir_cancel_fire(cancel);
    weir_cancel_fire(cancel);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(counters[i].fired, 1);
        assert_int_equal(counters[i].held, 0);
        weir__cancel_remove(cancel, &links[i]); /* no harm afterwards */
    }
    weir_cancel_unref(cancel);
}

/* First, last, in between, and twice. */
static void who_has_left_is_not_reached(void **state)
{
    weir_cancel *cancel = new_cancel();
    counter counters[5];
    weir__cancel_link links[5];
    (void)state;
    for (int i = 0; i < 5; i++) {
        counters[i] = new_counter();
        weir__cancel_add(cancel, &links[i], &counters[i].waker);
    }
    weir__cancel_remove(cancel, &links[4]);
    weir__cancel_remove(cancel, &links[2]);
    weir__cancel_remove(cancel, &links[2]);
    weir__cancel_remove(cancel, &links[0]);
    weir_cancel_fire(cancel);
    for (int i = 0; i < 5; i++)
        assert_int_equal(counters[i].fired, i == 1 || i == 3);
    weir_cancel_unref(cancel);
}

/* e2b#3629: cancel broadcast before wait */
static void who_comes_after_the_fire_is_told_at_once(void **state)
{
    weir_cancel *cancel = new_cancel();
    counter late = new_counter();
    weir__cancel_link link;
    (void)state;
    weir_cancel_fire(cancel);
    assert_int_equal(weir__cancel_add(cancel, &link, &late.waker), 1);
    weir_cancel_fire(cancel);
    assert_int_equal(late.fired, 0);
    assert_int_equal(late.held, 0);
    weir_cancel_unref(cancel);
}

/* A fire whose own effect is to leave: the next one in the list must still be
 * reached. */
typedef struct leaver {
    counter counter; /* first */
    weir_cancel *cancel;
    weir__cancel_link *own, *other;
} leaver;

static void fire_and_leave(weir__waker *waker)
{
    leaver *l = (leaver *)waker;
    weir__cancel_remove(l->cancel, l->own);
    weir__cancel_remove(l->cancel, l->other);
    fire(waker);
}

static const weir__waker_type leaver_type = {hold, fire_and_leave};

static void who_is_reached_may_take_others_off(void **state)
{
    weir_cancel *cancel = new_cancel();
    weir__cancel_link links[3];
    counter second = new_counter(), third = new_counter();
    leaver first = {new_counter(), cancel, &links[0], &links[1]};
    (void)state;
    first.counter.waker.type = &leaver_type;
    weir__cancel_add(cancel, &links[0], &first.counter.waker);
    weir__cancel_add(cancel, &links[1], &second.waker);
    weir__cancel_add(cancel, &links[2], &third.waker);
    weir_cancel_fire(cancel);
    assert_int_equal(first.counter.fired, 1);
    assert_int_equal(second.fired, 0);
    assert_int_equal(third.fired, 1);
    weir_cancel_unref(cancel);
}

/* ---- threads that come and go while others fire ---- */

enum { THREADS = 4, ROUNDS = 500 };

typedef struct crowd {
    weir_cancel *_Atomic cancel;
    atomic_int came, left, reached, missed;
} crowd;

static void *come_and_go(void *arg)
{
    crowd *c = arg;
    weir_cancel *cancel = atomic_load(&c->cancel);
    counter mine = new_counter();
    weir__cancel_link link;
    atomic_fetch_add(&c->came, 1);
    if (weir__cancel_add(cancel, &link, &mine.waker) == 0) {
        while (!weir_cancel_fired(cancel))
            ;
        weir__cancel_remove(cancel, &link);
        while (atomic_load(&mine.held) != 0)
            ;
        if (atomic_load(&mine.fired) > 1)
            atomic_fetch_add(&c->missed, 1);
    } else if (!weir_cancel_fired(cancel)) {
        atomic_fetch_add(&c->missed, 1);
    }
    return NULL;
}

static void a_fire_and_a_leave_at_once_touch_nothing_that_is_gone(void **state)
{
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        crowd c = {.cancel = new_cancel()};
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            threads[i] = start(come_and_go, &c);
        while (atomic_load(&c.came) < round % (THREADS + 1))
            ;
        weir_cancel_fire(c.cancel);
        for (int i = 0; i < THREADS; i++)
            join(threads[i]);
        assert_int_equal(c.missed, 0);
        weir_cancel_unref(c.cancel);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_fired_once_and_for_all),
        cmocka_unit_test(no_token_is_never_fired),
        cmocka_unit_test(a_token_lives_until_its_last_reference),
        cmocka_unit_test(firing_reaches_everybody_once),
        cmocka_unit_test(who_has_left_is_not_reached),
        cmocka_unit_test(who_comes_after_the_fire_is_told_at_once),
        cmocka_unit_test(who_is_reached_may_take_others_off),
        cmocka_unit_test(a_fire_and_a_leave_at_once_touch_nothing_that_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
