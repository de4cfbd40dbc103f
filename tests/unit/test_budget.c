/* The retry budget: nothing is overspent, nothing lost, it always refills. */
#include "support.h"

#include "policy/budget_core.h"

#include <math.h>

static weir_budget_options budget_options(weir_clock *clock, uint32_t capacity,
                                          double ratio, double per_second)
{
    weir_budget_options o;
    assert_int_equal(weir_budget_options_init(&o, sizeof o), WEIR_OK);
    o.clock = clock;
    o.capacity = capacity;
    o.ratio = ratio;
    o.per_second = per_second;
    return o;
}

static weir_budget *new_budget(weir_clock *clock, uint32_t capacity,
                               double ratio, double per_second)
{
    weir_budget_options o =
        budget_options(clock, capacity, ratio, per_second);
    weir_budget *budget;
    assert_int_equal(weir_budget_new(&budget, &o), WEIR_OK);
    return budget;
}

static uint32_t drain(weir_budget *budget)
{
    uint32_t taken = 0;
    while (weir_budget_reserve(budget) == WEIR_OK)
        taken++;
    return taken;
}

static void bucket_begins_full_and_gives_what_it_holds(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_budget *budget = new_budget(clock, 7, 0.1, 0.0);
    assert_int_equal(weir_budget_tokens(budget), 7000);
    assert_int_equal(drain(budget), 7);
    assert_int_equal(weir_budget_reserve(budget), WEIR_EBUDGET);
    assert_int_equal(weir_budget_tokens(budget), 0);
    weir_budget_unref(budget);
    weir_clock_unref(clock);
}

/* tower#857: a share was truncated, 0.6 acted as 1. */
static void share_of_calls_is_the_share_of_retries(void **state)
{
    static const double ratios[] = {0.0, 0.1, 0.25, 0.6, 0.999, 1.0};
    (void)state;
    for (size_t i = 0; i < COUNT(ratios); i++) {
        weir_clock *clock = new_virtual_clock();
        weir_budget *budget = new_budget(clock, 10, ratios[i], 0.0);
        uint32_t taken = 0;
        drain(budget);
        for (int n = 0; n < 10000; n++) {
            weir_budget_deposit(budget);
            taken += weir_budget_reserve(budget) == WEIR_OK;
        }
        assert_int_equal(taken, (uint32_t)(10000 * ratios[i] + 0.5));
        weir_budget_unref(budget);
        weir_clock_unref(clock);
    }
}

/* grpc/proposal#27: not clamped */
static void deposits_end_at_the_capacity(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_budget *budget = new_budget(clock, 3, 0.7, 0.0);
    for (int i = 0; i < 1000; i++)
        weir_budget_deposit(budget);
    assert_int_equal(weir_budget_tokens(budget), 3000);
    assert_int_equal(drain(budget), 3);
    weir_budget_unref(budget);
    weir_clock_unref(clock);
}

/* aws-sdk-go-v2#3550, venice#1498: budgets that never came back. */
static void bucket_refills_with_time_alone(void **state)
{
    static const double rates[] = {0.1, 1.0, 3.0, 10.0, 1000.0, 10000.0};
    (void)state;
    for (size_t i = 0; i < COUNT(rates); i++) {
        weir_clock *clock = new_virtual_clock();
        weir_budget *budget = new_budget(clock, 10000, 0.0, rates[i]);
        uint64_t seconds = rates[i] > 100 ? 1 : 100;
        double expected = rates[i] * (double)seconds;
        drain(budget);
        advance(clock, seconds * SECOND);
        uint32_t tokens = weir_budget_tokens(budget) / 1000;
        assert_true(fabs(tokens - expected) <= expected / 100 + 1);
        advance(clock, YEAR);
        assert_int_equal(weir_budget_tokens(budget), 10000 * 1000);
        advance(clock, 10 * YEAR);
        drain(budget);
        advance(clock, YEAR);
        assert_int_equal(weir_budget_tokens(budget), 10000 * 1000);
        weir_budget_unref(budget);
        weir_clock_unref(clock);
    }
}

