/* What the system does to threads and processes that are inside the library:
 * signals without SA_RESTART, pthread_cancel in a wait, fork. */
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

/* ---- waits, ended by hand ---- */

typedef struct waiting {
    weir_clock *clock; /* virtual: it says when the thread waits */
    weir_cancel *cancel;
    weir_bulkhead *bulkhead; /* its permit is out */
    weir_retry *retry;
    weir_pipeline *queue, *backoff;
    int (*wait)(struct waiting *w);
    atomic_int over; /* the wait may end */
    atomic_int early, status, back;
} waiting;

static int fails(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 7;
}

static int run_with_token(waiting *w, weir_pipeline *pipeline)
{
    weir_call_options o = call_options();
    o.cancel = w->cancel;
    return weir_run_with(pipeline, &o, fails, NULL, NULL);
}

static int sleep_until_cancelled(waiting *w)
{
    return weir_clock_sleep_until(w->clock, WEIR_NEVER, w->cancel);
}

static int acquire(waiting *w)
{
    return weir_bulkhead_acquire_until(w->bulkhead, WEIR_NEVER, w->cancel);
}

static int queue(waiting *w)
{
    return run_with_token(w, w->queue);
}

static int back_off(waiting *w)
{
    return run_with_token(w, w->backoff);
}

static void open_waiting(waiting *w)
{
    weir_retry_options r;
    memset(w, 0, sizeof *w);
    w->clock = new_virtual_clock();
    w->cancel = new_cancel();
    w->bulkhead = new_bulkhead(w->clock, 1, 4);
    assert_int_equal(weir_bulkhead_try_acquire(w->bulkhead), WEIR_OK);
    r = retry_options(w->clock);
    r.jitter = WEIR_JITTER_NONE;
    w->queue = new_pipeline(w->clock);
    assert_int_equal(weir_pipeline_add_bulkhead(w->queue, w->bulkhead),
                     WEIR_OK);
    weir_pipeline_seal(w->queue);
    w->backoff = new_pipeline(w->clock);
    put_retry(w->backoff, new_retry(&r));
    weir_pipeline_seal(w->backoff);
}

static void close_waiting(waiting *w)
{
    assert_int_equal(weir_bulkhead_waiting(w->bulkhead), 0);
    assert_int_equal(weir_bulkhead_running(w->bulkhead), 1);
    weir_pipeline_unref(w->queue);
    weir_pipeline_unref(w->backoff);
    weir_bulkhead_unref(w->bulkhead);
    weir_cancel_unref(w->cancel);
    weir_clock_unref(w->clock);
}

static void *wait_on_thread(void *arg)
{
    waiting *w = arg;
    int status = w->wait(w);
    atomic_store(&w->early, !atomic_load(&w->over));
    atomic_store(&w->status, status);
    atomic_store(&w->back, 1);
    pthread_testcancel();
    return NULL;
}

static void end_wait(waiting *w)
{
    atomic_store(&w->over, 1);
    weir_cancel_fire(w->cancel);
}

static int (*const waits[])(waiting *w) = {
    sleep_until_cancelled,
    acquire,
    queue,
    back_off,
};

/* ---- signals ---- */

static atomic_int handled;

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add(&handled, 1);
}

/* Each signal is handled before the next one is sent. */
static void storm(pthread_t thread)
{
    for (int i = 0; i < 200; i++) {
        int before = atomic_load(&handled);
        assert_int_equal(pthread_kill(thread, SIGUSR1), 0);
        while (atomic_load(&handled) == before)
            sched_yield();
    }
}

static void no_signal_ends_a_wait(void **state)
{
    struct sigaction action = {.sa_handler = count_signal}, before;
    (void)state;
    sigaction(SIGUSR1, &action, &before);
    for (size_t i = 0; i < COUNT(waits); i++) {
        waiting w;
        open_waiting(&w);
        w.wait = waits[i];
        pthread_t thread = start(wait_on_thread, &w);
        until_waiting(w.clock, 1);
        storm(thread);
        end_wait(&w);
        join(thread);
        assert_false(atomic_load(&w.early));
        assert_int_equal(atomic_load(&w.status), WEIR_ECANCELED);
        close_waiting(&w);
    }
    sigaction(SIGUSR1, &before, NULL);
}

