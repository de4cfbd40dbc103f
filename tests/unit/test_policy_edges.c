/* Edges of the policies: the first permit, times that are given, remainders,
 * and what comes after a million transitions. */
#include "base/random.h"
#include "policy/backoff.h"
#include "policy/breaker.h"

#include "breaker.h"
#include "stepping.h"

static weir_step step_at(weir_call *call, uint64_t now_ns)
{
    weir_step s = {.size = sizeof s};
    assert_int_equal(weir_call_step(call, now_ns, &s), WEIR_OK);
    return s;
}

/* Its breaker is the one of the tests. */
static weir_pipeline *new_guarded(void)
{
    weir_pipeline *pipeline = new_pipeline(vclock);
    weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_seal(pipeline);
    return pipeline;
}

/* ---- the breaker ---- */

static void permit_of_zero_is_stale_from_the_start(void **state)
{
    (void)state;
    assert_int_equal(record(0, WEIR_TRANSIENT), WEIR_ESTALE);
    assert_int_equal(record(0, WEIR_SUCCESS), WEIR_ESTALE);
}

static void breaker_goes_by_the_time_that_is_given(void **state)
{
    (void)state;
    weir_pipeline *pipeline = new_guarded();
    calls(5, WEIR_TRANSIENT);
    uint64_t opened_ns = weir_clock_now_ns(vclock);
    weir_call *call = new_call(pipeline);
    weir_step s = step_at(call, opened_ns + 61 * SECOND);
    assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
    weir_call_finish(call, s.attempt, 7, opened_ns + 200 * SECOND, &s);
    weir_call_unref(call);
    /* open again, from then on */
    call = new_call(pipeline);
    assert_int_equal(step_at(call, opened_ns + 259 * SECOND).action,
                     WEIR_STEP_DONE);
    weir_call_unref(call);
    call = new_call(pipeline);
    s = step_at(call, opened_ns + 261 * SECOND);
    assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
    weir_attempt_finish(s.attempt, 0, WEIR_NOW);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
}

static void window_goes_by_the_time_that_is_given(void **state)
{
    (void)state;
    weir_breaker_options o = breaker_options(vclock);
    weir_breaker_snapshot seen = {.size = sizeof seen};
    weir_step s = {.size = sizeof s};
    o.window = WEIR_WINDOW_TIME;
    replace(&o);
    weir_pipeline *pipeline = new_guarded();
    weir_call *call = new_call(pipeline);
    uint64_t began_ns = weir_clock_now_ns(vclock);
    weir_attempt *attempt = step_at(call, began_ns).attempt;
    weir_call_finish(call, attempt, 7, began_ns + 100 * SECOND, &s);
    advance(vclock, 50 * SECOND);
    weir_breaker_inspect(breaker, &seen);
    assert_int_equal(seen.failed, 1);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
}

/* 36 years and a half are as far as its word reaches. */
static void breaker_that_opens_at_the_end_of_its_time_is_open(void **state)
{
    (void)state;
    weir_breaker_options o = breaker_options(vclock);
    weir_breaker_snapshot seen = {.size = sizeof seen};
    o.open_ns = o.open_max_ns = YEAR;
    replace(&o);
    advance(vclock, 36 * YEAR);
    calls(5, WEIR_TRANSIENT);
    weir_breaker_inspect(breaker, &seen);
    assert_int_equal(seen.state, WEIR_OPEN);
    assert_int_equal(seen.generation, 2);
    assert_rejects();
}

