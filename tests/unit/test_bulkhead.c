/* The bulkhead: permits, the queue, who gets what. */
#include <sched.h>

#include "support.h"

static weir_clock *vclock;
static weir_bulkhead *bulkhead;

static int setup(void **state)
{
    (void)state;
    vclock = new_virtual_clock();
    bulkhead = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_bulkhead_unref(bulkhead);
    weir_clock_unref(vclock);
    return 0;
}

/* As many permits and places, all permits taken. */
static void full(uint32_t permits, uint32_t places)
{
    bulkhead = new_bulkhead(vclock, permits, places);
    for (uint32_t i = 0; i < permits; i++)
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
}

static void assert_counts(uint32_t running, uint32_t waiting)
{
    assert_int_equal(weir_bulkhead_running(bulkhead), running);
    assert_int_equal(weir_bulkhead_waiting(bulkhead), waiting);
}

static void release_one(void)
{
    assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_OK);
}

/* ---- a waiter: a thread that acquires once ---- */

typedef struct waiter {
    weir_cancel *cancel;
    uint64_t deadline_ns;
    atomic_int status, done;
    atomic_int *turn; /* counts up with each one that returns */
    atomic_int order;
    pthread_t thread;
} waiter;

static void *acquire_once(void *arg)
{
    waiter *w = arg;
    atomic_store(&w->status, weir_bulkhead_acquire_until(
                                 bulkhead, w->deadline_ns, w->cancel));
    if (w->turn)
        atomic_store(&w->order, atomic_fetch_add(w->turn, 1));
    atomic_store(&w->done, 1);
    return NULL;
}

/* Starts it and gives way until it waits, in the queue and on the clock. */
static void wait_in_line(waiter *w, uint32_t position)
{
    w->thread = start(acquire_once, w);
    until_waiting(vclock, position);
    assert_int_equal(weir_bulkhead_waiting(bulkhead), position);
}

static int result(waiter *w)
{
    join(w->thread);
    return w->status;
}

/* ---- arguments, free permits ---- */

static void bad_arguments_are_rejected(void **state)
{
    (void)state;
    assert_int_equal(weir_bulkhead_try_acquire(NULL), WEIR_EINVAL);
    assert_int_equal(weir_bulkhead_acquire(NULL), WEIR_EINVAL);
    assert_int_equal(weir_bulkhead_acquire_until(NULL, 0, NULL), WEIR_EINVAL);
    assert_int_equal(weir_bulkhead_release(NULL), WEIR_EINVAL);
    assert_int_equal(weir_bulkhead_running(NULL), 0);
    assert_int_equal(weir_bulkhead_waiting(NULL), 0);
    weir_bulkhead_ref(NULL);
    weir_bulkhead_unref(NULL);
}

