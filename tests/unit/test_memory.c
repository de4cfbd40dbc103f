/* Memory, locks and conditions that are not to be had: every scenario is
 * repeated with its first request failing, its second, and so on, alone and
 * with all after it; once for the handles' allocator, once for the C library.
 * What the C library gave and nobody took back, the leak sanitizer finds. */
#include <string.h>

#include "support.h"

/* What the scenarios share; made before anything fails. */
typedef struct rig {
    counting memory;
    const weir_allocator *allocator; /* NULL: the C library's */
    weir_clock *clock;               /* virtual, moves by itself */
    weir_bulkhead *taken;            /* its one permit is out */
    weir_cancel *cancel;
    atomic_int registered, destroyed;
    int runs;
} rig;

/* Whether out was set is checked against a pointer that is no handle, and where
 * nobody can write. */
#define NOTHING ((void *)64)

/* WEIR_OK with an object, or WEIR_ENOMEM without. */
static void check(int status, const void *made)
{
    assert_true(status == WEIR_OK || status == WEIR_ENOMEM);
    assert_true((made == NOTHING) == (status == WEIR_ENOMEM));
}

static int breaker_scenario(rig *r)
{
    weir_breaker *breaker = NOTHING;
    weir_breaker_options o = breaker_options(r->clock);
    o.allocator = r->allocator;
    int status = weir_breaker_new(&breaker, &o);
    check(status, breaker);
    if (status == WEIR_OK)
        weir_breaker_unref(breaker);
    return status;
}

static int retry_scenario(rig *r)
{
    weir_retry *retry = NOTHING;
    weir_retry_options o = retry_options(r->clock);
    o.allocator = r->allocator;
    int status = weir_retry_new(&retry, &o);
    check(status, retry);
    if (status == WEIR_OK)
        weir_retry_unref(retry);
    return status;
}

static int bulkhead_scenario(rig *r)
{
    weir_bulkhead *bulkhead = NOTHING;
    weir_bulkhead_options o = bulkhead_options(r->clock);
    o.allocator = r->allocator;
    int status = weir_bulkhead_new(&bulkhead, &o);
    check(status, bulkhead);
    if (status == WEIR_OK)
        weir_bulkhead_unref(bulkhead);
    return status;
}

static int timeout_scenario(rig *r)
{
    weir_timeout *timeout = NOTHING;
    weir_timeout_options o;
    weir_timeout_options_init(&o, sizeof o);
    o.clock = r->clock;
    o.timeout_ns = SECOND;
    o.allocator = r->allocator;
    int status = weir_timeout_new(&timeout, &o);
    check(status, timeout);
    if (status == WEIR_OK)
        weir_timeout_unref(timeout);
    return status;
}

static int pipeline_scenario(rig *r)
{
    weir_pipeline *pipeline = NOTHING;
    weir_pipeline_options o;
    weir_pipeline_options_init(&o, sizeof o);
    o.clock = r->clock;
    o.allocator = r->allocator;
    int status = weir_pipeline_new(&pipeline, &o);
    check(status, pipeline);
    if (status == WEIR_OK)
        weir_pipeline_unref(pipeline);
    return status;
}

static int recommended_scenario(rig *r)
{
    weir_pipeline *pipeline = NOTHING;
    (void)r;
    int status = weir_pipeline_new_recommended(&pipeline, SECOND, SECOND);
    check(status, pipeline);
    if (status == WEIR_OK)
        weir_pipeline_unref(pipeline);
    return status;
}

static int virtual_clock_scenario(rig *r)
{
    weir_clock *clock = NOTHING;
    (void)r;
    int status = weir_clock_new_virtual(&clock, 5);
    check(status, clock);
    if (status == WEIR_OK)
        weir_clock_unref(clock);
    return status;
}

static uint64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static int custom_clock_scenario(rig *r)
{
    weir_clock *clock = NOTHING;
    r->registered++;
    int status = weir_clock_new_custom(&clock, no_time, &r->destroyed,
                                             count_destroy);
    check(status, clock);
    if (status == WEIR_OK)
        weir_clock_unref(clock);
    return status;
}