/* Of the seed alone: they are the same in each process. */
static void seeded_open_times_are_drawn_from_the_seed(void **state)
{
    weir_breaker_options o = breaker_options(vclock), copy;
    weir__breaker_limits limits;
    (void)state;
    o.open_ns = SECOND;
    o.open_jitter = 0.5;
    o.seeded = 1;
    o.seed = 42;
    assert_int_equal(weir__breaker_limits_from(&limits, &copy, &o), WEIR_OK);
    for (uint64_t generation = 1; generation < 10; generation++)
        assert_true(weir__breaker_open_time(&limits, 0, generation) ==
                    SECOND + weir__random_between(
                                 weir__random(42, generation, 0), 0,
                                 SECOND / 2));
    limits.seeded = 0; /* of the process, too */
    for (uint64_t generation = 1; generation < 10; generation++)
        assert_true(weir__breaker_open_time(&limits, 0, generation) ==
                    SECOND + weir__random_between(
                                 weir__random(weir__random_in_process(42),
                                              generation, 0),
                                 0, SECOND / 2));
}

/* Of more digits than a double has. */
static void the_first_open_time_is_exact(void **state)
{
    weir__breaker_limits limits = {.open_ns = YEAR - 1, .open_max_ns = YEAR,
                                   .open_factor = 2.0};
    (void)state;
    assert_true(weir__breaker_open_time(&limits, 0, 1) == YEAR - 1);
}

/* At the end of time none is left to wait for. */
static void no_breaker_is_open_at_the_end_of_time(void **state)
{
    static const uint64_t before_ns[] = {0, 1, SECOND, 36 * YEAR, 37 * YEAR};
    (void)state;
    for (size_t i = 0; i < COUNT(before_ns); i++) {
        weir_clock *clock;
        assert_int_equal(weir_clock_new_virtual(
                             &clock, WEIR_NEVER - 1 - before_ns[i]),
                         WEIR_OK);
        weir_breaker_options o = breaker_options(clock);
        replace(&o);
        calls(5, WEIR_TRANSIENT);
        if (before_ns[i] > 60 * SECOND)
            assert_rejects();
        weir_clock_advance(clock, before_ns[i]);
        assert_state(WEIR_HALF_OPEN);
        calls(3, WEIR_SUCCESS);
        assert_state(WEIR_CLOSED);
        weir_clock_unref(clock);
    }
}

/* One that was reset once a second for twelve days, and did not open. */
static void open_times_grow_from_the_first_after_any_number_of_resets(
    void **state)
{
    static const uint64_t resets[] = {1 << 20, (1 << 20) + 2, (1 << 21) - 2};
    (void)state;
    for (size_t i = 0; i < COUNT(resets); i++) {
        weir_breaker_options o = breaker_options(vclock);
        o.open_factor = 2.0;
        replace(&o);
        calls(5, WEIR_TRANSIENT);
        pass_open_time();
        calls(1, WEIR_TRANSIENT);
        assert_in_range(weir_breaker_retry_after_ns(breaker), 120 * SECOND,
                        120 * SECOND + TICK);
        for (uint64_t n = 0; n < resets[i]; n++)
            weir_breaker_reset(breaker);
        for (int opening = 0; opening < 3; opening++) {
            calls(opening ? 1 : 5, WEIR_TRANSIENT);
            assert_in_range(weir_breaker_retry_after_ns(breaker),
                            (60 * SECOND) << opening,
                            ((60 * SECOND) << opening) + TICK);
            pass_open_time();
        }
    }
}

static void note(const weir_event *event, void *arg)
{
    *(weir_event *)arg = *event;
}

