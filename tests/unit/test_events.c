/* What a breaker tells its listeners, and what they may do. */
#include "policy/breaker.h"

#include "breaker.h"

/* ---- listeners ---- */

enum { LOG = 512 };

typedef struct event_log {
    weir_event events[LOG];
    int count;
    int broken; /* links that did not fit */
} event_log;

/* Events come one at a time: no lock is needed. */
static void write_down(const weir_event *event, void *arg)
{
    event_log *log = arg;
    if (log->count > 0) {
        const weir_event *before = &log->events[(log->count - 1) % LOG];
        if (event->sequence <= before->sequence ||
            (event->sequence == before->sequence + 1 &&
             event->from != before->to))
            log->broken++;
    }
    if (event->size != sizeof *event)
        log->broken++;
    log->events[log->count++ % LOG] = *event;
}

static void listen_with(event_log *log)
{
    assert_int_equal(weir_breaker_listen(breaker, write_down, log, NULL),
                     WEIR_OK);
}

static void assert_event(const weir_event *event, int kind, int from, int to)
{
    assert_int_equal(event->kind, kind);
    assert_int_equal(event->from, from);
    assert_int_equal(event->to, to);
}

static void transitions_are_told_as_a_chain(void **state)
{
    static const int path[] = {WEIR_OPEN,        WEIR_HALF_OPEN, WEIR_OPEN,
                               WEIR_HALF_OPEN,   WEIR_CLOSED,
                               WEIR_FORCED_OPEN, WEIR_DISABLED,  WEIR_CLOSED};
    event_log log = {.count = 0};
    (void)state;
    listen_with(&log);
    trip_and_expire();
    calls(1, WEIR_TRANSIENT);
    pass_open_time();
    calls(3, WEIR_SUCCESS);
    weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
    weir_breaker_set_mode(breaker, WEIR_DISABLED);
    weir_breaker_set_mode(breaker, WEIR_AUTOMATIC);
    assert_int_equal(log.count, COUNT(path));
    assert_int_equal(log.broken, 0);
    for (size_t i = 0; i < COUNT(path); i++) {
        assert_event(&log.events[i], WEIR_EVENT_TRANSITION,
                     i ? path[i - 1] : WEIR_CLOSED, path[i]);
        assert_int_equal(log.events[i].sequence,
                         log.events[0].sequence + i);
    }
}

static void events_carry_the_time_of_their_cause(void **state)
{
    event_log log = {.count = 0};
    (void)state;
    listen_with(&log);
    trip();
    assert_int_equal(log.events[0].at_ns, weir_clock_now_ns(vclock));
    pass_open_time();
    admitted();
    assert_int_equal(log.events[1].at_ns, weir_clock_now_ns(vclock));
    weir_breaker_reset(breaker);
    assert_true(log.events[2].at_ns == WEIR_NEVER);
}

static void replaced_probes_are_told_as_such(void **state)
{
    event_log log = {.count = 0};
    (void)state;
    trip_and_expire();
    listen_with(&log);
    admitted();
    admitted();
    admitted();
    pass_open_time();
    admitted();
    assert_int_equal(log.count, 2);
    assert_event(&log.events[1], WEIR_EVENT_PROBES, WEIR_HALF_OPEN,
                 WEIR_HALF_OPEN);
    assert_int_equal(log.broken, 0);
}

/* A reset of a closed breaker makes its calls stale, so it is told; but no
 * probe was replaced. */
static void a_reset_while_closed_is_told_as_a_transition(void **state)
{
    event_log log = {.count = 0};
    (void)state;
    listen_with(&log);
    weir_breaker_reset(breaker);
    assert_int_equal(log.count, 1);
    assert_event(&log.events[0], WEIR_EVENT_TRANSITION, WEIR_CLOSED,
                 WEIR_CLOSED);
}

