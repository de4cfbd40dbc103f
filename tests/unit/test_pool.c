/* Isolated runs: the caller leaves at the deadline, the work goes on. */
#include "support.h"

#include <sched.h>

/* A function that a test opens and closes like a gate. */
typedef struct gate {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int open;
    atomic_int entered;
    atomic_int left;
    atomic_int destroyed;
    atomic_int saw_cancel;
    int code;
} gate;

static void gate_init(gate *g)
{
    pthread_mutex_init(&g->lock, NULL);
    pthread_cond_init(&g->cond, NULL);
    g->open = g->code = 0;
    atomic_init(&g->entered, 0);
    atomic_init(&g->left, 0);
    atomic_init(&g->destroyed, 0);
    atomic_init(&g->saw_cancel, 0);
}

static void gate_open(gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = 1;
    pthread_cond_broadcast(&g->cond);
    pthread_mutex_unlock(&g->lock);
}

static int pass_gate(weir_attempt *attempt, void *arg)
{
    gate *g = arg;
    atomic_fetch_add(&g->entered, 1);
    pthread_mutex_lock(&g->lock);
    while (!g->open)
        pthread_cond_wait(&g->cond, &g->lock);
    pthread_mutex_unlock(&g->lock);
    if (weir_attempt_canceled(attempt))
        atomic_fetch_add(&g->saw_cancel, 1);
    atomic_fetch_add(&g->left, 1);
    return g->code;
}

static void destroy_gate(void *arg)
{
    atomic_fetch_add(&((gate *)arg)->destroyed, 1);
}

static void until(atomic_int *value, int expected)
{
    while (atomic_load(value) < expected)
        sched_yield();
}

static weir_pool *new_pool(uint32_t threads, uint32_t max_queue)
{
    weir_pool_options o;
    weir_pool *pool;
    assert_int_equal(weir_pool_options_init(&o, sizeof o), WEIR_OK);
    o.threads = threads;
    o.max_queue = max_queue;
    assert_int_equal(weir_pool_new(&pool, &o), WEIR_OK);
    return pool;
}

/* bulkhead > timeout of a second */
static weir_pipeline *limited_pipeline(weir_clock *clock,
                                       weir_bulkhead **bulkhead)
{
    weir_pipeline *pipeline = new_pipeline(clock);
    *bulkhead = new_bulkhead(clock, 10, 0);
    weir_pipeline_add_bulkhead(pipeline, *bulkhead);
    put_timeout(pipeline, new_timeout(clock, SECOND));
    weir_pipeline_seal(pipeline);
    return pipeline;
}

typedef struct runner {
    weir_pool *pool;
    weir_pipeline *pipeline;
    gate *gate;
    weir_result result;
    atomic_int done;
} runner;

static void *run_it(void *arg)
{
    runner *r = arg;
    r->result.size = sizeof r->result;
    weir_pool_run(r->pool, r->pipeline, NULL, pass_gate, r->gate, destroy_gate,
                  &r->result);
    atomic_store(&r->done, 1);
    return NULL;
}

static pthread_t start_runner(runner *r, weir_pool *pool,
                              weir_pipeline *pipeline, gate *g)
{
    r->pool = pool;
    r->pipeline = pipeline;
    r->gate = g;
    atomic_init(&r->done, 0);
    return start(run_it, r);
}