/* Generations have 21 bits. */
static void what_is_no_transition_is_no_event_after_a_million(void **state)
{
    (void)state;
    weir_event seen = {0};
    uint64_t permit, sequence;
    for (int i = 0; i < (1 << 20) + 10; i++)
        weir_breaker_set_mode(breaker,
                              i % 2 ? WEIR_AUTOMATIC : WEIR_DISABLED);
    weir_breaker_listen(breaker, note, &seen, NULL);
    weir_breaker_set_mode(breaker, WEIR_DISABLED);
    sequence = seen.sequence;
    assert_true(sequence > 1 << 20);
    assert_int_equal(weir_breaker_acquire(breaker, &permit), WEIR_OK);
    assert_int_equal(record(permit, WEIR_SUCCESS), WEIR_OK);
    assert_int_equal(record(permit, WEIR_IGNORED), WEIR_OK);
    weir_breaker_set_mode(breaker, WEIR_DISABLED);
    weir_breaker_reset(breaker); /* which is no transition while disabled */
    weir_breaker_set_mode(breaker, WEIR_AUTOMATIC);
    assert_int_equal(seen.sequence, sequence + 1);
    assert_int_equal(seen.to, WEIR_CLOSED);
    assert_int_equal(record(admitted(), WEIR_SUCCESS), WEIR_OK);
    assert_int_equal(record(admitted(), WEIR_IGNORED), WEIR_OK);
    weir_breaker_reset(breaker);
    assert_int_equal(seen.sequence, sequence + 2);
}

static int resetting;

static uint64_t read_and_reset(void *arg)
{
    int now = resetting;
    (void)arg;
    resetting = 0;
    if (now)
        weir_breaker_reset(breaker);
    return START_NS;
}

/* As by another thread. */
static void breaker_that_is_reset_before_it_trips_has_one_event(void **state)
{
    (void)state;
    weir_clock *clock;
    weir_event seen = {0};
    weir_clock_new_custom(&clock, read_and_reset, NULL, NULL);
    weir_breaker_options o = breaker_options(clock);
    o.window = WEIR_WINDOW_COUNT;
    o.minimum_calls = 2;
    replace(&o);
    for (int i = 0; i < (1 << 20) + 10; i++)
        weir_breaker_reset(breaker);
    weir_breaker_listen(breaker, note, &seen, NULL);
    weir_breaker_reset(breaker);
    uint64_t sequence = seen.sequence;
    calls(1, WEIR_TRANSIENT);
    resetting = 1;
    calls(1, WEIR_TRANSIENT);
    assert_int_equal(resetting, 0);
    assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
    assert_int_equal(seen.sequence, sequence + 1);
    weir_breaker_reset(breaker);
    assert_int_equal(seen.sequence, sequence + 2);
    weir_clock_unref(clock);
}

static const weir_breaker_options *stricter; /* NULL: none to be set */

static uint64_t read_and_exchange(void *arg)
{
    const weir_breaker_options *options = stricter;
    (void)arg;
    stricter = NULL;
    if (options)
        assert_int_equal(weir_breaker_set_options(breaker, options), WEIR_OK);
    return START_NS;
}

/* The failure is still judged by the options that it found. */
static void options_set_during_a_record_judge_from_the_next_success(
    void **state)
{
    (void)state;
    weir_clock *clock;
    weir_clock_new_custom(&clock, read_and_exchange, NULL, NULL);
    weir_breaker_options o = breaker_options(clock);
    o.window = WEIR_WINDOW_TIME;
    o.minimum_calls = 1;
    o.failure_rate = 1.0;
    replace(&o);
    calls(1, WEIR_SUCCESS);
    o.failure_rate = 0.3;
    uint64_t permit = admitted();
    stricter = &o;
    assert_int_equal(record(permit, WEIR_TRANSIENT), WEIR_OK);
    assert_null(stricter);
    assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
    calls(1, WEIR_SUCCESS);
    assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
    weir_clock_unref(clock);
}