static void a_listener_hears_what_comes_after_it_was_added(void **state)
{
    event_log first = {.count = 0}, second = {.count = 0};
    (void)state;
    trip();
    listen_with(&first);
    pass_open_time();
    admitted();
    listen_with(&second);
    weir_breaker_reset(breaker);
    assert_int_equal(first.count, 2);
    assert_event(&first.events[0], WEIR_EVENT_TRANSITION, WEIR_OPEN,
                 WEIR_HALF_OPEN);
    assert_int_equal(second.count, 1);
    assert_event(&second.events[0], WEIR_EVENT_TRANSITION, WEIR_HALF_OPEN,
                 WEIR_CLOSED);
    assert_int_equal(second.events[0].sequence, first.events[1].sequence);
}

static void destroy_of_a_listener_runs_exactly_once(void **state)
{
    atomic_int destroyed[3] = {0};
    (void)state;
    assert_int_equal(weir_breaker_listen(NULL, write_down, &destroyed[0],
                                         count_destroy),
                     WEIR_EINVAL);
    assert_int_equal(weir_breaker_listen(breaker, NULL, &destroyed[1],
                                         count_destroy),
                     WEIR_EINVAL);
    assert_int_equal(weir_breaker_listen(NULL, NULL, NULL, NULL), WEIR_EINVAL);
    assert_int_equal(destroyed[0], 1);
    assert_int_equal(destroyed[1], 1);
    weir_breaker_options o = breaker_options(vclock);
    weir_breaker *other = new_breaker(&o);
    assert_int_equal(weir_breaker_listen(other, write_down, &destroyed[2],
                                         count_destroy),
                     WEIR_OK);
    weir_breaker_ref(other);
    weir_breaker_unref(other);
    assert_int_equal(destroyed[2], 0);
    weir_breaker_unref(other);
    assert_int_equal(destroyed[2], 1);
}

/* gobreaker#37, sony/gobreaker by reading: the hook runs under the lock and a
 * call back into the breaker deadlocks */
static void reset_when_opened(const weir_event *event, void *arg)
{
    (void)arg;
    if (event->to == WEIR_OPEN)
        weir_breaker_reset(breaker);
}

static void a_listener_may_reset_the_breaker(void **state)
{
    event_log log = {.count = 0};
    (void)state;
    assert_int_equal(
        weir_breaker_listen(breaker, reset_when_opened, NULL, NULL), WEIR_OK);
    listen_with(&log);
    for (int i = 0; i < 10; i++) {
        calls(5, WEIR_TRANSIENT);
        assert_state(WEIR_CLOSED);
    }
    assert_int_equal(log.count, 20);
    assert_int_equal(log.broken, 0);
    for (int i = 0; i < 20; i++)
        assert_event(&log.events[i], WEIR_EVENT_TRANSITION,
                     i % 2 ? WEIR_OPEN : WEIR_CLOSED,
                     i % 2 ? WEIR_CLOSED : WEIR_OPEN);
}

static void listen_once(const weir_event *event, void *arg)
{
    if (event->to == WEIR_OPEN)
        weir_breaker_listen(breaker, write_down, arg, NULL);
}

static void a_listener_may_add_a_listener(void **state)
{
    event_log log = {.count = 0};
    (void)state;
    assert_int_equal(weir_breaker_listen(breaker, listen_once, &log, NULL),
                     WEIR_OK);
    trip();
    assert_int_equal(log.count, 0);
    weir_breaker_reset(breaker);
    assert_int_equal(log.count, 1);
    assert_event(&log.events[0], WEIR_EVENT_TRANSITION, WEIR_OPEN,
                 WEIR_CLOSED);
}

/* The event of the reset waits meanwhile; it is from before. */
static void reset_and_listen_once(const weir_event *event, void *arg)
{
    if (event->to != WEIR_OPEN)
        return;
    weir_breaker_reset(breaker);
    weir_breaker_listen(breaker, write_down, arg, NULL);
}

