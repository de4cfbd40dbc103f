/* Calls of the C library inside of weir leave no trace: errno stays, and no
 * thread is cancelled there, which would take half of the work with it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "stepping.h"

/* ---- errno ---- */

/* Its duplicate was closed by somebody else. */
static void descriptor_that_is_gone_leaves_errno_alone(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_seal(pipeline);
    weir_call *call = new_call(pipeline);
    int fds[2], own;
    assert_int_equal(pipe(fds), 0);
    own = dup(fds[1]); /* the number that the call's will have */
    close(own);
    assert_int_equal(weir_call_wake_fd(call, fds[1]), WEIR_OK);
    assert_int_equal(close(own), 0);
    weir_call_cancel(call);
    step_done(call);
    errno = 77;
    weir_call_unref(call);
    assert_int_equal(errno, 77);
    close(fds[0]);
    close(fds[1]);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

/* ---- signals ---- */

static void __attribute__((noinline)) leave_traces_on_the_stack(void)
{
    volatile unsigned char traces[32768];
    for (size_t i = 0; i < sizeof traces; i++)
        traces[i] = 0xff;
}

/* The reader of its pipe has gone. */
static void waking_takes_no_other_signal_away(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_seal(pipeline);
    sigset_t hangup, before, pending;
    int fds[2], taken;
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &hangup, &before);
    assert_int_equal(pipe(fds), 0);
    weir_call *call = new_call(pipeline);
    assert_int_equal(weir_call_wake_fd(call, fds[1]), WEIR_OK);
    close(fds[0]);
    weir_attempt *attempt = step_attempt(call);
    step_wait(call);
    raise(SIGHUP);
    leave_traces_on_the_stack();
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    sigpending(&pending);
    assert_int_equal(sigismember(&pending, SIGHUP), 1);
    assert_int_equal(sigismember(&pending, SIGPIPE), 0);
    sigwait(&hangup, &taken);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    step_done(call);
    weir_call_unref(call);
    close(fds[1]);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

#ifdef F_SETSIG

static volatile sig_atomic_t came;

static void note_signal(int signal)
{
    (void)signal;
    came++;
}

/* Somebody has the kernel send SIGPIPE when there is something to read. */
static void pipe_signal_of_a_wake_that_was_written_arrives(void **state)
{
    (void)state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    void (*before)(int) = signal(SIGPIPE, note_signal);
    if (fcntl(fds[0], F_SETOWN, getpid()) != 0 ||
        fcntl(fds[0], F_SETSIG, SIGPIPE) != 0 ||
        fcntl(fds[0], F_SETFL, O_ASYNC) != 0) {
        signal(SIGPIPE, before);
        skip(); /* an emulator */
    }
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_seal(pipeline);
    weir_call *call = new_call(pipeline);
    assert_int_equal(weir_call_wake_fd(call, fds[1]), WEIR_OK);
    weir_attempt *attempt = step_attempt(call);
    step_wait(call);
    came = 0;
    errno = EPIPE;
    weir_attempt_finish(attempt, 0, WEIR_NOW);
    assert_int_equal(came, 1);
    signal(SIGPIPE, before);
    step_done(call);
    weir_call_unref(call);
    close(fds[0]);
    close(fds[1]);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

#endif

/* ---- cancellation ---- */

typedef struct deed {
    void (*fn)(void *arg);
    void *arg;
    atomic_int done;
} deed;

/* A cancellation is pending all the time. */
static void *do_it_cancelled(void *arg)
{
    deed *d = arg;
    pthread_cancel(pthread_self());
    d->fn(d->arg);
    atomic_store(&d->done, 1);
    for (;;)
        pthread_testcancel();
    return NULL;
}

static void is_done_whole(void (*fn)(void *arg), void *arg)
{
    deed d = {.fn = fn, .arg = arg};
    void *result;
    pthread_t thread = start(do_it_cancelled, &d);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, PTHREAD_CANCELED);
    assert_int_equal(d.done, 1);
}

static void release_call(void *call)
{
    weir_call_unref(call);
}

static void call_with_a_descriptor_is_released_whole(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_seal(pipeline);
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    weir_call *call = new_call(pipeline);
    assert_int_equal(weir_call_wake_fd(call, fds[1]), WEIR_OK);
    is_done_whole(release_call, call);
    close(fds[0]);
    close(fds[1]);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptor_that_is_gone_leaves_errno_alone),
        cmocka_unit_test(waking_takes_no_other_signal_away),
#ifdef F_SETSIG
        cmocka_unit_test(pipe_signal_of_a_wake_that_was_written_arrives),
#endif
        cmocka_unit_test(call_with_a_descriptor_is_released_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