static int succeed(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

static uint64_t calls_in_window(void)
{
    weir_breaker_snapshot seen = {.size = sizeof seen};
    assert_int_equal(weir_breaker_inspect(breaker, &seen), WEIR_OK);
    return seen.calls;
}

/* That the window was full of successes before does not count any more. */
static void each_driver_counts_the_first_success_of_a_generation(void **state)
{
    (void)state;
    weir_breaker_options o = breaker_options(vclock);
    o.window = WEIR_WINDOW_COUNT;
    o.window_calls = o.minimum_calls = 4;
    replace(&o);
    weir_pipeline *pipeline = new_guarded();
    for (int driver = 0; driver < 4; driver++) {
        weir_call *call = new_call(pipeline);
        weir_step s = {.size = sizeof s};
        calls(8, WEIR_SUCCESS);
        assert_int_equal(calls_in_window(), 4);
        weir_breaker_reset(breaker);
        assert_int_equal(calls_in_window(), 0);
        weir_attempt *attempt = step_attempt(call);
        if (driver == 0)
            weir_breaker_run(breaker, succeed, NULL);
        else if (driver == 1)
            weir_run(pipeline, succeed, NULL);
        else if (driver == 2)
            weir_call_finish(call, attempt, 0, WEIR_NOW, &s);
        else
            calls(1, WEIR_SUCCESS);
        assert_int_equal(calls_in_window(), 1);
        if (driver != 2)
            weir_attempt_unref(attempt);
        weir_call_unref(call);
    }
    weir_pipeline_unref(pipeline);
}

static int take_as_long(weir_attempt *attempt, void *ns)
{
    (void)attempt;
    advance(vclock, *(uint64_t *)ns);
    return 0;
}

static void run_that_takes_longer_than_the_bound_is_slow(void **state)
{
    (void)state;
    for (int window = WEIR_WINDOW_COUNT; window <= WEIR_WINDOW_TIME;
         window++) {
        weir_breaker_options o = breaker_options(vclock);
        weir_breaker_snapshot seen = {.size = sizeof seen};
        uint64_t ns = SECOND;
        o.window = (uint32_t)window;
        o.slow_call_ns = ns;
        replace(&o);
        weir_breaker_run(breaker, take_as_long, &ns);
        weir_breaker_inspect(breaker, &seen);
        assert_int_equal(seen.calls, 1);
        assert_int_equal(seen.failed, 0);
        assert_int_equal(seen.slow, 0);
        ns++;
        weir_breaker_run(breaker, take_as_long, &ns);
        weir_breaker_inspect(breaker, &seen);
        assert_int_equal(seen.calls, 2);
        assert_int_equal(seen.failed, 0);
        assert_int_equal(seen.slow, 1);
        /* the same by permits; nobody knows how long the first took */
        weir_breaker_record(breaker, admitted(), WEIR_SUCCESS, WEIR_NEVER);
        weir_breaker_record(breaker, admitted(), WEIR_SUCCESS, SECOND);
        weir_breaker_record(breaker, admitted(), WEIR_SUCCESS, SECOND + 1);
        weir_breaker_inspect(breaker, &seen);
        assert_int_equal(seen.calls, 5);
        assert_int_equal(seen.slow, 2);
    }
}

static int fail_in_the_next_generation(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    weir_breaker_reset(breaker);
    calls(2, WEIR_TRANSIENT);
    return 0;
}

static void success_of_a_generation_that_is_over_takes_nothing_away(
    void **state)
{
    (void)state;
    weir_breaker_options o = breaker_options(vclock);
    o.window = WEIR_WINDOW_COUNT;
    replace(&o);
    weir_pipeline *pipeline = new_guarded();
    weir_breaker_run(breaker, fail_in_the_next_generation, NULL);
    assert_int_equal(calls_in_window(), 2);
    weir_run(pipeline, fail_in_the_next_generation, NULL);
    assert_int_equal(calls_in_window(), 2);
    weir_pipeline_unref(pipeline);
}

/* ---- the bulkhead ---- */

static void abandoned_work_that_ends_out_of_order_leaves_the_others(
    void **state)
{
    enum { CALLS = 3 };
    (void)state;
    for (int ends = 0; ends < CALLS; ends++) {
        weir_clock *clock = new_virtual_clock();
        weir_bulkhead_options o = bulkhead_options(clock);
        weir_bulkhead *bulkhead;
        weir_attempt *attempts[CALLS];
        o.max_concurrent = CALLS;
        o.max_queue = 0;
        o.abandoned_max_ns = 60 * SECOND;
        assert_int_equal(weir_bulkhead_new(&bulkhead, &o), WEIR_OK);
        weir_pipeline *pipeline = new_pipeline(clock);
        weir_pipeline_add_bulkhead(pipeline, bulkhead);
        put_timeout(pipeline, new_timeout(clock, SECOND));
        weir_pipeline_seal(pipeline);
        for (int i = 0; i < CALLS; i++) {
            weir_call *call = new_call(pipeline);
            attempts[i] = step_attempt(call);
            advance(clock, SECOND); /* i + 1 after the start */
            assert_int_equal(step(call).action, WEIR_STEP_CANCEL);
            weir_call_unref(call);
        }
        assert_int_equal(weir_bulkhead_abandoned(bulkhead), CALLS);
        weir_attempt_finish(attempts[ends], 0, WEIR_NOW);
        assert_int_equal(weir_bulkhead_abandoned(bulkhead), CALLS - 1);
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
        advance(clock, 58 * SECOND); /* the first one's is due */
        for (int i = 0; i < CALLS; i++, advance(clock, SECOND)) {
            assert_int_equal(weir_bulkhead_try_acquire(bulkhead),
                             i == ends ? WEIR_EFULL : WEIR_OK);
            assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
        }
        for (int i = 0; i < CALLS; i++)
            if (i != ends)
                weir_attempt_finish(attempts[i], 0, WEIR_NOW);
        assert_int_equal(weir_bulkhead_running(bulkhead), CALLS);
        for (int i = 0; i < CALLS; i++)
            assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_OK);
        weir_pipeline_unref(pipeline);
        weir_bulkhead_unref(bulkhead);
        weir_clock_unref(clock);
    }
}

