/* Blocking runs that are cancelled, wait, are nested, or end their thread. */
#include <sched.h>

#include "world.h"

#include "engine/call.h"

static const play success[PLAYS] = {{0, 0, 0, 0}};
static const play failure[PLAYS] = ALWAYS(0, 7);

/* ---- cancellation ---- */

typedef struct canceling {
    weir_cancel *cancel;
    weir_clock *clock;
    pthread_t firing;    /* the thread that fires, once it runs */
    atomic_int ready;    /* the attempt waits to be told */
    atomic_int told;     /* by on_cancel */
    atomic_int on_firing_thread;
    atomic_int runs;
    int code;
} canceling;

static void be_told(weir_attempt *attempt, void *arg)
{
    canceling *c = arg;
    if (!weir_attempt_canceled(attempt))
        return;
    atomic_store(&c->on_firing_thread,
                 pthread_equal(pthread_self(), c->firing) != 0);
    atomic_fetch_add(&c->told, 1);
}

static int wait_to_be_told(weir_attempt *attempt, void *arg)
{
    canceling *c = arg;
    atomic_fetch_add(&c->runs, 1);
    weir_attempt_on_cancel(attempt, be_told, c);
    if (weir_attempt_on_cancel(attempt, be_told, c) != WEIR_EINVAL)
        return 98; /* it has one already */
    atomic_store(&c->ready, 1);
    while (!atomic_load(&c->told))
        sched_yield();
    return c->code;
}

static void *fire_when_ready(void *arg)
{
    canceling *c = arg;
    while (!atomic_load(&c->ready))
        sched_yield();
    c->firing = pthread_self();
    weir_cancel_fire(c->cancel);
    return NULL;
}

/* A success stays one; a failure is the cancellation, and counts nowhere. */
static void a_running_attempt_is_told_on_the_firing_thread(void **state)
{
    static const int codes[] = {0, 7};
    (void)state;
    for (size_t i = 0; i < COUNT(codes); i++) {
        world w;
        weir_call_options o = call_options();
        weir_result r = {.size = sizeof r};
        canceling c = {.cancel = new_cancel(), .code = codes[i]};
        open_world(&w, success);
        build(&w, "Trbkt");
        prepare(&w, TWO_FAILURES);
        o.cancel = c.cancel;
        pthread_t thread = start(fire_when_ready, &c);
        assert_int_equal(
            weir_run_with(w.pipeline, &o, wait_to_be_told, &c, &r),
            codes[i] ? WEIR_ECANCELED : 0);
        join(thread);
        assert_int_equal(c.on_firing_thread, 1);
        assert_int_equal(c.told, 1);
        assert_int_equal(c.runs, 1);
        assert_int_equal(r.rejected_by, codes[i] ? WEIR_BY_CALL : 0);
        assert_int_equal(weir_breaker_state(w.breaker), WEIR_CLOSED);
        assert_int_equal(weir_bulkhead_running(w.bulkhead), 0);
        weir_cancel_unref(c.cancel);
        close_world(&w);
    }
}

static int fire_inside(weir_attempt *attempt, void *arg)
{
    canceling *c = arg;
    c->firing = pthread_self();
    if (weir_attempt_canceled(attempt))
        return 98;
    weir_cancel_fire(c->cancel);
    if (!weir_attempt_canceled(attempt))
        return 99;
    weir_attempt_on_cancel(attempt, be_told, c); /* at once */
    return atomic_load(&c->told) == 1 ? 0 : 97;
}

static void who_asks_after_the_cancellation_is_told_at_once(void **state)
{
    world w;
    weir_call_options o = call_options();
    canceling c = {.cancel = new_cancel()};
    (void)state;
    open_world(&w, success);
    build(&w, "Trbkt");
    o.cancel = c.cancel;
    assert_int_equal(weir_run_with(w.pipeline, &o, fire_inside, &c, NULL), 0);
    assert_int_equal(c.told, 1);
    weir_cancel_unref(c.cancel);
    close_world(&w);
}

static void a_call_that_was_cancelled_before_asks_nothing(void **state)
{
    world w;
    weir_call_options o = call_options();
    weir_result r = {.size = sizeof r};
    (void)state;
    open_world(&w, success);
    build(&w, "Trbkt");
    o.cancel = new_cancel();
    weir_cancel_fire(o.cancel);
    assert_int_equal(weir_run_with(w.pipeline, &o, play_attempt, &w, &r),
                     WEIR_ECANCELED);
    assert_int_equal(w.runs, 0);
    assert_int_equal(r.rejected_by, WEIR_BY_CALL);
    weir_cancel_unref(o.cancel);
    close_world(&w);
}