/* Asked every millisecond, it does not lose the fractions. */
static void small_steps_add_up(void **state)
{
    static const double rates[] = {0.1, 1.0, 7.0, 100.0};
    (void)state;
    for (size_t i = 0; i < COUNT(rates); i++) {
        weir_clock *clock = new_virtual_clock();
        weir_budget *budget = new_budget(clock, 10, 0.0, rates[i]);
        uint32_t taken = 0;
        drain(budget);
        for (int n = 0; n < 100000; n++) {
            advance(clock, MS);
            taken += weir_budget_reserve(budget) == WEIR_OK;
        }
        double expected = rates[i] * 100;
        assert_true(fabs(taken - expected) <= expected * 0.06 + 1);
        weir_budget_unref(budget);
        weir_clock_unref(clock);
    }
}

static void options_out_of_range_are_refused(void **state)
{
    (void)state;
    weir_budget *budget = NULL;
    weir_budget_options bad[] = {
        budget_options(NULL, 0, 0.1, 1),
        budget_options(NULL, 10001, 0.1, 1),
        budget_options(NULL, 10, -0.1, 1),
        budget_options(NULL, 10, 1.1, 1),
        budget_options(NULL, 10, NAN, 1),
        budget_options(NULL, 10, 0.1, -1),
        budget_options(NULL, 10, 0.1, NAN),
        budget_options(NULL, 10, 0.1, 1e5),
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(weir_budget_new(&budget, &bad[i]), WEIR_EINVAL);
    assert_int_equal(weir_budget_new(NULL, NULL), WEIR_EINVAL);
    assert_int_equal(weir_budget_reserve(NULL), WEIR_EINVAL);
    assert_int_equal(weir_budget_tokens(NULL), 0);
    weir_budget_deposit(NULL);
    weir_budget_ref(NULL);
    weir_budget_unref(NULL);
    assert_null(budget);
}

/* ---- threads: failsafe-go overspent by check-then-add ---- */

enum { THREADS = 4, EACH = 50000 };

typedef struct spender {
    weir_budget *budget;
    atomic_uint taken;
} spender;

static void *spend(void *arg)
{
    spender *s = arg;
    for (int i = 0; i < EACH; i++) {
        weir_budget_deposit(s->budget);
        if (weir_budget_reserve(s->budget) == WEIR_OK)
            atomic_fetch_add(&s->taken, 1);
    }
    return NULL;
}

/* What was there, plus what came, minus what is left, was taken: with a ratio
 * of one half no deposit is cut by the capacity. */
static void tokens_are_conserved_among_threads(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_budget *budget = new_budget(clock, 100, 0.5, 0.0);
    spender spenders[THREADS];
    pthread_t threads[THREADS];
    uint64_t taken = drain(budget);
    for (int i = 0; i < THREADS; i++) {
        spenders[i].budget = budget;
        atomic_init(&spenders[i].taken, 0);
        threads[i] = start(spend, &spenders[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        join(threads[i]);
        taken += atomic_load(&spenders[i].taken);
    }
    assert_int_equal(taken * 1000 + weir_budget_tokens(budget),
                     100000 + 500 * THREADS * EACH);
    weir_budget_unref(budget);
    weir_clock_unref(clock);
}

/* ---- in a retry ---- */

static int fails(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ++*(int *)arg;
    return 500;
}

static int succeeds(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ++*(int *)arg;
    return 0;
}

static weir_retry *retry_with(weir_clock *clock, weir_budget *budget)
{
    weir_retry_options o = retry_options(clock);
    o.base_ns = 0;
    o.budget = budget;
    return new_retry(&o);
}

/* aws-sdk-rust#1234: the bucket was lost on the way */
static void retries_share_a_budget_and_stop_with_it(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_budget *budget = new_budget(clock, 4, 0.0, 0.0);
    weir_retry *a = retry_with(clock, budget), *b = retry_with(clock, budget);
    int attempts = 0;
    weir_budget_unref(budget); /* the retries hold it */
    assert_int_equal(weir_retry_run(a, fails, &attempts), 500);
    assert_int_equal(attempts, 4);
    assert_int_equal(weir_retry_run(b, fails, &attempts), 500);
    assert_int_equal(attempts, 6);
    assert_int_equal(weir_retry_run(a, fails, &attempts), 500);
    assert_int_equal(attempts, 7);
    weir_retry_unref(a);
    weir_retry_unref(b);
    weir_clock_unref(clock);
}

static void a_retry_that_is_entered_again_deposits_no_more(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_budget *budget = new_budget(clock, 100, 0.1, 0.0);
    weir_retry_options o = retry_options(clock);
    weir_pipeline *pipeline = new_pipeline(clock);
    int attempts = 0;
    o.base_ns = 0;
    o.max_attempts = 3;
    put_retry(pipeline, new_retry(&o));
    put_retry(pipeline, retry_with(clock, budget));
    weir_pipeline_seal(pipeline);
    drain(budget);
    assert_int_equal(weir_run(pipeline, fails, &attempts), 500);
    assert_int_equal(attempts, 3);
    assert_int_equal(weir_budget_tokens(budget), 100);
    weir_call *call;
    assert_int_equal(weir_call_new(&call, pipeline, NULL), WEIR_OK);
    for (int trips = 2; trips <= 3; trips++) {
        weir_step step = {.size = sizeof step};
        for (attempts = 0; step.action != WEIR_STEP_DONE;) {
            weir_call_step(call, WEIR_NOW, &step);
            if (step.action == WEIR_STEP_ATTEMPT) {
                attempts++;
                weir_attempt_finish(step.attempt, 500, WEIR_NOW);
            }
        }
        assert_int_equal(attempts, 3);
        assert_int_equal(weir_budget_tokens(budget), 100 * trips);
        assert_int_equal(weir_call_reset(call, NULL), WEIR_OK);
    }
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_budget_unref(budget);
    weir_clock_unref(clock);
}

/* finagle#956 deposited twice: each call deposits once, on the straight path,
 * on the general one, and where the one turns into the other. */
static void each_call_deposits_once(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_budget *budget = new_budget(clock, 100, 0.5, 0.0);
    weir_retry *retry = retry_with(clock, budget);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_result result = {.size = sizeof result};
    int attempts = 0;
    weir_pipeline_add_retry(pipeline, retry);
    weir_pipeline_seal(pipeline);
    drain(budget);
    weir_retry_run(retry, succeeds, &attempts);
    assert_int_equal(weir_budget_tokens(budget), 500);
    weir_run(pipeline, succeeds, &attempts);
    assert_int_equal(weir_budget_tokens(budget), 1000);
    weir_run_with(pipeline, NULL, succeeds, &attempts, &result);
    assert_int_equal(weir_budget_tokens(budget), 1500);
    drain(budget);
    weir_run(pipeline, fails, &attempts); /* a half more: a token, spent */
    assert_int_equal(weir_budget_tokens(budget), 0);
    assert_int_equal(attempts, 3 + 2);
    weir_retry_state s = {.size = sizeof s, .outcome = WEIR_TRANSIENT};
    uint64_t delay_ns;
    s.remaining_ns = WEIR_NEVER;
    assert_int_equal(weir_retry_next(retry, &s, &delay_ns), WEIR_EBUDGET);
    assert_int_equal(weir_budget_tokens(budget), 500);
    weir_retry_unref(retry);
    weir_pipeline_unref(pipeline);
    weir_budget_unref(budget);
    weir_clock_unref(clock);
}

static void budget_of_another_clock_is_refused(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_budget *budget = new_budget(clock, 4, 0.0, 0.0);
    weir_retry_options o = retry_options(NULL);
    weir_retry *retry = NULL;
    o.budget = budget;
    assert_int_equal(weir_retry_new(&retry, &o), WEIR_EINVAL);
    assert_null(retry);
    weir_budget_unref(budget);
    weir_clock_unref(clock);
}

static void budget_without_refill_stays_empty(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_budget *budget = new_budget(clock, 7, 0.1, 0.0);
    assert_int_equal(drain(budget), 7);
    advance(clock, 3600 * SECOND);
    assert_int_equal(weir_budget_tokens(budget), 0);
    assert_int_equal(weir_budget_reserve(budget), WEIR_EBUDGET);
    weir_budget_unref(budget);
    weir_clock_unref(clock);
}

/* 2^60 ns after it was made its word counts from 0 again. */
static void bucket_refills_after_36_years_and_a_half(void **state)
{
    static const uint64_t round_ns = UINT64_C(1) << 60;
    static const uint64_t drained_ns[] = {36 * YEAR, round_ns - 1};
    (void)state;
    for (size_t i = 0; i < COUNT(drained_ns); i++) {
        weir_clock *clock = new_virtual_clock();
        weir_budget *budget = new_budget(clock, 100, 0.0, 0.5);
        advance(clock, drained_ns[i]);
        drain(budget);
        advance(clock, round_ns - drained_ns[i] + SECOND);
        assert_in_range(weir_budget_tokens(budget), 490, 100000);
        drain(budget);
        for (int n = 0; n < 10; n++) {
            advance(clock, 4 * SECOND);
            assert_in_range(drain(budget), 1, 2);
        }
        weir_budget_unref(budget);
        weir_clock_unref(clock);
    }
}

static void refill_is_the_same_where_the_tick_comes_round(void **state)
{
    static const weir__budget_limits limits = {100000, 0, 500};
    const uint64_t last = WEIR__BUDGET_TICK_MASK;
    (void)state;
    for (uint64_t ticks = 0; ticks < 3000; ticks++) {
        uint64_t w = weir__budget_refilled(weir__budget_word(0, 7), &limits,
                                           (7 + ticks) << 20);
        uint64_t x = weir__budget_refilled(weir__budget_word(0, last - 99),
                                           &limits, (last - 99 + ticks) << 20);
        assert_int_equal(weir__budget_tokens(x), weir__budget_tokens(w));
        assert_int_equal(x & last, ((w & last) + last - 106) & last);
    }
}

/* 2^71 would come out as nothing. */
static void refill_of_any_time_does_not_overflow(void **state)
{
    (void)state;
    assert_true(weir__budget_gain(UINT64_C(1) << 40, 1 << 20) > 16777000);
    assert_int_equal(weir__budget_gain(1953125, 1), 2048);
    assert_int_equal(weir__budget_gain(1953125, 0), 0);
}

static void budget_refills_ten_a_second_by_default(void **state)
{
    weir_budget_options o;
    weir_budget *budget = NULL;
    (void)state;
    assert_int_equal(weir_budget_options_init(&o, sizeof o), WEIR_OK);
    assert_true(o.per_second >= 10.0 && o.per_second <= 10.0);
    o.per_second = 10000.5;
    assert_int_equal(weir_budget_new(&budget, &o), WEIR_EINVAL);
    o.per_second = 10000.0;
    assert_int_equal(weir_budget_new(&budget, &o), WEIR_OK);
    weir_budget_unref(budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bucket_begins_full_and_gives_what_it_holds),
        cmocka_unit_test(share_of_calls_is_the_share_of_retries),
        cmocka_unit_test(deposits_end_at_the_capacity),
        cmocka_unit_test(bucket_refills_with_time_alone),
        cmocka_unit_test(small_steps_add_up),
        cmocka_unit_test(options_out_of_range_are_refused),
        cmocka_unit_test(tokens_are_conserved_among_threads),
        cmocka_unit_test(retries_share_a_budget_and_stop_with_it),
        cmocka_unit_test(each_call_deposits_once),
        cmocka_unit_test(a_retry_that_is_entered_again_deposits_no_more),
        cmocka_unit_test(budget_of_another_clock_is_refused),
        cmocka_unit_test(budget_without_refill_stays_empty),
        cmocka_unit_test(refill_of_any_time_does_not_overflow),
        cmocka_unit_test(bucket_refills_after_36_years_and_a_half),
        cmocka_unit_test(refill_is_the_same_where_the_tick_comes_round),
        cmocka_unit_test(budget_refills_ten_a_second_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
