/* Isolated runs when things go wrong: signals, pthread_cancel of callers and
 * of workers, threads that end, fork, and a pool that is full or closes. */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

/* Pools in children that were forked from several threads. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

static void until(atomic_int *value, int expected)
{
    while (atomic_load(value) < expected)
        sched_yield();
}

/* ---- a world: breaker of one failure > bulkhead, on a pool ---- */

typedef struct world {
    weir_clock *clock;
    weir_breaker *breaker;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline;
    weir_pool *pool;
    weir_cancel *cancel;
    atomic_int open;    /* the gate of pass_gate */
    atomic_int entered, destroyed, classified;
    pthread_t worker;
} world;

static int classify(int code, void *arg)
{
    pthread_testcancel(); /* as output is */
    atomic_fetch_add(&((world *)arg)->classified, 1);
    return weir_classify_default(code, NULL);
}

static weir_pool *new_pool(uint32_t threads, uint32_t max_queue,
                           const weir_allocator *allocator)
{
    weir_pool_options o;
    weir_pool *pool = NULL;
    weir_pool_options_init(&o, sizeof o);
    o.threads = threads;
    o.max_queue = max_queue;
    o.allocator = allocator;
    assert_int_equal(weir_pool_new(&pool, &o), WEIR_OK);
    return pool;
}

static void open_world_with(world *w, uint32_t threads, uint32_t max_queue,
                            const weir_allocator *allocator)
{
    weir_pipeline_options p;
    w->clock = new_virtual_clock();
    weir_breaker_options o = breaker_options(w->clock);
    o.failure_threshold = 1;
    w->breaker = new_breaker(&o);
    w->bulkhead = new_bulkhead(w->clock, 10, 4);
    weir_pipeline_options_init(&p, sizeof p);
    p.clock = w->clock;
    p.allocator = allocator;
    assert_int_equal(weir_pipeline_new(&w->pipeline, &p), WEIR_OK);
    weir_pipeline_classify(w->pipeline, classify, w, NULL);
    weir_pipeline_add_breaker(w->pipeline, w->breaker);
    weir_pipeline_add_bulkhead(w->pipeline, w->bulkhead);
    weir_pipeline_seal(w->pipeline);
    w->pool = new_pool(threads, max_queue, allocator);
    w->cancel = new_cancel();
    atomic_init(&w->open, 0);
    atomic_init(&w->entered, 0);
    atomic_init(&w->destroyed, 0);
    atomic_init(&w->classified, 0);
}

static void open_world(world *w, uint32_t threads, uint32_t max_queue)
{
    open_world_with(w, threads, max_queue, NULL);
}

/* Whatever happened, nothing is held. */
static void close_world(world *w)
{
    assert_int_equal(weir_pool_close(w->pool, 1), WEIR_OK);
    assert_int_equal(weir_pool_running(w->pool), 0);
    assert_int_equal(weir_pool_waiting(w->pool), 0);
    assert_int_equal(weir_bulkhead_running(w->bulkhead), 0);
    assert_int_equal(weir_bulkhead_waiting(w->bulkhead), 0);
    assert_int_equal(weir_bulkhead_abandoned(w->bulkhead), 0);
    weir_pool_unref(w->pool);
    weir_pipeline_unref(w->pipeline);
    weir_bulkhead_unref(w->bulkhead);
    weir_breaker_unref(w->breaker);
    weir_cancel_unref(w->cancel);
    weir_clock_unref(w->clock);
}

static void destroy(void *arg)
{
    pthread_testcancel(); /* as closing a descriptor is */
    atomic_fetch_add(&((world *)arg)->destroyed, 1);
}

