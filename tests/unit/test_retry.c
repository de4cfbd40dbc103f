/* Whether to try again, and when: a retry without callbacks. */
#include "support.h"

static weir_retry_state fresh(void)
{
    return (weir_retry_state){.size = sizeof(weir_retry_state)};
}

/* Constant delays of 100 ms, to see everything else. */
static weir_retry *plain_retry(uint32_t max_attempts)
{
    weir_retry_options o = retry_options(NULL);
    o.max_attempts = max_attempts;
    o.factor = 1;
    o.jitter = WEIR_JITTER_NONE;
    return new_retry(&o);
}

static int next(weir_retry *retry, weir_retry_state *call, int outcome)
{
    uint64_t delay_ns;
    return retry_next(retry, call, outcome, 0, WEIR_NEVER, &delay_ns);
}

static void bad_arguments_are_rejected_and_change_nothing(void **state)
{
    weir_retry *retry = plain_retry(4);
    weir_retry_state call = fresh();
    uint64_t delay_ns = 77;
    (void)state;
    assert_int_equal(retry_next(NULL, &call, WEIR_TRANSIENT, 0,
                                     WEIR_NEVER, &delay_ns),
                     WEIR_EINVAL);
    assert_int_equal(retry_next(retry, NULL, WEIR_TRANSIENT, 0,
                                     WEIR_NEVER, &delay_ns),
                     WEIR_EINVAL);
    assert_int_equal(retry_next(retry, &call, WEIR_TRANSIENT, 0,
                                     WEIR_NEVER, NULL),
                     WEIR_EINVAL);
    assert_int_equal(next(retry, &call, -1), WEIR_EINVAL);
    assert_int_equal(next(retry, &call, WEIR_IGNORED + 1), WEIR_EINVAL);
    call.size = sizeof call - 1;
    assert_int_equal(next(retry, &call, WEIR_TRANSIENT), WEIR_EINVAL);
    call.size = 0;
    assert_int_equal(next(retry, &call, WEIR_TRANSIENT), WEIR_EINVAL);
    assert_int_equal(call.attempts, 0);
    assert_int_equal(call.ordinal, 0);
    assert_int_equal(delay_ns, 77);
    weir_retry_unref(retry);
    weir_retry_unref(NULL);
    weir_retry_ref(NULL);
}

static void a_larger_state_is_accepted(void **state)
{
    weir_retry *retry = plain_retry(4);
    weir_retry_state call = fresh();
    (void)state;
    call.size = sizeof call + 8;
    assert_int_equal(next(retry, &call, WEIR_TRANSIENT), WEIR_OK);
    assert_int_equal(call.size, sizeof call + 8);
    weir_retry_unref(retry);
}

static void each_outcome_is_tried_again_or_final(void **state)
{
    static const int expected[] = {
        [WEIR_SUCCESS] = WEIR_EFINAL,   [WEIR_DECLINED] = WEIR_EFINAL,
        [WEIR_TRANSIENT] = WEIR_OK,     [WEIR_PERMANENT] = WEIR_EFINAL,
        [WEIR_THROTTLED] = WEIR_OK,     [WEIR_IGNORED] = WEIR_EFINAL,
    };
    weir_retry *retry = plain_retry(4);
    (void)state;
    for (int outcome = WEIR_SUCCESS; outcome <= WEIR_IGNORED; outcome++) {
        weir_retry_state call = fresh();
        assert_int_equal(next(retry, &call, outcome), expected[outcome]);
        assert_int_equal(call.attempts, 1);
    }
    weir_retry_unref(retry);
}

/* failsafe-go#22, Polly#245, node-retry#21, langchain4j#2918: one attempt too
 * many */
static void attempts_are_max_attempts_in_all(void **state)
{
    static const uint32_t limits[] = {1, 2, 3, 4, 5, 64, 1000};
    (void)state;
    for (size_t i = 0; i < COUNT(limits); i++) {
        weir_retry *retry = plain_retry(limits[i]);
        weir_retry_state call = fresh();
        uint32_t made = 1;
        while (next(retry, &call, WEIR_TRANSIENT) == WEIR_OK)
            made++;
        assert_int_equal(made, limits[i]);
        assert_int_equal(call.attempts, limits[i]);
        assert_int_equal(next(retry, &call, WEIR_THROTTLED), WEIR_EATTEMPTS);
        weir_retry_unref(retry);
    }
}