static int cancel_scenario(rig *r)
{
    weir_cancel *cancel = NOTHING;
    (void)r;
    int status = weir_cancel_new(&cancel);
    check(status, cancel);
    if (status == WEIR_OK)
        weir_cancel_unref(cancel);
    return status;
}

/* ---- listeners ---- */

static void count_event(const weir_event *event, void *arg)
{
    (void)event;
    (void)arg;
}

/* Three listeners; those that could be added stay. */
static int listen_scenario(rig *r)
{
    weir_breaker *breaker = NOTHING;
    weir_breaker_options o = breaker_options(r->clock);
    o.allocator = r->allocator;
    int status = weir_breaker_new(&breaker, &o);
    check(status, breaker);
    if (status != WEIR_OK)
        return status;
    for (int i = 0; i < 3; i++) {
        int before = r->destroyed;
        r->registered++;
        int added = weir_breaker_listen(breaker, count_event, &r->destroyed,
                                        count_destroy);
        assert_true(added == WEIR_OK || added == WEIR_ENOMEM);
        assert_int_equal(r->destroyed, before + (added != WEIR_OK));
        if (added != WEIR_OK)
            status = added;
        weir_breaker_reset(breaker); /* goes on working */
    }
    weir_breaker_unref(breaker);
    return status;
}

/* ---- waits ---- */

static int sleep_scenario(rig *r)
{
    uint64_t now_ns = weir_clock_now_ns(r->clock);
    int status = weir_clock_sleep_until(r->clock, now_ns + SECOND, r->cancel);
    assert_int_equal(weir_clock_now_ns(r->clock),
                     now_ns + (status == WEIR_OK ? SECOND : 0));
    return status;
}

static int acquire_scenario(rig *r)
{
    int status = weir_bulkhead_acquire_until(r->taken, WEIR_NEVER, r->cancel);
    assert_int_equal(weir_bulkhead_running(r->taken), 1);
    assert_int_equal(weir_bulkhead_waiting(r->taken), 0);
    return status == WEIR_EQUEUETIME ? WEIR_OK : status;
}

static int fail_once(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    return ((rig *)arg)->runs++ == 0 ? 7 : 0;
}

/* What is made before the run is not what is to fail. */
static weir_retry *retry_of(rig *r)
{
    libc_fail_at(0, 0);
    weir_retry_options o = retry_options(r->clock);
    return new_retry(&o);
}

static int run_in(rig *r, weir_retry *retry, weir_bulkhead *bulkhead,
                  const weir_call_options *options)
{
    libc_fail_at(0, 0);
    weir_pipeline *pipeline = new_pipeline(r->clock);
    weir_result result = {.size = sizeof result, .code = 77};
    if (retry)
        put_retry(pipeline, retry);
    if (bulkhead)
        assert_int_equal(weir_pipeline_add_bulkhead(pipeline, bulkhead),
                         WEIR_OK);
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    libc_fail_at(r->memory.fail_at, r->memory.fail_all_after);
    int status = options ? weir_run_with(pipeline, options, fail_once, r,
                                         &result)
                         : weir_run(pipeline, fail_once, r);
    unsigned calls = libc_calls();
    libc_fail_at(0, 0);
    atomic_store(&r->memory.calls, calls);
    weir_pipeline_unref(pipeline);
    return status;
}

/* "the system has no resources to wait; fn has run" */
static int backoff_scenario(rig *r)
{
    int status = run_in(r, retry_of(r), NULL, NULL);
    assert_int_equal(r->runs, status == WEIR_OK ? 2 : 1);
    return status;
}

static int retry_run_scenario(rig *r)
{
    weir_retry *retry = retry_of(r);
    libc_fail_at(r->memory.fail_at, r->memory.fail_all_after);
    int status = weir_retry_run(retry, fail_once, r);
    unsigned calls = libc_calls();
    libc_fail_at(0, 0);
    atomic_store(&r->memory.calls, calls);
    weir_retry_unref(retry);
    assert_int_equal(r->runs, status == WEIR_OK ? 2 : 1);
    return status;
}

