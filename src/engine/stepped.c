/* Waiting and waking.  `waiting` is 1 from a WAIT until the next wake or
 * step.  Both sides swap it: the stepper to 1, after it found nothing to do,
 * and then looks once more; a waker, after it made something to do, to 0.
 * Swaps of one word are in one order.  If the waker's comes second it finds 1
 * and gives the signal; if it comes first, the stepper's acquires what the
 * waker did before, and the second look finds it.  So no wake is lost, and
 * there is at most one signal for each WAIT. */
#include "engine/stepped.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/time.h"
#include "engine/step.h"

typedef struct stepped {
    weir_call call; /* first */
    weir__ref ref;  /* the handle, the attempts, wakers that hold it */
    weir__atomic_u32 waiting;
    int stepping; /* a step is under way: its callbacks may not step */
    int released; /* by a callback of it */
    int wake_fd; /* a duplicate of the user's; -1: none */
    void (*wake)(void *arg);
    void *wake_arg;
    weir_destroy_fn wake_destroy;
    weir__timer timer; /* on a virtual clock */
    weir_attempt first;
    weir__node slots[];
} stepped;

static stepped *stepped_of(weir_call *call)
{
    return (stepped *)call;
}

static size_t bytes_of(const weir_pipeline *pipeline)
{
    return sizeof(stepped) + pipeline->count * sizeof(weir__node);
}

/* ---- life ---- */

static void close_quietly(int fd)
{
    int saved = errno, cancelable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    close(fd);
    pthread_setcancelstate(cancelable, NULL);
    errno = saved;
}

static void unref(stepped *s)
{
    if (!weir__ref_drop(&s->ref))
        return;
    weir_pipeline *pipeline = s->call.pipeline;
    weir_destroy_fn destroy = s->wake_destroy;
    void *arg = s->wake_arg;
    if (s->wake_fd >= 0)
        close_quietly(s->wake_fd);
    for (uint32_t i = 0; i < s->call.token_count; i++)
        weir_cancel_unref(s->call.tokens[i]);
    weir__release(pipeline->allocator, s, bytes_of(pipeline));
    weir_pipeline_unref(pipeline);
    if (destroy)
        destroy(arg);
}

static weir_attempt *new_attempt(weir_call *call)
{
    stepped *s = stepped_of(call);
    weir_attempt *attempt = &s->first;
    if (weir__load_acquire(&attempt->used) != 0) {
        attempt = weir__allocate(call->pipeline->allocator, sizeof *attempt);
        if (!attempt)
            return NULL;
    }
    weir__ref_take(&s->ref);
    weir__store_relaxed(&attempt->used, 1u);
    weir__store_relaxed(&attempt->word, (uint64_t)WEIR__ATTEMPT_ENGINE |
                                            WEIR__ATTEMPT_ONE_REF);
    weir__store_relaxed(&attempt->cancel_state, (uint32_t)WEIR__CANCEL_NONE);
    return attempt;
}

void weir__stepped_free_attempt(weir_attempt *attempt)
{
    stepped *s = stepped_of(attempt->call);
    if (attempt == &s->first)
        weir__store_release(&attempt->used, 0u);
    else
        weir__release(s->call.pipeline->allocator, attempt, sizeof *attempt);
    unref(s);
}

static const weir__call_type stepped_type = {new_attempt, NULL};

/* ---- waking ---- */

static int pipe_signal_pending(void)
{
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE);
}

/* The reader of a pipe may have gone: the SIGPIPE of that is for this thread,
 * and is taken away again, unless there was one before. */
