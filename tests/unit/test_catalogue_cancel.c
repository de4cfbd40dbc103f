/* Defects of others where a call ends before its time, one test each; the
 * table: tests/catalogue.txt. */
#include "stepping.h"
#include "world.h"

/* ---- a stepped probe, up to some step ---- */

typedef struct probe {
    world w;
    weir_call *call;
    weir_attempt *attempt; /* to be finished */
    int taken;             /* the bulkhead's permit is ours */
    int wakes;
} probe;

static void count_wake(void *arg)
{
    ++*(int *)arg;
}

/* Retry > breaker, half-open > bulkhead, taken > timeout. */
static void open_probe(probe *p)
{
    static const play nothing[PLAYS];
    open_world(&p->w, nothing);
    build(&p->w, "Trbkt");
    prepare(&p->w, HALF_OPEN_AND_TAKEN);
    weir_clock_detach(p->w.clock);
    p->call = new_call(p->w.pipeline);
    p->attempt = NULL;
    p->taken = 1;
    p->wakes = 0;
    weir_call_on_wake(p->call, count_wake, &p->wakes, NULL);
}

static void close_probe(probe *p)
{
    weir_call_unref(p->call);
    weir_clock_attach(p->w.clock);
    close_world(&p->w);
}

static void hand_over(probe *p)
{
    weir_bulkhead_release(p->w.bulkhead);
    p->taken = 0;
}

static void finish(probe *p)
{
    weir_attempt_set_outcome(p->attempt, WEIR_THROTTLED);
    weir_attempt_finish(p->attempt, 429, WEIR_NOW);
    p->attempt = NULL;
}

enum { STEPS = 7 };

static void go(probe *p, int to)
{
    for (int i = 0; i < to; i++)
        switch (i) {
        case 0:
            step_wait(p->call); /* in the queue */
            break;
        case 1:
            hand_over(p);
            break;
        case 2:
            p->attempt = step_attempt(p->call);
            break;
        case 3:
            step_wait(p->call); /* it runs */
            break;
        case 4:
            finish(p);
            break;
        default:
            step_wait(p->call); /* the backoff */
        }
}

/* What comes after the end: no attempt, one DONE, nothing held. */
static void assert_ended(probe *p, int at)
{
    weir_step s;
    while ((s = step(p->call)).action != WEIR_STEP_DONE)
        assert_int_equal(s.action, WEIR_STEP_CANCEL);
    int wakes = p->wakes;
    advance(p->w.clock, DAY);
    assert_int_equal(step(p->call).action, WEIR_STEP_DONE);
    if (p->attempt)
        assert_int_equal(weir_attempt_finish(p->attempt, 0, WEIR_NOW),
                         WEIR_ECANCELED);
    assert_int_equal(step(p->call).action, WEIR_STEP_DONE);
    assert_true(p->wakes <= wakes + 1);
    if (p->taken)
        hand_over(p);
    assert_int_equal(weir_bulkhead_waiting(p->w.bulkhead), 0);
    assert_int_equal(weir_bulkhead_running(p->w.bulkhead), 0);
    assert_int_equal(weir_breaker_state(p->w.breaker), WEIR_HALF_OPEN);
    if (at > 0)
        assert_int_equal(free_probes(&p->w), 3);
}

/* C1.7 monix#1080, Hystrix#1621; C5.46 grpc#35729, #38907, #43147;
 * C5.47 grpc-java#11026 */
static void a_probe_cancelled_at_any_step_ends_once_and_frees_its_place(
    void **state)
{
    (void)state;
    for (int at = 0; at < STEPS; at++) {
        probe p;
        open_probe(&p);
        go(&p, at);
        weir_call_cancel(p.call);
        weir_call_cancel(p.call);
        assert_ended(&p, at);
        close_probe(&p);
    }
}

typedef struct firing {
    weir_cancel *cancel;
    weir_breaker *breaker;
    weir_bulkhead *bulkhead;
    int code;
    int told;
} firing;

static int fire_and_return(weir_attempt *attempt, void *arg)
{
    firing *f = arg;
    (void)attempt;
    weir_cancel_fire(f->cancel);
    return f->code;
}