/* A run on a thread of its own, on a clock that stands still. */
typedef struct runner {
    world *w;
    weir_call_options options;
    weir_result result;
    atomic_int code;
} runner;

static void *run_on_thread(void *arg)
{
    runner *r = arg;
    atomic_store(&r->code, weir_run_with(r->w->pipeline, &r->options,
                                         play_attempt, r->w, &r->result));
    return NULL;
}

static runner new_runner(world *w)
{
    runner r = {.w = w, .options = call_options()};
    r.result.size = sizeof r.result;
    r.options.cancel = new_cancel();
    return r;
}

/* heimdall#145: a back-off that cannot be cancelled */
static void cancellation_ends_a_backoff_at_once(void **state)
{
    world w;
    (void)state;
    open_world(&w, failure);
    build(&w, "Trbkt");
    prepare(&w, HEALTHY);
    weir_clock_detach(w.clock); /* it stands still */
    runner r = new_runner(&w);
    pthread_t thread = start(run_on_thread, &r);
    until_waiting(w.clock, 1);
    weir_cancel_fire(r.options.cancel);
    join(thread);
    assert_int_equal(r.code, WEIR_ECANCELED);
    assert_int_equal(r.result.attempts, 1);
    assert_int_equal(r.result.last_code, 7);
    assert_int_equal(r.result.rejected_by, WEIR_BY_CALL);
    assert_int_equal(weir_clock_now_ns(w.clock), START_NS);
    weir_clock_attach(w.clock);
    weir_cancel_unref(r.options.cancel);
    close_world(&w);
}

/* monix#1080: a cancelled probe */
static void cancellation_ends_a_wait_in_the_queue_at_once(void **state)
{
    world w;
    (void)state;
    open_world(&w, success);
    build(&w, "Trbkt");
    prepare(&w, HALF_OPEN_AND_TAKEN);
    weir_clock_detach(w.clock);
    runner r = new_runner(&w);
    pthread_t thread = start(run_on_thread, &r);
    until_waiting(w.clock, 1);
    assert_int_equal(weir_bulkhead_waiting(w.bulkhead), 1);
    weir_cancel_fire(r.options.cancel);
    join(thread);
    assert_int_equal(r.code, WEIR_ECANCELED);
    assert_int_equal(r.result.attempts, 0);
    assert_int_equal(weir_bulkhead_waiting(w.bulkhead), 0);
    assert_int_equal(weir_bulkhead_running(w.bulkhead), 1);
    assert_int_equal(free_probes(&w), 3); /* its probe came back */
    weir_clock_attach(w.clock);
    weir_cancel_unref(r.options.cancel);
    close_world(&w);
}

/* ---- waiting for a permit ---- */

static void a_run_waits_for_its_permit_and_goes_on(void **state)
{
    world w;
    (void)state;
    open_world(&w, success);
    build(&w, "Trbkt");
    prepare(&w, TAKEN);
    weir_clock_detach(w.clock);
    runner r = new_runner(&w);
    pthread_t thread = start(run_on_thread, &r);
    until_waiting(w.clock, 1);
    advance(w.clock, SECOND);
    assert_int_equal(weir_bulkhead_release(w.bulkhead), WEIR_OK);
    join(thread);
    assert_int_equal(r.code, 0);
    assert_int_equal(r.result.attempts, 1);
    assert_int_equal(r.result.elapsed_ns, SECOND);
    assert_int_equal(weir_bulkhead_running(w.bulkhead), 0);
    weir_clock_attach(w.clock);
    weir_cancel_unref(r.options.cancel);
    close_world(&w);
}

/* Twenty waiters must not march into a dependency that was found to be down:
 * the permit goes from hand to hand, and nobody asks. */
