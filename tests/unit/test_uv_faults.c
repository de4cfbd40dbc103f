/* The libuv driver when things go wrong: loops that close too early, attempts
 * that are finished too late, calls from every callback, a clock that is
 * wrong.  What fails for lack of resources: tests/faults. */
#include <string.h>
#include <uv.h>

#include "support.h"
#include "weir_uv.h"

/* What is known of one call. */
typedef struct record {
    weir_uv *driver;
    weir_pipeline *pipeline;
    int starts, dones, code;
    atomic_int destroyed;
    weir_attempt *attempt;
    int status_inside; /* of what a callback did */
} record;

typedef struct world {
    uv_loop_t loop;
    weir_uv *driver;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline; /* the bulkhead, of 8 */
    int closed;
} world;

static void open_world(world *w)
{
    w->closed = 0;
    w->bulkhead = new_bulkhead(NULL, 8, 8);
    w->pipeline = new_pipeline(NULL);
    weir_pipeline_add_bulkhead(w->pipeline, w->bulkhead);
    weir_pipeline_seal(w->pipeline);
    assert_int_equal(uv_loop_init(&w->loop), 0);
    assert_int_equal(weir_uv_new(&w->driver, &w->loop), WEIR_OK);
}

static void note_closed(void *arg)
{
    ((world *)arg)->closed++;
}

/* The loop is gone afterwards. */
static void close_loop(world *w)
{
    weir_uv_close(w->driver, note_closed, w);
    weir_uv_unref(w->driver);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    memset(&w->loop, 0x5a, sizeof w->loop);
}

static void close_policies(world *w)
{
    assert_int_equal(weir_bulkhead_running(w->bulkhead), 0);
    assert_int_equal(weir_bulkhead_waiting(w->bulkhead), 0);
    weir_pipeline_unref(w->pipeline);
    weir_bulkhead_unref(w->bulkhead);
}

static void start_and_keep(weir_attempt *attempt, void *arg)
{
    record *r = arg;
    r->starts++;
    r->attempt = attempt;
}

static void done(const weir_result *result, void *arg)
{
    record *r = arg;
    r->dones++;
    r->code = result->code;
}

static void destroy(void *arg)
{
    atomic_fetch_add(&((record *)arg)->destroyed, 1);
}

static int run(world *w, record *r, weir_uv_start_fn begin)
{
    r->driver = w->driver;
    r->pipeline = w->pipeline;
    return weir_uv_run(w->driver, w->pipeline, NULL, begin, done, r, destroy);
}

static void a_loop_that_still_has_calls_does_not_close(void **state)
{
    world w;
    record r = {0};
    (void)state;
    open_world(&w);
    assert_int_equal(run(&w, &r, start_and_keep), WEIR_OK);
    uv_run(&w.loop, UV_RUN_NOWAIT);
    assert_int_equal(uv_loop_close(&w.loop), UV_EBUSY);
    assert_int_equal(r.dones, 0); /* and nothing has happened */
    weir_attempt_finish(r.attempt, 7, WEIR_NOW);
    uv_run(&w.loop, UV_RUN_NOWAIT);
    assert_int_equal(r.dones, 1);
    assert_int_equal(r.code, 7);
    close_loop(&w);
    assert_int_equal(w.closed, 1);
    assert_int_equal(r.destroyed, 1);
    close_policies(&w);
}

/* ---- attempts that are finished elsewhere, while the driver closes ---- */

enum { CALLS = 8 };

typedef struct finisher {
    record *records;
    atomic_int *go;
    int moment; /* spins so often before it finishes the first */
} finisher;

static void *finish_half(void *arg)
{
    finisher *f = arg;
    while (!atomic_load(f->go))
        ;
    for (int i = 0; i < f->moment; i++)
        atomic_load(f->go);
    for (int i = 0; i < CALLS / 2; i++)
        weir_attempt_finish(f->records[i].attempt, 0, WEIR_NOW);
    return NULL;
}

