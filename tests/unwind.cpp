// Unwinding out of the user's function, by a C++ exception or pthread_cancel,
// gives every permit back and counts as a failure: on the straight path, on
// the general path, and after a retry.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <pthread.h>
#include <semaphore.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weir.h"

static int failures;

#define CHECK(condition)                                                      \
    do {                                                                      \
        if (!(condition)) {                                                   \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,           \
                         #condition);                                         \
            failures++;                                                       \
        }                                                                     \
    } while (0)

struct world {
    weir_breaker *breaker;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline;

    explicit world(uint32_t bulkheads, uint64_t base_ns = 0)
    {
        weir_breaker_options b;
        weir_retry_options r;
        weir_retry *retry;
        weir_breaker_options_init(&b, sizeof b);
        b.failure_threshold = 2;
        weir_breaker_new(&breaker, &b);
        weir_bulkhead_new(&bulkhead, nullptr);
        weir_retry_options_init(&r, sizeof r);
        r.base_ns = base_ns;
        weir_retry_new(&retry, &r);
        weir_pipeline_new(&pipeline, nullptr);
        weir_pipeline_add_retry(pipeline, retry);
        weir_pipeline_add_breaker(pipeline, breaker);
        for (uint32_t i = 0; i < bulkheads; i++) // two: the general path
            weir_pipeline_add_bulkhead(pipeline, bulkhead);
        weir_pipeline_seal(pipeline);
        weir_retry_unref(retry);
    }

    ~world()
    {
        weir_pipeline_unref(pipeline);
        weir_breaker_unref(breaker);
        weir_bulkhead_unref(bulkhead);
    }
};

static int throws(weir_attempt *, void *)
{
    throw std::runtime_error("thrown");
}

static int throws_at_last(weir_attempt *attempt, void *)
{
    if (weir_attempt_number(attempt) == 2)
        throw std::runtime_error("thrown");
    return 1;
}

static sem_t inside;

static int hangs(weir_attempt *, void *)
{
    sem_post(&inside);
    for (;;)
        pthread_testcancel();
    return 0;
}

static void *run_until_cancelled(void *arg)
{
    weir_run(static_cast<weir_pipeline *>(arg), hangs, nullptr);
    return nullptr;
}

static bool run_throws(world &w, weir_fn fn)
{
    try {
        weir_run(w.pipeline, fn, nullptr);
    } catch (const std::runtime_error &) {
        return true;
    }
    return false;
}

static void exception_returns_permits_and_counts(uint32_t bulkheads)
{
    world w(bulkheads);
    CHECK(run_throws(w, throws));
    CHECK(weir_bulkhead_running(w.bulkhead) == 0);
    CHECK(weir_breaker_state(w.breaker) == WEIR_CLOSED);
    CHECK(run_throws(w, throws));
    CHECK(weir_bulkhead_running(w.bulkhead) == 0);
    CHECK(weir_breaker_state(w.breaker) == WEIR_OPEN);
}

static void exception_in_a_retry_returns_permits_and_counts()
{
    world w(1);
    CHECK(run_throws(w, throws_at_last));
    CHECK(weir_bulkhead_running(w.bulkhead) == 0);
    CHECK(weir_breaker_state(w.breaker) == WEIR_OPEN);
}

static void __attribute__((noinline)) use_the_stack()
{
    volatile char bytes[16384];
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = 0x5a;
}

// What the wait and the token were given lies in the frame that is gone.
static void exception_after_a_wait_forgets_the_token()
{
    world w(1, 1000);
    weir_call_options o;
    weir_cancel *token;
    weir_cancel_new(&token);
    weir_call_options_init(&o, sizeof o);
    o.cancel = token;
    try {
        weir_run_with(w.pipeline, &o, throws_at_last, nullptr, nullptr);
        CHECK(false);
    } catch (const std::runtime_error &) {
    }
    CHECK(weir_bulkhead_running(w.bulkhead) == 0);
    CHECK(weir_breaker_state(w.breaker) == WEIR_OPEN);
    use_the_stack();
    weir_cancel_fire(token);
    weir_cancel_unref(token);
}

struct nest {
    world *inner;
};

static int runs_inside(weir_attempt *attempt, void *arg)
{
    weir_call_options o;
    weir_call_options_init(&o, sizeof o);
    o.parent = attempt;
    return weir_run_with(static_cast<nest *>(arg)->inner->pipeline, &o,
                         throws, nullptr, nullptr);
}