/* C1.7, in a blocking run */
static void a_probe_cancelled_inside_its_function_frees_its_place(void **state)
{
    static const play nothing[PLAYS];
    (void)state;
    for (int i = 0; i < 6; i++) {
        world w;
        weir_call_options o = call_options();
        firing f = {.cancel = new_cancel(), .code = i % 3 ? 7 : 0};
        open_world(&w, nothing);
        build(&w, i < 3 ? "b" : "Trbkt");
        prepare(&w, HALF_OPEN);
        o.cancel = f.cancel;
        assert_int_equal(
            weir_run_with(w.pipeline, &o, fire_and_return, &f, NULL),
            f.code ? WEIR_ECANCELED : 0);
        assert_int_equal(weir_breaker_state(w.breaker), WEIR_HALF_OPEN);
        assert_int_equal(free_probes(&w), 3);
        assert_int_equal(weir_bulkhead_running(w.bulkhead), 0);
        weir_cancel_unref(f.cancel);
        close_world(&w);
    }
}

/* C1.8 nora#585, vellum-assistant#22509, helm-api#698, matrixone#26473 */
static void a_probe_that_ends_before_it_asks_frees_its_place(void **state)
{
    static const struct {
        const char *layers;
        int before;
        play plays[PLAYS];
        int code;
    } ways[] = {
        {"bk", HALF_OPEN_AND_TAKEN, {{0, 0, 0, 0}}, WEIR_EQUEUETIME},
        {"Trbkt", HALF_OPEN_AND_TAKEN, {{0, 0, 0, 0}}, WEIR_EQUEUETIME},
        {"tbk", HALF_OPEN_AND_TAKEN, {{0, 0, 0, 0}}, WEIR_ETIMEDOUT},
        {"bkk", HALF_OPEN, {{0, 0, 0, 0}}, WEIR_EQUEUETIME},
        {"b", HALF_OPEN, {{0, 9, WEIR_IGNORED + 1, 0}}, 9},
        {"b", HALF_OPEN, {{0, 9, WEIR_THROTTLED + 1, 0}}, 9},
        {"b", HALF_OPEN, {{0, 9, WEIR_DECLINED + 1, 0}}, 9},
        {"b", HALF_OPEN, {{0, WEIR_EFULL, 0, 0}}, WEIR_EFULL},
        {"b", HALF_OPEN, {{0, WEIR_ECANCELED, 0, 0}}, WEIR_ECANCELED},
    };
    (void)state;
    for (size_t i = 0; i < 2 * COUNT(ways); i++) {
        size_t n = i / 2;
        world w;
        open_world(&w, ways[n].plays);
        build(&w, ways[n].layers);
        prepare(&w, ways[n].before);
        assert_int_equal(
            i % 2 ? weir_run(w.pipeline, play_attempt, &w)
                  : weir_run_with(w.pipeline, NULL, play_attempt, &w, NULL),
            ways[n].code);
        assert_int_equal(weir_breaker_state(w.breaker), WEIR_HALF_OPEN);
        assert_int_equal(free_probes(&w), 3);
        assert_int_equal(weir_bulkhead_running(w.bulkhead),
                         ways[n].before == HALF_OPEN_AND_TAKEN);
        close_world(&w);
    }
}

/* ---- C5.48: nothing is locked while others' functions run ---- */

static void use_everything(weir_attempt *attempt, void *arg)
{
    firing *f = arg;
    uint64_t permit;
    weir_cancel_fire(f->cancel);
    f->told += weir_cancel_fired(f->cancel) && weir_attempt_canceled(attempt);
    if (weir_breaker_acquire(f->breaker, &permit) == WEIR_OK)
        weir_breaker_record(f->breaker, permit, WEIR_IGNORED, WEIR_NEVER);
    if (weir_bulkhead_try_acquire(f->bulkhead) == WEIR_OK)
        weir_bulkhead_release(f->bulkhead);
}

static int be_told_inside(weir_attempt *attempt, void *arg)
{
    firing *f = arg;
    weir_attempt_on_cancel(attempt, use_everything, f);
    weir_cancel_fire(f->cancel);
    return f->told == 1 ? 0 : 99;
}

/* C5.48 grpc#18310 */
static void the_told_attempt_may_fire_the_token_again(void **state)
{
    static const play nothing[PLAYS];
    world w;
    weir_call_options o = call_options();
    (void)state;
    open_world(&w, nothing);
    build(&w, "Trbkt");
    firing f = {new_cancel(), w.breaker, w.bulkhead, 0, 0};
    o.cancel = f.cancel;
    assert_int_equal(weir_run_with(w.pipeline, &o, be_told_inside, &f, NULL),
                     0);
    weir_cancel_unref(f.cancel);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            a_probe_cancelled_at_any_step_ends_once_and_frees_its_place),
        cmocka_unit_test(
            a_probe_cancelled_inside_its_function_frees_its_place),
        cmocka_unit_test(a_probe_that_ends_before_it_asks_frees_its_place),
        cmocka_unit_test(the_told_attempt_may_fire_the_token_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