static void waiters_do_not_march_into_a_breaker_that_opened(void **state)
{
    enum { WAITERS = 20 };
    world w;
    runner r[WAITERS];
    pthread_t threads[WAITERS];
    (void)state;
    open_world(&w, success);
    weir_bulkhead_unref(w.bulkhead);
    w.bulkhead = new_bulkhead(w.clock, 1, WAITERS);
    build(&w, "bk");
    prepare(&w, TAKEN);
    weir_clock_detach(w.clock);
    for (uint32_t i = 0; i < WAITERS; i++) {
        r[i] = new_runner(&w);
        threads[i] = start(run_on_thread, &r[i]);
        until_waiting(w.clock, i + 1);
    }
    fail_breaker(&w, 3);
    assert_int_equal(weir_bulkhead_release(w.bulkhead), WEIR_OK);
    for (int i = 0; i < WAITERS; i++) {
        join(threads[i]);
        assert_int_equal(r[i].code, WEIR_EOPEN);
        assert_int_equal(r[i].result.rejected_by, WEIR_BY_BREAKER);
        assert_int_equal(r[i].result.rejected_layer, 0);
        assert_true(r[i].result.retry_after_ns >= 60 * SECOND);
        weir_cancel_unref(r[i].options.cancel);
    }
    assert_int_equal(w.runs, 0);
    assert_int_equal(weir_bulkhead_running(w.bulkhead), 0);
    weir_clock_attach(w.clock);
    close_world(&w);
}

/* ---- nested calls ---- */

typedef struct nested {
    world *outer, *inner;
    weir_call_options options;
    weir_cancel *fire; /* fired by the inner attempt */
    uint64_t remaining_ns;
    int canceled, inner_code;
} nested;

static int inner_attempt(weir_attempt *attempt, void *arg)
{
    nested *n = arg;
    n->remaining_ns = weir_attempt_remaining_ns(attempt);
    if (n->fire)
        weir_cancel_fire(n->fire);
    n->canceled = weir_attempt_canceled(attempt);
    return 7;
}

static int outer_attempt(weir_attempt *attempt, void *arg)
{
    nested *n = arg;
    n->options.parent = attempt;
    weir_clock_advance(n->outer->clock, 100 * MS);
    n->inner_code = weir_run_with(n->inner->pipeline, &n->options,
                                  inner_attempt, n, NULL);
    return n->inner_code;
}

/* Two pipelines on one clock. */
static void open_nested(nested *n, world *outer, world *inner,
                        const char *outside, const char *inside)
{
    memset(n, 0, sizeof *n);
    n->outer = outer;
    n->inner = inner;
    n->options = call_options();
    open_world(outer, success);
    open_world(inner, success);
    weir_pipeline_unref(inner->pipeline);
    inner->pipeline = new_pipeline(outer->clock);
    if (*inside == 'T')
        put_timeout(inner->pipeline, new_timeout(outer->clock, 10 * SECOND));
    build(inner, "");
    build(outer, outside);
}

static void a_nested_call_inherits_the_deadline(void **state)
{
    static const struct {
        const char *outside, *inside;
        uint64_t own_ns, remaining_ns;
    } samples[] = {
        {"t", "", WEIR_NEVER, 900 * MS}, {"t", "T", WEIR_NEVER, 900 * MS},
        {"Tt", "T", WEIR_NEVER, 900 * MS}, {"T", "", WEIR_NEVER, 9900 * MS},
        {"b", "T", WEIR_NEVER, 10 * SECOND},
        {"b", "", WEIR_NEVER, WEIR_NEVER},
        {"t", "T", START_NS + 300 * MS, 200 * MS},
        {"t", "T", START_NS + DAY, 900 * MS},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(samples); i++)
        for (int straight = 0; straight <= 1; straight++) {
            nested n;
            world outer, inner;
            open_nested(&n, &outer, &inner, samples[i].outside,
                        samples[i].inside);
            n.options.deadline_ns = samples[i].own_ns;
            if (straight)
                weir_run(outer.pipeline, outer_attempt, &n);
            else
                weir_run_with(outer.pipeline, NULL, outer_attempt, &n, NULL);
            assert_true(n.remaining_ns == samples[i].remaining_ns);
            close_world(&inner);
            close_world(&outer);
        }
}

static void a_nested_call_is_cancelled_with_its_parent(void **state)
{
    nested n;
    world outer, inner;
    weir_call_options o = call_options();
    (void)state;
    open_nested(&n, &outer, &inner, "Trbkt", "");
    n.fire = o.cancel = new_cancel();
    assert_int_equal(
        weir_run_with(outer.pipeline, &o, outer_attempt, &n, NULL),
        WEIR_ECANCELED);
    assert_int_equal(n.canceled, 1);
    assert_int_equal(n.inner_code, WEIR_ECANCELED);
    weir_cancel_unref(o.cancel);
    close_world(&inner);
    close_world(&outer);
}