static int queue_scenario(rig *r)
{
    int status = run_in(r, NULL, r->taken, NULL);
    assert_int_equal(r->runs, 0);
    assert_int_equal(weir_bulkhead_running(r->taken), 1);
    assert_int_equal(weir_bulkhead_waiting(r->taken), 0);
    return status == WEIR_EQUEUETIME ? WEIR_OK : status;
}

static int token_scenario(rig *r)
{
    weir_call_options o = call_options();
    o.cancel = r->cancel;
    int status = run_in(r, retry_of(r), NULL, &o);
    assert_int_equal(r->runs, status == WEIR_OK ? 2 : 0);
    return status;
}

/* ---- a stepped call that gives up attempts, which are then in the way ---- */

static weir_pipeline *stepped_pipeline(rig *r)
{
    weir_pipeline *pipeline = NULL;
    weir_pipeline_options o;
    weir_retry_options retry = retry_options(r->clock);
    retry.jitter = WEIR_JITTER_NONE;
    weir_pipeline_options_init(&o, sizeof o);
    o.clock = r->clock;
    o.allocator = r->allocator;
    if (weir_pipeline_new(&pipeline, &o) != WEIR_OK)
        return NULL;
    put_retry(pipeline, new_retry(&retry));
    put_bulkhead(pipeline, new_bulkhead(r->clock, 4, 0));
    put_timeout(pipeline, new_timeout(r->clock, SECOND));
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    return pipeline;
}

/* Every attempt hangs until the call is done. */
static int step_to_the_end(weir_call *call, weir_clock *clock)
{
    weir_attempt *hanging[8];
    weir_step step = {.size = sizeof step};
    weir_result result = {.size = sizeof result};
    int count = 0;
    do {
        assert_int_equal(weir_call_step(call, WEIR_NOW, &step), WEIR_OK);
        if (step.action == WEIR_STEP_ATTEMPT)
            hanging[count++] = step.attempt;
        else if (step.action == WEIR_STEP_WAIT)
            advance(clock, step.wake_ns - weir_clock_now_ns(clock));
    } while (step.action != WEIR_STEP_DONE);
    assert_int_equal(weir_call_result(call, &result), WEIR_OK);
    while (count-- > 0)
        assert_int_equal(weir_attempt_finish(hanging[count], 0, WEIR_NOW),
                         WEIR_ETIMEDOUT);
    if (result.code == WEIR_ENOMEM)
        assert_int_equal(result.rejected_by, WEIR_BY_CALL);
    return result.code;
}

static void ignore_wake(void *arg)
{
    (void)arg;
}

static int stepped_scenario(rig *r)
{
    weir_call *call = NOTHING;
    weir_pipeline *pipeline = stepped_pipeline(r);
    if (!pipeline)
        return WEIR_ENOMEM;
    int status = weir_call_new(&call, pipeline, NULL);
    check(status, call);
    if (status == WEIR_OK) {
        r->registered++;
        assert_int_equal(weir_call_on_wake(call, ignore_wake, &r->destroyed,
                                           count_destroy),
                         WEIR_OK);
        status = step_to_the_end(call, r->clock);
        weir_call_unref(call);
    }
    weir_pipeline_unref(pipeline);
    return status == WEIR_ETIMEDOUT ? WEIR_OK : status;
}

/* ---- the two ways to fail ---- */

static void open_rig(rig *r)
{
    memset(r, 0, sizeof *r);
    counting_init(&r->memory);
    r->clock = new_virtual_clock();
    r->cancel = new_cancel();
    r->taken = new_bulkhead(r->clock, 1, 1);
    assert_int_equal(weir_bulkhead_try_acquire(r->taken), WEIR_OK);
    weir_clock_attach(r->clock);
}