static void result_comes_back_from_a_worker(void **state)
{
    (void)state;
    gate g;
    int cancelable;
    weir_bulkhead *bulkhead;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = limited_pipeline(clock, &bulkhead);
    weir_pool *pool = new_pool(1, 0);
    gate_init(&g);
    gate_open(&g);
    g.code = 7;
    assert_int_equal(weir_pool_run(pool, pipeline, NULL, pass_gate, &g,
                                   destroy_gate, NULL),
                     7);
    weir_pool_close(pool, 1);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &cancelable);
    assert_int_equal(cancelable, PTHREAD_CANCEL_ENABLE);
    assert_int_equal(weir_pool_late(pool), 0);
    assert_int_equal(g.entered, 1);
    assert_int_equal(g.destroyed, 1);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    weir_pool_unref(pool);
    weir_bulkhead_unref(bulkhead);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void caller_returns_at_the_deadline_and_work_goes_on(void **state)
{
    (void)state;
    gate g;
    runner r;
    weir_bulkhead *bulkhead;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = limited_pipeline(clock, &bulkhead);
    weir_pool *pool = new_pool(2, 0);
    gate_init(&g);
    pthread_t thread = start_runner(&r, pool, pipeline, &g);
    until(&g.entered, 1);
    until_waiting(clock, 1);
    advance(clock, SECOND);
    join(thread);
    assert_int_equal(r.result.code, WEIR_ETIMEDOUT);
    assert_int_equal(weir_bulkhead_running(bulkhead), 1);
    assert_int_equal(weir_bulkhead_abandoned(bulkhead), 1);
    assert_int_equal(weir_pool_running(pool), 1);
    assert_int_equal(g.left, 0);
    assert_int_equal(g.destroyed, 0);
    gate_open(&g);
    weir_pool_close(pool, 1);
    assert_int_equal(g.left, 1);
    assert_int_equal(g.saw_cancel, 1);
    assert_int_equal(g.destroyed, 1);
    assert_int_equal(weir_pool_late(pool), 1);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    assert_int_equal(weir_bulkhead_abandoned(bulkhead), 0);
    weir_pool_unref(pool);
    weir_bulkhead_unref(bulkhead);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void full_pool_rejects_and_the_breaker_counts_nothing(void **state)
{
    (void)state;
    gate g;
    runner running, waiting;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = breaker_options(clock);
    o.failure_threshold = 1;
    weir_breaker *breaker = new_breaker(&o);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_seal(pipeline);
    weir_pool *pool = new_pool(1, 1);
    gate_init(&g);
    pthread_t first = start_runner(&running, pool, pipeline, &g);
    until(&g.entered, 1);
    pthread_t second = start_runner(&waiting, pool, pipeline, &g);
    while (weir_pool_waiting(pool) < 1)
        sched_yield();
    assert_int_equal(weir_pool_run(pool, pipeline, NULL, pass_gate, &g,
                                   destroy_gate, NULL),
                     WEIR_EFULL);
    assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
    gate_open(&g);
    join(first);
    join(second);
    assert_int_equal(waiting.result.code, WEIR_OK);
    weir_pool_close(pool, 1);
    assert_int_equal(g.destroyed, 3);
    weir_pool_unref(pool);
    weir_breaker_unref(breaker);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* What waits for a worker behind work that hangs must let go of its permit
 * when its own time is over. */
static void attempt_that_no_worker_began_ends_at_its_deadline(void **state)
{
    (void)state;
    gate g;
    runner running, waiting;
    weir_bulkhead *bulkhead;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = limited_pipeline(clock, &bulkhead);
    weir_pool *pool = new_pool(1, 4);
    gate_init(&g);
    pthread_t first = start_runner(&running, pool, pipeline, &g);
    until(&g.entered, 1);
    pthread_t second = start_runner(&waiting, pool, pipeline, &g);
    until_waiting(clock, 2);
    advance(clock, SECOND);
    join(first);
    join(second);
    assert_int_equal(waiting.result.code, WEIR_ETIMEDOUT);
    assert_int_equal(waiting.result.attempts, 0);
    assert_int_equal(running.result.attempts, 1);
    assert_int_equal(weir_bulkhead_running(bulkhead), 1);
    assert_int_equal(weir_pool_waiting(pool), 0);
    gate_open(&g);
    weir_pool_close(pool, 1);
    assert_int_equal(g.entered, 1);
    assert_int_equal(g.destroyed, 2);
    weir_pool_unref(pool);
    weir_bulkhead_unref(bulkhead);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void closing_cancels_what_waits_and_refuses_what_comes(void **state)
{
    (void)state;
    gate g;
    runner running, waiting;
    weir_bulkhead *bulkhead;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = limited_pipeline(clock, &bulkhead);
    weir_pool *pool = new_pool(1, 4);
    gate_init(&g);
    pthread_t first = start_runner(&running, pool, pipeline, &g);
    until(&g.entered, 1);
    pthread_t second = start_runner(&waiting, pool, pipeline, &g);
    while (weir_pool_waiting(pool) < 1)
        sched_yield();
    assert_int_equal(weir_pool_close(pool, 0), WEIR_OK);
    join(second);
    assert_int_equal(waiting.result.code, WEIR_ECANCELED);
    assert_int_equal(weir_pool_run(pool, pipeline, NULL, pass_gate, &g,
                                   destroy_gate, NULL),
                     WEIR_ECANCELED);
    gate_open(&g);
    join(first);
    assert_int_equal(running.result.code, WEIR_OK);
    assert_int_equal(weir_pool_close(pool, 1), WEIR_OK);
    assert_int_equal(g.destroyed, 3);
    weir_pool_unref(pool);
    weir_bulkhead_unref(bulkhead);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* The caller, the pipeline and the pool may all be gone before the work. */
static void abandoned_work_outlives_the_pool(void **state)
{
    (void)state;
    gate g;
    runner r;
    weir_bulkhead *bulkhead;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = limited_pipeline(clock, &bulkhead);
    weir_pool *pool = new_pool(1, 0);
    gate_init(&g);
    pthread_t thread = start_runner(&r, pool, pipeline, &g);
    until(&g.entered, 1);
    until_waiting(clock, 1);
    advance(clock, SECOND);
    join(thread);
    weir_pool_unref(pool);
    weir_pipeline_unref(pipeline);
    weir_bulkhead_unref(bulkhead);
    weir_clock_unref(clock);
    gate_open(&g);
    until(&g.destroyed, 1);
    assert_int_equal(g.saw_cancel, 1);
}

static int one(weir_attempt *attempt, void *arg)
{
    (void)arg;
    return weir_attempt_number(attempt) < 3 ? 500 : 0;
}

static void retries_run_on_workers(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_retry_options o = retry_options(clock);
    weir_result result = {.size = sizeof result};
    weir_pipeline *pipeline = new_pipeline(clock);
    o.base_ns = 0;
    put_retry(pipeline, new_retry(&o));
    weir_pipeline_seal(pipeline);
    weir_pool *pool = new_pool(2, 2);
    assert_int_equal(
        weir_pool_run(pool, pipeline, NULL, one, NULL, NULL, &result),
        WEIR_OK);
    assert_int_equal(result.attempts, 3);
    weir_pool_close(pool, 1);
    weir_pool_unref(pool);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static int nothing(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

/* The worker was still counted as busy when its caller was woken. */
static void one_caller_and_one_worker_never_find_it_full(void **state)
{
    (void)state;
    weir_pipeline *pipeline = new_pipeline(NULL);
    weir_pool *pool = new_pool(1, 0);
    weir_pipeline_seal(pipeline);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(weir_pool_run(pool, pipeline, NULL, nothing, NULL,
                                       NULL, NULL),
                         WEIR_OK);
    weir_pool_close(pool, 1);
    weir_pool_unref(pool);
    weir_pipeline_unref(pipeline);
}

/* A queue of the pool is not the dependency: neither its rejections nor the
 * time in it count in a breaker, and no call is slow for it. */
static void queue_of_the_pool_counts_in_no_breaker(void **state)
{
    (void)state;
    gate g;
    runner running, waiting;
    weir_clock *clock = new_virtual_clock();
    weir_breaker_options o = breaker_options(clock);
    weir_breaker_snapshot s = {.size = sizeof s};
    o.window = WEIR_WINDOW_COUNT;
    o.minimum_calls = 1;
    o.slow_call_ns = 100 * MS;
    weir_breaker *breaker = new_breaker(&o);
    weir_breaker_set_mode(breaker, WEIR_METRICS_ONLY);
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_add_breaker(pipeline, breaker);
    put_timeout(pipeline, new_timeout(clock, SECOND));
    weir_pipeline_seal(pipeline);
    weir_pipeline *patient = new_pipeline(clock);
    weir_pipeline_add_breaker(patient, breaker);
    weir_pipeline_seal(patient);
    weir_pool *pool = new_pool(1, 2);
    gate_init(&g);
    pthread_t first = start_runner(&running, pool, patient, &g);
    until(&g.entered, 1);
    pthread_t second = start_runner(&waiting, pool, pipeline, &g);
    until_waiting(clock, 2);
    advance(clock, SECOND);
    join(second);
    assert_int_equal(waiting.result.code, WEIR_ETIMEDOUT);
    weir_breaker_inspect(breaker, &s);
    assert_int_equal(s.calls, 0);
    second = start_runner(&waiting, pool, patient, &g);
    while (weir_pool_waiting(pool) < 1)
        sched_yield();
    advance(clock, SECOND);
    gate_open(&g);
    join(first); /* was slow; the second only waited */
    join(second);
    weir_breaker_inspect(breaker, &s);
    assert_int_equal(s.calls, 2);
    assert_int_equal(s.slow, 1);
    weir_pool_close(pool, 1);
    weir_pool_unref(pool);
    weir_breaker_unref(breaker);
    weir_pipeline_unref(pipeline);
    weir_pipeline_unref(patient);
    weir_clock_unref(clock);
}

static void rejection_by_the_pool_says_so(void **state)
{
    (void)state;
    gate g;
    runner running;
    weir_result result = {.size = sizeof result};
    weir_clock *clock = new_virtual_clock();
    weir_retry_options o = retry_options(clock);
    o.max_attempts = 3;
    o.base_ns = 0;
    o.retry_on = WEIR_RETRY_FULL;
    weir_pipeline *pipeline = new_pipeline(clock);
    put_retry(pipeline, new_retry(&o));
    weir_pipeline_seal(pipeline);
    weir_pool *pool = new_pool(1, 0);
    gate_init(&g);
    pthread_t first = start_runner(&running, pool, pipeline, &g);
    until(&g.entered, 1);
    assert_int_equal(weir_pool_run(pool, pipeline, NULL, pass_gate, &g, NULL,
                                   &result),
                     WEIR_EFULL);
    assert_int_equal(result.rejected_by, WEIR_BY_POOL);
    assert_int_equal(result.rejected_layer, 0);
    assert_int_equal(result.attempts, 0);
    assert_int_equal(result.last_code, 0);
    gate_open(&g);
    join(first);
    weir_pool_close(pool, 1);
    weir_pool_unref(pool);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void bad_arguments_are_refused_and_destroy_arg(void **state)
{
    (void)state;
    gate g;
    weir_pool_options o;
    weir_pool *pool = NULL;
    weir_result small = {.size = 4};
    weir_pipeline *unsealed = new_pipeline(NULL);
    gate_init(&g);
    weir_pool_options_init(&o, sizeof o);
    o.threads = 0;
    assert_int_equal(weir_pool_new(&pool, &o), WEIR_EINVAL);
    o.threads = 1025;
    assert_int_equal(weir_pool_new(&pool, &o), WEIR_EINVAL);
    o.threads = 1;
    o.max_queue = 1000001;
    assert_int_equal(weir_pool_new(&pool, &o), WEIR_EINVAL);
    assert_int_equal(weir_pool_new(NULL, NULL), WEIR_EINVAL);
    assert_null(pool);
    pool = new_pool(1, 0);
    assert_int_equal(weir_pool_run(pool, unsealed, NULL, pass_gate, &g,
                                   destroy_gate, NULL),
                     WEIR_EINVAL);
    assert_int_equal(weir_pool_run(NULL, unsealed, NULL, pass_gate, &g,
                                   destroy_gate, NULL),
                     WEIR_EINVAL);
    assert_int_equal(
        weir_pool_run(pool, unsealed, NULL, NULL, &g, destroy_gate, NULL),
        WEIR_EINVAL);
    weir_pipeline_seal(unsealed);
    assert_int_equal(weir_pool_run(pool, unsealed, NULL, pass_gate, &g,
                                   destroy_gate, &small),
                     WEIR_EINVAL);
    assert_int_equal(g.destroyed, 4);
    assert_int_equal(g.entered, 0);
    assert_int_equal(weir_pool_run(NULL, unsealed, NULL, pass_gate, &g, NULL,
                                   NULL),
                     WEIR_EINVAL);
    assert_int_equal(weir_pool_close(pool, 2), WEIR_EINVAL);
    assert_int_equal(weir_pool_close(NULL, 0), WEIR_EINVAL);
    weir_pool_close(pool, 1);
    weir_pool_unref(pool);
    weir_pool_unref(NULL);
    weir_pool_ref(NULL);
    weir_pipeline_unref(unsealed);
}

static void a_pool_lives_until_its_last_reference_is_gone(void **state)
{
    (void)state;
    gate g;
    weir_bulkhead *bulkhead;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = limited_pipeline(clock, &bulkhead);
    weir_pool *pool = new_pool(1, 0);
    gate_init(&g);
    gate_open(&g);
    weir_pool_ref(pool);
    weir_pool_unref(pool);
    assert_int_equal(weir_pool_run(pool, pipeline, NULL, pass_gate, &g,
                                   destroy_gate, NULL),
                     WEIR_OK);
    assert_int_equal(g.entered, 1);
    assert_int_equal(weir_pool_close(pool, 1), WEIR_OK);
    weir_pool_unref(pool);
    weir_bulkhead_unref(bulkhead);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void no_pool_has_no_work(void **state)
{
    (void)state;
    weir_pool_ref(NULL);
    weir_pool_unref(NULL);
    assert_int_equal(weir_pool_running(NULL), 0);
    assert_int_equal(weir_pool_waiting(NULL), 0);
    assert_int_equal(weir_pool_late(NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(result_comes_back_from_a_worker),
        cmocka_unit_test(caller_returns_at_the_deadline_and_work_goes_on),
        cmocka_unit_test(full_pool_rejects_and_the_breaker_counts_nothing),
        cmocka_unit_test(attempt_that_no_worker_began_ends_at_its_deadline),
        cmocka_unit_test(closing_cancels_what_waits_and_refuses_what_comes),
        cmocka_unit_test(abandoned_work_outlives_the_pool),
        cmocka_unit_test(retries_run_on_workers),
        cmocka_unit_test(one_caller_and_one_worker_never_find_it_full),
        cmocka_unit_test(queue_of_the_pool_counts_in_no_breaker),
        cmocka_unit_test(rejection_by_the_pool_says_so),
        cmocka_unit_test(bad_arguments_are_refused_and_destroy_arg),
        cmocka_unit_test(a_pool_lives_until_its_last_reference_is_gone),
        cmocka_unit_test(no_pool_has_no_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