static void a_listener_hears_nothing_from_before_it_was_added(void **state)
{
    event_log log = {.count = 0};
    (void)state;
    assert_int_equal(
        weir_breaker_listen(breaker, reset_and_listen_once, &log, NULL),
        WEIR_OK);
    calls(5, WEIR_TRANSIENT);
    assert_state(WEIR_CLOSED);
    assert_int_equal(log.count, 0);
    weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
    assert_int_equal(log.count, 1);
    assert_event(&log.events[0], WEIR_EVENT_TRANSITION, WEIR_CLOSED,
                 WEIR_FORCED_OPEN);
}

typedef struct looker {
    uint64_t permit;
    int acquired, state, mode;
    uint64_t retry_after_ns;
} looker;

static void look_at_everything(const weir_event *event, void *arg)
{
    looker *l = arg;
    if (event->to != WEIR_HALF_OPEN)
        return;
    l->acquired = weir_breaker_acquire(breaker, &l->permit);
    l->state = weir_breaker_state(breaker);
    l->mode = weir_breaker_mode(breaker);
    l->retry_after_ns = weir_breaker_retry_after_ns(breaker);
    weir_breaker_record(breaker, l->permit, WEIR_SUCCESS, 0);
}

static void a_listener_may_acquire_record_and_look(void **state)
{
    looker l = {.acquired = -1};
    (void)state;
    assert_int_equal(
        weir_breaker_listen(breaker, look_at_everything, &l, NULL), WEIR_OK);
    trip_and_expire();
    calls(1, WEIR_SUCCESS);
    assert_int_equal(l.acquired, WEIR_OK);
    assert_int_equal(l.state, WEIR_HALF_OPEN);
    assert_int_equal(l.mode, WEIR_AUTOMATIC);
    assert_int_equal(l.retry_after_ns, 0);
    calls(1, WEIR_SUCCESS); /* the third with the listener's */
    assert_state(WEIR_CLOSED);
}

/* One listener that causes more events than the ring holds. */
static void cause_a_hundred(const weir_event *event, void *arg)
{
    int *once = arg;
    (void)event;
    if ((*once)++ == 0)
        for (int i = 0; i < 100; i++)
            weir_breaker_reset(breaker);
}

static void events_that_are_lost_show_as_a_step_in_the_sequence(void **state)
{
    event_log log = {.count = 0};
    int once = 0;
    (void)state;
    assert_int_equal(
        weir_breaker_listen(breaker, cause_a_hundred, &once, NULL), WEIR_OK);
    listen_with(&log);
    calls(5, WEIR_TRANSIENT);
    assert_int_equal(log.broken, 0);
    assert_true(log.count > 10 && log.count < 101);
    uint64_t steps =
        log.events[log.count - 1].sequence - log.events[0].sequence;
    assert_int_equal(steps, 100); /* the newest are kept */
}

/* The generation has 21 bits. */
static void two_million_transitions_and_more_leave_no_trace(void **state)
{
    event_log log = {.count = 0};
    (void)state;
    listen_with(&log);
    for (int i = 0; i < (1 << 21) - 2; i++)
        weir_breaker_reset(breaker);
    for (int i = 0; i < 3; i++) { /* across the wrap */
        trip_and_expire();
        uint64_t lost[3] = {admitted(), admitted(), admitted()};
        assert_rejects();
        pass_open_time();
        assert_int_equal(record(admitted(), WEIR_SUCCESS), WEIR_OK);
        assert_int_equal(record(lost[i], WEIR_SUCCESS), WEIR_ESTALE);
        calls(2, WEIR_SUCCESS);
        assert_state(WEIR_CLOSED);
    }
    assert_int_equal(log.broken, 0);
    assert_int_equal(log.count, (1 << 21) - 2 + 3 * 4);
    assert_int_equal(log.events[(log.count - 1) % LOG].sequence,
                     log.events[log.count % LOG].sequence + LOG - 1);
}

/* Of before the wrap, by a thread that was delayed until there is a listener
 * after it. */