static int succeed(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

static int pass_gate(weir_attempt *attempt, void *arg)
{
    world *w = arg;
    (void)attempt;
    atomic_fetch_add(&w->entered, 1);
    until(&w->open, 1);
    return 0;
}

static int run(world *w, weir_fn fn, weir_result *result)
{
    weir_call_options o = call_options();
    o.cancel = w->cancel;
    return weir_pool_run(w->pool, w->pipeline, &o, fn, w, destroy, result);
}

/* ---- callers ---- */

typedef struct caller {
    world *w;
    weir_fn fn;
    weir_result result;
    atomic_int back;
    pthread_t thread;
} caller;

static void *call_on_thread(void *arg)
{
    caller *c = arg;
    c->result.size = sizeof c->result;
    run(c->w, c->fn, &c->result);
    atomic_store(&c->back, 1);
    pthread_testcancel();
    return NULL;
}

static void start_caller(caller *c, world *w, weir_fn fn)
{
    c->w = w;
    c->fn = fn;
    atomic_init(&c->back, 0);
    c->thread = start(call_on_thread, c);
}

static void until_pool_waits(world *w, uint32_t attempts)
{
    while (weir_pool_waiting(w->pool) != attempts)
        sched_yield();
}

/* ---- signals ---- */

static atomic_int handled;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
}

static void storm(pthread_t thread)
{
    for (int i = 0; i < 200; i++) {
        int before = atomic_load(&handled);
        assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
        until(&handled, before + 1);
    }
}

typedef struct closer {
    world *w;
    atomic_int closing, back;
} closer;

static void *close_on_thread(void *arg)
{
    closer *c = arg;
    atomic_store(&c->closing, 1);
    weir_pool_close(c->w->pool, 1);
    atomic_store(&c->back, 1);
    pthread_testcancel();
    return NULL;
}

static void no_signal_ends_an_isolated_run_or_a_close(void **state)
{
    struct sigaction action = {.sa_handler = count_signal}, before;
    world w;
    caller running, waiting;
    closer c = {&w, 0, 0};
    (void)state;
    sigaction(SIGUSR1, &action, &before);
    open_world(&w, 1, 1);
    start_caller(&running, &w, pass_gate);
    until(&w.entered, 1);
    start_caller(&waiting, &w, pass_gate);
    until_pool_waits(&w, 1);
    storm(running.thread);
    storm(waiting.thread);
    assert_int_equal(running.back + waiting.back, 0);
    pthread_t closing = start(close_on_thread, &c);
    join(waiting.thread);
    storm(closing);
    storm(running.thread);
    assert_int_equal(running.back + c.back, 0);
    assert_int_equal(waiting.result.code, WEIR_ECANCELED);
    atomic_store(&w.open, 1);
    join(running.thread);
    join(closing);
    assert_int_equal(running.result.code, WEIR_OK);
    assert_int_equal(w.destroyed, 2);
    close_world(&w);
    sigaction(SIGUSR1, &before, NULL);
}

/* They are not for workers. */
static int look_at_signals(weir_attempt *attempt, void *arg)
{
    sigset_t blocked;
    int count = 0;
    (void)attempt;
    (void)arg;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    for (int s = 1; s < 32; s++)
        count += sigismember(&blocked, s) == 1;
    return count >= 29 ? 0 : -1; /* nobody can block SIGKILL and SIGSTOP */
}

/* ---- pthread_cancel of callers ---- */

/* The caller waits for a result, a worker, or a permit. */
static void a_caller_that_is_cancelled_comes_back_first(void **state)
{
    world w;
    caller running, waiting, queueing;
    void *end = NULL;
    (void)state;
    open_world(&w, 1, 1);
    weir_bulkhead_resize(w.bulkhead, 2);
    start_caller(&running, &w, pass_gate);
    until(&w.entered, 1);
    start_caller(&waiting, &w, pass_gate);
    until_pool_waits(&w, 1);
    start_caller(&queueing, &w, pass_gate);
    until_waiting(w.clock, 3);
    pthread_cancel(running.thread);
    pthread_cancel(waiting.thread);
    pthread_cancel(queueing.thread);
    atomic_store(&w.open, 1);
    caller *all[] = {&running, &waiting, &queueing};
    for (size_t i = 0; i < COUNT(all); i++) {
        assert_int_equal(pthread_join(all[i]->thread, &end), 0);
        assert_true(end == PTHREAD_CANCELED);
        assert_int_equal(all[i]->back, 1);
        assert_int_equal(all[i]->result.code, WEIR_OK);
    }
    assert_int_equal(w.entered, 3);
    close_world(&w);
    assert_int_equal(w.destroyed, 3);
}