static void exception_leaves_runs_inside_of_runs()
{
    world outer(1), inner(2);
    nest n = {&inner};
    for (int i = 0; i < 2; i++) {
        try {
            weir_run(outer.pipeline, runs_inside, &n);
            CHECK(false);
        } catch (const std::runtime_error &) {
        }
        CHECK(weir_bulkhead_running(outer.bulkhead) == 0);
        CHECK(weir_bulkhead_running(inner.bulkhead) == 0);
    }
    CHECK(weir_breaker_state(outer.breaker) == WEIR_OPEN);
    CHECK(weir_breaker_state(inner.breaker) == WEIR_OPEN);
}

static void exception_leaves_a_policy_alone()
{
    world w(1);
    for (int i = 0; i < 2; i++) {
        try {
            weir_breaker_run(w.breaker, throws, nullptr);
            CHECK(false);
        } catch (const std::runtime_error &) {
        }
    }
    CHECK(weir_breaker_state(w.breaker) == WEIR_OPEN);
    try {
        weir_bulkhead_run(w.bulkhead, throws, nullptr);
        CHECK(false);
    } catch (const std::runtime_error &) {
    }
    CHECK(weir_bulkhead_running(w.bulkhead) == 0);
}

static void cancelled_thread_returns_permits_and_counts(uint32_t bulkheads)
{
    world w(bulkheads);
    sem_init(&inside, 0, 0);
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        pthread_create(&thread, nullptr, run_until_cancelled, w.pipeline);
        sem_wait(&inside);
        CHECK(weir_bulkhead_running(w.bulkhead) == bulkheads);
        pthread_cancel(thread);
        pthread_join(thread, nullptr);
        CHECK(weir_bulkhead_running(w.bulkhead) == 0);
    }
    CHECK(weir_breaker_state(w.breaker) == WEIR_OPEN);
    sem_destroy(&inside);
}

static weir_clock *moving;

static int takes_a_minute_and_throws(weir_attempt *, void *)
{
    weir_clock_advance(moving, 61000000000u);
    throw std::runtime_error("thrown");
}

// On both paths the breaker opens now, not when the function began.
static void breaker_opens_at_the_time_of_the_exception(bool straight)
{
    weir_breaker_options b;
    weir_pipeline_options p;
    weir_breaker *breaker;
    weir_pipeline *pipeline;
    weir_result result = {};
    result.size = sizeof result;
    weir_clock_new_virtual(&moving, 0);
    weir_breaker_options_init(&b, sizeof b);
    weir_pipeline_options_init(&p, sizeof p);
    b.failure_threshold = 1;
    b.clock = p.clock = moving;
    weir_breaker_new(&breaker, &b);
    weir_pipeline_new(&pipeline, &p);
    weir_pipeline_add_breaker(pipeline, breaker);
    weir_pipeline_seal(pipeline);
    try {
        if (straight)
            weir_run(pipeline, takes_a_minute_and_throws, nullptr);
        else
            weir_run_with(pipeline, nullptr, takes_a_minute_and_throws,
                          nullptr, &result);
        CHECK(false);
    } catch (const std::runtime_error &) {
    }
    CHECK(weir_breaker_state(breaker) == WEIR_OPEN);
    CHECK(weir_breaker_retry_after_ns(breaker) >= 60000000000u);
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_clock_unref(moving);
}

// On a worker there is nobody who could catch it: as of any thread, it is the
// end of the process, and no other harm is done in silence.
static void exception_on_a_worker_ends_the_process()
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        const rlimit none = {0, 0};
        weir_pool *pool;
        setrlimit(RLIMIT_CORE, &none);
        std::signal(SIGABRT, SIG_DFL);
        std::set_terminate(std::abort); // says nothing
        world w(1);
        weir_pool_new(&pool, nullptr);
        weir_pool_run(pool, w.pipeline, nullptr, throws, nullptr, nullptr,
                      nullptr);
        _exit(0);
    }
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main()
{
    exception_on_a_worker_ends_the_process(); // before there are threads
    breaker_opens_at_the_time_of_the_exception(true);
    breaker_opens_at_the_time_of_the_exception(false);
    exception_returns_permits_and_counts(1);
    exception_returns_permits_and_counts(2);
    exception_in_a_retry_returns_permits_and_counts();
    exception_after_a_wait_forgets_the_token();
    exception_leaves_runs_inside_of_runs();
    exception_leaves_a_policy_alone();
    cancelled_thread_returns_permits_and_counts(1);
    cancelled_thread_returns_permits_and_counts(2);
    std::printf("unwind: %s\n", failures ? "failed" : "passed");
    return failures != 0;
}