static void write_wake(int fd)
{
    uint64_t one = 1;
    sigset_t pipe_signal, before;
    ssize_t written;
    int taken, had_one = pipe_signal_pending();
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    do
        written = write(fd, &one, sizeof one);
    while (written < 0 && errno == EINTR);
    if (written < 0 && errno == EPIPE && !had_one && pipe_signal_pending())
        sigwait(&pipe_signal, &taken);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void signal_owner(stepped *s)
{
    if (s->wake) {
        s->wake(s->wake_arg);
    } else if (s->wake_fd >= 0) {
        int saved = errno, cancelable;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
        write_wake(s->wake_fd);
        pthread_setcancelstate(cancelable, NULL);
        errno = saved;
    }
}

void weir__stepped_wake(weir_call *call)
{
    stepped *s = stepped_of(call);
    if (weir__exchange_acq_rel(&s->waiting, 0u) != 0)
        signal_owner(s);
}

static void hold(weir__waker *waker)
{
    weir__ref_take(&((stepped *)waker)->ref);
}

static void fire(weir__waker *waker)
{
    weir__stepped_wake((weir_call *)waker);
    unref((stepped *)waker);
}

static const weir__waker_type stepped_waker = {hold, fire};

/* ---- the API ---- */

int weir_call_new(weir_call **out, weir_pipeline *pipeline,
                  const weir_call_options *options)
{
    weir_call_options o;
    if (!out || !pipeline || pipeline->shape == WEIR__UNSEALED)
        return WEIR_EINVAL;
    int status = weir__call_options(&o, pipeline, options);
    if (status != WEIR_OK)
        return status;
    stepped *s = weir__allocate(pipeline->allocator, bytes_of(pipeline));
    if (!s)
        return WEIR_ENOMEM;
    weir__call_init(&s->call, pipeline, &o);
    s->call.waker.type = &stepped_waker;
    s->call.type = &stepped_type;
    s->call.slots = s->slots;
    s->wake_fd = -1;
    s->timer.waker = &s->call.waker;
    weir__ref_init(&s->ref);
    weir_pipeline_ref(pipeline);
    for (uint32_t i = 0; i < s->call.token_count; i++)
        weir_cancel_ref(s->call.tokens[i]);
    weir__call_watch_tokens(&s->call);
    *out = &s->call;
    return WEIR_OK;
}

int weir_call_on_wake(weir_call *call, void (*fn)(void *arg), void *arg,
                      weir_destroy_fn destroy)
{
    stepped *s = stepped_of(call);
    if (!call || !fn || s->wake || s->wake_fd >= 0) {
        if (destroy)
            destroy(arg);
        return WEIR_EINVAL;
    }
    s->wake = fn;
    s->wake_arg = arg;
    s->wake_destroy = destroy;
    return WEIR_OK;
}

int weir_call_wake_fd(weir_call *call, int fd)
{
    stepped *s = stepped_of(call);
    if (!call || fd < 0 || s->wake || s->wake_fd >= 0)
        return WEIR_EINVAL;
    int saved = errno;
    s->wake_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    errno = saved;
    return s->wake_fd >= 0 ? WEIR_OK : WEIR_ENOMEM;
}

/* ---- stepping ---- */

/* The second look, after `waiting` was set. */
static int has_news(stepped *s, uint64_t wake_ns)
{
    weir_call *call = &s->call;
    if (weir__call_cancelled(call))
        return 1;
    if (call->state == WEIR__RUNNING && weir__attempt_finished(call->attempt))
        return 1;
    if (call->state == WEIR__QUEUEING && weir__waiter_granted(&call->waiter))
        return 1;
    return weir__clock_is_virtual(call->pipeline->clock) &&
           weir_clock_now_ns(call->pipeline->clock) >= wake_ns;
}

static void set_timer(stepped *s, uint64_t wake_ns)
{
    weir_clock *clock = s->call.pipeline->clock;
    if (weir__clock_is_virtual(clock))
        weir__clock_set_timer(clock, &s->timer, wake_ns);
}

static int step(stepped *s, uint64_t now_ns, uint64_t *wake_ns,
                weir_attempt **cancelled)
{
    int action;
    weir__call_set_now(&s->call, now_ns);
    for (;;) {
        action = weir__step(&s->call, wake_ns, cancelled);
        if (action != WEIR_STEP_WAIT)
            break;
        set_timer(s, *wake_ns);
        weir__exchange_acq_rel(&s->waiting, 1u);
        if (!has_news(s, *wake_ns))
            return action;
        weir__exchange_acq_rel(&s->waiting, 0u);
        weir__call_set_now(&s->call, WEIR_NOW);
    }
    set_timer(s, WEIR_NEVER);
    return action;
}

/* What a callback has released is released after the step. */
static void release_now(stepped *s, weir_step *out)
{
    weir_attempt_unref(out->action == WEIR_STEP_ATTEMPT ? out->attempt : NULL);
    s->released = 0;
    weir_call_unref(&s->call);
    out->action = WEIR_STEP_DONE;
    out->attempt = NULL;
}

int weir_call_step(weir_call *call, uint64_t now_ns, weir_step *out)
{
    stepped *s = stepped_of(call);
    uint64_t wake_ns = WEIR_NEVER;
    weir_attempt *cancelled = NULL;
    if (!call || !out || out->size < sizeof *out || s->stepping)
        return WEIR_EINVAL;
    s->stepping = 1;
    if (weir__load_relaxed(&s->waiting) != 0)
        weir__exchange_acq_rel(&s->waiting, 0u);
    if (call->state == WEIR__ENTERING && call->started_ns == WEIR_NOW) {
        weir__call_set_now(call, now_ns);
        call->started_ns = now_ns = weir__call_now(call);
    }
    out->action = step(s, now_ns, &wake_ns, &cancelled);
    out->wake_ns = wake_ns;
    out->attempt = out->action == WEIR_STEP_ATTEMPT ? call->attempt : cancelled;
    if (out->action == WEIR_STEP_DONE)
        weir__call_unwatch_tokens(call);
    s->stepping = 0;
    if (s->released)
        release_now(s, out);
    return WEIR_OK;
}

void weir_call_cancel(weir_call *call)
{
    if (!call)
        return;
    weir__store_release(&call->cancelled, 1u);
    weir__stepped_wake(call);
}

int weir_call_result(const weir_call *call, weir_result *out)
{
    return call && out ? weir__call_copy_result(call, out) : WEIR_EINVAL;
}

void weir_call_unref(weir_call *call)
{
    weir_step out = {.size = sizeof out};
    if (!call)
        return;
    weir__store_release(&call->cancelled, 1u);
    if (stepped_of(call)->stepping) {
        stepped_of(call)->released = 1;
        return;
    }
    do
        weir_call_step(call, WEIR_NOW, &out);
    while (out.action != WEIR_STEP_DONE);
    unref(stepped_of(call));
}