static void close_rig(rig *r)
{
    weir_clock_detach(r->clock);
    weir_bulkhead_unref(r->taken);
    weir_cancel_unref(r->cancel);
    weir_clock_unref(r->clock);
    assert_int_equal(r->destroyed, r->registered);
    assert_int_equal(r->memory.live, 0);
    assert_int_equal(r->memory.wrong, 0);
}

typedef int (*scenario)(rig *r);

/* Gives the status, and in *reached whether there was a request n. */
static int fail_allocator(scenario run, unsigned n, int all_after,
                          int *reached)
{
    rig r;
    open_rig(&r);
    r.allocator = &r.memory.table;
    r.memory.fail_at = n;
    r.memory.fail_all_after = all_after;
    int status = run(&r);
    *reached = r.memory.calls >= n;
    close_rig(&r);
    return status;
}

static int fail_libc(scenario run, unsigned n, int all_after, int *reached)
{
    rig r;
    open_rig(&r);
    r.memory.fail_at = n;
    r.memory.fail_all_after = all_after;
    libc_fail_at(n, all_after);
    int status = run(&r);
    unsigned calls = libc_calls();
    libc_fail_at(0, 0);
    *reached = (calls > r.memory.calls ? calls : r.memory.calls) >= n;
    close_rig(&r);
    return status;
}

/* Returns how many requests the scenario makes when none fails. */
static unsigned fail_each(scenario run,
                          int (*fail_at)(scenario, unsigned, int, int *))
{
    unsigned requests = 0;
    for (int all_after = 0; all_after <= 1; all_after++) {
        int reached = 1;
        for (unsigned n = 1; reached; n++) {
            int status = fail_at(run, n, all_after, &reached);
            assert_int_equal(status, reached ? WEIR_ENOMEM : WEIR_OK);
            requests = n - 1;
            assert_true(n < 100);
        }
    }
    return requests;
}

static void every_allocation_of_a_handle_may_fail(void **state)
{
    static const struct {
        scenario run;
        unsigned requests;
    } scenarios[] = {
        {breaker_scenario, 1}, {retry_scenario, 1},    {bulkhead_scenario, 1},
        {timeout_scenario, 1}, {pipeline_scenario, 1}, {listen_scenario, 5},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(scenarios); i++)
        assert_int_equal(fail_each(scenarios[i].run, fail_allocator),
                         scenarios[i].requests);
}

/* Pipeline, call, then nodes and attempts beside those that hang. */
static void every_allocation_of_a_stepped_call_may_fail(void **state)
{
    (void)state;
    assert_true(fail_each(stepped_scenario, fail_allocator) > 5);
}

static void everything_of_the_c_library_may_fail(void **state)
{
    static const struct {
        scenario run;
        unsigned requests; /* memory, locks, conditions */
    } scenarios[] = {
        {breaker_scenario, 1},       {retry_scenario, 1},
        {bulkhead_scenario, 2},      {timeout_scenario, 1},
        {pipeline_scenario, 1},      {recommended_scenario, 7},
        {virtual_clock_scenario, 2}, {custom_clock_scenario, 2},
        {cancel_scenario, 2},        {listen_scenario, 6},
    };
    (void)state;
    if (!libc_is_wrapped())
        skip();
    for (size_t i = 0; i < COUNT(scenarios); i++)
        assert_int_equal(fail_each(scenarios[i].run, fail_libc),
                         scenarios[i].requests);
}

/* A lock, the attributes of a condition, the condition. */
static void whatever_a_wait_needs_may_fail(void **state)
{
    static const scenario scenarios[] = {
        sleep_scenario, acquire_scenario, backoff_scenario,
        queue_scenario, token_scenario,   retry_run_scenario,
    };
    (void)state;
    if (!libc_is_wrapped())
        skip();
    for (size_t i = 0; i < COUNT(scenarios); i++)
        assert_int_equal(fail_each(scenarios[i], fail_libc), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_a_handle_may_fail),
        cmocka_unit_test(every_allocation_of_a_stepped_call_may_fail),
        cmocka_unit_test(everything_of_the_c_library_may_fail),
        cmocka_unit_test(whatever_a_wait_needs_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