/* ---- backoff ---- */

static void delays_keep_their_remainder_below_the_cap(void **state)
{
    (void)state;
    weir__backoff linear = {.base_ns = 3, .cap_ns = 10, .factor = 1,
                            .kind = WEIR_BACKOFF_LINEAR,
                            .jitter = WEIR_JITTER_NONE};
    weir__backoff drawn = {.base_ns = 1, .cap_ns = 100, .factor = 1,
                           .kind = WEIR_BACKOFF_EXPONENTIAL,
                           .jitter = WEIR_JITTER_DECORRELATED};
    assert_int_equal(weir__backoff_delay(&linear, 3, 0, 0, 0), 9);
    assert_int_equal(weir__backoff_delay(&linear, 4, 0, 0, 0), 10);
    assert_int_equal(weir__backoff_delay(&drawn, 2, 33, 0, UINT64_MAX), 99);
    assert_int_equal(weir__backoff_delay(&drawn, 2, 34, 0, UINT64_MAX), 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(permit_of_zero_is_stale_from_the_start),
        TEST(breaker_goes_by_the_time_that_is_given),
        TEST(window_goes_by_the_time_that_is_given),
        TEST(breaker_that_opens_at_the_end_of_its_time_is_open),
        TEST(seeded_open_times_are_drawn_from_the_seed),
        TEST(no_breaker_is_open_at_the_end_of_time),
        TEST(open_times_grow_from_the_first_after_any_number_of_resets),
        cmocka_unit_test(the_first_open_time_is_exact),
        TEST(what_is_no_transition_is_no_event_after_a_million),
        TEST(breaker_that_is_reset_before_it_trips_has_one_event),
        TEST(options_set_during_a_record_judge_from_the_next_success),
        TEST(each_driver_counts_the_first_success_of_a_generation),
        TEST(run_that_takes_longer_than_the_bound_is_slow),
        TEST(success_of_a_generation_that_is_over_takes_nothing_away),
        cmocka_unit_test(
            abandoned_work_that_ends_out_of_order_leaves_the_others),
        cmocka_unit_test(delays_keep_their_remainder_below_the_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
