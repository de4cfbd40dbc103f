/* The wake signal by a file descriptor, on top of a write that fails as it is
 * told to. */
#include "stepping.h"

#include <errno.h>
#include <unistd.h>

static int errors[4]; /* of the next writes; 0: it succeeds */
static int writes;

ssize_t __wrap_write(int fd, const void *bytes, size_t count);

ssize_t __wrap_write(int fd, const void *bytes, size_t count)
{
    (void)fd;
    (void)bytes;
    errno = errors[writes++ % 4];
    return errno ? -1 : (ssize_t)count;
}

static void wake_a_call(void)
{
    weir_clock *clock = new_virtual_clock();
    weir_pipeline *pipeline = new_pipeline(clock);
    weir_pipeline_seal(pipeline);
    weir_call *call = new_call(pipeline);
    assert_int_equal(weir_call_wake_fd(call, 1), WEIR_OK);
    weir_attempt *attempt = step_attempt(call);
    step_wait(call);
    writes = 0;
    errno = 4711;
    assert_int_equal(weir_attempt_finish(attempt, 0, WEIR_NOW), WEIR_OK);
    assert_int_equal(errno, 4711);
    step_done(call);
    weir_call_unref(call);
    weir_pipeline_unref(pipeline);
    weir_clock_unref(clock);
}

static void a_write_that_is_interrupted_is_made_again(void **state)
{
    (void)state;
    errors[0] = errors[1] = EINTR;
    errors[2] = 0;
    wake_a_call();
    assert_int_equal(writes, 3);
}

/* Where the system drops a signal that is ignored, though it is blocked: the
 * wait for it would have no end. */
static void a_broken_pipe_without_a_signal_is_not_waited_for(void **state)
{
    (void)state;
    errors[0] = EPIPE;
    wake_a_call();
    assert_int_equal(writes, 1);
}

static void a_full_pipe_is_awake_already(void **state)
{
    (void)state;
    errors[0] = EAGAIN;
    wake_a_call();
    assert_int_equal(writes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_that_is_interrupted_is_made_again),
        cmocka_unit_test(a_broken_pipe_without_a_signal_is_not_waited_for),
        cmocka_unit_test(a_full_pipe_is_awake_already),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
