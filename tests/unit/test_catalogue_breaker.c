/* Defects of other breakers, one test each; the table of all of them, and of
 * the tests elsewhere, is tests/catalogue.txt. */
#include "breaker.h"

#include "policy/breaker_word.h"

#define CHECK(seed, condition)                                                \
    do {                                                                      \
        if (!(condition))                                                     \
            fail_msg("seed %u: %s", (unsigned)(seed), #condition);            \
    } while (0)

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static uint64_t time_below(uint32_t *seed, uint64_t limit_ns)
{
    return next(seed) * limit_ns >> 24;
}

/* Fails until it is open, whatever its window. */
static void trip_any(void)
{
    while (weir_breaker_state(breaker) == WEIR_CLOSED)
        calls(1, WEIR_TRANSIENT);
    assert_state(WEIR_OPEN);
}

static weir_breaker_options options_of(uint32_t window)
{
    weir_breaker_options o = breaker_options(vclock);
    o.window = window;
    return o;
}

/* ---- C1: probes that leak or get stuck ---- */

/* C1.3 resilience4j#903 */
static void any_minimum_of_calls_and_any_number_of_probes_close(void **state)
{
    static const uint32_t minima[] = {1, 20, 100};
    static const int successes[] = {1, 2, 3, 16, 17, 100};
    (void)state;
    for (uint32_t i = 0; i < 3 * COUNT(minima) * COUNT(successes) * 16; i++) {
        weir_breaker_options o = options_of(i % 3);
        int needed = successes[i / 3 % COUNT(successes)];
        o.minimum_calls = minima[i / 3 / COUNT(successes) % COUNT(minima)];
        o.probes = 1 + i / 3 / COUNT(successes) / COUNT(minima);
        o.probe_successes = (uint32_t)needed;
        replace(&o);
        trip_any();
        pass_open_time();
        calls(needed - 1, WEIR_SUCCESS);
        assert_state(WEIR_HALF_OPEN);
        calls(1, WEIR_SUCCESS);
        assert_state(WEIR_CLOSED);
    }
}

/* C1.4 opossum#276 */
static void a_failing_probe_opens_it_below_the_minimum_of_calls(void **state)
{
    (void)state;
    for (uint32_t window = 0; window <= WEIR_WINDOW_TIME; window++) {
        weir_breaker_options o = options_of(window);
        o.minimum_calls = 100;
        replace(&o);
        trip_any();
        pass_open_time();
        calls(1, WEIR_SUCCESS);
        calls(1, WEIR_TRANSIENT);
        assert_state(WEIR_OPEN);
        assert_rejects();
    }
}

/* C1.10 msoedov/agentic_security#328 */
static void a_failure_in_half_open_is_not_forgotten_for_successes(void **state)
{
    (void)state;
    for (int before = 0; before < 3; before++)
        for (uint32_t window = 0; window <= WEIR_WINDOW_TIME; window++) {
            weir_breaker_options o = options_of(window);
            replace(&o);
            trip_any();
            pass_open_time();
            uint64_t failing = admitted(), other = admitted();
            calls(before, WEIR_SUCCESS);
            assert_int_equal(record(failing, WEIR_TRANSIENT), WEIR_OK);
            for (int i = 0; i < 3; i++)
                assert_int_equal(record(other, WEIR_SUCCESS), WEIR_ESTALE);
            assert_state(WEIR_OPEN);
            pass_open_time();
            calls(2, WEIR_SUCCESS); /* those before do not count */
            assert_state(WEIR_HALF_OPEN);
        }
}

/* ---- C1.9: whatever has happened, it closes when the calls succeed ---- */

static weir_breaker_options random_options(uint32_t *seed)
{
    weir_breaker_options o = options_of(next(seed) % 3);
    o.failure_threshold = 1 + next(seed) % 5;
    o.minimum_calls = 1 + next(seed) % 10;
    o.window_calls = 10 + next(seed) % 30;
    o.failure_rate = 0.05 + next(seed) % 90 / 100.0;
    o.probes = 1 + next(seed) % 16;
    o.probe_successes = 1 + next(seed) % 20;
    o.open_ns = 1 + time_below(seed, 10 * SECOND);
    o.open_max_ns = o.open_ns * 8;
    o.open_factor = next(seed) % 2 ? 2.0 : 1.0;
    o.open_jitter = next(seed) % 2 ? 0.5 : 0.0;
    o.lease_ns = 1 + time_below(seed, 10 * SECOND);
    o.seed = *seed;
    o.seeded = 1;
    return o;
}

/* Permits are taken, recorded late, twice or never; time passes; hands
 * interfere. */
static void live_through_something(uint32_t *seed)
{
    static const int modes[] = {WEIR_FORCED_OPEN, WEIR_DISABLED,
                                WEIR_METRICS_ONLY};
    uint64_t permits[32] = {0};
    for (int i = 0; i < 300; i++) {
        uint32_t what = next(seed) % 100, which = next(seed) % 32;
        if (what < 45)
            weir_breaker_acquire(breaker, &permits[which]);
        else if (what < 85)
            weir_breaker_record(breaker, permits[which],
                                (int)(next(seed) % (WEIR_IGNORED + 1)),
                                WEIR_NEVER);
        else if (what < 98)
            advance(vclock, time_below(seed, 4 * SECOND));
        else if (what < 99)
            weir_breaker_reset(breaker);
        else
            weir_breaker_set_mode(breaker, modes[which % COUNT(modes)]);
        if (what < 10)
            weir_breaker_set_mode(breaker, WEIR_AUTOMATIC);
    }
    weir_breaker_set_mode(breaker, WEIR_AUTOMATIC);
}

/* C1.9 Hystrix#1781 */
static void it_closes_from_every_state_once_the_calls_succeed(void **state)
{
    (void)state;
    for (uint32_t run = 1; run <= 3000; run++) {
        uint32_t seed = run * 7919, probes = 0, waits = 0;
        weir_breaker_options o = random_options(&seed);
        uint64_t permit;
        replace(&o);
        live_through_something(&seed);
        while (weir_breaker_state(breaker) != WEIR_CLOSED) {
            if (weir_breaker_acquire(breaker, &permit) == WEIR_OK) {
                CHECK(run, record(permit, WEIR_SUCCESS) == WEIR_OK);
                probes++;
            } else {
                uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
                CHECK(run, wait_ns > 0 && wait_ns < 200 * SECOND);
                advance(vclock, wait_ns);
                waits++;
            }
            /* for the open time, for those that hang, once more for a
             * window of tickets that they block */
            CHECK(run, probes <= o.probe_successes && waits <= 3);
        }
    }
}

/* ---- C2: a herd at the instant of expiry ---- */

enum { HERD = 64, ROUNDS = 50 };

typedef struct herd {
    pthread_barrier_t go, over;
    atomic_int admitted[8 * ROUNDS]; /* by generation */
    _Atomic uint64_t permit;         /* one of them */
    atomic_int odd;
} herd;

static void *join_herd(void *arg)
{
    herd *h = arg;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t permit;
        pthread_barrier_wait(&h->go);
        for (int i = 0; i < 3; i++)
            if (weir_breaker_acquire(breaker, &permit) == WEIR_OK) {
                uint64_t generation = weir__word_generation(permit);
                if (generation >= COUNT(h->admitted))
                    atomic_fetch_add(&h->odd, 1);
                else
                    atomic_fetch_add(&h->admitted[generation], 1);
                atomic_store(&h->permit, permit);
            }
        pthread_barrier_wait(&h->over);
    }
    return NULL;
}

