/* The windows of a breaker against plain references: a list of outcomes. */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "policy/breaker.h"

/* ---- the reference ---- */

enum { LOG = 4096 };

typedef struct entry {
    uint64_t span; /* 0 in a count window */
    int failed;
    int slow;
} entry;

typedef struct reference {
    entry log[LOG];
    int count;
    uint64_t calls, failed, slow;
} reference;

static void sum(reference *r, int first, uint64_t from_span)
{
    r->calls = r->failed = r->slow = 0;
    for (int i = first < 0 ? 0 : first; i < r->count; i++)
        if (r->log[i].span >= from_span) {
            r->calls++;
            r->failed += (uint64_t)r->log[i].failed;
            r->slow += (uint64_t)r->log[i].slow;
        }
}

/* In memory, where every processor keeps as many digits as the option has. */
static int reaches(uint64_t part, uint64_t calls, double rate)
{
    volatile double share = (double)part / (double)calls;
    return part > 0 && share >= rate;
}

static int reached(const reference *r, const weir_breaker_options *o)
{
    return r->calls > 0 && r->calls >= o->minimum_calls &&
           (reaches(r->failed, r->calls, o->failure_rate) ||
            reaches(r->slow, r->calls, o->slow_rate));
}

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void record(weir_breaker *breaker, int failed, int slow)
{
    uint64_t permit;
    assert_int_equal(weir_breaker_acquire(breaker, &permit), WEIR_OK);
    assert_int_equal(weir_breaker_record(
                         breaker, permit,
                         failed ? WEIR_TRANSIENT : WEIR_SUCCESS,
                         slow ? 2 * SECOND : MS),
                     WEIR_OK);
}

static weir_breaker_snapshot inspect(const weir_breaker *breaker)
{
    weir_breaker_snapshot s = {.size = sizeof s};
    assert_int_equal(weir_breaker_inspect(breaker, &s), WEIR_OK);
    return s;
}

static weir_breaker_options window_options(weir_clock *clock, uint32_t window)
{
    weir_breaker_options o = breaker_options(clock);
    o.window = window;
    o.minimum_calls = 1;
    o.slow_call_ns = SECOND;
    return o;
}

static const double rates[] = {0.1, 0.25, 0.3, 0.5, 0.75, 1.0};

/* ---- count window ---- */

static void follow_count_window(uint32_t calls, uint32_t seed)
{
    static reference r;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_COUNT);
    uint32_t percent = next(&seed) % 60;
    o.window_calls = calls;
    o.minimum_calls = 1 + next(&seed) % calls;
    o.failure_rate = rates[next(&seed) % COUNT(rates)];
    o.slow_rate = rates[next(&seed) % COUNT(rates)];
    weir_breaker *breaker = new_breaker(&o);
    r.count = 0;
    for (int i = 0; i < LOG; i++) {
        entry e = {0, next(&seed) % 100 < percent,
                   next(&seed) % 100 < percent / 2};
        r.log[r.count++] = e;
        sum(&r, r.count - (int)calls, 0);
        record(breaker, e.failed, e.slow);
        if (reached(&r, &o)) {
            assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
            weir_breaker_reset(breaker);
            r.count = 0;
            r.calls = r.failed = r.slow = 0;
        }
        weir_breaker_snapshot s = inspect(breaker);
        assert_int_equal(s.state, WEIR_CLOSED);
        assert_int_equal(s.calls, r.calls);
        assert_int_equal(s.failed, r.failed);
        assert_int_equal(s.slow, r.slow);
    }
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* resilience4j#1335: totals that are not the sum of the cells */
static void count_window_is_the_last_n_outcomes(void **state)
{
    static const uint32_t sizes[] = {1, 2, 3, 15, 16, 17, 100, 1023, 1024};
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (uint32_t seed = 1; seed <= 8; seed++)
            follow_count_window(sizes[i], seed * 7919);
}

/* The counts in the word are those of the cells, whatever the threads did. */
typedef struct hammer {
    weir_breaker *breaker;
    uint32_t seed;
    atomic_int failed;
} hammer;

enum { THREADS = 4, EACH = 30000 };

static void *hammer_it(void *arg)
{
    hammer *h = arg;
    for (int i = 0; i < EACH; i++) {
        uint64_t permit;
        uint32_t draw = next(&h->seed) % 100;
        if (weir_breaker_acquire(h->breaker, &permit) != WEIR_OK ||
            weir_breaker_record(h->breaker, permit,
                                draw < 30 ? WEIR_TRANSIENT : WEIR_SUCCESS,
                                draw % 10 == 0 ? 2 * SECOND : MS) != WEIR_OK)
            atomic_fetch_add(&h->failed, 1);
    }
    return NULL;
}

