/* What shows only after days, in virtual time: numbers that come round,
 * windows that lie idle, outages that last. */
#include "support.h"

static void record(weir_breaker *breaker, int outcome, int expected)
{
    uint64_t permit;
    assert_int_equal(weir_breaker_acquire(breaker, &permit), WEIR_OK);
    assert_int_equal(weir_breaker_record(breaker, permit, outcome, WEIR_NEVER),
                     expected);
}

static weir_breaker_options quick(weir_clock *clock, uint32_t window)
{
    weir_breaker_options o = breaker_options(clock);
    o.window = window;
    o.failure_threshold = 10;
    o.window_calls = 10;
    o.minimum_calls = 10;
    o.open_ns = MS;
    o.probes = o.probe_successes = 1;
    return o;
}

static void fail_ten(weir_breaker *breaker)
{
    for (int i = 0; i < 10; i++)
        record(breaker, WEIR_TRANSIENT, WEIR_OK);
    assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
}

static void probe(weir_breaker *breaker, weir_clock *clock, int outcome)
{
    advance(clock, weir_breaker_retry_after_ns(breaker));
    record(breaker, outcome, WEIR_OK);
}

/* Each failed probe is two transitions in which the window is not written;
 * its generation must not be taken for a younger one afterwards. */
static void breaker_trips_again_after_an_outage_of_any_length(void **state)
{
    static const int probes[] = {1, 2047, 4095, 4096, 4100, 6000, 8191, 9000};
    static const uint32_t kinds[] = {WEIR_WINDOW_CONSECUTIVE,
                                     WEIR_WINDOW_COUNT, WEIR_WINDOW_TIME};
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t i = 0; i < COUNT(probes); i++) {
            weir_clock *clock = new_virtual_clock();
            weir_breaker_options o = quick(clock, kinds[k]);
            o.window_ns = DAY; /* the outage is within one bucket */
            o.buckets = 1;
            weir_breaker *breaker = new_breaker(&o);
            fail_ten(breaker);
            for (int n = 0; n < probes[i]; n++)
                probe(breaker, clock, WEIR_TRANSIENT);
            probe(breaker, clock, WEIR_SUCCESS);
            assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
            fail_ten(breaker);
            weir_breaker_unref(breaker);
            weir_clock_unref(clock);
        }
}

static weir_breaker *new_with_shortest_spans(weir_clock *clock)
{
    weir_breaker_options o = quick(clock, WEIR_WINDOW_TIME);
    o.buckets = 10;
    o.window_ns = 10 * MS;
    return new_breaker(&o);
}