static void the_default_is_four_attempts(void **state)
{
    weir_retry *retry = new_retry(NULL);
    weir_retry_state call = fresh();
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(next(retry, &call, WEIR_TRANSIENT), WEIR_OK);
    assert_int_equal(next(retry, &call, WEIR_TRANSIENT), WEIR_EATTEMPTS);
    weir_retry_unref(retry);
}

/* The default delays, seen through many calls: full jitter over 0..100 ms,
 * then 0..200 ms, then 0..400 ms. */
static void the_default_is_full_jitter_from_100_ms_doubled(void **state)
{
    weir_retry_options o = retry_options(NULL);
    uint64_t highest[3] = {0}, lowest[3] = {DAY, DAY, DAY};
    (void)state;
    o.seeded = 1;
    weir_retry *retry = new_retry(&o);
    for (int n = 0; n < 2000; n++) {
        weir_retry_state call = fresh();
        for (int i = 0; i < 3; i++) {
            uint64_t delay_ns;
            retry_next(retry, &call, WEIR_TRANSIENT, 0, WEIR_NEVER,
                            &delay_ns);
            highest[i] = delay_ns > highest[i] ? delay_ns : highest[i];
            lowest[i] = delay_ns < lowest[i] ? delay_ns : lowest[i];
        }
    }
    for (int i = 0; i < 3; i++) {
        uint64_t v = 100 * MS << i;
        assert_true(highest[i] <= v && highest[i] > v - v / 50);
        assert_true(lowest[i] < v / 50);
    }
    weir_retry_unref(retry);
}

/* heimdall#145, go-retryablehttp#292, bifrost#6964: sleeps past the deadline */
static void no_delay_ends_at_the_deadline_or_after(void **state)
{
    static const struct {
        uint64_t remaining_ns;
        int status;
    } cases[] = {
        {WEIR_NEVER, WEIR_OK},      {100 * MS + 1, WEIR_OK},
        {100 * MS, WEIR_EDEADLINE}, {100 * MS - 1, WEIR_EDEADLINE},
        {1, WEIR_EDEADLINE},        {0, WEIR_EDEADLINE},
    };
    weir_retry *retry = plain_retry(4);
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        weir_retry_state call = fresh();
        uint64_t delay_ns = 77;
        assert_int_equal(retry_next(retry, &call, WEIR_TRANSIENT, 0,
                                         cases[i].remaining_ns, &delay_ns),
                         cases[i].status);
        assert_int_equal(delay_ns,
                         cases[i].status == WEIR_OK ? 100 * MS : 77);
        assert_int_equal(call.attempts, 1);
    }
    weir_retry_unref(retry);
}

/* Final before attempts before deadline: the reason that cannot be mended. */
static void the_first_reason_to_give_up_is_told(void **state)
{
    weir_retry *retry = plain_retry(1);
    weir_retry_state call = fresh();
    uint64_t delay_ns;
    (void)state;
    assert_int_equal(retry_next(retry, &call, WEIR_PERMANENT, 0, 0,
                                     &delay_ns),
                     WEIR_EFINAL);
    call = fresh();
    assert_int_equal(retry_next(retry, &call, WEIR_TRANSIENT, 0, 0,
                                     &delay_ns),
                     WEIR_EATTEMPTS);
    weir_retry_unref(retry);
}

static uint64_t delay_with_hint(uint64_t hint_max_ns, uint64_t hint_ns,
                                int jitter)
{
    weir_retry_options o = retry_options(NULL);
    weir_retry_state call = fresh();
    uint64_t delay_ns = 0;
    o.jitter = jitter;
    o.hint_max_ns = hint_max_ns;
    o.seeded = 1;
    weir_retry *retry = new_retry(&o);
    assert_int_equal(retry_next(retry, &call, WEIR_THROTTLED, hint_ns,
                                     WEIR_NEVER, &delay_ns),
                     WEIR_OK);
    weir_retry_unref(retry);
    return delay_ns;
}

