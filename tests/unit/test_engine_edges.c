/* Edges of the engine: attempts on the straight path, finishes that come in
 * between, waking, times that are given. */
#include <string.h>

#include "stepping.h"

static weir_step step_at(weir_call *call, uint64_t now_ns)
{
    weir_step s = {.size = sizeof s};
    assert_int_equal(weir_call_step(call, now_ns, &s), WEIR_OK);
    return s;
}

/* 100 ms apart, 500 ms each. */
static weir_pipeline *new_retrying(weir_clock *clock)
{
    weir_retry_options r = retry_options(clock);
    weir_pipeline *pipeline = new_pipeline(clock);
    r.jitter = WEIR_JITTER_NONE;
    put_retry(pipeline, new_retry(&r));
    put_timeout(pipeline, new_timeout(clock, 500 * MS));
    weir_pipeline_seal(pipeline);
    return pipeline;
}

static void count_wake(void *arg)
{
    ++*(int *)arg;
}

static void count_told(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ++*(int *)arg;
}

/* ---- attempts ---- */

static void attempt_given_up_by_a_given_time_is_cancelled(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_retrying(clock);
    weir_call *call = new_call(pipeline);
    weir_attempt *attempt = step_at(call, START_NS).attempt;
    assert_int_equal(weir_attempt_canceled(attempt), 0);
    assert_int_equal(step_at(call, START_NS + 500 * MS).action,
                     WEIR_STEP_CANCEL);
    assert_int_equal(weir_attempt_remaining_ns(attempt), 500 * MS);
    assert_int_equal(weir_attempt_canceled(attempt), 1);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void attempt_that_is_given_up_has_been_slow(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options b = breaker_options(clock);
    weir_breaker_snapshot seen = {.size = sizeof seen};
    b.window = WEIR_WINDOW_COUNT;
    b.slow_call_ns = 300 * MS;
    weir_breaker *breaker = new_breaker(&b);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_add_breaker(pipeline, breaker);
    put_timeout(pipeline, new_timeout(clock, 500 * MS));
    weir_pipeline_seal(pipeline);
    weir_call *call = new_call(pipeline);
    weir_attempt *attempt = step_attempt(call);
    advance(clock, 500 * MS);
    assert_int_equal(step(call).action, WEIR_STEP_CANCEL);
    weir_breaker_inspect(breaker, &seen);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(seen.failed, 1);
    assert_int_equal(seen.slow, 1);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* It ends after its deadline, which nobody has acted upon yet. */
static void attempt_that_fails_late_has_been_slow(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options b = breaker_options(clock);
    weir_breaker_snapshot seen = {.size = sizeof seen};
    b.window = WEIR_WINDOW_COUNT;
    b.slow_call_ns = 300 * MS;
    weir_breaker *breaker = new_breaker(&b);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_add_breaker(pipeline, breaker);
    put_timeout(pipeline, new_timeout(clock, 500 * MS));
    weir_pipeline_seal(pipeline);
    weir_call *call = new_call(pipeline);
    weir_attempt *attempt = step_attempt(call);
    advance(clock, 600 * MS);
    weir_attempt_finish(attempt, 7, WEIR_NOW);
    assert_int_equal(step_done(call).code, WEIR_ETIMEDOUT);
    weir_breaker_inspect(breaker, &seen);
    assert_int_equal(seen.failed, 1);
    assert_int_equal(seen.slow, 1);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

static void final_outcome_that_comes_late_is_not_tried_again(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_retrying(clock);
    weir_call *call = new_call(pipeline);
    weir_attempt *attempt = step_attempt(call);
    advance(clock, 500 * MS);
    weir_attempt_set_outcome(attempt, WEIR_PERMANENT);
    weir_attempt_finish(attempt, 7, WEIR_NOW);
    weir_result r = step_done(call);
    assert_int_equal(r.code, WEIR_ETIMEDOUT);
    assert_int_equal(r.last_code, 7);
    assert_int_equal(r.attempts, 1);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void __attribute__((noinline)) leave_traces_on_the_stack(void)
{
    volatile unsigned char traces[32768];
    for (size_t i = 0; i < sizeof traces; i++)
        traces[i] = 0xa5;
}

static int claim_it(weir_attempt *attempt, void *arg)
{
    assert_int_equal(weir_attempt_on_cancel(attempt, count_told, arg),
                     WEIR_OK);
    assert_int_equal(weir_attempt_finish(attempt, 7, WEIR_NOW), WEIR_EINVAL);
    weir_step s = {.size = sizeof s};
    assert_int_equal(weir_call_finish(NULL, attempt, 7, WEIR_NOW, &s),
                     WEIR_EINVAL);
    weir_attempt_ref(attempt);
    weir_attempt_unref(attempt);
    return 0;
}

/* Whatever was on the stack before it. */
static void attempt_of_a_healthy_run_is_nobodys_to_cancel_or_finish(
    void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_retrying(clock);
    int told = 0;
    for (int i = 0; i < 3; i++) {
        leave_traces_on_the_stack();
        assert_int_equal(weir_run(pipeline, claim_it, &told), WEIR_OK);
    }
    assert_int_equal(told, 0);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static int fail_once(weir_attempt *attempt, void *arg)
{
    (void)arg;
    return weir_attempt_number(attempt) == 1 ? 7 : 0;
}

/* Its pipeline is made on the stack when the attempt has failed. */
static void retry_alone_asks_its_budget_and_its_limit(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options r = retry_options(clock);
    weir_budget_options b;
    weir_budget_options_init(&b, sizeof b);
    b.clock = clock;
    assert_int_equal(weir_budget_new(&r.budget, &b), WEIR_OK);
    r.base_ns = 0;
    r.max_elapsed_ns = SECOND;
    weir_retry *retry = new_retry(&r);
    for (int i = 0; i < 3; i++) {
        leave_traces_on_the_stack();
        assert_int_equal(weir_retry_run(retry, fail_once, NULL), WEIR_OK);
    }
    weir_retry_unref(retry);
    weir_budget_unref(r.budget);
    weir_clock_unref(clock);
}

static void failure_in_time_is_its_own_whatever_its_code(void **state)
{
    (void)state;
    const int codes[] = {1, -1, 2, INT32_MIN, INT32_MAX};
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    put_timeout(pipeline, new_timeout(clock, 500 * MS));
    weir_pipeline_seal(pipeline);
    for (size_t i = 0; i < COUNT(codes); i++) {
        weir_call *call = new_call(pipeline);
        weir_attempt *attempt = step_attempt(call);
        advance(clock, 400 * MS);
        weir_attempt_finish(attempt, codes[i], WEIR_NOW);
        advance(clock, 400 * MS);
        assert_int_equal(step_done(call).code, codes[i]);
        weir_call_unref(call);
    }
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* ---- finishes in between ---- */

/* A clock that ends an attempt when it is read, as another thread may. */
typedef struct ending_clock {
    uint64_t now_ns;
    weir_attempt *attempt; /* NULL: none */
    int code;
    int reads;
    weir_call *call; /* to be cancelled; NULL: none */
} ending_clock;

static uint64_t read_and_end(void *arg)
{
    ending_clock *c = arg;
    weir_attempt *attempt = c->attempt;
    weir_call *call = c->call;
    c->reads++;
    c->attempt = NULL;
    c->call = NULL;
    if (attempt)
        weir_attempt_finish(attempt, c->code, START_NS + 499 * MS);
    if (call)
        weir_call_cancel(call);
    return c->now_ns;
}

/* At the deadline; times: how many breakers of two are in the path, since two
 * of a kind leave the direct path. */
static int end_it_at_its_deadline(int code, int breakers, uint64_t *failed)
{
    ending_clock c = {.now_ns = START_NS, .code = code};
    weir_breaker_snapshot seen = {.size = sizeof seen};
    weir_clock *clock;
    assert_int_equal(weir_clock_new_custom(&clock, read_and_end, &c, NULL),
                     WEIR_OK);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_breaker_options o = breaker_options(clock);
    weir_breaker *breaker = new_breaker(&o);
    weir_bulkhead *bulkhead = new_bulkhead(clock, 2, 0);
    for (int i = 0; i < breakers; i++)
        weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_add_bulkhead(pipeline, bulkhead);
    put_timeout(pipeline, new_timeout(clock, 500 * MS));
    weir_pipeline_seal(pipeline);
    weir_call *call = new_call(pipeline);
    weir_attempt *attempt = step_attempt(call);
    c.now_ns = START_NS + 500 * MS;
    c.attempt = attempt;
    int got = step_done(call).code;
    weir_breaker_inspect(breaker, &seen);
    *failed = seen.failed;
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    assert_int_equal(weir_bulkhead_abandoned(bulkhead), 0);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_bulkhead_unref(bulkhead);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
    return got;
}

static void attempt_that_ends_while_it_is_given_up_has_ended(void **state)
{
    (void)state;
    uint64_t failed;
    for (int breakers = 1; breakers <= 2; breakers++) {
        assert_int_equal(end_it_at_its_deadline(0, breakers, &failed),
                         WEIR_OK);
        assert_int_equal(failed, 0);
        assert_int_equal(end_it_at_its_deadline(7, breakers, &failed), 7);
        assert_int_equal(failed, breakers);
    }
}

/* It has looked, and does not wait yet: nobody signals. */
static void what_happens_before_a_wait_is_found_by_it(void **state)
{
    (void)state;
    for (int breakers = 1; breakers <= 2; breakers++)
        for (int cancel = 0; cancel < 2; cancel++) {
            ending_clock c = {.now_ns = START_NS, .code = 7};
            weir_clock *clock;
            int wakes = 0;
            weir_clock_new_custom(&clock, read_and_end, &c, NULL);
            weir_pipeline *pipeline = new_pipeline(clock);
            weir_breaker_options o = breaker_options(clock);
            for (int i = 0; i < breakers; i++)
                put_breaker(pipeline, new_breaker(&o));
            put_timeout(pipeline, new_timeout(clock, 500 * MS));
            weir_pipeline_seal(pipeline);
            weir_call *call = new_call(pipeline);
            weir_call_on_wake(call, count_wake, &wakes, NULL);
            weir_attempt *attempt = step_attempt(call);
            c.now_ns += 100 * MS;
            c.attempt = cancel ? NULL : attempt;
            c.call = cancel ? call : NULL;
            assert_int_equal(step(call).action,
                             cancel ? WEIR_STEP_CANCEL : WEIR_STEP_DONE);
            assert_int_equal(wakes, 0);
            if (cancel)
                weir_attempt_finish(attempt, 0, WEIR_NOW);
            weir_call_unref(call);
            weir_pipeline_unref(pipeline);
            weir_clock_unref(clock);
        }
}

static void call_that_went_on_instead_of_waiting_gets_no_signal(void **state)
{
    (void)state;
    ending_clock c = {.now_ns = START_NS, .code = 7};
    weir_clock *clock;
    int wakes = 0;
    weir_clock_new_custom(&clock, read_and_end, &c, NULL);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_retry_options r = retry_options(clock);
    r.base_ns = 0;
    put_retry(pipeline, new_retry(&r));
    put_timeout(pipeline, new_timeout(clock, 500 * MS));
    weir_pipeline_seal(pipeline);
    weir_call *call = new_call(pipeline);
    weir_call_on_wake(call, count_wake, &wakes, NULL);
    weir_attempt *first = c.attempt = step_attempt(call);
    weir_attempt_ref(first); /* the second has memory of its own */
    weir_attempt *second = step_attempt(call);
    weir_attempt_finish(second, 0, START_NS);
    assert_int_equal(wakes, 0);
    assert_int_equal(step_done(call).code, WEIR_OK);
    weir_attempt_unref(first);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* By a given time it would wait, by its clock it is just over. */
static void clock_that_has_just_come_to_the_deadline_is_looked_at(
    void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_retrying(clock);
    weir_call *call = new_call(pipeline);
    weir_attempt *attempt = step_at(call, START_NS).attempt;
    advance(clock, 500 * MS);
    assert_int_equal(step_at(call, START_NS + 499 * MS).action,
                     WEIR_STEP_CANCEL);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void time_that_is_given_is_not_read(void **state)
{
    (void)state;
    ending_clock c = {.now_ns = START_NS};
    weir_clock *clock;
    weir_step s = {.size = sizeof s};
    assert_int_equal(weir_clock_new_custom(&clock, read_and_end, &c, NULL),
                     WEIR_OK);
    weir_pipeline *pipeline = new_retrying(clock);
    weir_call *call = new_call(pipeline);
    c.reads = 0;
    weir_attempt *attempt = step_at(call, START_NS + 5).attempt;
    assert_int_equal(weir_call_finish(call, attempt, 7, START_NS + 6, &s),
                     WEIR_OK);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    assert_int_equal(s.wake_ns, START_NS + 6 + 100 * MS);
    s = step_at(call, s.wake_ns);
    assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
    weir_call_finish(call, s.attempt, 0, START_NS + 900 * MS, &s);
    assert_int_equal(s.action, WEIR_STEP_DONE);
    assert_int_equal(c.reads, 0);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* ---- waking ---- */

static void later_attempt_wakes_only_who_waits(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_retrying(clock);
    int wakes = 0;
    for (int waits = 0; waits < 2; waits++) {
        weir_call *call = new_call(pipeline);
        weir_call_on_wake(call, count_wake, &wakes, NULL);
        weir_attempt *first = step_attempt(call);
        advance(clock, 500 * MS);
        assert_int_equal(step(call).action, WEIR_STEP_CANCEL);
        step_wait(call);
        advance(clock, 100 * MS);
        weir_attempt *second = step_attempt(call);
        if (waits)
            step_wait(call);
        wakes = 0;
        weir_attempt_finish(second, 0, WEIR_NOW);
        assert_int_equal(wakes, waits);
        assert_int_equal(step_done(call).code, WEIR_OK);
        weir_attempt_finish(first, 0, WEIR_NOW);
        assert_int_equal(wakes, waits);
        weir_call_unref(call);
    }
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void each_token_wakes_the_call(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_retrying(clock);
    for (int own = 0; own < 2; own++) {
        weir_cancel *tokens[] = {new_cancel(), new_cancel()};
        weir_call_options o = call_options();
        weir_call *outer, *inner;
        int wakes = 0;
        o.cancel = tokens[0];
        assert_int_equal(weir_call_new(&outer, pipeline, &o), WEIR_OK);
        weir_attempt *around = step_attempt(outer);
        o.parent = around;
        o.cancel = tokens[1];
        assert_int_equal(weir_call_new(&inner, pipeline, &o), WEIR_OK);
        weir_call_on_wake(inner, count_wake, &wakes, NULL);
        weir_attempt *attempt = step_attempt(inner);
        step_wait(inner);
        weir_cancel_fire(tokens[own]);
        assert_int_equal(wakes, 1);
        weir_attempt_finish(attempt, 0, WEIR_NOW);
        weir_attempt_finish(around, 0, WEIR_NOW);
        weir_call_unref(inner);
        weir_call_unref(outer);
        weir_cancel_unref(tokens[0]);
        weir_cancel_unref(tokens[1]);
    }
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void token_of_a_trip_that_is_over_wakes_nobody(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_retrying(clock);
    for (int finish = 0; finish < 2; finish++) {
        weir_call_options o = call_options();
        weir_step s = {.size = sizeof s};
        weir_call *call;
        int wakes = 0;
        o.cancel = new_cancel();
        assert_int_equal(weir_call_new(&call, pipeline, &o), WEIR_OK);
        weir_call_on_wake(call, count_wake, &wakes, NULL);
        weir_attempt *attempt = step_attempt(call);
        if (finish) {
            weir_call_finish(call, attempt, 0, WEIR_NOW, &s);
        } else {
            weir_attempt_finish(attempt, 0, WEIR_NOW);
            step_done(call);
        }
        assert_int_equal(weir_call_reset(call, NULL), WEIR_OK);
        attempt = step_attempt(call);
        step_wait(call);
        weir_cancel_fire(o.cancel);
        assert_int_equal(wakes, 0);
        weir_attempt_finish(attempt, 0, WEIR_NOW);
        assert_int_equal(step_done(call).code, WEIR_OK);
        weir_call_unref(call);
        weir_cancel_unref(o.cancel);
    }
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* In memory that is not zero. */
static void call_with_a_token_that_has_fired_is_cancelled(void **state)
{
    (void)state;
    counting memory;
    weir_pipeline_options p;
    weir_call_options o = call_options();
    weir_pipeline *pipeline;
    weir_call *call;
    counting_init(&memory);
    weir_pipeline_options_init(&p, sizeof p);
    p.allocator = &memory.table;
    assert_int_equal(weir_pipeline_new(&pipeline, &p), WEIR_OK);
    weir_pipeline_seal(pipeline);
    o.cancel = new_cancel();
    weir_cancel_fire(o.cancel);
    assert_int_equal(weir_call_new(&call, pipeline, &o), WEIR_OK);
    weir_result r = step_done(call);
    assert_int_equal(r.code, WEIR_ECANCELED);
    assert_int_equal(r.rejected_by, WEIR_BY_CALL);
    assert_int_equal(r.rejected_layer, 0);
    weir_call_unref(call);
    weir_cancel_unref(o.cancel);
    weir_pipeline_unref(pipeline);
    assert_int_equal(memory.live, 0);
}

static void release_the_call(weir_attempt *attempt, void *call)
{
    (void)attempt;
    weir_call_unref(call);
}

static void attempt_outlives_a_call_released_as_it_is_told(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_retrying(clock);
    weir_call *call = new_call(pipeline);
    weir_attempt *attempt = step_attempt(call);
    weir_attempt_on_cancel(attempt, release_the_call, call);
    advance(clock, 500 * MS);
    weir_step s = step(call);
    assert_int_equal(s.action, WEIR_STEP_DONE);
    assert_null(s.attempt);
    assert_int_equal(weir_attempt_canceled(attempt), 1);
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW),
                     WEIR_ETIMEDOUT);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

typedef struct finishing {
    weir_call *call;
    int status;
} finishing;

static void finish_in_its_step(weir_attempt *attempt, void *arg)
{
    finishing *f = arg;
    weir_step s = {.size = sizeof s};
    f->status = weir_call_finish(f->call, attempt, 0, WEIR_NOW, &s);
}

static void callback_of_a_step_cannot_step_by_a_finish(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_retrying(clock);
    finishing f = {.call = new_call(pipeline)};
    weir_attempt *attempt = step_attempt(f.call);
    weir_attempt_on_cancel(attempt, finish_in_its_step, &f);
    advance(clock, 500 * MS);
    assert_int_equal(step(f.call).action, WEIR_STEP_CANCEL);
    assert_int_equal(f.status, WEIR_EINVAL);
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW),
                     WEIR_ETIMEDOUT);
    weir_call_unref(f.call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* With two of a kind there is no direct path. */
static void finish_gives_back_what_each_layer_has_taken(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_bulkhead *bulkheads[] = {new_bulkhead(clock, 2, 0),
                                  new_bulkhead(clock, 2, 0)};
    for (int layers = 1; layers <= 2; layers++)
        for (int waits = 0; waits < 2; waits++) {
            weir_pipeline *pipeline = new_pipeline(clock);
            weir_step s = {.size = sizeof s};
            for (int i = 0; i < layers; i++)
                weir_pipeline_add_bulkhead(pipeline, bulkheads[i]);
            put_timeout(pipeline, new_timeout(clock, 500 * MS));
            weir_pipeline_seal(pipeline);
            weir_call *call = new_call(pipeline);
            weir_attempt *attempt = step_attempt(call);
            if (waits)
                step_wait(call);
            weir_call_finish(call, attempt, 0, WEIR_NOW, &s);
            assert_int_equal(s.action, WEIR_STEP_DONE);
            assert_int_equal(weir_bulkhead_running(bulkheads[0]), 0);
            assert_int_equal(weir_bulkhead_running(bulkheads[1]), 0);
            assert_int_equal(weir_clock_next_ns(clock), WEIR_NEVER);
            weir_call_unref(call);
            weir_pipeline_unref(pipeline);
        }
    weir_bulkhead_unref(bulkheads[0]);
    weir_bulkhead_unref(bulkheads[1]);
    weir_clock_unref(clock);
}

/* Whatever was in the struct before. */
static void step_says_no_more_than_there_is(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options r = retry_options(clock);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_step fresh = {.size = sizeof fresh, .action = 77, .wake_ns = 77};
    r.base_ns = 0;
    put_retry(pipeline, new_retry(&r));
    weir_pipeline_seal(pipeline);
    for (int finish = 0; finish < 2; finish++) {
        weir_step s = fresh;
        weir_call *call = new_call(pipeline);
        weir_call_step(call, WEIR_NOW, &s);
        assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
        assert_true(s.wake_ns == WEIR_NEVER);
        for (int failures = 1; failures >= 0; failures--) {
            weir_attempt *attempt = s.attempt;
            s = fresh;
            s.attempt = attempt;
            if (finish) {
                weir_call_finish(call, attempt, failures, WEIR_NOW, &s);
            } else {
                weir_attempt_finish(attempt, failures, WEIR_NOW);
                weir_call_step(call, WEIR_NOW, &s);
            }
            assert_int_equal(s.action, failures ? WEIR_STEP_ATTEMPT
                                                : WEIR_STEP_DONE);
            assert_true(s.wake_ns == WEIR_NEVER);
        }
        assert_null(s.attempt);
        s = fresh;
        s.attempt = (weir_attempt *)&s;
        weir_call_step(call, WEIR_NOW, &s);
        assert_int_equal(s.action, WEIR_STEP_DONE);
        assert_null(s.attempt);
        weir_call_unref(call);
    }
    for (int finish = 0; finish < 2; finish++) {
        weir_call *call = new_call(pipeline);
        weir_step s = {.size = sizeof s};
        weir_call_step(call, WEIR_NOW, &s);
        weir_attempt *attempt = s.attempt;
        s.wake_ns = 77;
        if (finish) {
            weir_call_finish(call, attempt, 0, WEIR_NOW, &s);
        } else {
            weir_attempt_finish(attempt, 0, WEIR_NOW);
            weir_call_step(call, WEIR_NOW, &s);
        }
        assert_int_equal(s.action, WEIR_STEP_DONE);
        assert_true(s.wake_ns == WEIR_NEVER);
        assert_null(s.attempt);
        weir_call_unref(call);
    }
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* In memory that is not zero, too. */
static void call_that_waits_is_no_thread(void **state)
{
    (void)state;
    counting memory;
    weir_pipeline_options p;
    weir_pipeline *pipeline;
    weir_clock *clock = new_virtual_clock();
    counting_init(&memory);
    weir_pipeline_options_init(&p, sizeof p);
    p.allocator = &memory.table;
    p.clock = clock;
    assert_int_equal(weir_pipeline_new(&pipeline, &p), WEIR_OK);
    put_timeout(pipeline, new_timeout(clock, SECOND));
    weir_pipeline_seal(pipeline);
    weir_call *call = new_call(pipeline);
    weir_attempt *attempt = step_attempt(call);
    assert_int_equal(step_wait(call), START_NS + SECOND);
    assert_int_equal(weir_clock_next_ns(clock), START_NS + SECOND);
    assert_int_equal(weir_clock_waiters(clock), 0);
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    step_done(call);
    assert_int_equal(weir_clock_waiters(clock), 0);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
    assert_int_equal(memory.live, 0);
}

/* ---- queueing ---- */

static void granted_call_asks_no_breaker_inside_of_one_that_rejects(
    void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options b = breaker_options(clock);
    weir_breaker *outer = new_breaker(&b), *inner = new_breaker(&b);
    weir_bulkhead *bulkhead = new_bulkhead(clock, 1, 1);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_add_breaker(pipeline, outer);
    weir_pipeline_add_breaker(pipeline, inner);
    weir_pipeline_add_bulkhead(pipeline, bulkhead);
    weir_pipeline_seal(pipeline);
    weir_call *call = new_call(pipeline);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    step_wait(call);
    weir_breaker_set_mode(outer, WEIR_FORCED_OPEN);
    weir_breaker_reset(inner);
    weir_bulkhead_release(bulkhead);
    assert_int_equal(step_done(call).code, WEIR_EOPEN);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_bulkhead_unref(bulkhead);
    weir_breaker_unref(inner);
    weir_breaker_unref(outer);
    weir_clock_unref(clock);
}

static void deadline_of_a_call_that_queues_counts_in_no_breaker(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options b = breaker_options(clock);
    weir_breaker_snapshot seen = {.size = sizeof seen};
    weir_breaker *breaker = new_breaker(&b);
    weir_bulkhead *bulkhead = new_bulkhead(clock, 1, 1);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_call_options o = call_options();
    weir_call *call;
    weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_add_bulkhead(pipeline, bulkhead);
    weir_pipeline_seal(pipeline);
    o.deadline_ns = START_NS + SECOND;
    assert_int_equal(weir_call_new(&call, pipeline, &o), WEIR_OK);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    assert_int_equal(step_wait(call), START_NS + SECOND);
    advance(clock, SECOND);
    assert_int_equal(step_done(call).code, WEIR_ETIMEDOUT);
    weir_breaker_inspect(breaker, &seen);
    assert_int_equal(seen.failed, 0);
    weir_bulkhead_release(bulkhead);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_bulkhead_unref(bulkhead);
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* ---- retries ---- */

static int say_permanent_the_second_time(weir_attempt *attempt, void *arg)
{
    (void)arg;
    if (weir_attempt_number(attempt) == 2)
        weir_attempt_set_outcome(attempt, WEIR_PERMANENT);
    return (int)weir_attempt_number(attempt);
}

static void retry_at_once_ends_with_an_outcome_that_is_final(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options r = retry_options(clock);
    r.base_ns = 0;
    weir_retry *retry = new_retry(&r);
    assert_int_equal(
        weir_retry_run(retry, say_permanent_the_second_time, NULL), 2);
    weir_retry_unref(retry);
    weir_clock_unref(clock);
}

static int fail_and_then_end_the_thread(weir_attempt *attempt, void *arg)
{
    (void)arg;
    if (weir_attempt_number(attempt) == 1)
        return 7;
    pthread_cancel(pthread_self());
    pthread_testcancel();
    return 0;
}

static void *run_to_the_end(void *pipeline)
{
    weir_run(pipeline, fail_and_then_end_the_thread, NULL);
    return NULL;
}

static void thread_that_ends_in_a_retry_gives_back_what_is_around_it(
    void **state)
{
    (void)state;
#ifndef __GLIBC__
    skip(); /* in musl the end of a thread unwinds nothing */
#endif
    weir_clock *clock = new_virtual_clock();
    weir_retry_options r = retry_options(clock);
    weir_bulkhead *bulkhead = new_bulkhead(clock, 1, 0);
    weir_pipeline *pipeline = new_pipeline(clock);
    void *result;
    r.base_ns = 0;
    weir_pipeline_add_bulkhead(pipeline, bulkhead);
    put_retry(pipeline, new_retry(&r));
    weir_pipeline_seal(pipeline);
    pthread_t thread = start(run_to_the_end, pipeline);
    pthread_join(thread, &result);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    weir_bulkhead_unref(bulkhead);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void shortest_delay_is_waited_for(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options r = retry_options(clock);
    weir_pipeline *pipeline = new_pipeline(clock);
    r.base_ns = 1;
    r.jitter = WEIR_JITTER_NONE;
    put_retry(pipeline, new_retry(&r));
    weir_pipeline_seal(pipeline);
    weir_call *call = new_call(pipeline);
    weir_attempt_finish(step_attempt(call), 7, WEIR_NOW);
    assert_int_equal(step_wait(call), START_NS + 1);
    advance(clock, 1);
    weir_attempt_finish(step_attempt(call), 0, WEIR_NOW);
    assert_int_equal(step_done(call).code, WEIR_OK);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void success_after_a_rejection_says_nothing_of_it(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options r = retry_options(clock);
    weir_breaker_options b = breaker_options(clock);
    weir_breaker *breaker = new_breaker(&b);
    r.jitter = WEIR_JITTER_NONE;
    r.retry_on = WEIR_RETRY_OPEN;
    r.max_attempts = 2;
    for (int again = 0; again < 2; again++) {
        weir_pipeline *pipeline = new_pipeline(clock);
        put_retry(pipeline, new_retry(&r));
        weir_pipeline_add_breaker(pipeline, breaker);
        weir_pipeline_seal(pipeline);
        weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
        weir_call *call = new_call(pipeline);
        step_wait(call);
        weir_breaker_set_mode(breaker,
                              again ? WEIR_FORCED_OPEN : WEIR_AUTOMATIC);
        advance(clock, 100 * MS);
        if (!again)
            weir_attempt_finish(step_attempt(call), 0, WEIR_NOW);
        weir_result result = step_done(call);
        assert_int_equal(result.code, again ? WEIR_EOPEN : WEIR_OK);
        assert_true(result.retry_after_ns == (again ? WEIR_NEVER : 0));
        weir_call_unref(call);
        weir_pipeline_unref(pipeline);
    }
    weir_breaker_unref(breaker);
    weir_clock_unref(clock);
}

/* On the direct path, and with two breakers, which have none. */
static void decorrelated_delays_from_zero_begin_with_zero(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options r = retry_options(clock);
    r.base_ns = 0;
    r.jitter = WEIR_JITTER_DECORRELATED;
    r.max_attempts = 2;
    for (int seed = 0; seed < 16; seed++) {
        weir_pipeline *pipeline = new_pipeline(clock);
        weir_breaker_options b = breaker_options(clock);
        r.seeded = 1;
        r.seed = (uint64_t)seed;
        put_retry(pipeline, new_retry(&r));
        for (int i = 0; i < 1 + seed % 2; i++)
            put_breaker(pipeline, new_breaker(&b));
        weir_pipeline_seal(pipeline);
        weir_call *call = new_call(pipeline);
        weir_attempt_finish(step_attempt(call), 7, WEIR_NOW);
        weir_attempt_finish(step_attempt(call), 7, WEIR_NOW);
        assert_int_equal(step_done(call).code, 7);
        weir_call_unref(call);
        weir_pipeline_unref(pipeline);
    }
    weir_clock_unref(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempt_given_up_by_a_given_time_is_cancelled),
        cmocka_unit_test(attempt_that_is_given_up_has_been_slow),
        cmocka_unit_test(attempt_that_fails_late_has_been_slow),
        cmocka_unit_test(final_outcome_that_comes_late_is_not_tried_again),
        cmocka_unit_test(
            attempt_of_a_healthy_run_is_nobodys_to_cancel_or_finish),
        cmocka_unit_test(retry_alone_asks_its_budget_and_its_limit),
        cmocka_unit_test(failure_in_time_is_its_own_whatever_its_code),
        cmocka_unit_test(attempt_that_ends_while_it_is_given_up_has_ended),
        cmocka_unit_test(what_happens_before_a_wait_is_found_by_it),
        cmocka_unit_test(
            call_that_went_on_instead_of_waiting_gets_no_signal),
        cmocka_unit_test(
            clock_that_has_just_come_to_the_deadline_is_looked_at),
        cmocka_unit_test(time_that_is_given_is_not_read),
        cmocka_unit_test(later_attempt_wakes_only_who_waits),
        cmocka_unit_test(each_token_wakes_the_call),
        cmocka_unit_test(token_of_a_trip_that_is_over_wakes_nobody),
        cmocka_unit_test(call_with_a_token_that_has_fired_is_cancelled),
        cmocka_unit_test(attempt_outlives_a_call_released_as_it_is_told),
        cmocka_unit_test(callback_of_a_step_cannot_step_by_a_finish),
        cmocka_unit_test(finish_gives_back_what_each_layer_has_taken),
        cmocka_unit_test(step_says_no_more_than_there_is),
        cmocka_unit_test(call_that_waits_is_no_thread),
        cmocka_unit_test(
            granted_call_asks_no_breaker_inside_of_one_that_rejects),
        cmocka_unit_test(retry_at_once_ends_with_an_outcome_that_is_final),
        cmocka_unit_test(
            thread_that_ends_in_a_retry_gives_back_what_is_around_it),
        cmocka_unit_test(deadline_of_a_call_that_queues_counts_in_no_breaker),
        cmocka_unit_test(shortest_delay_is_waited_for),
        cmocka_unit_test(success_after_a_rejection_says_nothing_of_it),
        cmocka_unit_test(decorrelated_delays_from_zero_begin_with_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
