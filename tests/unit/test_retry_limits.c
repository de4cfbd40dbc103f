/* What bounds a retry besides its attempts: time, and the reason to try
 * again; and the kinds of backoff. */
#include "support.h"

static uint64_t delay_after(weir_clock *clock, int backoff, uint32_t attempt)
{
    weir_retry_options o = retry_options(clock);
    weir_retry_state s = {.size = sizeof s};
    uint64_t delay_ns = 0;
    o.max_attempts = 1000000;
    o.base_ns = 100 * MS;
    o.cap_ns = SECOND;
    o.backoff = backoff;
    o.jitter = WEIR_JITTER_NONE;
    weir_retry *retry = new_retry(&o);
    s.attempts = attempt - 1;
    s.outcome = WEIR_TRANSIENT;
    s.remaining_ns = WEIR_NEVER;
    assert_int_equal(weir_retry_next(retry, &s, &delay_ns), WEIR_OK);
    weir_retry_unref(retry);
    return delay_ns;
}

static void backoff_is_of_its_kind_up_to_the_cap(void **state)
{
    static const struct {
        int backoff;
        uint32_t attempt;
        uint64_t ms;
    } rows[] = {
        {WEIR_BACKOFF_CONSTANT, 1, 100},
        {WEIR_BACKOFF_CONSTANT, 9, 100},
        {WEIR_BACKOFF_CONSTANT, 999999, 100},
        {WEIR_BACKOFF_LINEAR, 1, 100},
        {WEIR_BACKOFF_LINEAR, 2, 200},
        {WEIR_BACKOFF_LINEAR, 10, 1000},
        {WEIR_BACKOFF_LINEAR, 11, 1000},
        {WEIR_BACKOFF_LINEAR, 999999, 1000},
        {WEIR_BACKOFF_EXPONENTIAL, 1, 100},
        {WEIR_BACKOFF_EXPONENTIAL, 4, 800},
        {WEIR_BACKOFF_EXPONENTIAL, 5, 1000},
        {WEIR_BACKOFF_EXPONENTIAL, 999999, 1000},
    };
    (void)state;
    weir_clock *clock = new_virtual_clock();
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(delay_after(clock, rows[i].backoff, rows[i].attempt),
                         rows[i].ms * MS);
    weir_clock_unref(clock);
}

typedef struct work {
    weir_clock *clock;
    uint64_t takes_ns;
    int attempts;
} work;

static int fails(weir_attempt *attempt, void *arg)
{
    work *w = arg;
    (void)attempt;
    w->attempts++;
    advance(w->clock, w->takes_ns);
    return 500;
}

/* Three ways into the engine must measure from the same moment. */
static void no_attempt_begins_after_max_elapsed(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options o = retry_options(clock);
    weir_result result = {.size = sizeof result};
    work w = {clock, SECOND, 0};
    o.max_attempts = 100;
    o.backoff = WEIR_BACKOFF_CONSTANT;
    o.base_ns = SECOND;
    o.jitter = WEIR_JITTER_NONE;
    o.max_elapsed_ns = 6 * SECOND; /* at 0, 2, 4, 6 s */
    weir_retry *retry = new_retry(&o);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_add_retry(pipeline, retry);
    weir_pipeline_seal(pipeline);
    weir_clock_attach(clock);
    assert_int_equal(weir_retry_run(retry, fails, &w), 500);
    assert_int_equal(w.attempts, 4);
    weir_run(pipeline, fails, &w);
    assert_int_equal(w.attempts, 8);
    weir_run_with(pipeline, NULL, fails, &w, &result);
    assert_int_equal(w.attempts, 12);
    weir_clock_detach(clock);
    weir_pipeline_unref(pipeline);
    weir_retry_unref(retry);
    weir_clock_unref(clock);
}

static void each_reason_to_give_up_has_its_code(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options o = retry_options(clock);
    weir_retry_state s = {.size = sizeof s};
    uint64_t delay_ns = 42;
    o.jitter = WEIR_JITTER_NONE;
    o.max_elapsed_ns = SECOND;
    weir_retry *retry = new_retry(&o);
    s.remaining_ns = WEIR_NEVER;
    s.outcome = WEIR_PERMANENT;
    assert_int_equal(weir_retry_next(retry, &s, &delay_ns), WEIR_EFINAL);
    s.outcome = WEIR_TRANSIENT;
    s.elapsed_ns = 900 * MS;
    s.attempts = 0;
    assert_int_equal(weir_retry_next(retry, &s, &delay_ns), WEIR_OK);
    assert_int_equal(delay_ns, 100 * MS);
    s.attempts = 0;
    s.elapsed_ns = 900 * MS + 1;
    delay_ns = 42;
    assert_int_equal(weir_retry_next(retry, &s, &delay_ns), WEIR_EELAPSED);
    s.attempts = 0;
    s.remaining_ns = 100 * MS;
    assert_int_equal(weir_retry_next(retry, &s, &delay_ns), WEIR_EDEADLINE);
    s.attempts = 3;
    assert_int_equal(weir_retry_next(retry, &s, &delay_ns), WEIR_EATTEMPTS);
    assert_int_equal(delay_ns, 42);
    s.reserved = 1;
    assert_int_equal(weir_retry_next(retry, &s, &delay_ns), WEIR_EINVAL);
    weir_retry_unref(retry);
    weir_clock_unref(clock);
}

/* ---- rejections ---- */

typedef struct rejections {
    weir_clock *clock;
    weir_breaker *breaker;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline; /* retry of 3 > breaker > bulkhead of 1 */
} rejections;