static void hammer_breaker(weir_breaker *breaker)
{
    hammer hammers[THREADS];
    pthread_t threads[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        hammers[i].breaker = breaker;
        hammers[i].seed = i + 1;
        atomic_init(&hammers[i].failed, 0);
        threads[i] = start(hammer_it, &hammers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        join(threads[i]);
        assert_int_equal(atomic_load(&hammers[i].failed), 0);
    }
}

static void count_window_keeps_its_counts_among_threads(void **state)
{
    static const uint32_t sizes[] = {1, 2, 17, 100};
    (void)state;
    for (size_t n = 0; n < COUNT(sizes); n++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker_options o = window_options(clock, WEIR_WINDOW_COUNT);
        uint64_t failed = 0, slow = 0;
        o.window_calls = sizes[n];
        weir_breaker *breaker = new_breaker(&o);
        weir_breaker_set_mode(breaker, WEIR_METRICS_ONLY);
        hammer_breaker(breaker);
        weir__count_window *w = &breaker->u.count;
        weir__cw_settle(w, weir__load_acquire(&w->word));
        for (uint32_t i = 0; i < sizes[n]; i++) {
            failed += weir__cw_cell(w, i) & 1;
            slow += weir__cw_cell(w, i) >> 1;
        }
        weir_breaker_snapshot s = inspect(breaker);
        assert_int_equal(s.calls, sizes[n]);
        assert_int_equal(s.failed, failed);
        assert_int_equal(s.slow, slow);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

/* tower-resilience: after N good calls an outage needed N failures. */
static void count_window_forgets_old_successes(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_COUNT);
    o.window_calls = 10;
    o.minimum_calls = 10;
    weir_breaker *breaker = new_breaker(&o);
    for (int i = 0; i < 100000; i++)
        record(breaker, 0, 0);
    for (int i = 0; i < 4; i++)
        record(breaker, 1, 0);
    assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
    record(breaker, 1, 0);
    assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* A full window of successes is only read. */
static void success_into_a_clean_count_window_writes_nothing(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_COUNT);
    o.slow_call_ns = WEIR_NEVER;
    o.window_calls = 10;
    o.minimum_calls = 10;
    weir_breaker *breaker = new_breaker(&o);
    for (int i = 0; i < 10; i++)
        record(breaker, 0, 0);
    uint64_t word = breaker->u.count.word;
    record(breaker, 0, 0);
    assert_int_equal(breaker->u.count.word, word);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* ---- time window ---- */

static void follow_time_window(uint32_t buckets, uint32_t seed)
{
    static reference r;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
    uint32_t percent = next(&seed) % 60;
    uint64_t made_ns = weir_clock_now_ns(clock);
    o.buckets = buckets;
    o.window_ns = buckets * 10 * MS;
    o.minimum_calls = 1 + next(&seed) % 20;
    o.failure_rate = rates[next(&seed) % COUNT(rates)];
    o.slow_rate = rates[next(&seed) % COUNT(rates)];
    weir_breaker *breaker = new_breaker(&o);
    r.count = 0;
    for (int i = 0; i < LOG; i++) {
        uint32_t gap = next(&seed) % 100;
        advance(clock, gap < 70   ? next(&seed) % MS
                       : gap < 98 ? next(&seed) % (20 * MS)
                                  : next(&seed) % (3 * o.window_ns));
        uint64_t span = (weir_clock_now_ns(clock) - made_ns) / (10 * MS);
        entry e = {span, next(&seed) % 100 < percent,
                   next(&seed) % 100 < percent / 2};
        uint64_t from = span + 1 < buckets ? 0 : span + 1 - buckets;
        r.log[r.count++] = e;
        sum(&r, 0, from);
        record(breaker, e.failed, e.slow);
        if (reached(&r, &o)) {
            assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
            weir_breaker_reset(breaker);
            r.count = 0;
            sum(&r, 0, 0);
        }
        weir_breaker_snapshot s = inspect(breaker);
        assert_int_equal(s.state, WEIR_CLOSED);
        assert_int_equal(s.calls, r.calls);
        assert_int_equal(s.failed, r.failed);
        assert_int_equal(s.slow, r.slow);
    }
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* rubyist#36: one bucket was reset; gobreaker#21: 9 % became 90 % */
static void time_window_is_the_calls_of_its_spans(void **state)
{
    static const uint32_t sizes[] = {1, 2, 3, 10, 64};
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (uint32_t seed = 1; seed <= 8; seed++)
            follow_time_window(sizes[i], seed * 7919);
}

/* cockatiel: one bucket was rotated after an idle gap, the rest was counted. */
static void time_window_is_empty_after_any_idle_gap(void **state)
{
    static const uint64_t gaps[] = {10,    11,     19,      100,
                                    86400, 864000, 8640000, 31536000};
    (void)state;
    for (size_t i = 0; i < COUNT(gaps); i++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
        o.minimum_calls = 10;
        weir_breaker *breaker = new_breaker(&o);
        for (int n = 0; n < 9; n++) {
            record(breaker, 1, 0);
            advance(clock, SECOND);
        }
        advance(clock, gaps[i] * SECOND);
        assert_int_equal(inspect(breaker).calls, 0);
        record(breaker, 1, 0);
        assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

/* A success cannot raise the rate, but it can complete the minimum. */
static void success_that_completes_the_minimum_trips(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
    o.minimum_calls = 10;
    weir_breaker *breaker = new_breaker(&o);
    for (int i = 0; i < 5; i++)
        record(breaker, 1, 0);
    for (int i = 0; i < 4; i++)
        record(breaker, 0, 0);
    assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
    record(breaker, 0, 0);
    assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void time_window_loses_nothing_among_threads(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
    weir_breaker *breaker = new_breaker(&o);
    weir_breaker_set_mode(breaker, WEIR_METRICS_ONLY);
    hammer_breaker(breaker);
    assert_int_equal(inspect(breaker).calls, THREADS * EACH);
    breaker->u.time.window.contended = 1; /* from here on, in stripes */
    hammer_breaker(breaker);
    assert_non_null(atomic_load(&breaker->u.time.stripes));
    assert_int_equal(inspect(breaker).calls, 2 * THREADS * EACH);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* ---- what both have ---- */

static const uint32_t kinds[] = {WEIR_WINDOW_COUNT, WEIR_WINDOW_TIME};

/* resilience4j#547: history was kept from half-open to closed. */
static void window_is_empty_after_a_transition(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker_options o = window_options(clock, kinds[k]);
        o.minimum_calls = 4;
        o.open_ns = MS;
        o.window_ns = 1000 * SECOND;
        weir_breaker *breaker = new_breaker(&o);
        for (int i = 0; i < 4; i++)
            record(breaker, 1, 0);
        assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
        advance(clock, 3 * MS);
        for (int i = 0; i < 3; i++)
            record(breaker, 0, 0);
        assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
        assert_int_equal(inspect(breaker).calls, 0);
        for (int i = 0; i < 3; i++)
            record(breaker, 1, 0);
        assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
        record(breaker, 1, 0);
        assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

static void result_of_an_older_generation_is_not_in_the_window(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker_options o = window_options(clock, kinds[k]);
        uint64_t permit;
        weir_breaker *breaker = new_breaker(&o);
        weir_breaker_acquire(breaker, &permit);
        weir_breaker_reset(breaker);
        assert_int_equal(weir_breaker_record(breaker, permit, WEIR_TRANSIENT,
                                             WEIR_NEVER),
                         WEIR_ESTALE);
        assert_int_equal(inspect(breaker).calls, 0);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

static void slow_successes_trip_and_slow_probes_fail(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker_options o = window_options(clock, kinds[k]);
        o.minimum_calls = 4;
        o.open_ns = MS;
        weir_breaker *breaker = new_breaker(&o);
        for (int i = 0; i < 4; i++)
            record(breaker, 0, 1);
        assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
        advance(clock, 3 * MS);
        record(breaker, 0, 1);
        assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

static void a_slow_probe_that_is_ignored_has_not_failed(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker_options o = window_options(clock, kinds[k]);
        uint64_t permit;
        o.open_ns = MS;
        weir_breaker *breaker = new_breaker(&o);
        record(breaker, 1, 0);
        advance(clock, 3 * MS);
        assert_int_equal(weir_breaker_acquire(breaker, &permit), WEIR_OK);
        assert_int_equal(weir_breaker_record(breaker, permit, WEIR_IGNORED,
                                             2 * SECOND),
                         WEIR_OK);
        assert_int_equal(weir_breaker_state(breaker), WEIR_HALF_OPEN);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

static int takes_no_time(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

/* What changes nothing in other windows adds a call to a time window. */
static void runs_of_a_time_window_count_each_success(void **state)
{
    (void)state;
    for (int timed = 0; timed <= 1; timed++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
        if (!timed)
            o.slow_call_ns = WEIR_NEVER;
        weir_breaker *breaker = new_breaker(&o);
        weir_pipeline *pipeline = new_pipeline(clock);
        weir_pipeline_add_breaker(pipeline, breaker);
        weir_pipeline_seal(pipeline);
        for (uint64_t i = 1; i <= 5; i++) {
            assert_int_equal(weir_run(pipeline, takes_no_time, NULL), 0);
            assert_int_equal(inspect(breaker).calls, i);
            assert_int_equal(inspect(breaker).slow, 0);
        }
        weir_pipeline_unref(pipeline);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

static void runs_into_a_clean_count_window_write_nothing(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_COUNT);
    o.slow_call_ns = WEIR_NEVER;
    o.window_calls = 2;
    weir_breaker *breaker = new_breaker(&o);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_seal(pipeline);
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_run(pipeline, takes_no_time, NULL), 0);
    assert_int_equal(inspect(breaker).calls, 2);
    uint64_t word = breaker->u.count.word;
    assert_int_equal(weir_run(pipeline, takes_no_time, NULL), 0);
    assert_int_equal(breaker->u.count.word, word);
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static int takes_two_seconds(weir_attempt *attempt, void *clock)
{
    (void)attempt;
    advance(clock, 2 * SECOND);
    return 0;
}

static void runs_time_their_calls(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker_options o = window_options(clock, kinds[k]);
        weir_result result = {.size = sizeof result};
        o.minimum_calls = 3;
        o.window_ns = 100 * SECOND;
        weir_breaker *breaker = new_breaker(&o);
        weir_pipeline *pipeline = new_pipeline(clock);
        weir_pipeline_add_breaker(pipeline, breaker);
        weir_pipeline_seal(pipeline);
        weir_breaker_run(breaker, takes_two_seconds, clock);
        weir_run(pipeline, takes_two_seconds, clock);
        assert_int_equal(inspect(breaker).slow, 2);
        weir_run_with(pipeline, NULL, takes_two_seconds, clock, &result);
        assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
        weir_pipeline_unref(pipeline);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

static void slow_runs_into_a_clean_count_window_are_counted(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_COUNT);
    o.window_calls = 4;
    o.minimum_calls = 4;
    o.slow_rate = 0.5;
    weir_breaker *breaker = new_breaker(&o);
    for (int i = 0; i < 5; i++)
        weir_breaker_run(breaker, takes_no_time, NULL);
    weir_breaker_run(breaker, takes_two_seconds, clock);
    assert_int_equal(inspect(breaker).slow, 1);
    weir_breaker_run(breaker, takes_two_seconds, clock);
    assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void metrics_only_counts_and_never_opens(void **state)
{
    (void)state;
    for (uint32_t window = 0; window <= WEIR_WINDOW_TIME; window++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker_options o = breaker_options(clock);
        o.window = window;
        o.minimum_calls = 1;
        weir_breaker *breaker = new_breaker(&o);
        weir_breaker_set_mode(breaker, WEIR_METRICS_ONLY);
        for (int i = 0; i < 50; i++)
            record(breaker, 1, 0);
        assert_int_equal(weir_breaker_state(breaker), WEIR_METRICS_ONLY);
        assert_int_equal(inspect(breaker).failed, 50);
        weir_breaker_set_mode(breaker, WEIR_AUTOMATIC);
        assert_int_equal(inspect(breaker).failed, 0);
        assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

/* ---- options of a live breaker, open time ---- */

static void untimed_successes_in_metrics_only_do_not_trip_the_window(
    void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_COUNT);
    o.window_calls = 8;
    o.minimum_calls = 2;
    o.slow_call_ns = WEIR_NEVER;
    o.failure_rate = 0.5;
    weir_breaker *breaker = new_breaker(&o);
    weir_breaker_set_mode(breaker, WEIR_METRICS_ONLY);
    for (int i = 0; i < 4; i++)
        record(breaker, i == 0, 0);
    assert_int_equal(inspect(breaker).calls, 4);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void options_change_without_loss_of_history(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker_options o = window_options(clock, kinds[k]);
        uint64_t permit;
        o.minimum_calls = 10;
        weir_breaker *breaker = new_breaker(&o);
        for (int i = 0; i < 4; i++)
            record(breaker, 1, 0);
        weir_breaker_acquire(breaker, &permit);
        o.minimum_calls = 5;
        assert_int_equal(weir_breaker_set_options(breaker, &o), WEIR_OK);
        assert_int_equal(inspect(breaker).failed, 4);
        assert_int_equal(weir_breaker_record(breaker, permit, WEIR_TRANSIENT,
                                             WEIR_NEVER),
                         WEIR_OK);
        assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

/* Calls that are not timed: F fails. */
static void record_all(weir_breaker *breaker, const char *outcomes)
{
    for (; *outcomes; outcomes++)
        record(breaker, *outcomes == 'F', 0);
}

static void success_in_place_of_one_is_judged_by_new_options(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_COUNT);
    o.window_calls = 8;
    o.slow_call_ns = WEIR_NEVER;
    o.failure_rate = 0.5;
    weir_breaker *breaker = new_breaker(&o);
    record_all(breaker, "SSSFSFSSS");
    assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
    o.failure_rate = 0.25;
    assert_int_equal(weir_breaker_set_options(breaker, &o), WEIR_OK);
    record_all(breaker, "S"); /* in place of a success, after one */
    assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void shape_of_the_window_cannot_change(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_COUNT), other;
    weir_breaker *breaker = new_breaker(&o);
    other = o;
    other.window_calls++;
    assert_int_equal(weir_breaker_set_options(breaker, &other), WEIR_EINVAL);
    other = o;
    other.window = WEIR_WINDOW_TIME;
    assert_int_equal(weir_breaker_set_options(breaker, &other), WEIR_EINVAL);
    other = o;
    other.slow_call_ns = WEIR_NEVER;
    assert_int_equal(weir_breaker_set_options(breaker, &other), WEIR_EINVAL);
    other = o;
    other.clock = NULL;
    assert_int_equal(weir_breaker_set_options(breaker, &other), WEIR_EINVAL);
    other = o;
    other.probes = 0;
    assert_int_equal(weir_breaker_set_options(breaker, &other), WEIR_EINVAL);
    assert_int_equal(weir_breaker_set_options(breaker, NULL), WEIR_EINVAL);
    assert_int_equal(weir_breaker_set_options(NULL, &o), WEIR_EINVAL);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void fail_probe(weir_breaker *breaker, weir_clock *clock)
{
    advance(clock, weir_breaker_retry_after_ns(breaker));
    record(breaker, 1, 0);
}

static void assert_about(uint64_t left_ns, uint64_t expected_ns)
{
    assert_in_range(left_ns, expected_ns, expected_ns + TICK);
}

static void open_time_grows_to_its_end_and_begins_anew(void **state)
{
    static const uint64_t seconds[] = {1, 2, 4, 8, 10, 10};
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = breaker_options(clock);
    o.failure_threshold = 1;
    o.probe_successes = 1;
    o.open_ns = SECOND;
    o.open_max_ns = 10 * SECOND;
    o.open_factor = 2.0;
    weir_breaker *breaker = new_breaker(&o);
    for (int round = 0; round < 2; round++) {
        record(breaker, 1, 0);
        for (size_t i = 0; i < COUNT(seconds); i++) {
            assert_about(weir_breaker_retry_after_ns(breaker),
                         seconds[i] * SECOND);
            fail_probe(breaker, clock);
        }
        advance(clock, 10 * SECOND + TICK);
        record(breaker, 0, 0);
        assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
    }
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void open_time_with_jitter_is_spread_above_it(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = breaker_options(clock);
    int quarters[4] = {0};
    o.failure_threshold = 1;
    o.open_ns = SECOND;
    o.open_jitter = 1.0;
    o.seeded = 1;
    weir_breaker *breaker = new_breaker(&o);
    for (int i = 0; i < 400; i++) {
        record(breaker, 1, 0);
        uint64_t left_ns = weir_breaker_retry_after_ns(breaker);
        assert_in_range(left_ns, SECOND, 2 * SECOND + TICK);
        quarters[left_ns < 2 * SECOND ? (left_ns - SECOND) * 4 / SECOND : 3]++;
        weir_breaker_reset(breaker);
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(quarters[i], 50, 150);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void breaker_has_the_size_that_was_promised(void **state)
{
    (void)state;
    assert_true(sizeof(weir_breaker) <= 256);
    weir_breaker_options o = {.window = WEIR_WINDOW_COUNT,
                              .window_calls = 100};
    assert_true(sizeof(weir_breaker) + weir__breaker_window_bytes(&o) <= 384);
}

/* By the cheap clock of the machine, where it has one. */
static void time_window_counts_by_the_clock_of_the_machine(void **state)
{
    weir_breaker *b;
    weir_breaker_options o;
    weir_breaker_snapshot seen = {.size = sizeof seen};
    uint64_t permit;
    (void)state;
    weir_breaker_options_init(&o, sizeof o);
    o.window = WEIR_WINDOW_TIME;
    o.window_ns = DAY;
    assert_int_equal(weir_breaker_new(&b, &o), WEIR_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(weir_breaker_acquire(b, &permit), WEIR_OK);
        assert_int_equal(weir_breaker_record(b, permit,
                                             i ? WEIR_SUCCESS : WEIR_TRANSIENT,
                                             WEIR_NEVER),
                         WEIR_OK);
    }
    assert_int_equal(weir_breaker_inspect(b, &seen), WEIR_OK);
    assert_int_equal(seen.calls, 3);
    assert_int_equal(seen.failed, 1);
    weir_breaker_unref(b);
}

static int succeed(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

static void a_new_generation_counts_anew_from_the_first_success(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_COUNT);
    o.window_calls = 4;
    weir_breaker *breaker = new_breaker(&o);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_seal(pipeline);
    for (int trip = 0; trip < 3; trip++) {
        for (uint32_t n = 1; n <= 6; n++) {
            assert_int_equal(weir_run(pipeline, succeed, NULL), WEIR_OK);
            assert_int_equal(inspect(breaker).calls, n < 4 ? n : 4);
        }
        weir_breaker_reset(breaker);
        assert_int_equal(inspect(breaker).calls, 0);
    }
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void a_span_begins_at_its_first_nanosecond(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
    o.window_ns = 10 * SECOND;
    o.buckets = 10;
    weir_breaker *breaker = new_breaker(&o);
    record(breaker, 0, 0);
    advance(clock, SECOND);
    record(breaker, 0, 0);
    advance(clock, 9 * SECOND - 1);
    assert_int_equal(inspect(breaker).calls, 2);
    advance(clock, 1);
    assert_int_equal(inspect(breaker).calls, 1);
    advance(clock, SECOND);
    assert_int_equal(inspect(breaker).calls, 0);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* Also where the processor calculates with more digits than a double has: to
 * it, a tenth is less than the option 0.1. */
static void rate_is_reached_by_its_own_share(void **state)
{
    static const struct {
        double rate;
        int failures;
    } of_100[] = {{0.05, 5}, {0.1, 10}, {0.2, 20}, {0.4, 40},
                  {0.7, 70}, {0.8, 80}, {0.9, 90}};
    (void)state;
    for (uint32_t w = WEIR_WINDOW_COUNT; w <= WEIR_WINDOW_TIME; w++)
        for (size_t i = 0; i < COUNT(of_100); i++) {
            weir_clock *clock = new_virtual_clock();
            weir_breaker_options o = window_options(clock, w);
            o.window_calls = o.minimum_calls = 100;
            o.failure_rate = of_100[i].rate;
            weir_breaker *breaker = new_breaker(&o);
            for (int n = 0; n < 100; n++) {
                assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
                record(breaker, n >= 100 - of_100[i].failures, 0);
            }
            assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
            weir_breaker_unref(breaker);
            weir_clock_unref(clock);
        }
}

/* Of a window with another tag, of a generation while the breaker is in 7. */
static int is_younger(uint64_t span, uint64_t than, uint64_t newest,
                      uint64_t generation)
{
    weir__atomic_u64 word;
    weir__time_window window = {.buckets = 10};
    weir__init(&word, weir__word(WEIR_CLOSED, 7, 0));
    weir__init(&window.newest, weir__tw_place(&window, newest));
    return weir__tw_is_younger(&window, weir__tw_tag(span, 7) | 3,
                               weir__tw_tag(than, generation), &word,
                               generation);
}

static void a_counter_is_younger_up_to_the_newest_span(void **state)
{
    const uint64_t round = WEIR__TW_SPAN_MASK + 1;
    (void)state;
    assert_true(is_younger(101, 100, 101, 7));
    assert_true(is_younger(101, 100, 102, 7));
    assert_true(is_younger(100000, 100, 100000, 7));
    assert_false(is_younger(100001, 100, 100000, 7));
    assert_false(is_younger(101, 100, 100, 7)); /* of a round before */
    assert_false(is_younger(99, 100, 100, 7));
    assert_false(is_younger(0, round - 1, round - 1, 7));
    assert_true(is_younger(0, round - 1, round, 7));
    assert_true(is_younger(1, round - 1, round + 5, 7));
    assert_false(is_younger(round - 1, round, round + 5, 7));
    assert_false(is_younger(100, 100, 100, 7));
    assert_true(is_younger(100, 100, 100, 6));
}

static void each_part_of_the_shape_must_stay(void **state)
{
    static const struct change {
        uint64_t window_ns;
        uint32_t buckets;
        int expected;
    } changes[] = {{10 * SECOND, 10, WEIR_OK},
                   {10 * SECOND, 20, WEIR_EINVAL},
                   {20 * SECOND, 10, WEIR_EINVAL},
                   {20 * SECOND, 20, WEIR_EINVAL}};
    (void)state;
    weir_clock *clock = new_virtual_clock();
    counting memory;
    counting_init(&memory);
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
    weir_breaker *breaker = new_breaker(&o);
    for (size_t i = 0; i < COUNT(changes); i++) {
        o.window_ns = changes[i].window_ns;
        o.buckets = changes[i].buckets;
        o.failure_rate = 0.25; /* something new */
        assert_int_equal(weir_breaker_set_options(breaker, &o),
                         changes[i].expected);
    }
    o.window_ns = 10 * SECOND;
    o.buckets = 10;
    o.allocator = &memory.table;
    assert_int_equal(weir_breaker_set_options(breaker, &o), WEIR_EINVAL);
    assert_int_equal(weir_breaker_set_options(breaker, NULL), WEIR_EINVAL);
    assert_int_equal(weir_breaker_set_options(NULL, &o), WEIR_EINVAL);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void a_window_without_memory_for_stripes_counts_in_one(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    counting memory;
    counting_init(&memory);
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
    o.allocator = &memory.table;
    weir_breaker *breaker = new_breaker(&o);
    unsigned calls = atomic_load(&memory.calls);
    memory.fail_at = calls + 1;
    memory.fail_all_after = 1;
    weir__store_relaxed(&breaker->u.time.window.contended, 1u);
    for (int i = 0; i < 3; i++)
        record(breaker, 0, 0);
    assert_int_equal(atomic_load(&memory.calls), calls + 1);
    assert_null(atomic_load(&breaker->u.time.stripes));
    assert_int_equal(inspect(breaker).calls, 3);
    weir_breaker_unref(breaker);
    assert_int_equal(memory.live, 0);
    assert_int_equal(memory.wrong, 0);
    weir_clock_unref(clock);
}

/* Once only, and given back in its size. */
static void stripes_are_asked_for_once(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    counting memory;
    counting_init(&memory);
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
    o.allocator = &memory.table;
    weir_breaker *breaker = new_breaker(&o);
    record(breaker, 0, 0);
    assert_int_equal(memory.live, 1);
    weir__store_relaxed(&breaker->u.time.window.contended, 1u);
    for (int i = 0; i < 3; i++)
        record(breaker, 0, 0);
    assert_int_equal(memory.live, 2);
    assert_int_equal(atomic_load(&memory.calls), 2);
    assert_int_equal(inspect(breaker).calls, 4);
    weir_breaker_unref(breaker);
    assert_int_equal(memory.live, 0);
    assert_int_equal(memory.wrong, 0);
    weir_clock_unref(clock);
}

static int fail_some(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    return ++*(int *)arg <= 2 ? 7 : 0;
}

static void run_that_completes_the_minimum_trips(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_COUNT);
    int calls = 0;
    o.minimum_calls = 4;
    weir_breaker *breaker = new_breaker(&o);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_seal(pipeline);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
        assert_int_equal(weir_run(pipeline, fail_some, &calls),
                         i < 2 ? 7 : 0);
    }
    assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* By a thread that is delayed; the bucket goes on when it does. */
static void what_comes_while_a_bucket_is_halved_is_not_counted(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
    o.buckets = 1;
    o.minimum_calls = 1000000;
    weir_breaker *breaker = new_breaker(&o);
    weir__bucket *bucket = (weir__bucket *)(breaker + 1);
    record(breaker, 1, 1);
    uint64_t tag = bucket->calls - 1;
    bucket->calls = tag | WEIR__TW_COUNT_MASK;
    for (int i = 0; i < 4; i++)
        record(breaker, i & 1, i & 2);
    assert_int_equal(inspect(breaker).calls, WEIR__TW_COUNT_MASK);
    assert_int_equal(inspect(breaker).failed, 1);
    assert_int_equal(inspect(breaker).slow, 1);
    assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
    bucket->calls = tag | WEIR__TW_COUNT_MASK / 2;
    record(breaker, 1, 0);
    assert_int_equal(inspect(breaker).calls, WEIR__TW_COUNT_MASK / 2 + 1);
    assert_int_equal(inspect(breaker).failed, 2);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* Which costs them more than they cost otherwise. */
static void successes_judge_only_while_calls_are_missing(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
    o.minimum_calls = 4;
    o.failure_rate = 1.0;
    weir_breaker *breaker = new_breaker(&o);
    for (int i = 0; i < 4; i++) {
        record(breaker, i == 0, 0);
        assert_int_equal(breaker->u.time.window.watch, i < 3);
    }
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* Of another generation by the time it returns, which is about to complete
 * its minimum with a success. */
static int begin_anew(weir_attempt *attempt, void *arg)
{
    weir_breaker *breaker = arg;
    (void)attempt;
    weir_breaker_reset(breaker);
    for (int i = 0; i < 3; i++)
        record(breaker, i < 2, 0);
    return 0;
}

static void success_of_an_older_generation_keeps_nobody_from_judging(
    void **state)
{
    (void)state;
    for (uint32_t window = WEIR_WINDOW_COUNT; window <= WEIR_WINDOW_TIME;
         window++) {
        weir_clock *clock = new_virtual_clock();
        weir_breaker_options o = window_options(clock, window);
        o.slow_call_ns = WEIR_NEVER;
        o.minimum_calls = 4;
        weir_breaker *breaker = new_breaker(&o);
        assert_int_equal(weir_breaker_run(breaker, begin_anew, breaker), 0);
        assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
        record(breaker, 0, 0);
        assert_int_equal(weir_breaker_state(breaker), WEIR_OPEN);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
    }
}

typedef struct meeting {
    weir_breaker *breaker;
    atomic_int there;
} meeting;

static void *record_once(void *arg)
{
    meeting *m = arg;
    uint64_t permit = 0;
    atomic_fetch_add(&m->there, 1);
    while (atomic_load(&m->there) < 2)
        ;
    weir_breaker_acquire(m->breaker, &permit);
    weir_breaker_record(m->breaker, permit, WEIR_SUCCESS, MS);
    return NULL;
}

static void stripes_that_two_threads_add_are_there_once(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    counting memory;
    counting_init(&memory);
    weir_breaker_options o = window_options(clock, WEIR_WINDOW_TIME);
    o.allocator = &memory.table;
    for (int i = 0; i < 500; i++) {
        meeting m = {.breaker = new_breaker(&o)};
        weir__store_relaxed(&m.breaker->u.time.window.contended, 1u);
        pthread_t other = start(record_once, &m);
        record_once(&m);
        join(other);
        assert_int_equal(memory.live, 2);
        assert_int_equal(inspect(m.breaker).calls, 2);
        weir_breaker_unref(m.breaker);
        assert_int_equal(memory.live, 0);
    }
    weir_clock_unref(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rate_is_reached_by_its_own_share),
        cmocka_unit_test(count_window_is_the_last_n_outcomes),
        cmocka_unit_test(count_window_keeps_its_counts_among_threads),
        cmocka_unit_test(count_window_forgets_old_successes),
        cmocka_unit_test(success_into_a_clean_count_window_writes_nothing),
        cmocka_unit_test(time_window_is_the_calls_of_its_spans),
        cmocka_unit_test(time_window_is_empty_after_any_idle_gap),
        cmocka_unit_test(success_that_completes_the_minimum_trips),
        cmocka_unit_test(time_window_loses_nothing_among_threads),
        cmocka_unit_test(window_is_empty_after_a_transition),
        cmocka_unit_test(result_of_an_older_generation_is_not_in_the_window),
        cmocka_unit_test(slow_successes_trip_and_slow_probes_fail),
        cmocka_unit_test(a_slow_probe_that_is_ignored_has_not_failed),
        cmocka_unit_test(runs_of_a_time_window_count_each_success),
        cmocka_unit_test(runs_into_a_clean_count_window_write_nothing),
        cmocka_unit_test(runs_time_their_calls),
        cmocka_unit_test(slow_runs_into_a_clean_count_window_are_counted),
        cmocka_unit_test(metrics_only_counts_and_never_opens),
        cmocka_unit_test(options_change_without_loss_of_history),
        cmocka_unit_test(success_in_place_of_one_is_judged_by_new_options),
        cmocka_unit_test(
            untimed_successes_in_metrics_only_do_not_trip_the_window),
        cmocka_unit_test(shape_of_the_window_cannot_change),
        cmocka_unit_test(open_time_grows_to_its_end_and_begins_anew),
        cmocka_unit_test(open_time_with_jitter_is_spread_above_it),
        cmocka_unit_test(breaker_has_the_size_that_was_promised),
        cmocka_unit_test(time_window_counts_by_the_clock_of_the_machine),
        cmocka_unit_test(a_new_generation_counts_anew_from_the_first_success),
        cmocka_unit_test(a_span_begins_at_its_first_nanosecond),
        cmocka_unit_test(a_counter_is_younger_up_to_the_newest_span),
        cmocka_unit_test(each_part_of_the_shape_must_stay),
        cmocka_unit_test(a_window_without_memory_for_stripes_counts_in_one),
        cmocka_unit_test(stripes_are_asked_for_once),
        cmocka_unit_test(run_that_completes_the_minimum_trips),
        cmocka_unit_test(
            what_comes_while_a_bucket_is_halved_is_not_counted),
        cmocka_unit_test(successes_judge_only_while_calls_are_missing),
        cmocka_unit_test(
            success_of_an_older_generation_keeps_nobody_from_judging),
        cmocka_unit_test(stripes_that_two_threads_add_are_there_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