static void time_window_counts_after_any_silence(void **state)
{
    static const uint64_t days[] = {1, 6, 7, 8, 12, 13, 20, 25, 62, 365, 3650};
    (void)state;
    for (size_t i = 0; i < COUNT(days); i++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker *breaker = new_with_shortest_spans(clock);
        record(breaker, WEIR_TRANSIENT, WEIR_OK);
        advance(clock, days[i] * DAY);
        fail_ten(breaker);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

/* Counters that nobody has touched look like those of span 0, which comes
 * round. */
static void time_window_counts_in_its_first_round(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker *breaker = new_with_shortest_spans(clock);
    advance(clock, ((UINT64_C(1) << 30) - 100) * MS);
    fail_ten(breaker);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* The counter of failures is left alone by healthy traffic. */
static void time_window_counts_failures_after_days_of_success(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker *breaker = new_with_shortest_spans(clock);
    record(breaker, WEIR_TRANSIENT, WEIR_OK);
    for (int hour = 0; hour < 24 * 40; hour++) {
        advance(clock, 3600 * SECOND);
        record(breaker, WEIR_SUCCESS, WEIR_OK);
        if (hour % 100 == 99) {
            advance(clock, SECOND);
            fail_ten(breaker);
            probe(breaker, clock, WEIR_SUCCESS);
        }
    }
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* As many calls as a bucket counts, and again; then nothing works. */
static void full_bucket_keeps_its_rates_and_counts_on(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = quick(clock, WEIR_WINDOW_TIME);
    o.window_ns = DAY;
    weir_breaker *breaker = new_breaker(&o);
    for (int i = 0; i < 9000000; i++)
        record(breaker, i % 10 < 7 ? WEIR_SUCCESS : WEIR_TRANSIENT, WEIR_OK);
    assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
    weir_breaker_snapshot s = {.size = sizeof s};
    weir_breaker_inspect(breaker, &s);
    assert_in_range(s.calls, 2097151, 4194302);
    assert_in_range(s.failed * 10000 / s.calls, 2999, 3001);
    uint64_t enough = s.calls * 4 / 10 + 10; /* 30 % become 50 */
    for (uint64_t i = 0;
         i < enough && weir_breaker_state(breaker) == WEIR_CLOSED; i++)
        record(breaker, WEIR_TRANSIENT, WEIR_OK);
    assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void slow_budget_fills_in_its_own_time(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_budget_options o;
    weir_budget *budget;
    weir_budget_options_init(&o, sizeof o);
    o.clock = clock;
    o.capacity = 10000;
    o.per_second = 0.001;
    assert_int_equal(weir_budget_new(&budget, &o), WEIR_OK);
    while (weir_budget_reserve(budget) == WEIR_OK)
        ;
    advance(clock, 100 * DAY);
    assert_in_range(weir_budget_tokens(budget), 8600000, 8640000);
    weir_budget_unref(budget);
    weir_clock_unref(clock);
}

/* ---- options of a live breaker ---- */

static void ignored_outcome_does_not_open_after_a_stricter_option(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = breaker_options(clock);
    weir_breaker *breaker = new_breaker(&o);
    for (int i = 0; i < 4; i++)
        record(breaker, WEIR_TRANSIENT, WEIR_OK);
    o.failure_threshold = 3;
    assert_int_equal(weir_breaker_set_options(breaker, &o), WEIR_OK);
    record(breaker, WEIR_IGNORED, WEIR_OK);
    assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
    record(breaker, WEIR_TRANSIENT, WEIR_OK);
    assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void options_it_has_already_cost_no_memory(void **state)
{
    (void)state;
    counting memory;
    counting_init(&memory);
    weir_breaker_options o = breaker_options(NULL);
    o.allocator = &memory.table;
    weir_breaker *breaker = new_breaker(&o);
    unsigned live = atomic_load(&memory.live);
    for (int i = 0; i < 100; i++)
        assert_int_equal(weir_breaker_set_options(breaker, &o), WEIR_OK);
    assert_int_equal(atomic_load(&memory.live), live);
    o.failure_threshold++;
    assert_int_equal(weir_breaker_set_options(breaker, &o), WEIR_OK);
    assert_int_equal(atomic_load(&memory.live), live + 1);
    o.open_jitter = 0.2;
    for (int i = 0; i < 100; i++)
        assert_int_equal(weir_breaker_set_options(breaker, &o), WEIR_OK);
    assert_int_equal(atomic_load(&memory.live), live + 2);
    o.seeded = 1;
    for (int i = 0; i < 100; i++)
        assert_int_equal(weir_breaker_set_options(breaker, &o), WEIR_OK);
    assert_int_equal(atomic_load(&memory.live), live + 3);
    weir_breaker_unref(breaker);
    assert_int_equal(atomic_load(&memory.live), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(breaker_trips_again_after_an_outage_of_any_length),
        cmocka_unit_test(time_window_counts_after_any_silence),
        cmocka_unit_test(time_window_counts_in_its_first_round),
        cmocka_unit_test(time_window_counts_failures_after_days_of_success),
        cmocka_unit_test(full_bucket_keeps_its_rates_and_counts_on),
        cmocka_unit_test(slow_budget_fills_in_its_own_time),
        cmocka_unit_test(ignored_outcome_does_not_open_after_a_stricter_option),
        cmocka_unit_test(options_it_has_already_cost_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