/* C2.11 resilience4j#1432, #1090, #343; gobreaker#53; Polly#216, #254;
 * OpenLiberty#7080; smallrye PR#323; opossum#119; termite#27 */
static void a_herd_of_64_gets_as_many_probes_as_allowed_per_generation(
    void **state)
{
    static herd h;
    pthread_t threads[HERD];
    int total = 0;
    (void)state;
    pthread_barrier_init(&h.go, NULL, HERD + 1);
    pthread_barrier_init(&h.over, NULL, HERD + 1);
    trip();
    for (int i = 0; i < HERD; i++)
        threads[i] = start(join_herd, &h);
    for (int round = 0; round < ROUNDS; round++) {
        weir_clock_advance(vclock, weir_breaker_retry_after_ns(breaker));
        pthread_barrier_wait(&h.go);
        pthread_barrier_wait(&h.over);
        if (record(atomic_load(&h.permit), WEIR_TRANSIENT) != WEIR_OK)
            atomic_fetch_add(&h.odd, 1);
    }
    for (int i = 0; i < HERD; i++)
        join(threads[i]);
    for (size_t i = 0; i < COUNT(h.admitted); i++) {
        int admissions = atomic_load(&h.admitted[i]);
        assert_true(admissions == 0 || admissions == 3);
        total += admissions;
    }
    assert_int_equal(total, 3 * ROUNDS);
    assert_int_equal(h.odd, 0);
    pthread_barrier_destroy(&h.go);
    pthread_barrier_destroy(&h.over);
}

/* C2.14 ldbc#731 */
static void a_racing_success_does_not_shorten_a_grown_open_time(void **state)
{
    weir_breaker_options o = breaker_options(vclock);
    uint64_t expected_ns = SECOND;
    (void)state;
    o.open_ns = SECOND;
    o.open_factor = 2.0;
    o.probes = 2;
    replace(&o);
    trip();
    for (int i = 0; i < 6; i++) {
        uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
        assert_in_range(wait_ns, expected_ns, expected_ns + TICK);
        expected_ns *= 2;
        pass_open_time();
        uint64_t good = admitted(), bad = admitted();
        if (i % 2)
            assert_int_equal(record(good, WEIR_SUCCESS), WEIR_OK);
        assert_int_equal(record(bad, WEIR_TRANSIENT), WEIR_OK);
        if (i % 2 == 0)
            assert_int_equal(record(good, WEIR_SUCCESS), WEIR_ESTALE);
    }
}

