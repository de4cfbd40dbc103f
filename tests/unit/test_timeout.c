/* The timeout: a number, and what it does to the attempt it bounds. */
#include "support.h"

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

/* An attempt that takes some time and returns a code. */
typedef struct job {
    uint64_t takes_ns;
    int code;
    int runs;
    uint64_t before_ns, after_ns; /* remaining */
    int stop_before, stop_after;
} job;

static int run_job(weir_attempt *attempt, void *arg)
{
    job *j = arg;
    j->runs++;
    j->before_ns = weir_attempt_remaining_ns(attempt);
    j->stop_before = weir_attempt_canceled(attempt);
    advance(vclock, j->takes_ns);
    j->after_ns = weir_attempt_remaining_ns(attempt);
    j->stop_after = weir_attempt_canceled(attempt);
    return j->code;
}

static int run_with_timeout(uint64_t timeout_ns, job *j)
{
    weir_timeout *timeout = new_timeout(vclock, timeout_ns);
    int status = weir_timeout_run(timeout, run_job, j);
    weir_timeout_unref(timeout);
    assert_int_equal(j->runs, 1);
    return status;
}

static void bad_arguments_are_rejected(void **state)
{
    weir_timeout *timeout = new_timeout(vclock, SECOND);
    job j = {0};
    (void)state;
    assert_int_equal(weir_timeout_run(NULL, run_job, &j), WEIR_EINVAL);
    assert_int_equal(weir_timeout_run(timeout, NULL, &j), WEIR_EINVAL);
    assert_int_equal(j.runs, 0);
    weir_timeout_ref(timeout);
    weir_timeout_unref(timeout);
    weir_timeout_unref(timeout);
    weir_timeout_ref(NULL);
    weir_timeout_unref(NULL);
}

static void the_attempt_sees_what_remains(void **state)
{
    job j = {.takes_ns = 300 * MS};
    (void)state;
    assert_int_equal(run_with_timeout(SECOND, &j), 0);
    assert_int_equal(j.before_ns, SECOND);
    assert_int_equal(j.after_ns, 700 * MS);
    assert_int_equal(j.stop_before, 0);
    assert_int_equal(j.stop_after, 0);
}

static void nothing_remains_at_the_deadline_and_after(void **state)
{
    static const uint64_t takes[] = {SECOND, SECOND + 1, YEAR};
    (void)state;
    for (size_t i = 0; i < COUNT(takes); i++) {
        job j = {.takes_ns = takes[i]};
        run_with_timeout(SECOND, &j);
        assert_int_equal(j.after_ns, 0);
        assert_int_equal(j.stop_after, 1);
    }
}

/* A success that arrives is a success; a failure is late from the deadline
 * on. */
static void verdicts_before_at_and_after_the_deadline(void **state)
{
    static const struct {
        uint64_t takes_ns;
        int code, result;
    } cases[] = {
        {SECOND - 1, 0, 0},       {SECOND, 0, 0},
        {YEAR, 0, 0},             {0, 7, 7},
        {SECOND - 1, 7, 7},       {SECOND, 7, WEIR_ETIMEDOUT},
        {YEAR, 7, WEIR_ETIMEDOUT},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        job j = {.takes_ns = cases[i].takes_ns, .code = cases[i].code};
        assert_int_equal(run_with_timeout(SECOND, &j), cases[i].result);
    }
}

static void a_nested_rejection_stays_what_it_is_though_late(void **state)
{
    job j = {.takes_ns = YEAR, .code = WEIR_EOPEN};
    (void)state;
    assert_int_equal(run_with_timeout(SECOND, &j), WEIR_EOPEN);
}

static void the_shortest_and_the_longest_timeout_work(void **state)
{
    job at_once = {.takes_ns = 1, .code = 7};
    job late = {.takes_ns = YEAR - 1, .code = 7};
    (void)state;
    assert_int_equal(run_with_timeout(1, &at_once), WEIR_ETIMEDOUT);
    assert_int_equal(at_once.before_ns, 1);
    assert_int_equal(run_with_timeout(YEAR, &late), 7);
    assert_int_equal(late.after_ns, 1);
}

/* resilience4j#1701: at the end of time a deadline must not wrap around. */
static void a_deadline_beyond_the_end_of_time_is_none(void **state)
{
    job j = {.takes_ns = 1, .code = 7};
    (void)state;
    advance(vclock, UINT64_MAX - START_NS - SECOND);
    assert_int_equal(run_with_timeout(YEAR, &j), 7);
    assert_int_equal(j.stop_after, 0);
}

static void without_a_deadline_what_remains_is_never(void **state)
{
    weir_breaker_options o = breaker_options(vclock);
    weir_breaker *breaker = new_breaker(&o);
    job j = {.takes_ns = YEAR};
    (void)state;
    assert_int_equal(weir_breaker_run(breaker, run_job, &j), 0);
    assert_true(j.before_ns == WEIR_NEVER && j.after_ns == WEIR_NEVER);
    assert_true(weir_attempt_remaining_ns(NULL) == WEIR_NEVER);
    weir_breaker_unref(breaker);
}

/* ---- a clock that goes back ---- */

static uint64_t now_of_arg(void *arg)
{
    return *(uint64_t *)arg;
}

static int step_back_and_fail(weir_attempt *attempt, void *arg)
{
    *(uint64_t *)arg -= 5 * SECOND;
    (void)attempt;
    return 7;
}

static void a_clock_that_goes_back_makes_nothing_late(void **state)
{
    uint64_t now_ns = 10 * SECOND;
    weir_clock *clock = NULL;
    (void)state;
    assert_int_equal(weir_clock_new_custom(&clock, now_of_arg, &now_ns, NULL),
                     WEIR_OK);
    weir_timeout *timeout = new_timeout(clock, SECOND);
    assert_int_equal(weir_timeout_run(timeout, step_back_and_fail, &now_ns),
                     7);
    weir_timeout_unref(timeout);
    weir_clock_unref(clock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_arguments_are_rejected),
        TEST(the_attempt_sees_what_remains),
        TEST(nothing_remains_at_the_deadline_and_after),
        TEST(verdicts_before_at_and_after_the_deadline),
        TEST(a_nested_rejection_stays_what_it_is_though_late),
        TEST(the_shortest_and_the_longest_timeout_work),
        TEST(a_deadline_beyond_the_end_of_time_is_none),
        TEST(without_a_deadline_what_remains_is_never),
        TEST(a_clock_that_goes_back_makes_nothing_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