/* ---- pthread_cancel ---- */

static void no_wait_is_a_cancellation_point(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(waits); i++) {
        waiting w;
        void *end = NULL;
        open_waiting(&w);
        w.wait = waits[i];
        pthread_t thread = start(wait_on_thread, &w);
        until_waiting(w.clock, 1);
        assert_int_equal(pthread_cancel(thread), 0);
        end_wait(&w);
        assert_int_equal(pthread_join(thread, &end), 0);
        assert_true(end == PTHREAD_CANCELED);
        assert_true(atomic_load(&w.back)); /* it came back from the wait */
        assert_false(atomic_load(&w.early));
        assert_int_equal(atomic_load(&w.status), WEIR_ECANCELED);
        close_waiting(&w);
    }
}

/* ---- fork ---- */

static struct {
    weir_pipeline *pipeline;
    atomic_int stop;
} shared;

static int succeeds(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

static void *hammer(void *arg)
{
    (void)arg;
    while (!atomic_load(&shared.stop))
        weir_run(shared.pipeline, succeeds, NULL);
    return NULL;
}

/* 0 when all is well; the first delay of an unseeded retry in *delay_ns. */
static int use_new_handles(uint64_t *delay_ns)
{
    weir_breaker *breaker;
    weir_retry *retry;
    weir_pipeline *pipeline;
    weir_retry_state state = {.size = sizeof state};
    state.outcome = WEIR_TRANSIENT;
    state.remaining_ns = WEIR_NEVER;
    if (weir_pipeline_new_recommended(&pipeline, SECOND, SECOND) != WEIR_OK ||
        weir_breaker_new(&breaker, NULL) != WEIR_OK ||
        weir_retry_new(&retry, NULL) != WEIR_OK)
        return 1;
    for (int i = 0; i < 1000; i++)
        if (weir_run(pipeline, succeeds, NULL) != WEIR_OK)
            return 2;
    for (int i = 0; i < 5; i++)
        if (weir_breaker_run(breaker, fails, NULL) != 7)
            return 3;
    if (weir_breaker_state(breaker) != WEIR_OPEN ||
        weir_breaker_run(breaker, fails, NULL) != WEIR_EOPEN ||
        weir_retry_next(retry, &state, delay_ns) != WEIR_OK)
        return 4;
    weir_pipeline_unref(pipeline);
    weir_breaker_unref(breaker);
    weir_retry_unref(retry);
    return 0;
}

static uint64_t delay_of_a_child(void)
{
    int ends[2], status = -1;
    uint64_t delay_ns = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(60);
        int error = use_new_handles(&delay_ns);
        if (write(ends[1], &delay_ns, sizeof delay_ns) < 0)
            error = 9;
        _exit(error);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(read(ends[0], &delay_ns, sizeof delay_ns),
                     sizeof delay_ns);
    close(ends[0]);
    close(ends[1]);
    return delay_ns;
}

static void children_forked_amid_threads_use_handles_of_their_own(void **state)
{
    enum { CHILDREN = 40, HAMMERS = 4 };
    pthread_t threads[HAMMERS];
    uint64_t delays[CHILDREN];
    (void)state;
    weir_pipeline_new_recommended(&shared.pipeline, SECOND, SECOND);
    for (int i = 0; i < HAMMERS; i++)
        threads[i] = start(hammer, NULL);
    for (int i = 0; i < CHILDREN; i++) {
        delays[i] = delay_of_a_child();
        for (int k = 0; k < i; k++)
            assert_true(delays[k] != delays[i]);
    }
    atomic_store(&shared.stop, 1);
    for (int i = 0; i < HAMMERS; i++)
        join(threads[i]);
    weir_pipeline_unref(shared.pipeline);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_signal_ends_a_wait),
        cmocka_unit_test(no_wait_is_a_cancellation_point),
        cmocka_unit_test(
            children_forked_amid_threads_use_handles_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