static void a_hint_counts_up_to_its_bound(void **state)
{
    static const struct {
        uint64_t max_ns, hint_ns, counts_ns;
    } cases[] = {
        {60 * SECOND, 2 * SECOND, 2 * SECOND},
        {60 * SECOND, 60 * SECOND, 60 * SECOND},
        {60 * SECOND, 61 * SECOND, 60 * SECOND},
        {60 * SECOND, UINT64_MAX, 60 * SECOND},
        {DAY, UINT64_MAX, DAY},
        {0, 5 * SECOND, 0}, /* hints are ignored */
        {60 * SECOND, 0, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint64_t full = delay_with_hint(cases[i].max_ns, cases[i].hint_ns,
                                        WEIR_JITTER_FULL);
        assert_true(full >= cases[i].counts_ns &&
                    full <= cases[i].counts_ns + 100 * MS);
    }
}

/* It takes the place of what is computed; only the jitter is added. */
static void a_hint_replaces_the_computed_delay(void **state)
{
    static const struct {
        int jitter;
        uint64_t spread_ns; /* after the tenth attempt, computed: 30 s */
    } cases[] = {
        {WEIR_JITTER_NONE, 0},
        {WEIR_JITTER_EQUAL, 15 * SECOND},
        {WEIR_JITTER_FULL, 30 * SECOND},
        {WEIR_JITTER_DECORRELATED, 30 * SECOND - 100 * MS},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        weir_retry_options o = retry_options(NULL);
        uint64_t least_ns = WEIR_NEVER, most_ns = 0;
        o.jitter = cases[i].jitter;
        o.max_attempts = 12;
        o.seeded = 1;
        weir_retry *retry = new_retry(&o);
        for (int n = 0; n < 300; n++) {
            weir_retry_state call = fresh();
            uint64_t delay_ns = 0;
            call.attempts = 9;
            call.previous_ns = 20 * SECOND;
            assert_int_equal(retry_next(retry, &call, WEIR_THROTTLED, SECOND,
                                        WEIR_NEVER, &delay_ns),
                             WEIR_OK);
            least_ns = delay_ns < least_ns ? delay_ns : least_ns;
            most_ns = delay_ns > most_ns ? delay_ns : most_ns;
        }
        assert_in_range(least_ns, SECOND, SECOND + cases[i].spread_ns / 20);
        assert_in_range(most_ns, SECOND + cases[i].spread_ns / 20 * 19,
                        SECOND + cases[i].spread_ns);
        weir_retry_unref(retry);
    }
}

/* Clients that were told the same time must not come back in step. */
static void a_hint_is_spread_by_jitter(void **state)
{
    weir_retry_options o = retry_options(NULL);
    uint64_t before = 0;
    (void)state;
    o.seeded = 1;
    weir_retry *retry = new_retry(&o);
    for (int i = 0; i < 10; i++) {
        weir_retry_state call = fresh();
        uint64_t delay_ns = 0;
        retry_next(retry, &call, WEIR_THROTTLED, SECOND, WEIR_NEVER,
                        &delay_ns);
        assert_true(delay_ns != before && delay_ns > SECOND);
        before = delay_ns;
    }
    weir_retry_unref(retry);
}

static void a_hint_past_the_deadline_ends_the_call(void **state)
{
    weir_retry *retry = plain_retry(4);
    weir_retry_state call = fresh();
    uint64_t delay_ns;
    (void)state;
    assert_int_equal(retry_next(retry, &call, WEIR_THROTTLED,
                                     10 * SECOND, 10 * SECOND, &delay_ns),
                     WEIR_EDEADLINE);
    weir_retry_unref(retry);
}

/* aws-sdk-js-v3#4754: the count of one call survived in the next */
static void calls_do_not_share_their_progress(void **state)
{
    weir_retry *retry = plain_retry(2);
    (void)state;
    for (int i = 0; i < 10; i++) {
        weir_retry_state one = fresh(), other = fresh();
        assert_int_equal(next(retry, &one, WEIR_TRANSIENT), WEIR_OK);
        assert_int_equal(next(retry, &other, WEIR_TRANSIENT), WEIR_OK);
        assert_int_not_equal(one.ordinal, other.ordinal);
        assert_int_equal(next(retry, &one, WEIR_TRANSIENT), WEIR_EATTEMPTS);
        assert_int_equal(next(retry, &other, WEIR_TRANSIENT), WEIR_EATTEMPTS);
    }
    weir_retry_unref(retry);
}

static void the_delay_before_bounds_a_decorrelated_one(void **state)
{
    weir_retry_options o = retry_options(NULL);
    (void)state;
    o.jitter = WEIR_JITTER_DECORRELATED;
    o.max_attempts = 1000;
    o.seeded = 1;
    weir_retry *retry = new_retry(&o);
    weir_retry_state call = fresh();
    uint64_t before = o.base_ns;
    for (int i = 0; i < 999; i++) {
        uint64_t delay_ns = 0;
        assert_int_equal(retry_next(retry, &call, WEIR_TRANSIENT, 0,
                                         WEIR_NEVER, &delay_ns),
                         WEIR_OK);
        assert_int_equal(call.previous_ns, delay_ns);
        assert_true(delay_ns >= o.base_ns && delay_ns <= o.cap_ns &&
                    delay_ns <= 3 * before);
        before = delay_ns;
    }
    weir_retry_unref(retry);
}

static void a_million_attempts_stay_within_the_cap(void **state)
{
    weir_retry_options o = retry_options(NULL);
    weir_retry_state call = fresh();
    uint64_t delay_ns = 0, highest = 0;
    (void)state;
    o.max_attempts = 1000000;
    o.seeded = 1;
    weir_retry *retry = new_retry(&o);
    while (retry_next(retry, &call, WEIR_TRANSIENT, 0, WEIR_NEVER,
                           &delay_ns) == WEIR_OK) {
        assert_true(delay_ns <= o.cap_ns);
        highest = delay_ns > highest ? delay_ns : highest;
    }
    assert_int_equal(call.attempts, 1000000);
    assert_true(highest > o.cap_ns - SECOND / 100);
    call.attempts = UINT32_MAX; /* whatever a caller makes of it */
    assert_int_equal(next(retry, &call, WEIR_TRANSIENT), WEIR_EATTEMPTS);
    assert_int_equal(call.attempts, UINT32_MAX);
    weir_retry_unref(retry);
}

/* ---- one handle, many threads ---- */

enum { THREADS = 4, CALLS = 500 };

typedef struct drawer {
    weir_retry *retry;
    atomic_uint *seen; /* by ordinal */
} drawer;

static void *draw_ordinals(void *arg)
{
    drawer *d = arg;
    for (int i = 0; i < CALLS; i++) {
        weir_retry_state call = fresh();
        if (next(d->retry, &call, WEIR_TRANSIENT) == WEIR_OK &&
            call.ordinal <= THREADS * CALLS)
            atomic_fetch_add(&d->seen[call.ordinal], 1);
    }
    return NULL;
}

static void no_two_calls_have_the_same_ordinal(void **state)
{
    static atomic_uint seen[THREADS * CALLS + 1];
    drawer d = {plain_retry(4), seen};
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(draw_ordinals, &d);
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    for (int i = 1; i <= THREADS * CALLS; i++)
        assert_int_equal(seen[i], 1);
    weir_retry_unref(d.retry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_arguments_are_rejected_and_change_nothing),
        cmocka_unit_test(a_larger_state_is_accepted),
        cmocka_unit_test(each_outcome_is_tried_again_or_final),
        cmocka_unit_test(attempts_are_max_attempts_in_all),
        cmocka_unit_test(the_default_is_four_attempts),
        cmocka_unit_test(the_default_is_full_jitter_from_100_ms_doubled),
        cmocka_unit_test(no_delay_ends_at_the_deadline_or_after),
        cmocka_unit_test(the_first_reason_to_give_up_is_told),
        cmocka_unit_test(a_hint_counts_up_to_its_bound),
        cmocka_unit_test(a_hint_replaces_the_computed_delay),
        cmocka_unit_test(a_hint_is_spread_by_jitter),
        cmocka_unit_test(a_hint_past_the_deadline_ends_the_call),
        cmocka_unit_test(calls_do_not_share_their_progress),
        cmocka_unit_test(the_delay_before_bounds_a_decorrelated_one),
        cmocka_unit_test(a_million_attempts_stay_within_the_cap),
        cmocka_unit_test(no_two_calls_have_the_same_ordinal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