static void attempts_are_finished_while_the_driver_closes(void **state)
{
    (void)state;
    for (int round = 0; round < 150; round++) {
        world w;
        record records[CALLS] = {{0}};
        atomic_int go = 0;
        finisher f[2] = {{records, &go, round * 20},
                         {records + CALLS / 2, &go, round * 5}};
        pthread_t threads[2];
        open_world(&w);
        for (int i = 0; i < CALLS; i++)
            assert_int_equal(run(&w, &records[i], start_and_keep), WEIR_OK);
        uv_run(&w.loop, UV_RUN_NOWAIT);
        for (int i = 0; i < 2; i++)
            threads[i] = start(finish_half, &f[i]);
        atomic_store(&go, 1);
        close_loop(&w);
        for (int i = 0; i < 2; i++)
            join(threads[i]);
        assert_int_equal(w.closed, 1);
        for (int i = 0; i < CALLS; i++) {
            assert_int_equal(records[i].starts, 1);
            assert_int_equal(records[i].dones, 1);
            assert_true(records[i].code == 0 ||
                        records[i].code == WEIR_ECANCELED);
            assert_int_equal(records[i].destroyed, 1);
        }
        close_policies(&w);
    }
}

/* Driver, loop and pipeline are gone; the attempt has all it needs. */
static void an_attempt_outlives_the_loop(void **state)
{
    world w;
    record records[CALLS] = {{0}};
    atomic_int go = 1;
    finisher f = {records, &go, 0};
    (void)state;
    open_world(&w);
    for (int i = 0; i < CALLS; i++)
        run(&w, &records[i], start_and_keep);
    uv_run(&w.loop, UV_RUN_NOWAIT);
    close_loop(&w);
    weir_pipeline_unref(w.pipeline);
    assert_int_equal(weir_bulkhead_running(w.bulkhead), CALLS);
    for (int i = 0; i < CALLS; i++) {
        assert_int_equal(records[i].code, WEIR_ECANCELED);
        assert_int_equal(records[i].destroyed, 0);
        assert_true(weir_attempt_canceled(records[i].attempt));
    }
    join(start(finish_half, &f));
    f.records += CALLS / 2;
    finish_half(&f);
    for (int i = 0; i < CALLS; i++)
        assert_int_equal(records[i].destroyed, 1);
    assert_int_equal(weir_bulkhead_running(w.bulkhead), 0);
    weir_bulkhead_unref(w.bulkhead);
}

/* ---- calls from callbacks ---- */

static record inner;

static void start_and_close(weir_attempt *attempt, void *arg)
{
    record *r = arg;
    r->starts++;
    r->status_inside = weir_uv_close(r->driver, NULL, NULL);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
}

/* It was finished before anybody looked: a success stays one. */
static void a_driver_may_be_closed_as_an_attempt_starts(void **state)
{
    world w;
    record r = {0};
    (void)state;
    open_world(&w);
    run(&w, &r, start_and_close);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(r.status_inside, WEIR_OK);
    assert_int_equal(r.dones, 1);
    assert_int_equal(r.code, WEIR_OK);
    assert_int_equal(weir_uv_close(w.driver, NULL, NULL), WEIR_ESTALE);
    close_loop(&w);
    assert_int_equal(r.destroyed, 1);
    close_policies(&w);
}

static void run_inner(record *r)
{
    r->status_inside = weir_uv_run(r->driver, r->pipeline, NULL,
                                   start_and_keep, done, &inner, destroy);
}

static void start_and_run(weir_attempt *attempt, void *arg)
{
    ((record *)arg)->starts++;
    run_inner(arg);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
}

static void destroy_and_run(void *arg)
{
    destroy(arg);
    run_inner(arg);
}

