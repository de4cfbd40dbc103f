/* Defects of others where time or counts of a window run away, one test each;
 * the table: tests/catalogue.txt. */
#include "policy/breaker.h"

#include "breaker.h"

static weir_breaker_options options_of(uint32_t window)
{
    weir_breaker_options o = breaker_options(vclock);
    o.window = window;
    o.minimum_calls = 4;
    return o;
}

static weir_breaker_snapshot inspect(void)
{
    weir_breaker_snapshot s = {.size = sizeof s};
    assert_int_equal(weir_breaker_inspect(breaker, &s), WEIR_OK);
    return s;
}

/* ---- a clock that is set back ---- */

static uint64_t now_of_arg(void *arg)
{
    return *(uint64_t *)arg;
}

static void replace_clock(uint64_t *now_ns)
{
    weir_clock *clock = NULL;
    weir_breaker_options o = options_of(WEIR_WINDOW_TIME);
    assert_int_equal(weir_clock_new_custom(&clock, now_of_arg, now_ns, NULL),
                     WEIR_OK);
    o.clock = clock;
    o.failure_rate = 1.0;
    replace(&o);
    weir_clock_unref(clock);
}

/* D19 fabfuel/circuitbreaker#31, C4.29 */
static void failures_open_a_window_whose_clock_was_set_back(void **state)
{
    (void)state;
    for (uint64_t back_ns = MS; back_ns <= DAY; back_ns *= 10) {
        uint64_t now_ns = START_NS;
        replace_clock(&now_ns);
        now_ns += 2 * DAY;
        for (int i = 0; i < 10; i++) { /* every bucket is in use */
            calls(1, WEIR_SUCCESS);
            now_ns += SECOND;
        }
        now_ns += 9 * SECOND;
        calls(1, WEIR_DECLINED);
        now_ns += 10 * SECOND;
        calls(3, WEIR_TRANSIENT);
        now_ns -= back_ns;
        calls(1, WEIR_TRANSIENT);
        assert_state(WEIR_OPEN);
    }
}

/* ---- threads ---- */

enum { THREADS = 4, EACH = 20000 };

typedef struct crowd {
    atomic_int odd, done;
    uint64_t step_ns; /* by which each call moves the clock */
    uint64_t calls_max;
} crowd;

static void *fail_often(void *arg)
{
    crowd *c = arg;
    for (int i = 0; i < EACH; i++) {
        uint64_t permit;
        if (weir_breaker_acquire(breaker, &permit) != WEIR_OK ||
            record(permit, i % 8 ? WEIR_TRANSIENT : WEIR_SUCCESS) != WEIR_OK)
            atomic_fetch_add(&c->odd, 1);
        weir_clock_advance(vclock, c->step_ns);
    }
    atomic_fetch_add(&c->done, 1);
    return NULL;
}

static void fail_in_threads(crowd *c, void *(*other)(void *))
{
    pthread_t threads[THREADS + 1];
    weir_breaker_set_mode(breaker, WEIR_METRICS_ONLY);
    threads[THREADS] = start(other, c);
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(fail_often, c);
    for (int i = 0; i <= THREADS; i++)
        join(threads[i]);
    assert_int_equal(atomic_load(&c->odd), 0);
}

/* More failures or slow calls than calls, or more calls than fit. */
static void *look_often(void *arg)
{
    crowd *c = arg;
    while (atomic_load(&c->done) < THREADS) {
        weir_breaker_snapshot s = {.size = sizeof s};
        weir_breaker_inspect(breaker, &s);
        if (s.failed > s.calls || s.slow > s.calls || s.calls > c->calls_max)
            atomic_fetch_add(&c->odd, 1);
    }
    return NULL;
}

/* C4.28 resilience4j#2334, #2379 */
static void windows_of_every_extreme_work_under_threads(void **state)
{
    static const uint32_t buckets[] = {1, 2, 64};
    (void)state;
    for (size_t i = 0; i < 2 * COUNT(buckets); i++)
        for (unsigned striped = 0; striped < 2; striped++) {
            crowd c = {.step_ns = i % 2 ? 0 : MS / 4,
                       .calls_max = WEIR_NEVER};
            weir_breaker_options o = options_of(WEIR_WINDOW_TIME);
            o.buckets = buckets[i / 2];
            o.window_ns = i % 2 ? YEAR : buckets[i / 2] * MS;
            replace(&o);
            breaker->u.time.window.contended = striped;
            fail_in_threads(&c, look_often);
            advance(vclock, i % 2 ? YEAR + DAY * 20 : SECOND);
            assert_int_equal(inspect().calls, 0);
            calls(1, WEIR_TRANSIENT);
            assert_int_equal(inspect().failed, 1);
        }
}

/* C4.30 Hystrix#1392, bookkeeper#2053 */
static void a_snapshot_never_shows_more_failures_than_calls(void **state)
{
    (void)state;
    for (uint32_t window = 1; window <= WEIR_WINDOW_TIME; window++)
        for (uint32_t n = 0; n < 5; n++) {
            crowd c = {.calls_max = THREADS * EACH};
            weir_breaker_options o = options_of(window);
            o.window_calls = 4 + n * 255;
            o.window_ns = DAY;
            if (window == WEIR_WINDOW_COUNT)
                c.calls_max = o.window_calls;
            replace(&o);
            fail_in_threads(&c, look_often);
        }
}

/* C4.31 gobreaker#21; a counter of the time window ends at 2^22 - 1 */
static void ten_percent_of_very_many_calls_stay_ten_percent(void **state)
{
    weir_breaker_options o = options_of(WEIR_WINDOW_TIME);
    (void)state;
    o.failure_rate = 0.11;
    o.minimum_calls = 1000;
    o.window_ns = DAY;
    replace(&o);
    for (int i = 1; i <= 5000000; i++) {
        uint64_t permit = 0;
        weir_breaker_acquire(breaker, &permit);
        record(permit, i % 10 ? WEIR_SUCCESS : WEIR_TRANSIENT);
    }
    assert_state(WEIR_CLOSED);
    weir_breaker_snapshot s = inspect();
    assert_in_range(s.failed * 1000 / s.calls, 99, 101);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(failures_open_a_window_whose_clock_was_set_back),
        TEST(windows_of_every_extreme_work_under_threads),
        TEST(a_snapshot_never_shows_more_failures_than_calls),
        TEST(ten_percent_of_very_many_calls_stay_ten_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