static void a_nested_call_with_a_token_of_its_own_has_both(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        nested n;
        world outer, inner;
        weir_call_options o = call_options();
        open_nested(&n, &outer, &inner, "Trbkt", "");
        o.cancel = new_cancel();
        n.options.cancel = new_cancel();
        n.fire = which ? n.options.cancel : o.cancel;
        weir_run_with(outer.pipeline, &o, outer_attempt, &n, NULL);
        assert_int_equal(n.canceled, 1);
        assert_int_equal(n.inner_code, WEIR_ECANCELED);
        weir_cancel_unref(n.options.cancel);
        weir_cancel_unref(o.cancel);
        close_world(&inner);
        close_world(&outer);
    }
}

static int run_with_parent_of_another_clock(weir_attempt *attempt, void *arg)
{
    world *other = arg;
    weir_call_options o = call_options();
    o.parent = attempt;
    return weir_run_with(other->pipeline, &o, play_attempt, other, NULL);
}

static void a_parent_of_another_clock_is_rejected(void **state)
{
    world w, other;
    (void)state;
    open_world(&w, success);
    open_world(&other, success);
    build(&w, "t");
    build(&other, "t");
    assert_int_equal(
        weir_run(w.pipeline, run_with_parent_of_another_clock, &other),
        WEIR_EINVAL);
    assert_int_equal(other.runs, 0);
    close_world(&other);
    close_world(&w);
}

/* ---- who tells it, and when ---- */

typedef struct late_grant {
    weir_pipeline *pipeline;
    weir_call_options options; /* one token for both calls */
    weir_call *inner;
    int told, told_by_grant;
} late_grant;

/* On the thread that fires.  As one that has handed a permit to the inner run
 * long ago, and gets to its wake now. */
static void wake_inner(weir_attempt *attempt, void *arg)
{
    late_grant *g = arg;
    (void)attempt;
    weir__waker_hold(&g->inner->waker);
    weir__waker_fire(&g->inner->waker);
    g->told_by_grant = g->told;
}

static void note_told(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ((late_grant *)arg)->told++;
}

static int fire_at_work(weir_attempt *attempt, void *arg)
{
    late_grant *g = arg;
    g->inner = attempt->call;
    weir_attempt_on_cancel(attempt, note_told, g);
    weir_cancel_fire(g->options.cancel);
    return 0;
}

static int run_and_be_told(weir_attempt *attempt, void *arg)
{
    late_grant *g = arg;
    weir_attempt_on_cancel(attempt, wake_inner, g);
    return weir_run_with(g->pipeline, &g->options, fire_at_work, g, NULL);
}

static void an_attempt_is_told_by_who_fires_and_nobody_else(void **state)
{
    world w;
    late_grant g = {.options = call_options()};
    (void)state;
    open_world(&w, success);
    build(&w, "b");
    g.pipeline = w.pipeline;
    g.options.cancel = new_cancel();
    assert_int_equal(
        weir_run_with(w.pipeline, &g.options, run_and_be_told, &g, NULL), 0);
    assert_int_equal(g.told_by_grant, 0);
    assert_int_equal(g.told, 1);
    weir_cancel_unref(g.options.cancel);
    close_world(&w);
}

typedef struct firing {
    weir_cancel *cancel;
    int asked, fires_at;
} firing;

static int fire_and_classify(int code, void *arg)
{
    firing *f = arg;
    if (++f->asked == f->fires_at)
        weir_cancel_fire(f->cancel);
    return weir_classify_default(code, NULL);
}

static int count_run(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (*(int *)arg)++;
    return 7;
}

static void no_attempt_begins_that_its_classifier_has_cancelled(void **state)
{
    (void)state;
    for (int at = 1; at <= 3; at++) {
        weir_call_options o = call_options();
        firing f = {.cancel = new_cancel(), .fires_at = at};
        weir_retry_options r = retry_options(NULL);
        int runs = 0;
        r.base_ns = 0;
        weir_pipeline *pipeline = new_pipeline(NULL);
        weir_pipeline_classify(pipeline, fire_and_classify, &f, NULL);
        put_retry(pipeline, new_retry(&r));
        weir_pipeline_seal(pipeline);
        o.cancel = f.cancel;
        assert_int_equal(weir_run_with(pipeline, &o, count_run, &runs, NULL),
                         WEIR_ECANCELED);
        assert_int_equal(runs, at);
        assert_int_equal(f.asked, at);
        weir_pipeline_unref(pipeline);
        weir_cancel_unref(f.cancel);
    }
}

/* ---- rejections that are tried again without delay ---- */

enum { READINGS = 1000 };

typedef struct ticking {
    uint64_t now_ns;
    int readings;
    weir_cancel *cancel; /* fired half way; NULL: never */
} ticking;