static void calls_may_be_made_in_callbacks(void **state)
{
    (void)state;
    for (int in_destroy = 0; in_destroy <= 1; in_destroy++) {
        world w;
        record r = {0};
        inner = r;
        open_world(&w);
        r.driver = w.driver;
        r.pipeline = w.pipeline;
        assert_int_equal(
            weir_uv_run(w.driver, w.pipeline, NULL,
                        in_destroy ? start_and_keep : start_and_run, done, &r,
                        in_destroy ? destroy_and_run : destroy),
            WEIR_OK);
        uv_run(&w.loop, UV_RUN_NOWAIT);
        if (in_destroy)
            weir_attempt_finish(r.attempt, 0, WEIR_NOW);
        while (!inner.attempt)
            uv_run(&w.loop, UV_RUN_NOWAIT);
        assert_int_equal(r.status_inside, WEIR_OK);
        assert_int_equal(r.destroyed, 1);
        weir_attempt_finish(inner.attempt, 0, WEIR_NOW);
        close_loop(&w);
        assert_int_equal(inner.dones, 1);
        assert_int_equal(inner.destroyed, 1);
        close_policies(&w);
    }
}

static void run_when_closed(void *arg)
{
    run_inner(arg);
}

static void a_closed_driver_takes_no_calls(void **state)
{
    world w;
    record r = {0};
    (void)state;
    inner = r;
    open_world(&w);
    r.driver = w.driver;
    r.pipeline = w.pipeline;
    weir_uv_close(w.driver, run_when_closed, &r);
    weir_uv_ref(w.driver); /* r's */
    close_loop(&w);
    weir_uv_unref(r.driver);
    assert_int_equal(r.status_inside, WEIR_ECANCELED);
    assert_int_equal(inner.starts + inner.dones, 0);
    assert_int_equal(inner.destroyed, 1);
    close_policies(&w);
}

/* ---- a clock that is an hour behind, for one reading ---- */

static atomic_uint readings, wrong_at;

static uint64_t behind_once(void *arg)
{
    const uint64_t hour = 3600 * SECOND;
    unsigned n = atomic_fetch_add(&readings, 1) + 1;
    (void)arg;
    return 2 * hour + n * MS - (n == atomic_load(&wrong_at) ? hour : 0);
}

static void start_and_fail_first(weir_attempt *attempt, void *arg)
{
    ((record *)arg)->starts++;
    weir_attempt_finish(attempt, weir_attempt_number(attempt) == 1 ? 7 : 0,
                        WEIR_NOW);
}

/* The timer must not be set for the hour that seems to be missing. */
static void a_timer_by_a_clock_that_was_wrong_once_ends(void **state)
{
    (void)state;
    atomic_store(&wrong_at, 0);
    do {
        world w;
        record r = {0};
        weir_clock *clock = NULL;
        atomic_store(&readings, 0);
        atomic_fetch_add(&wrong_at, 1);
        weir_clock_new_custom(&clock, behind_once, NULL, NULL);
        weir_retry_options o = retry_options(clock);
        weir_pipeline *pipeline = new_pipeline(clock);
        o.base_ns = 3 * MS;
        o.jitter = WEIR_JITTER_NONE;
        put_retry(pipeline, new_retry(&o));
        weir_pipeline_seal(pipeline);
        open_world(&w);
        weir_uv_run(w.driver, pipeline, NULL, start_and_fail_first, done, &r,
                    destroy);
        while (r.dones == 0)
            uv_run(&w.loop, UV_RUN_ONCE);
        assert_int_equal(r.code, WEIR_OK);
        assert_int_equal(r.starts, 2);
        close_loop(&w);
        close_policies(&w);
        weir_pipeline_unref(pipeline);
        weir_clock_unref(clock);
    } while (atomic_load(&readings) >= atomic_load(&wrong_at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_loop_that_still_has_calls_does_not_close),
        cmocka_unit_test(attempts_are_finished_while_the_driver_closes),
        cmocka_unit_test(an_attempt_outlives_the_loop),
        cmocka_unit_test(a_driver_may_be_closed_as_an_attempt_starts),
        cmocka_unit_test(calls_may_be_made_in_callbacks),
        cmocka_unit_test(a_closed_driver_takes_no_calls),
        cmocka_unit_test(a_timer_by_a_clock_that_was_wrong_once_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
