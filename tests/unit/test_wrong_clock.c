/* Waits by a clock of the user's that is an hour behind, for one reading.
 * tests/faults has all other manners of going wrong, at every reading. */
#include <string.h>

#include "support.h"

#define HOUR (3600 * SECOND)

/* Ticks with each reading. */
typedef struct wrong_clock {
    atomic_uint readings;
    unsigned wrong_at; /* this reading */
    weir_clock *clock;
} wrong_clock;

static uint64_t behind_once(void *arg)
{
    wrong_clock *w = arg;
    unsigned n = atomic_fetch_add(&w->readings, 1) + 1;
    return 2 * HOUR + n * 10000 - (n == w->wrong_at ? HOUR : 0);
}

static void open_clock(wrong_clock *w, unsigned wrong_at)
{
    memset(w, 0, sizeof *w);
    w->wrong_at = wrong_at;
    assert_int_equal(weir_clock_new_custom(&w->clock, behind_once, w, NULL),
                     WEIR_OK);
}

/* 1 when the reading came. */
static int close_clock(wrong_clock *w)
{
    weir_clock_unref(w->clock);
    return atomic_load(&w->readings) >= w->wrong_at;
}

static void sleep_by(weir_clock *clock)
{
    assert_int_equal(weir_clock_sleep_until(clock, 2 * HOUR + 35000, NULL),
                     WEIR_OK);
}

static int fails_once(weir_attempt *attempt, void *arg)
{
    (void)arg;
    return weir_attempt_number(attempt) == 1 ? 7 : 0;
}

static weir_pipeline *retrying(weir_clock *clock)
{
    weir_retry_options o = retry_options(clock);
    weir_pipeline *pipeline = new_pipeline(clock);
    o.base_ns = 20000;
    o.jitter = WEIR_JITTER_NONE;
    put_retry(pipeline, new_retry(&o));
    weir_pipeline_seal(pipeline);
    return pipeline;
}

static void back_off_by(weir_clock *clock)
{
    weir_pipeline *pipeline = retrying(clock);
    assert_int_equal(weir_run(pipeline, fails_once, NULL), WEIR_OK);
    weir_pipeline_unref(pipeline);
}

static void back_off_on_a_pool_by(weir_clock *clock)
{
    weir_pipeline *pipeline = retrying(clock);
    weir_pool_options o;
    weir_pool *pool = NULL;
    weir_pool_options_init(&o, sizeof o);
    o.threads = 1;
    assert_int_equal(weir_pool_new(&pool, &o), WEIR_OK);
    assert_int_equal(
        weir_pool_run(pool, pipeline, NULL, fails_once, NULL, NULL, NULL),
        WEIR_OK);
    weir_pool_close(pool, 1);
    weir_pool_unref(pool);
    weir_pipeline_unref(pipeline);
}

/* The wait must not last the hour that seems to be missing. */
static void a_wait_by_a_clock_that_was_wrong_once_ends(void **state)
{
    static void (*const waits[])(weir_clock *) = {sleep_by, back_off_by,
                                                  back_off_on_a_pool_by};
    (void)state;
    for (size_t i = 0; i < COUNT(waits); i++) {
        wrong_clock w;
        unsigned n = 1;
        do {
            open_clock(&w, n++);
            waits[i](w.clock);
        } while (close_clock(&w));
    }
}

static void a_wait_for_a_permit_by_such_a_clock_ends(void **state)
{
    unsigned n = 1;
    wrong_clock w;
    (void)state;
    do {
        open_clock(&w, n++);
        weir_bulkhead_options o = bulkhead_options(w.clock);
        weir_bulkhead *bulkhead = NULL;
        o.max_concurrent = 1;
        o.queue_ns = 20000;
        assert_int_equal(weir_bulkhead_new(&bulkhead, &o), WEIR_OK);
        assert_int_equal(weir_bulkhead_acquire(bulkhead), WEIR_OK);
        assert_int_equal(weir_bulkhead_acquire(bulkhead), WEIR_EQUEUETIME);
        assert_int_equal(weir_bulkhead_waiting(bulkhead), 0);
        weir_bulkhead_unref(bulkhead);
    } while (close_clock(&w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_by_a_clock_that_was_wrong_once_ends),
        cmocka_unit_test(a_wait_for_a_permit_by_such_a_clock_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