static void an_event_from_before_the_first_number_is_dropped(void **state)
{
    event_log log = {.count = 0};
    weir_event late = {.sequence = WEIR__GENERATION_MASK};
    (void)state;
    for (int i = 0; i < (1 << 21) - 1; i++)
        weir_breaker_reset(breaker);
    listen_with(&log);
    weir__events_publish(&breaker->events, late);
    assert_int_equal(log.count, 0);
    weir_breaker_reset(breaker);
    assert_int_equal(log.count, 1);
    assert_int_equal(log.events[0].sequence, 1);
}

/* ---- threads ---- */

enum { THREADS = 8 };

/* What a breaker may do; everything may be reset or set by hand. */
static int is_legal(const weir_event *e)
{
    if (e->kind == WEIR_EVENT_PROBES)
        return e->from == WEIR_HALF_OPEN && e->to == WEIR_HALF_OPEN;
    switch (e->to) {
    case WEIR_OPEN:
        return e->from == WEIR_CLOSED || e->from == WEIR_HALF_OPEN;
    case WEIR_HALF_OPEN:
        return e->from == WEIR_OPEN;
    default:
        return 1;
    }
}

typedef struct chain {
    weir_event last;
    unsigned count, broken, illegal;
    atomic_int inside;
    unsigned overlaps;
} chain;

static void follow(const weir_event *event, void *arg)
{
    chain *c = arg;
    if (atomic_fetch_add(&c->inside, 1) != 0)
        c->overlaps++;
    if (c->count++ > 0 && (event->sequence <= c->last.sequence ||
                           (event->sequence == c->last.sequence + 1 &&
                            event->from != c->last.to)))
        c->broken++;
    if (!is_legal(event))
        c->illegal++;
    c->last = *event;
    atomic_fetch_sub(&c->inside, 1);
}

static void *shake(void *arg)
{
    unsigned x = *(unsigned *)arg;
    for (int i = 0; i < 4000; i++) {
        uint64_t permit;
        x = x * 1664525u + 1013904223u;
        if ((x >> 24) < 3)
            weir_breaker_reset(breaker);
        else if ((x >> 24) < 5)
            weir_breaker_set_mode(breaker, (x >> 20) % 2 ? WEIR_FORCED_OPEN
                                                         : WEIR_DISABLED);
        else if ((x >> 24) < 11)
            weir_breaker_set_mode(breaker, WEIR_AUTOMATIC);
        else if (weir_breaker_acquire(breaker, &permit) == WEIR_OK)
            weir_breaker_record(breaker, permit,
                                (x >> 16) % 4 ? WEIR_TRANSIENT : WEIR_SUCCESS,
                                WEIR_NEVER);
        else
            weir_clock_advance(vclock, TICK);
    }
    return NULL;
}

/* resilience4j#562, #674: two threads make the same transition; go-redis
 * #3991: events out of order, the observer says closed while it is open */
static void transitions_of_several_threads_are_one_chain(void **state)
{
    unsigned seeds[THREADS];
    pthread_t threads[THREADS];
    chain c = {.count = 0};
    weir_breaker_options o = breaker_options(vclock);
    (void)state;
    o.failure_threshold = 1;
    o.open_ns = TICK;
    o.lease_ns = TICK;
    replace(&o);
    assert_int_equal(weir_breaker_listen(breaker, follow, &c, NULL), WEIR_OK);
    for (unsigned i = 0; i < THREADS; i++) {
        seeds[i] = i * 7919 + 1;
        threads[i] = start(shake, &seeds[i]);
    }
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    assert_int_equal(c.broken, 0);
    assert_int_equal(c.illegal, 0);
    assert_int_equal(c.overlaps, 0);
    assert_true(c.count > 100);
    assert_int_equal(c.last.to, weir_breaker_state(breaker) == WEIR_HALF_OPEN &&
                                        c.last.to == WEIR_OPEN
                                    ? WEIR_OPEN
                                    : weir_breaker_state(breaker));
}

static event_log *first_log;
static counting first_memory;

static int first_skips;

/* While memory for the list is sought, another thread adds a first listener,
 * too, and is quicker. */