static uint64_t tick(void *arg)
{
    ticking *t = arg;
    if (t->cancel && t->readings == READINGS / 2)
        weir_cancel_fire(t->cancel);
    t->readings++;
    return t->now_ns += MS;
}

/* Rejects every call, in one way or the other. */
static void put_rejecting(weir_pipeline *pipeline, weir_clock *clock,
                          uint32_t retry_on)
{
    weir_breaker_options b = breaker_options(clock);
    weir_bulkhead_options k = bulkhead_options(clock);
    if (retry_on == WEIR_RETRY_OPEN) {
        weir_breaker *breaker = new_breaker(&b);
        weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
        put_breaker(pipeline, breaker);
    } else {
        weir_bulkhead *bulkhead;
        k.max_concurrent = 1;
        k.max_queue = retry_on == WEIR_RETRY_QUEUETIME;
        k.queue_ns = 0;
        assert_int_equal(weir_bulkhead_new(&bulkhead, &k), WEIR_OK);
        weir_bulkhead_try_acquire(bulkhead);
        put_bulkhead(pipeline, bulkhead);
    }
}

static void run_until_over(uint32_t retry_on, int by_token, int stepped)
{
    ticking t = {.now_ns = SECOND};
    weir_call_options o = call_options();
    weir_result result = {.size = sizeof result};
    weir_step s = {.size = sizeof s};
    weir_clock *clock;
    weir_call *call;
    int runs = 0;
    assert_int_equal(weir_clock_new_custom(&clock, tick, &t, NULL), WEIR_OK);
    weir_retry_options r = retry_options(clock);
    r.base_ns = 0;
    r.max_attempts = 1000000;
    r.retry_on = retry_on;
    weir_pipeline *pipeline = new_pipeline(clock);
    put_timeout(pipeline, new_timeout(clock, READINGS * MS));
    put_retry(pipeline, new_retry(&r));
    put_rejecting(pipeline, clock, retry_on);
    weir_pipeline_seal(pipeline);
    o.cancel = t.cancel = by_token ? new_cancel() : NULL;
    t.readings = 0;
    if (stepped) {
        assert_int_equal(weir_call_new(&call, pipeline, &o), WEIR_OK);
        weir_call_step(call, WEIR_NOW, &s);
        assert_int_equal(s.action, WEIR_STEP_DONE);
        weir_call_result(call, &result);
        weir_call_unref(call);
    } else {
        weir_run_with(pipeline, &o, count_run, &runs, &result);
    }
    assert_int_equal(result.code,
                     by_token ? WEIR_ECANCELED : WEIR_ETIMEDOUT);
    assert_in_range(t.readings, READINGS / 2, READINGS + 2);
    assert_int_equal(runs, 0);
    weir_cancel_unref(t.cancel);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void rejections_tried_again_at_once_end_when_the_call_is_over(
    void **state)
{
    (void)state;
    for (uint32_t on = WEIR_RETRY_OPEN; on <= WEIR_RETRY_QUEUETIME; on *= 2)
        for (int by_token = 0; by_token < 2; by_token++)
            for (int stepped = 0; stepped < 2; stepped++)
                run_until_over(on, by_token, stepped);
}

/* ---- a thread that ends inside the function ---- */

typedef struct leaver {
    world *w;
    int straight;
} leaver;

static int leave_thread(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    pthread_exit(NULL);
}

static void *run_and_leave(void *arg)
{
    leaver *l = arg;
    if (l->straight)
        weir_run(l->w->pipeline, leave_thread, NULL);
    else
        weir_run_with(l->w->pipeline, NULL, leave_thread, NULL, NULL);
    return NULL;
}

/* nora#585, Hystrix#1198: an end that nobody reports */
static void permits_come_back_when_a_thread_ends_inside(void **state)
{
    (void)state;
#ifndef __GLIBC__
    skip(); /* in musl the end of a thread unwinds nothing */
#endif
    for (int straight = 0; straight <= 1; straight++) {
        world w;
        open_world(&w, success);
        build(&w, "Trbkt");
        prepare(&w, TWO_FAILURES);
        leaver l = {&w, straight};
        join(start(run_and_leave, &l));
        assert_int_equal(weir_bulkhead_running(w.bulkhead), 0);
        assert_int_equal(weir_breaker_state(w.breaker), WEIR_OPEN);
        close_world(&w);
    }
}

/* ---- attempts that listen, one after the other ---- */

typedef struct listening {
    int from; /* the first attempt that listens */
    int runs, told, refused;
} listening;

static void count_telling(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ((listening *)arg)->told++;
}

static int listen_and_fail_twice(weir_attempt *attempt, void *arg)
{
    listening *l = arg;
    if (++l->runs >= l->from)
        l->refused +=
            weir_attempt_on_cancel(attempt, count_telling, l) != WEIR_OK;
    return l->runs < 3 ? 7 : 0;
}

/* Whatever the attempt before it has heard or not; on the same memory. */
static void each_attempt_listens_anew(void **state)
{
    (void)state;
    for (int breakers = 0; breakers <= 2; breakers++)
        for (int n = 0; n < 8; n++) {
            int with_token = n % 2, inside = n / 4;
            weir_retry_options r = retry_options(NULL);
            weir_pipeline *pipeline = new_pipeline(NULL);
            weir_call_options o = call_options();
            listening l = {1 + n / 2 % 2, 0, 0, 0};
            r.base_ns = 0;
            for (int i = 0; i <= breakers; i++)
                if (i == (inside ? breakers : 0))
                    put_retry(pipeline, new_retry(&r));
                else
                    put_breaker(pipeline, new_breaker(NULL));
            assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
            o.cancel = with_token ? new_cancel() : NULL;
            assert_int_equal(weir_run_with(pipeline, &o, listen_and_fail_twice,
                                           &l, NULL),
                             0);
            assert_int_equal(l.runs, 3);
            assert_int_equal(l.refused, 0);
            assert_int_equal(l.told, 0);
            weir_cancel_unref(o.cancel);
            weir_pipeline_unref(pipeline);
        }
}

static void fire_on_the_way_in(const weir_event *event, void *arg)
{
    if (event->to == WEIR_HALF_OPEN)
        weir_cancel_fire(arg);
}

static int hear_at_once(weir_attempt *attempt, void *arg)
{
    listening *l = arg;
    l->runs++;
    weir_attempt_on_cancel(attempt, count_telling, l);
    return l->told;
}

/* By a listener of a breaker, after the call has looked at its token. */
static void a_token_fired_on_the_way_in_tells_the_attempt(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options b = breaker_options(clock);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_call_options o = call_options();
    listening l = {1, 0, 0, 0};
    uint64_t permit;
    b.failure_threshold = 1;
    weir_breaker *breaker = new_breaker(&b);
    o.cancel = new_cancel();
    assert_int_equal(weir_breaker_listen(breaker, fire_on_the_way_in, o.cancel,
                                         NULL),
                     WEIR_OK);
    assert_int_equal(weir_breaker_acquire(breaker, &permit), WEIR_OK);
    weir_breaker_record(breaker, permit, WEIR_TRANSIENT, WEIR_NEVER);
    advance(clock, 61 * SECOND);
    put_breaker(pipeline, breaker);
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    assert_int_equal(weir_run_with(pipeline, &o, hear_at_once, &l, NULL),
                     WEIR_ECANCELED);
    assert_int_equal(weir_cancel_fired(o.cancel), 1);
    assert_int_equal(l.runs, 1);
    assert_int_equal(l.told, 1);
    weir_cancel_unref(o.cancel);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_running_attempt_is_told_on_the_firing_thread),
        cmocka_unit_test(who_asks_after_the_cancellation_is_told_at_once),
        cmocka_unit_test(each_attempt_listens_anew),
        cmocka_unit_test(a_token_fired_on_the_way_in_tells_the_attempt),
        cmocka_unit_test(a_call_that_was_cancelled_before_asks_nothing),
        cmocka_unit_test(cancellation_ends_a_backoff_at_once),
        cmocka_unit_test(cancellation_ends_a_wait_in_the_queue_at_once),
        cmocka_unit_test(a_run_waits_for_its_permit_and_goes_on),
        cmocka_unit_test(waiters_do_not_march_into_a_breaker_that_opened),
        cmocka_unit_test(a_nested_call_inherits_the_deadline),
        cmocka_unit_test(a_nested_call_is_cancelled_with_its_parent),
        cmocka_unit_test(a_nested_call_with_a_token_of_its_own_has_both),
        cmocka_unit_test(a_parent_of_another_clock_is_rejected),
        cmocka_unit_test(an_attempt_is_told_by_who_fires_and_nobody_else),
        cmocka_unit_test(no_attempt_begins_that_its_classifier_has_cancelled),
        cmocka_unit_test(
            rejections_tried_again_at_once_end_when_the_call_is_over),
        cmocka_unit_test(permits_come_back_when_a_thread_ends_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