static rejections make(uint32_t retry_on, uint32_t max_queue)
{
    rejections r;
    r.clock = new_virtual_clock();
    weir_retry_options o = retry_options(r.clock);
    o.max_attempts = 3;
    o.retry_on = retry_on;
    r.breaker = NULL;
    weir_breaker_options b = breaker_options(r.clock);
    r.breaker = new_breaker(&b);
    r.bulkhead = new_bulkhead(r.clock, 1, max_queue);
    r.pipeline = new_pipeline(r.clock);
    put_retry(r.pipeline, new_retry(&o));
    weir_pipeline_add_breaker(r.pipeline, r.breaker);
    weir_pipeline_add_bulkhead(r.pipeline, r.bulkhead);
    weir_pipeline_seal(r.pipeline);
    weir_clock_attach(r.clock);
    return r;
}

static void unmake(rejections *r)
{
    weir_clock_detach(r->clock);
    weir_pipeline_unref(r->pipeline);
    weir_breaker_unref(r->breaker);
    weir_bulkhead_unref(r->bulkhead);
    weir_clock_unref(r->clock);
}

/* How many backoffs a rejected call takes, seen by the time that passes. */
static int retried(rejections *r, int expected)
{
    work w = {r->clock, 0, 0};
    uint64_t begun_ns = weir_clock_now_ns(r->clock);
    assert_int_equal(weir_run(r->pipeline, fails, &w), expected);
    assert_int_equal(w.attempts, 0);
    return weir_clock_now_ns(r->clock) != begun_ns;
}

static void only_chosen_rejections_are_retried(void **state)
{
    (void)state;
    for (uint32_t on = 0; on < 8; on++) {
        rejections r = make(on, 0);
        weir_breaker_set_mode(r.breaker, WEIR_FORCED_OPEN);
        assert_int_equal(retried(&r, WEIR_EOPEN),
                         (on & WEIR_RETRY_OPEN) != 0);
        weir_breaker_set_mode(r.breaker, WEIR_AUTOMATIC);
        weir_bulkhead_try_acquire(r.bulkhead);
        assert_int_equal(retried(&r, WEIR_EFULL),
                         (on & WEIR_RETRY_FULL) != 0);
        assert_int_equal(weir_breaker_state(r.breaker), WEIR_CLOSED);
        weir_bulkhead_release(r.bulkhead);
        unmake(&r);
    }
}

/* Each wait lasts the queue time of 5 s, so three take 15. */
static void queue_times_are_retried_where_chosen(void **state)
{
    (void)state;
    for (uint32_t on = 0; on <= WEIR_RETRY_QUEUETIME;
         on += WEIR_RETRY_QUEUETIME) {
        rejections r = make(on, 1);
        uint64_t begun_ns = weir_clock_now_ns(r.clock);
        work w = {r.clock, 0, 0};
        weir_bulkhead_try_acquire(r.bulkhead);
        assert_int_equal(weir_run(r.pipeline, fails, &w), WEIR_EQUEUETIME);
        uint64_t waited_ns = weir_clock_now_ns(r.clock) - begun_ns;
        if (on)
            assert_true(waited_ns >= 15 * SECOND);
        else
            assert_int_equal(waited_ns, 5 * SECOND);
        weir_bulkhead_release(r.bulkhead);
        unmake(&r);
    }
}

static int fail_slowly(weir_attempt *attempt, void *clock)
{
    (void)attempt;
    advance(clock, 600 * MS);
    return 7;
}

static void retry_at_once_ends_at_max_elapsed(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options o = retry_options(clock);
    weir_result result = {.size = sizeof result};
    o.base_ns = 0;
    o.jitter = WEIR_JITTER_NONE;
    o.max_attempts = 10;
    o.max_elapsed_ns = SECOND;
    weir_pipeline *pipeline = new_pipeline(clock);
    put_retry(pipeline, new_retry(&o));
    weir_pipeline_seal(pipeline);
    assert_int_equal(weir_run_with(pipeline, NULL, fail_slowly, clock,
                                   &result), 7);
    assert_int_equal(result.attempts, 2);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* A hint is the delay from which the next one is drawn. */
static void decorrelated_delays_grow_from_nothing_by_a_hint(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options o = retry_options(clock);
    uint64_t sum_ns = 0;
    o.base_ns = 0;
    o.cap_ns = 10 * SECOND;
    o.jitter = WEIR_JITTER_DECORRELATED;
    o.seeded = 1;
    weir_retry *retry = new_retry(&o);
    for (uint64_t i = 1; i <= 20; i++) {
        weir_retry_state s = {.size = sizeof s,
                              .ordinal = i,
                              .previous_ns = SECOND,
                              .attempts = 1,
                              .outcome = WEIR_TRANSIENT,
                              .remaining_ns = WEIR_NEVER};
        uint64_t delay_ns = 0;
        assert_int_equal(weir_retry_next(retry, &s, &delay_ns), WEIR_OK);
        assert_true(delay_ns <= 3 * SECOND);
        sum_ns += delay_ns;
    }
    assert_true(sum_ns > 0);
    weir_retry_unref(retry);
    weir_clock_unref(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(backoff_is_of_its_kind_up_to_the_cap),
        cmocka_unit_test(no_attempt_begins_after_max_elapsed),
        cmocka_unit_test(each_reason_to_give_up_has_its_code),
        cmocka_unit_test(only_chosen_rejections_are_retried),
        cmocka_unit_test(queue_times_are_retried_where_chosen),
        cmocka_unit_test(retry_at_once_ends_at_max_elapsed),
        cmocka_unit_test(decorrelated_delays_grow_from_nothing_by_a_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