static void *call_when_doomed(void *arg)
{
    pthread_cancel(pthread_self());
    return call_on_thread(arg);
}

/* Although the classifier and the destroy function are cancellation points. */
static void a_cancelled_caller_runs_a_whole_call(void **state)
{
    world w;
    caller c = {&w, succeed, {0}, 0, 0};
    closer closing = {&w, 0, 0};
    void *end = NULL;
    (void)state;
    open_world(&w, 1, 1);
    assert_int_equal(
        pthread_join(start(call_when_doomed, &c), &end), 0);
    assert_true(end == PTHREAD_CANCELED);
    assert_int_equal(c.back, 1);
    assert_int_equal(c.result.code, WEIR_OK);
    assert_int_equal(w.classified, 1);
    pthread_t closer_thread = start(close_on_thread, &closing);
    pthread_cancel(closer_thread);
    assert_int_equal(pthread_join(closer_thread, &end), 0);
    assert_int_equal(closing.back, 1);
    close_world(&w);
    assert_int_equal(w.destroyed, 1);
}

/* ---- threads that end in the function ---- */

static int end_thread(weir_attempt *attempt, void *arg)
{
    atomic_fetch_add(&((world *)arg)->entered, 1);
    (void)attempt;
    pthread_exit(NULL);
}

static int end_thread_at_first(weir_attempt *attempt, void *arg)
{
    return weir_attempt_number(attempt) == 1 ? end_thread(attempt, arg) : 0;
}

/* As many run at once as there are threads. */
static void all_workers_are_there(world *w, int threads)
{
    caller callers[8];
    atomic_store(&w->entered, 0);
    atomic_store(&w->open, 0);
    for (int i = 0; i < threads; i++)
        start_caller(&callers[i], w, pass_gate);
    until(&w->entered, threads);
    atomic_store(&w->open, 1);
    for (int i = 0; i < threads; i++) {
        join(callers[i].thread);
        assert_int_equal(callers[i].result.code, WEIR_OK);
    }
}

static void a_function_that_ends_its_thread_has_failed(void **state)
{
    world w;
    weir_result result = {.size = sizeof result};
    (void)state;
    open_world(&w, 3, 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(run(&w, end_thread, &result), WEIR_ECANCELED);
        assert_int_equal(result.rejected_by, WEIR_BY_NONE);
        assert_int_equal(result.attempts, 1);
        assert_int_equal(weir_breaker_state(w.breaker), WEIR_OPEN);
        weir_breaker_reset(w.breaker);
    }
    all_workers_are_there(&w, 3);
    close_world(&w);
    assert_int_equal(w.destroyed, 20 + 3);
}

static void a_function_that_ends_its_thread_is_retried_on_another(void **state)
{
    world w;
    weir_result result = {.size = sizeof result};
    (void)state;
    open_world(&w, 1, 0);
    weir_retry_options o = retry_options(w.clock);
    weir_pipeline *retrying = new_pipeline(w.clock);
    o.base_ns = 0;
    put_retry(retrying, new_retry(&o));
    weir_pipeline_seal(retrying);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(weir_pool_run(w.pool, retrying, NULL,
                                       end_thread_at_first, &w, NULL, &result),
                         WEIR_OK);
        assert_int_equal(result.attempts, 2);
    }
    weir_pipeline_unref(retrying);
    close_world(&w);
}

static int pass_gate_and_end_thread(weir_attempt *attempt, void *arg)
{
    pass_gate(attempt, arg);
    return end_thread(attempt, arg);
}

static void what_waits_for_a_worker_gets_the_new_thread(void **state)
{
    world w;
    caller ending, waiting;
    (void)state;
    open_world(&w, 1, 1);
    start_caller(&ending, &w, pass_gate_and_end_thread);
    until(&w.entered, 1);
    start_caller(&waiting, &w, succeed);
    until_pool_waits(&w, 1);
    atomic_store(&w.open, 1);
    join(ending.thread);
    join(waiting.thread);
    assert_int_equal(ending.result.code, WEIR_ECANCELED);
    assert_int_equal(waiting.result.code, WEIR_OK);
    close_world(&w);
}