/* ---- C3: results that come too late ---- */

static void count_openings(const weir_event *event, void *arg)
{
    *(int *)arg += event->to == WEIR_OPEN;
}

/* C3.15 Polly#219, PR#223 */
static void late_failures_raise_no_second_opening(void **state)
{
    uint64_t late[20];
    int openings = 0;
    (void)state;
    weir_breaker_listen(breaker, count_openings, &openings, NULL);
    for (int i = 0; i < 20; i++)
        late[i] = admitted();
    for (int i = 0; i < 20; i++)
        assert_int_equal(record(late[i], WEIR_TRANSIENT),
                         i < 5 ? WEIR_OK : WEIR_ESTALE);
    assert_int_equal(openings, 1);
}

/* C3.22 agentmemory#1350 */
static void a_late_success_while_open_does_not_move_the_deadline(void **state)
{
    uint64_t late[3] = {admitted(), admitted(), admitted()};
    (void)state;
    trip();
    uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(record(late[i], WEIR_SUCCESS), WEIR_ESTALE);
        assert_int_equal(weir_breaker_retry_after_ns(breaker),
                         wait_ns - i * SECOND);
        advance(vclock, SECOND);
    }
    advance(vclock, wait_ns - 3 * SECOND);
    admitted();
    assert_state(WEIR_HALF_OPEN);
}

/* C3.17 k8s-breakglass#981 */
static void stale_reports_never_free_more_probes_than_are_out(void **state)
{
    uint64_t old[64];
    (void)state;
    for (int i = 0; i < 32; i++)
        old[i] = admitted();
    for (int i = 32; i < 62; i += 3) {
        weir_breaker_reset(breaker);
        trip_and_expire();
        for (int k = 0; k < 3; k++)
            old[i + k] = admitted();
    }
    weir_breaker_reset(breaker);
    trip_and_expire();
    uint64_t fresh[3] = {admitted(), admitted(), admitted()};
    for (int i = 0; i < 62; i++)
        assert_int_equal(record(old[i], i % 2 ? WEIR_IGNORED : WEIR_SUCCESS),
                         WEIR_ESTALE);
    assert_rejects();
    for (int i = 0; i < 3; i++)
        assert_int_equal(record(fresh[i], WEIR_SUCCESS), WEIR_OK);
    assert_state(WEIR_CLOSED);
}

/* ---- DESIGN 8 ---- */

/* D10 opossum#217 */
static void the_first_failure_opens_no_window_that_has_no_minimum_yet(
    void **state)
{
    (void)state;
    for (uint32_t window = 0; window <= WEIR_WINDOW_TIME; window++) {
        weir_breaker_options o = options_of(window);
        replace(&o);
        calls(1, WEIR_TRANSIENT);
        assert_state(WEIR_CLOSED);
        for (int i = 1; window != 0 && i < 20; i++) {
            assert_state(WEIR_CLOSED);
            calls(1, WEIR_TRANSIENT);
        }
        assert_state(window ? WEIR_OPEN : WEIR_CLOSED);
    }
}

typedef struct descent {
    int deepest, left;
} descent;

static int run_inside(weir_attempt *attempt, void *arg)
{
    descent *d = arg;
    (void)attempt;
    d->deepest++;
    return d->left-- ? weir_breaker_run(breaker, run_inside, d) : 0;
}

/* D15 pybreaker#3 */
static void the_function_may_call_through_the_same_breaker(void **state)
{
    descent d = {0, 15};
    (void)state;
    assert_int_equal(weir_breaker_run(breaker, run_inside, &d), 0);
    assert_int_equal(d.deepest, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_minimum_of_calls_and_any_number_of_probes_close),
        TEST(a_failing_probe_opens_it_below_the_minimum_of_calls),
        TEST(a_failure_in_half_open_is_not_forgotten_for_successes),
        TEST(it_closes_from_every_state_once_the_calls_succeed),
        TEST(a_herd_of_64_gets_as_many_probes_as_allowed_per_generation),
        TEST(a_racing_success_does_not_shorten_a_grown_open_time),
        TEST(late_failures_raise_no_second_opening),
        TEST(a_late_success_while_open_does_not_move_the_deadline),
        TEST(stale_reports_never_free_more_probes_than_are_out),
        TEST(the_first_failure_opens_no_window_that_has_no_minimum_yet),
        TEST(the_function_may_call_through_the_same_breaker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
