/* Defects of other retries and budgets, one test each; the table:
 * tests/catalogue.txt. */
#include "policy/backoff.h"

#include "base/random.h"
#include "stepping.h"

static weir_clock *vclock;

static int setup(void **state)
{
    (void)state;
    vclock = new_virtual_clock();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_clock_unref(vclock);
    return 0;
}

#define CHECK(seed, condition)                                                \
    do {                                                                      \
        if (!(condition))                                                     \
            fail_msg("seed %u: %s", (unsigned)(seed), #condition);            \
    } while (0)

/* ---- C5: backoff ---- */

static uint64_t draw(uint64_t run, uint64_t n)
{
    return weir__random(2026, run, n);
}

/* Small numbers as often as large ones. */
static uint64_t any_size(uint64_t random, uint64_t limit)
{
    uint64_t x = random >> (random & 63);
    return x % (limit + 1);
}

static double any_factor(uint64_t random)
{
    return 1.0 + (double)any_size(random, 999000000) / 1e6;
}

/* C5.35 aws-sdk-java#874, C5.36 dotnet/docs#16754, C5.37 onos-lib-go#127,
 * C5.38 retry4j#36, C5.39 Polly#2163, C5.40 Polly#1866, C5.41 spring-retry#126,
 * reactor-addons#282 */
static void any_delay_lies_between_its_ends_whatever_the_options(void **state)
{
    (void)state;
    for (uint64_t run = 0; run < 500000; run++) {
        uint64_t cap = any_size(draw(run, 1), DAY);
        uint64_t base = any_size(draw(run, 2), cap);
        weir__backoff b = {base, cap, any_factor(draw(run, 3)),
                           (int32_t)(run % 3), (int32_t)(run / 3 % 4)};
        uint32_t attempt =
            (uint32_t)any_size(draw(run, 4), UINT32_MAX - 1) + 1;
        uint64_t delay = weir__backoff_delay(
            &b, attempt, any_size(draw(run, 5), UINT64_MAX - 1), 0,
            draw(run, 6));
        CHECK(run, delay <= cap);
        if (b.jitter == WEIR_JITTER_NONE ||
            b.jitter == WEIR_JITTER_DECORRELATED)
            CHECK(run, delay >= base);
        if (b.jitter == WEIR_JITTER_EQUAL)
            CHECK(run, delay >= base / 2);
    }
}

typedef struct work {
    uint32_t attempts;
    uint32_t last_number;
    weir_bulkhead *bulkhead;
    uint32_t running_most;
} work;

static int fails(weir_attempt *attempt, void *arg)
{
    work *w = arg;
    w->attempts++;
    w->last_number = weir_attempt_number(attempt);
    if (weir_bulkhead_running(w->bulkhead) > w->running_most)
        w->running_most = weir_bulkhead_running(w->bulkhead);
    return 500;
}

static uint32_t attempts_of_stepped(weir_pipeline *pipeline)
{
    weir_call *call = new_call(pipeline);
    weir_step s;
    uint32_t attempts = 0;
    while ((s = step(call)).action != WEIR_STEP_DONE)
        if (s.action == WEIR_STEP_ATTEMPT) {
            attempts++;
            weir_attempt_finish(s.attempt, 500, WEIR_NOW);
        } else {
            advance(vclock, s.wake_ns - weir_clock_now_ns(vclock));
        }
    weir_call_unref(call);
    return attempts;
}

/* C5.42 failsafe-go#22, Polly#245, node-retry#21, langchain4j#2918 */
static void as_many_attempts_run_as_allowed_in_every_driver(void **state)
{
    (void)state;
    weir_clock_attach(vclock);
    for (uint32_t n = 1; n <= 64; n++)
        for (int kind = 0; kind < 12; kind++) {
            weir_retry_options o = retry_options(vclock);
            work w = {0, 0, NULL, 0};
            o.max_attempts = n;
            o.backoff = kind % 3;
            o.jitter = kind / 3;
            weir_retry *retry = new_retry(&o);
            weir_pipeline *pipeline = new_pipeline(vclock);
            weir_pipeline_add_retry(pipeline, retry);
            weir_pipeline_seal(pipeline);
            assert_int_equal(weir_retry_run(retry, fails, &w), 500);
            assert_int_equal(w.attempts, n);
            assert_int_equal(weir_run(pipeline, fails, &w), 500);
            weir_run_with(pipeline, NULL, fails, &w, NULL);
            assert_int_equal(w.attempts, 3 * n);
            assert_int_equal(w.last_number, n);
            assert_int_equal(attempts_of_stepped(pipeline), n);
            weir_pipeline_unref(pipeline);
            weir_retry_unref(retry);
        }
    weir_clock_detach(vclock);
}

/* C5.43 bifrost#6964, Rican7/retry#5 */
static void a_backoff_holds_no_permit_of_an_inner_bulkhead(void **state)
{
    weir_retry_options o = retry_options(vclock);
    weir_bulkhead *bulkhead = new_bulkhead(vclock, 1, 0);
    weir_pipeline *pipeline = new_pipeline(vclock);
    (void)state;
    o.jitter = WEIR_JITTER_NONE;
    put_retry(pipeline, new_retry(&o));
    assert_int_equal(weir_pipeline_add_bulkhead(pipeline, bulkhead), WEIR_OK);
    weir_pipeline_seal(pipeline);
    weir_call *waiting = new_call(pipeline), *other = new_call(pipeline);
    weir_attempt_finish(step_attempt(waiting), 500, WEIR_NOW);
    step_wait(waiting);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    weir_attempt_finish(step_attempt(other), 0, WEIR_NOW);
    assert_int_equal(step_done(other).code, 0);
    weir_call_unref(waiting);
    weir_call_unref(other);
    weir_pipeline_unref(pipeline);
    weir_bulkhead_unref(bulkhead);
}

/* C5.44 grpc#1633, retina#2609; C5.45 nakama-dotnet#105, Polly#414: what a
 * thousand clients, which fail at the same time, do to the dependency */
static void a_herd_of_clients_does_not_come_back_at_once(void **state)
{
    enum { CLIENTS = 1000, BINS = 10 };
    (void)state;
    for (uint32_t nth = 1; nth <= 8; nth++) {
        unsigned bins[BINS] = {0};
        for (uint64_t client = 0; client < CLIENTS; client++) {
            weir_retry_options o = retry_options(vclock);
            weir_retry_state call = {.size = sizeof call};
            uint64_t delay_ns = 0;
            o.base_ns = o.cap_ns = SECOND;
            o.max_attempts = 10;
            o.seeded = 1;
            o.seed = client;
            weir_retry *retry = new_retry(&o);
            for (uint32_t i = 0; i < nth; i++)
                retry_next(retry, &call, WEIR_TRANSIENT, 0, WEIR_NEVER,
                           &delay_ns);
            bins[delay_ns < SECOND ? delay_ns * BINS / SECOND : BINS - 1]++;
            weir_retry_unref(retry);
        }
        for (int i = 0; i < BINS; i++)
            assert_in_range(bins[i], 60, 140);
    }
}

/* ---- C6: budgets ---- */

static weir_budget *new_budget(uint32_t capacity, double ratio,
                               double per_second)
{
    weir_budget_options o;
    weir_budget *budget = NULL;
    assert_int_equal(weir_budget_options_init(&o, sizeof o), WEIR_OK);
    o.clock = vclock;
    o.capacity = capacity;
    o.ratio = ratio;
    o.per_second = per_second;
    assert_int_equal(weir_budget_new(&budget, &o), WEIR_OK);
    return budget;
}

static weir_pipeline *pipeline_with(weir_budget *budget)
{
    weir_retry_options o = retry_options(vclock);
    weir_pipeline *pipeline = new_pipeline(vclock);
    o.budget = budget;
    put_retry(pipeline, new_retry(&o));
    weir_pipeline_seal(pipeline);
    return pipeline;
}

/* C6.49 envoy#30205 */
static void a_scheduled_retry_has_taken_its_token(void **state)
{
    enum { CALLS = 10 };
    weir_call *calls[CALLS];
    weir_budget *budget = new_budget(3, 0.0, 0.0);
    weir_pipeline *pipeline = pipeline_with(budget);
    int scheduled = 0;
    (void)state;
    for (int i = 0; i < CALLS; i++) {
        calls[i] = new_call(pipeline);
        weir_attempt_finish(step_attempt(calls[i]), 500, WEIR_NOW);
    }
    for (int i = 0; i < CALLS; i++)
        scheduled += step(calls[i]).action == WEIR_STEP_WAIT;
    assert_int_equal(scheduled, 3);
    advance(vclock, YEAR);
    for (int i = 0; i < CALLS; i++) {
        weir_step s = step(calls[i]);
        if (s.action == WEIR_STEP_ATTEMPT) {
            weir_attempt_finish(s.attempt, 500, WEIR_NOW);
            scheduled--;
        }
        assert_int_equal(step(calls[i]).action, WEIR_STEP_DONE);
        weir_call_unref(calls[i]);
    }
    assert_int_equal(scheduled, 0);
    weir_pipeline_unref(pipeline);
    weir_budget_unref(budget);
}

/* C6.50 envoy-mobile#811: in thousandths, after `calls` that all fail */
static void a_budget_does_not_shrink_as_everything_fails(void **state)
{
    weir_budget *budget = new_budget(10, 0.1, 0.0);
    weir_pipeline *pipeline = pipeline_with(budget);
    work w = {0, 0, NULL, 0};
    (void)state;
    weir_clock_attach(vclock);
    for (int i = 0; i < 1000; i++)
        weir_run(pipeline, fails, &w);
    /* 10 at the start and one in ten calls: full again and again */
    assert_in_range(w.attempts, 1000 + 10 + 99, 1000 + 10 + 100);
    weir_clock_detach(vclock);
    weir_pipeline_unref(pipeline);
    weir_budget_unref(budget);
}

/* C6.59, the law: over any stretch of time, no more retries than what the
 * bucket can hold and what came in */
static void retries_never_exceed_what_a_budget_was_given(void **state)
{
    enum { LOG = 2000 };
    static double given[LOG];
    static uint32_t taken[LOG];
    (void)state;
    for (uint32_t seed = 1; seed <= 40; seed++) {
        uint32_t capacity = 1 + seed % 7, retries = 0, x = seed * 7919;
        double ratio = seed % 11 / 10.0, per_second = seed % 5;
        weir_budget *budget = new_budget(capacity, ratio, per_second);
        double sum = 0;
        for (int i = 0; i < LOG; i++) {
            x = x * 1664525u + 1013904223u;
            uint64_t gap_ns = (x >> 8) * (i % 50 ? 20 * MS : SECOND) >> 20;
            advance(vclock, gap_ns);
            sum += ratio + per_second * (double)gap_ns / (double)SECOND;
            weir_budget_deposit(budget);
            retries += weir_budget_reserve(budget) == WEIR_OK;
            given[i] = sum;
            taken[i] = retries;
            for (int back = 1; back <= i; back *= 3)
                CHECK(seed, taken[i] - taken[i - back] <=
                                capacity + given[i] - given[i - back] + 0.01);
            CHECK(seed, weir_budget_tokens(budget) <= 1000 * capacity);
        }
        CHECK(seed, retries >= 1); /* and they are given out, too: */
        CHECK(seed, ratio < 0.99 || retries == LOG);
        weir_budget_unref(budget);
    }
}

enum { THREADS = 4, EACH = 30000 };

typedef struct spender {
    weir_budget *budget;
    atomic_uint taken;
} spender;

static void *spend(void *arg)
{
    spender *s = arg;
    for (int i = 0; i < EACH; i++) {
        weir_clock_advance(vclock, MS);
        if (weir_budget_reserve(s->budget) == WEIR_OK)
            atomic_fetch_add(&s->taken, 1);
    }
    return NULL;
}

/* C6.59 tower-resilience#370: a second of refill was paid out twice */
static void no_time_refills_a_budget_twice(void **state)
{
    spender s = {new_budget(1, 0.0, 100.0), 0};
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(spend, &s);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    uint32_t came = THREADS * EACH / 10; /* 100 in each second of 1,000 ms */
    assert_in_range(atomic_load(&s.taken), came / 10 * 9, came + 1);
    weir_budget_unref(s.budget);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(any_delay_lies_between_its_ends_whatever_the_options),
        TEST(as_many_attempts_run_as_allowed_in_every_driver),
        TEST(a_backoff_holds_no_permit_of_an_inner_bulkhead),
        TEST(a_herd_of_clients_does_not_come_back_at_once),
        TEST(a_scheduled_retry_has_taken_its_token),
        TEST(a_budget_does_not_shrink_as_everything_fails),
        TEST(retries_never_exceed_what_a_budget_was_given),
        TEST(no_time_refills_a_budget_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