static void cancel_worker(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    pthread_cancel(((world *)arg)->worker);
}

/* Deaf to weir, but for this. */
static int hang(weir_attempt *attempt, void *arg)
{
    world *w = arg;
    w->worker = pthread_self();
    weir_attempt_on_cancel(attempt, cancel_worker, w);
    atomic_fetch_add(&w->entered, 1);
    for (;;) {
        pthread_testcancel(); /* no system call: TSan loses its way in one */
        sched_yield();
    }
    return 0;
}

/* What was given up, and is ended so, gives its permit and worker back. */
static void a_worker_that_hangs_may_be_cancelled(void **state)
{
    world w;
    caller c;
    (void)state;
    open_world(&w, 1, 0);
    start_caller(&c, &w, hang);
    until(&w.entered, 1);
    weir_cancel_fire(w.cancel);
    join(c.thread);
    assert_int_equal(c.result.code, WEIR_ECANCELED);
    until(&w.destroyed, 1);
    weir_cancel_unref(w.cancel);
    w.cancel = new_cancel();
    all_workers_are_there(&w, 1);
    assert_int_equal(weir_pool_late(w.pool), 1);
    close_world(&w);
}

static int return_and_be_cancelled(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    pthread_cancel(pthread_self());
    return 0;
}

static int reach_a_cancellation_point(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    pthread_testcancel();
    return 0;
}

static void a_cancellation_that_comes_late_hits_nobody_else(void **state)
{
    world w;
    (void)state;
    open_world(&w, 1, 0);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(run(&w, return_and_be_cancelled, NULL), WEIR_OK);
        assert_int_equal(run(&w, reach_a_cancellation_point, NULL), WEIR_OK);
        assert_int_equal(run(&w, look_at_signals, NULL), WEIR_OK);
    }
    close_world(&w);
}

/* Threads end, and the pool closes, at once. */
static void a_pool_may_close_while_threads_end(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        world w;
        caller callers[3];
        closer c = {&w, 0, 0};
        open_world(&w, 2, 1);
        for (size_t k = 0; k < COUNT(callers); k++)
            start_caller(&callers[k], &w, end_thread);
        pthread_t closing = start(close_on_thread, &c);
        for (size_t k = 0; k < COUNT(callers); k++)
            join(callers[k].thread);
        join(closing);
        close_world(&w);
        assert_int_equal(w.destroyed, 3);
    }
}

/* ---- fork ---- */

/* Memory for those who hammer: that of some sanitizers' C library is locked
 * for ever in a child which was forked while another thread allocated, as one
 * that begins does. */
enum { BLOCKS = 64, BLOCK = 4096 };

static _Alignas(64) unsigned char blocks[BLOCKS][BLOCK];
static atomic_int taken[BLOCKS];

static void *take_block(void *context, uint64_t bytes, uint64_t alignment)
{
    (void)context;
    for (int i = 0; i < BLOCKS && bytes <= BLOCK && alignment <= 64; i++)
        if (atomic_exchange(&taken[i], 1) == 0)
            return blocks[i];
    return NULL;
}

static void give_block(void *context, void *memory, uint64_t bytes)
{
    (void)context;
    (void)bytes;
    atomic_store(&taken[((unsigned char *)memory - blocks[0]) / BLOCK], 0);
}

static const weir_allocator table = {take_block, give_block, NULL};

static atomic_int at_work; /* threads that have begun */

static int check_in(weir_attempt *attempt, void *arg)
{
    static _Thread_local int is_known;
    (void)attempt;
    (void)arg;
    if (!is_known)
        atomic_fetch_add(&at_work, 1);
    is_known = 1;
    return 0;
}

static void *hammer(void *arg)
{
    world *w = arg;
    int wrong = 0;
    check_in(NULL, NULL);
    while (!atomic_load(&w->open))
        wrong += run(w, check_in, NULL) != WEIR_OK;
    return wrong ? w : NULL;
}