static void *allocate_and_listen(void *context, uint64_t bytes,
                                 uint64_t alignment)
{
    event_log *log = first_log;
    if (log && first_skips-- == 0) {
        first_log = NULL;
        listen_with(log);
    }
    return first_memory.table.allocate(context, bytes, alignment);
}

static void two_first_listeners_at_once_are_both_heard(void **state)
{
    event_log quick = {.count = 0}, slow = {.count = 0};
    weir_allocator table;
    weir_breaker_options o = breaker_options(vclock);
    (void)state;
    counting_init(&first_memory);
    table = first_memory.table;
    table.allocate = allocate_and_listen;
    o.allocator = &table;
    replace(&o);
    first_log = &quick;
    first_skips = 1;
    listen_with(&slow);
    trip();
    assert_int_equal(quick.count, 1);
    assert_int_equal(slow.count, 1);
    weir_breaker_unref(breaker);
    breaker = NULL;
    assert_int_equal(first_memory.live, 0);
}

static void trip_and_reset(void)
{
    trip();
    weir_breaker_reset(breaker);
}

/* A thread may be so late that others have told what came after. */
static void an_event_that_comes_too_late_is_dropped(void **state)
{
    event_log log = {.count = 0};
    (void)state;
    for (int i = 0; i < 5; i++)
        trip_and_reset();
    listen_with(&log);
    trip_and_reset();
    weir_event late = {.kind = WEIR_EVENT_TRANSITION,
                       .sequence = log.events[0].sequence - 1};
    weir__events_publish(&breaker->events, late);
    late.sequence = log.events[1].sequence; /* the last that was told */
    weir__events_publish(&breaker->events, late);
    for (int i = 0; i < 70; i++)
        trip_and_reset();
    assert_int_equal(log.count, 2 * 71);
    assert_int_equal(log.broken, 0);
    for (int i = 0; i < log.count; i++)
        assert_int_equal(log.events[i].sequence,
                         log.events[0].sequence + (uint64_t)i);
}

static void note_cancel_state(const weir_event *event, void *arg)
{
    (void)event;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, arg);
}

static void no_thread_is_cancelled_in_a_listener(void **state)
{
    int inside = -1, after = -1;
    (void)state;
    assert_int_equal(weir_breaker_listen(breaker, note_cancel_state, &inside,
                                         NULL),
                     WEIR_OK);
    trip();
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &after);
    assert_int_equal(inside, PTHREAD_CANCEL_DISABLE);
    assert_int_equal(after, PTHREAD_CANCEL_ENABLE);
}

static void listening_needs_a_breaker_and_a_listener(void **state)
{
    (void)state;
    assert_int_equal(weir_breaker_listen(NULL, write_down, NULL, NULL),
                     WEIR_EINVAL);
    assert_int_equal(weir_breaker_listen(breaker, NULL, NULL, NULL),
                     WEIR_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(transitions_are_told_as_a_chain),
        TEST(events_carry_the_time_of_their_cause),
        TEST(replaced_probes_are_told_as_such),
        TEST(a_reset_while_closed_is_told_as_a_transition),
        TEST(a_listener_hears_what_comes_after_it_was_added),
        TEST(destroy_of_a_listener_runs_exactly_once),
        TEST(a_listener_may_reset_the_breaker),
        TEST(a_listener_may_add_a_listener),
        TEST(a_listener_hears_nothing_from_before_it_was_added),
        TEST(a_listener_may_acquire_record_and_look),
        TEST(events_that_are_lost_show_as_a_step_in_the_sequence),
        TEST(two_million_transitions_and_more_leave_no_trace),
        TEST(an_event_from_before_the_first_number_is_dropped),
        TEST(transitions_of_several_threads_are_one_chain),
        TEST(two_first_listeners_at_once_are_both_heard),
        TEST(an_event_that_comes_too_late_is_dropped),
        TEST(no_thread_is_cancelled_in_a_listener),
        TEST(listening_needs_a_breaker_and_a_listener),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