static void the_default_is_ten_at_once(void **state)
{
    weir_bulkhead_options o = bulkhead_options(vclock);
    (void)state;
    assert_int_equal(weir_bulkhead_new(&bulkhead, &o), WEIR_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(weir_bulkhead_acquire(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
    assert_counts(10, 0);
}

static void permits_are_taken_up_to_the_limit_and_come_back(void **state)
{
    (void)state;
    for (uint32_t limit = 1; limit <= 64; limit *= 4) {
        full(limit, 5);
        for (int round = 0; round < 3; round++) {
            assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
            assert_counts(limit, 0);
            release_one();
            assert_counts(limit - 1, 0);
            assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
        }
        weir_bulkhead_unref(bulkhead);
        bulkhead = NULL;
    }
}

/* resilience4j#263: a permit released twice; tokio#8395: the count overflows */
static void a_release_without_a_permit_is_stale(void **state)
{
    (void)state;
    full(2, 0);
    assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_ESTALE);
    assert_counts(0, 0);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
}

static void without_a_queue_a_full_one_rejects_at_once(void **state)
{
    (void)state;
    full(1, 0);
    assert_int_equal(weir_bulkhead_acquire(bulkhead), WEIR_EFULL);
    assert_int_equal(weir_bulkhead_acquire_until(bulkhead, 0, NULL),
                     WEIR_EFULL);
    assert_counts(1, 0);
}

static void a_free_permit_is_taken_whatever_the_deadline(void **state)
{
    weir_cancel *fired = new_cancel();
    (void)state;
    weir_cancel_fire(fired);
    bulkhead = new_bulkhead(vclock, 1, 1);
    assert_int_equal(weir_bulkhead_acquire_until(bulkhead, 0, fired), WEIR_OK);
    assert_counts(1, 0);
    weir_cancel_unref(fired);
}

/* ---- ends of a wait without a permit ---- */

static void whoever_may_not_wait_does_not(void **state)
{
    weir_cancel *fired = new_cancel();
    weir_bulkhead_options o = bulkhead_options(vclock);
    (void)state;
    weir_cancel_fire(fired);
    o.max_concurrent = 1;
    o.queue_ns = 0;
    assert_int_equal(weir_bulkhead_new(&bulkhead, &o), WEIR_OK);
    assert_int_equal(weir_bulkhead_acquire(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_acquire(bulkhead), WEIR_EQUEUETIME);
    assert_int_equal(weir_bulkhead_acquire_until(bulkhead, WEIR_NEVER, fired),
                     WEIR_ECANCELED);
    assert_int_equal(weir_bulkhead_acquire_until(bulkhead, START_NS - 1, NULL),
                     WEIR_ETIMEDOUT);
    assert_counts(1, 0);
    weir_cancel_unref(fired);
}

/* With one participant the wait is over at once, by the clock. */
static void a_wait_ends_with_the_queue_time_or_the_deadline_before(
    void **state)
{
    static const struct {
        uint64_t deadline_ns, wait_ns;
        int status;
    } cases[] = {
        {WEIR_NEVER, 5 * SECOND, WEIR_EQUEUETIME},
        {START_NS + 6 * SECOND, 5 * SECOND, WEIR_EQUEUETIME},
        {START_NS + 5 * SECOND, 5 * SECOND, WEIR_EQUEUETIME},
        {START_NS + 5 * SECOND - 1, 5 * SECOND - 1, WEIR_ETIMEDOUT},
        {START_NS + 1, 1, WEIR_ETIMEDOUT},
        {START_NS, 0, WEIR_ETIMEDOUT},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        weir_clock *clock = new_virtual_clock();
        weir_bulkhead *b = new_bulkhead(clock, 1, 1);
        weir_clock_attach(clock);
        assert_int_equal(weir_bulkhead_acquire(b), WEIR_OK);
        assert_int_equal(
            weir_bulkhead_acquire_until(b, cases[i].deadline_ns, NULL),
            cases[i].status);
        assert_int_equal(weir_clock_now_ns(clock),
                         START_NS + cases[i].wait_ns);
        assert_int_equal(weir_bulkhead_waiting(b), 0);
        weir_clock_detach(clock);
        weir_bulkhead_unref(b);
        weir_clock_unref(clock);
    }
}

static void a_full_queue_rejects_at_once(void **state)
{
    waiter w[3] = {{.deadline_ns = WEIR_NEVER},
                   {.deadline_ns = WEIR_NEVER},
                   {.deadline_ns = WEIR_NEVER}};
    (void)state;
    full(1, 3);
    for (uint32_t i = 0; i < 3; i++)
        wait_in_line(&w[i], i + 1);
    assert_int_equal(weir_bulkhead_acquire(bulkhead), WEIR_EFULL);
    assert_counts(1, 3);
    for (int i = 0; i < 3; i++) {
        release_one();
        assert_int_equal(result(&w[i]), WEIR_OK);
    }
    assert_counts(1, 0);
}

/* ---- hand-over ---- */

/* golang/go#37852, embassy#6964, cpython#90155: order, and heads that leave */
static void permits_are_handed_over_in_the_order_of_arrival(void **state)
{
    enum { WAITERS = 6 };
    atomic_int turn = 0;
    waiter w[WAITERS];
    (void)state;
    full(1, WAITERS);
    for (uint32_t i = 0; i < WAITERS; i++) {
        w[i] = (waiter){.deadline_ns = WEIR_NEVER, .turn = &turn};
        wait_in_line(&w[i], i + 1);
    }
    for (int i = 0; i < WAITERS; i++) {
        release_one();
        assert_int_equal(result(&w[i]), WEIR_OK);
        assert_int_equal(w[i].order, i);
        assert_counts(1, (uint32_t)(WAITERS - 1 - i));
    }
}

/* The permit is the waiter's in the same step as it is released, long before
 * his thread runs: nobody can come in between. */
static void nobody_overtakes_the_queue(void **state)
{
    waiter first = {.deadline_ns = WEIR_NEVER};
    waiter second = {.deadline_ns = WEIR_NEVER};
    (void)state;
    full(2, 2);
    wait_in_line(&first, 1);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
    wait_in_line(&second, 2);
    release_one();
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
    assert_counts(2, 1);
    release_one();
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
    assert_counts(2, 0);
    assert_int_equal(result(&first), WEIR_OK);
    assert_int_equal(result(&second), WEIR_OK);
}

/* failsafe#393: a waiter that timed out stays in the queue and is granted the
 * permit, which is lost for ever */
static void a_waiter_that_timed_out_is_not_granted_a_permit(void **state)
{
    waiter w = {.deadline_ns = WEIR_NEVER};
    (void)state;
    full(1, 1);
    wait_in_line(&w, 1);
    advance(vclock, 5 * SECOND);
    assert_int_equal(result(&w), WEIR_EQUEUETIME);
    assert_counts(1, 0);
    release_one();
    assert_counts(0, 0);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
}

/* cockatiel#114, helidon#556: an aborted entry keeps its place or starts */
static void a_waiter_that_was_cancelled_leaves_the_queue(void **state)
{
    weir_cancel *cancel = new_cancel();
    waiter w = {.deadline_ns = WEIR_NEVER, .cancel = cancel};
    (void)state;
    full(1, 1);
    wait_in_line(&w, 1);
    weir_cancel_fire(cancel);
    assert_int_equal(result(&w), WEIR_ECANCELED);
    assert_counts(1, 0);
    release_one();
    assert_counts(0, 0);
    weir_cancel_unref(cancel);
}

/* golang/go#37852: a cancelled head does not wake its successors.  First,
 * middle and last leave; the others are served in order. */
static void whoever_leaves_the_queue_does_not_disturb_it(void **state)
{
    enum { WAITERS = 5 };
    weir_cancel *cancel = new_cancel();
    waiter w[WAITERS];
    (void)state;
    full(1, WAITERS);
    for (uint32_t i = 0; i < WAITERS; i++) {
        w[i] = (waiter){.deadline_ns = WEIR_NEVER};
        if (i == 2)
            w[i].cancel = cancel;
        else if (i != 1 && i != 3)
            w[i].deadline_ns = START_NS + SECOND;
        wait_in_line(&w[i], i + 1);
    }
    weir_cancel_fire(cancel);
    assert_int_equal(result(&w[2]), WEIR_ECANCELED);
    advance(vclock, SECOND);
    assert_int_equal(result(&w[0]), WEIR_ETIMEDOUT);
    assert_int_equal(result(&w[4]), WEIR_ETIMEDOUT);
    assert_counts(1, 2);
    release_one();
    assert_int_equal(result(&w[1]), WEIR_OK);
    assert_int_equal(w[3].done, 0);
    release_one();
    assert_int_equal(result(&w[3]), WEIR_OK);
    release_one();
    assert_counts(0, 0);
    weir_cancel_unref(cancel);
}

/* ---- threads ---- */

enum { THREADS = 8, ROUNDS = 3000, LIMIT = 3 };

typedef struct crowd {
    weir_cancel *cancel;
    atomic_int inside, most, taken, given, stale, odd;
    atomic_uint ready;
} crowd;

static void work_inside(crowd *c)
{
    int inside = atomic_fetch_add(&c->inside, 1) + 1;
    int most = atomic_load(&c->most);
    while (inside > most &&
           !atomic_compare_exchange_weak(&c->most, &most, inside))
        ;
    if (inside % 2)
        sched_yield();
    atomic_fetch_sub(&c->inside, 1);
    if (weir_bulkhead_release(bulkhead) == WEIR_OK)
        atomic_fetch_add(&c->given, 1);
    else
        atomic_fetch_add(&c->stale, 1);
}

static int acquire_somehow(crowd *c, unsigned how)
{
    uint64_t now_ns = weir_clock_now_ns(vclock);
    switch (how % 4) {
    case 0:
        return weir_bulkhead_try_acquire(bulkhead);
    case 1:
        return weir_bulkhead_acquire_until(bulkhead, now_ns + how % 7, NULL);
    case 2:
        return weir_bulkhead_acquire_until(bulkhead, now_ns + 5, c->cancel);
    default:
        return weir_bulkhead_acquire(bulkhead);
    }
}

static void *hammer(void *arg)
{
    crowd *c = arg;
    unsigned x = atomic_fetch_add(&c->ready, 1) * 7919 + 1;
    for (int i = 0; i < ROUNDS; i++) {
        x = x * 1664525u + 1013904223u;
        int status = acquire_somehow(c, x >> 16);
        if (status == WEIR_OK) {
            atomic_fetch_add(&c->taken, 1);
            work_inside(c);
        } else if (status != WEIR_EFULL && status != WEIR_ETIMEDOUT &&
                   status != WEIR_EQUEUETIME && status != WEIR_ECANCELED) {
            atomic_fetch_add(&c->odd, 1);
        }
        weir_clock_advance(vclock, 1);
        if (i == ROUNDS / 2 && x % 2)
            weir_cancel_fire(c->cancel);
    }
    return NULL;
}

/* failsafe#365, concurrency-limits#179 (a grant at the instant of the timeout
 * is lost), concurrency-limits#70 (two waiters, one notify) */
static void permits_are_conserved_under_threads(void **state)
{
    crowd c = {.cancel = new_cancel()};
    pthread_t threads[THREADS];
    (void)state;
    weir_bulkhead_options o = bulkhead_options(vclock);
    o.max_concurrent = LIMIT;
    o.max_queue = 4;
    o.queue_ns = 50;
    assert_int_equal(weir_bulkhead_new(&bulkhead, &o), WEIR_OK);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(hammer, &c);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    assert_int_equal(c.stale, 0);
    assert_int_equal(c.odd, 0);
    assert_int_equal(c.taken, c.given);
    assert_true(c.taken > 0 && c.most <= LIMIT);
    assert_counts(0, 0);
    for (int i = 0; i < LIMIT; i++)
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
    weir_cancel_unref(c.cancel);
}

/* ---- the lock-free path alone ---- */

enum { TRIES = 100000 };

typedef struct pair {
    atomic_int inside, overlaps, taken, ready;
} pair;

static void *try_and_release(void *arg)
{
    pair *p = arg;
    atomic_fetch_add(&p->ready, 1);
    while (atomic_load(&p->ready) != 2)
        ;
    for (int i = 0; i < TRIES; i++) {
        if (weir_bulkhead_try_acquire(bulkhead) != WEIR_OK)
            continue;
        if (atomic_fetch_add(&p->inside, 1) != 0)
            atomic_fetch_add(&p->overlaps, 1);
        atomic_fetch_add(&p->taken, 1);
        atomic_fetch_sub(&p->inside, 1);
        weir_bulkhead_release(bulkhead);
    }
    return NULL;
}

/* concurrency-limits#140, #234: check, then increment */
static void two_threads_never_hold_one_permit(void **state)
{
    pair p = {0};
    (void)state;
    bulkhead = new_bulkhead(vclock, 1, 0);
    pthread_t one = start(try_and_release, &p);
    pthread_t two = start(try_and_release, &p);
    join(one);
    join(two);
    assert_int_equal(p.overlaps, 0);
    assert_true(p.taken > 0);
    assert_counts(0, 0);
}

/* ---- a simulation: nobody advances the clock, it moves by itself ---- */

typedef struct actor {
    atomic_int *arrived;
    atomic_int served, timed_out, odd;
} actor;

static void *visit(void *arg)
{
    actor *a = arg;
    weir_clock_attach(vclock);
    atomic_fetch_add(a->arrived, 1);
    while (atomic_load(a->arrived) != THREADS)
        sched_yield();
    for (int i = 0; i < 200; i++) {
        int status = weir_bulkhead_acquire(bulkhead);
        if (status == WEIR_OK) {
            weir_clock_sleep_until(vclock, weir_clock_now_ns(vclock) + SECOND,
                                   NULL);
            weir_bulkhead_release(bulkhead);
            atomic_fetch_add(&a->served, 1);
        } else if (status == WEIR_EQUEUETIME) {
            atomic_fetch_add(&a->timed_out, 1);
        } else {
            atomic_fetch_add(&a->odd, 1);
        }
    }
    weir_clock_detach(vclock);
    return NULL;
}

/* Eight visitors, one permit, a second each: all fit into the queue time of
 * ten seconds, so with a fair queue nobody is ever turned away. */
static void a_fair_queue_serves_everybody(void **state)
{
    atomic_int arrived = 0;
    actor actors[THREADS];
    pthread_t threads[THREADS];
    weir_bulkhead_options o = bulkhead_options(vclock);
    (void)state;
    o.max_concurrent = 1;
    o.max_queue = THREADS;
    o.queue_ns = 10 * SECOND;
    assert_int_equal(weir_bulkhead_new(&bulkhead, &o), WEIR_OK);
    for (int i = 0; i < THREADS; i++) {
        actors[i] = (actor){.arrived = &arrived};
        threads[i] = start(visit, &actors[i]);
    }
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(actors[i].served, 200);
        assert_int_equal(actors[i].timed_out, 0);
        assert_int_equal(actors[i].odd, 0);
    }
    assert_int_equal(weir_clock_now_ns(vclock),
                     START_NS + THREADS * 200 * SECOND);
    assert_counts(0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int run_nothing(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ++*(int *)arg;
    return 0;
}

static void a_full_bulkhead_that_takes_permits_back_rejects_runs(void **state)
{
    weir_bulkhead_options o = bulkhead_options(vclock);
    weir_pipeline *pipeline = new_pipeline(vclock);
    int runs = 0;
    (void)state;
    o.max_concurrent = 1;
    o.max_queue = 0;
    o.abandoned_max_ns = SECOND;
    assert_int_equal(weir_bulkhead_new(&bulkhead, &o), WEIR_OK);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    weir_pipeline_add_bulkhead(pipeline, bulkhead);
    weir_pipeline_seal(pipeline);
    assert_int_equal(weir_run(pipeline, run_nothing, &runs), WEIR_EFULL);
    assert_int_equal(runs, 0);
    release_one();
    assert_int_equal(weir_run(pipeline, run_nothing, &runs), 0);
    assert_int_equal(runs, 1);
    weir_pipeline_unref(pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_arguments_are_rejected),
        TEST(the_default_is_ten_at_once),
        TEST(permits_are_taken_up_to_the_limit_and_come_back),
        TEST(a_release_without_a_permit_is_stale),
        TEST(without_a_queue_a_full_one_rejects_at_once),
        TEST(a_free_permit_is_taken_whatever_the_deadline),
        TEST(whoever_may_not_wait_does_not),
        TEST(a_wait_ends_with_the_queue_time_or_the_deadline_before),
        TEST(a_full_queue_rejects_at_once),
        TEST(permits_are_handed_over_in_the_order_of_arrival),
        TEST(nobody_overtakes_the_queue),
        TEST(a_waiter_that_timed_out_is_not_granted_a_permit),
        TEST(a_waiter_that_was_cancelled_leaves_the_queue),
        TEST(whoever_leaves_the_queue_does_not_disturb_it),
        TEST(permits_are_conserved_under_threads),
        TEST(two_threads_never_hold_one_permit),
        TEST(a_fair_queue_serves_everybody),
        TEST(a_full_bulkhead_that_takes_permits_back_rejects_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