/* 0 when all is well. */
static int use_a_new_pool(void)
{
    weir_pool *pool;
    weir_pipeline *pipeline;
    if (weir_pool_new(&pool, NULL) != WEIR_OK ||
        weir_pipeline_new_recommended(&pipeline, DAY, DAY) != WEIR_OK)
        return 1;
    for (int i = 0; i < 50; i++) {
        int status =
            weir_pool_run(pool, pipeline, NULL, succeed, NULL, NULL, NULL);
        if (status != WEIR_OK)
            return 100 + WEIR_EINVAL - status;
    }
    if (weir_pool_close(pool, 1) != WEIR_OK)
        return 3;
    weir_pool_unref(pool);
    weir_pipeline_unref(pipeline);
    return 0;
}

static void children_forked_amid_isolated_runs_make_new_pools(void **state)
{
    enum { CHILDREN = 20, HAMMERS = 3, WORKERS = 2 };
    static world w; /* a test that fails leaves the threads behind */
    pthread_t threads[HAMMERS];
    void *wrong = NULL;
    (void)state;
    if (getenv("EMULATED"))
        skip(); /* qemu itself does not survive a thread in such a child */
    open_world_with(&w, WORKERS, 8, &table);
    for (int i = 0; i < HAMMERS; i++)
        threads[i] = start(hammer, &w);
    until(&at_work, HAMMERS + WORKERS);
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            alarm(60);
            _exit(use_a_new_pool());
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    assert_int_equal(run(&w, succeed, NULL), WEIR_OK); /* the parent goes on */
    atomic_store(&w.open, 1);
    for (int i = 0; i < HAMMERS; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    close_world(&w);
}

/* ---- full ---- */

static void closing_a_full_pool_cancels_all_that_wait(void **state)
{
    world w;
    caller running[2], waiting[3];
    (void)state;
    open_world(&w, 2, 3);
    for (size_t i = 0; i < COUNT(running); i++)
        start_caller(&running[i], &w, pass_gate);
    until(&w.entered, 2);
    for (size_t i = 0; i < COUNT(waiting); i++)
        start_caller(&waiting[i], &w, pass_gate);
    until_pool_waits(&w, 3);
    assert_int_equal(run(&w, pass_gate, NULL), WEIR_EFULL);
    assert_int_equal(weir_pool_close(w.pool, 0), WEIR_OK);
    for (size_t i = 0; i < COUNT(waiting); i++) {
        join(waiting[i].thread);
        assert_int_equal(waiting[i].result.code, WEIR_ECANCELED);
        assert_int_equal(waiting[i].result.rejected_by, WEIR_BY_POOL);
    }
    assert_int_equal(run(&w, pass_gate, NULL), WEIR_ECANCELED);
    assert_int_equal(weir_bulkhead_running(w.bulkhead), 2);
    assert_int_equal(weir_breaker_state(w.breaker), WEIR_CLOSED);
    atomic_store(&w.open, 1);
    for (size_t i = 0; i < COUNT(running); i++) {
        join(running[i].thread);
        assert_int_equal(running[i].result.code, WEIR_OK);
    }
    assert_int_equal(w.entered, 2);
    close_world(&w);
    assert_int_equal(w.destroyed, 2 + 3 + 2);
}

static int close_and_release(weir_attempt *attempt, void *arg)
{
    world *w = arg;
    (void)attempt;
    weir_pool_close(w->pool, 0);
    weir_pool_unref(w->pool); /* not the last */
    return 0;
}

static void a_function_may_close_the_pool_it_runs_on(void **state)
{
    world w;
    (void)state;
    open_world(&w, 2, 2);
    weir_pool_ref(w.pool);
    assert_int_equal(run(&w, close_and_release, NULL), WEIR_OK);
    assert_int_equal(run(&w, succeed, NULL), WEIR_ECANCELED);
    close_world(&w);
}

static int release_the_last(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    weir_pool_unref(((world *)arg)->pool);
    return 0;
}

static void a_function_may_release_the_pool_it_runs_on(void **state)
{
    world w;
    (void)state;
    open_world(&w, 2, 2);
    assert_int_equal(run(&w, release_the_last, NULL), WEIR_OK);
    until(&w.destroyed, 1);
    w.pool = new_pool(1, 0, NULL);
    close_world(&w);
}

static void two_may_wait_for_the_same_close(void **state)
{
    world w;
    caller running;
    closer c[2] = {{&w, 0, 0}, {&w, 0, 0}};
    pthread_t closing[2];
    (void)state;
    open_world(&w, 3, 0);
    start_caller(&running, &w, pass_gate);
    until(&w.entered, 1);
    for (int i = 0; i < 2; i++)
        closing[i] = start(close_on_thread, &c[i]);
    while (run(&w, succeed, NULL) != WEIR_ECANCELED)
        sched_yield();
    assert_int_equal(c[0].back + c[1].back, 0);
    atomic_store(&w.open, 1);
    for (int i = 0; i < 2; i++)
        join(closing[i]);
    join(running.thread);
    assert_int_equal(running.result.code, WEIR_OK);
    close_world(&w);
}

/* ---- runs inside of runs ---- */

typedef struct nest {
    world *w;
    uint64_t deadline_ns;
    weir_result inner;
} nest;

static int run_inside(weir_attempt *attempt, void *arg)
{
    nest *n = arg;
    weir_call_options o = call_options();
    o.parent = attempt;
    o.deadline_ns = n->deadline_ns;
    n->inner.size = sizeof n->inner;
    weir_pool_run(n->w->pool, n->w->pipeline, &o, succeed, NULL, NULL,
                  &n->inner);
    return 0;
}

static void *run_nest(void *arg)
{
    nest *n = arg;
    int status = weir_pool_run(n->w->pool, n->w->pipeline, NULL, run_inside,
                               n, NULL, NULL);
    return status == WEIR_OK ? NULL : n;
}

static void nested_runs_take_a_worker_each(void **state)
{
    world w;
    nest n = {&w, WEIR_NEVER, {0}};
    (void)state;
    open_world(&w, 2, 0);
    assert_null(run_nest(&n));
    assert_int_equal(n.inner.code, WEIR_OK);
    close_world(&w);
    open_world(&w, 1, 0);
    assert_null(run_nest(&n));
    assert_int_equal(n.inner.code, WEIR_EFULL);
    close_world(&w);
}

/* It would wait for the worker that waits for it. */
static void a_nested_run_without_a_worker_ends_at_its_deadline(void **state)
{
    world w;
    nest n = {&w, START_NS + SECOND, {0}};
    void *wrong = &n;
    (void)state;
    open_world(&w, 1, 1);
    pthread_t thread = start(run_nest, &n);
    until_waiting(w.clock, 2);
    advance(w.clock, SECOND);
    assert_int_equal(pthread_join(thread, &wrong), 0);
    assert_null(wrong);
    assert_int_equal(n.inner.code, WEIR_ETIMEDOUT);
    assert_int_equal(n.inner.attempts, 0);
    assert_int_equal(weir_breaker_state(w.breaker), WEIR_CLOSED);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_signal_ends_an_isolated_run_or_a_close),
        cmocka_unit_test(a_caller_that_is_cancelled_comes_back_first),
        cmocka_unit_test(a_cancelled_caller_runs_a_whole_call),
        cmocka_unit_test(a_function_that_ends_its_thread_has_failed),
        cmocka_unit_test(
            a_function_that_ends_its_thread_is_retried_on_another),
        cmocka_unit_test(what_waits_for_a_worker_gets_the_new_thread),
        cmocka_unit_test(a_worker_that_hangs_may_be_cancelled),
        cmocka_unit_test(a_cancellation_that_comes_late_hits_nobody_else),
        cmocka_unit_test(a_pool_may_close_while_threads_end),
        cmocka_unit_test(children_forked_amid_isolated_runs_make_new_pools),
        cmocka_unit_test(closing_a_full_pool_cancels_all_that_wait),
        cmocka_unit_test(a_function_may_close_the_pool_it_runs_on),
        cmocka_unit_test(a_function_may_release_the_pool_it_runs_on),
        cmocka_unit_test(two_may_wait_for_the_same_close),
        cmocka_unit_test(nested_runs_take_a_worker_each),
        cmocka_unit_test(a_nested_run_without_a_worker_ends_at_its_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
