/* The public stepper: calls on the heap, waiting and waking.
 *
 * A call, its first attempt and its nodes are one block.  ref counts the
 * handle, the wakers that are about to fire, and the attempts that outlive
 * their call's need for them: see attempt_word.h, where it also says how no
 * wake is lost. */
#include "engine/stepped.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "base/callback.h"
#include "engine/direct.h"
#include "engine/step.h"

enum { STEPPING = 1, RELEASED = 2 /* as well, by a callback of it */ };

typedef struct stepped {
    weir_call call; /* first */
    weir_attempt own; /* its word also says whether the owner waits */
    weir__ref ref;
    uint32_t busy; /* STEPPING: callbacks of the step may not step */
    uint32_t has_timer;
    int wake_fd; /* a duplicate of the user's; -1: none */
    void (*wake)(void *arg);
    void *wake_arg;
    weir_destroy_fn wake_destroy;
    weir__timer timer; /* on a virtual clock */
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

static void unref_tokens(const weir_call *call)
{
    for (uint32_t i = 0; i < call->token_count; i++)
        weir_cancel_unref(call->tokens[i]);
}

static void unref(stepped *s)
{
    if (!weir__ref_alone(&s->ref) && !weir__ref_drop(&s->ref))
        return;
    weir_pipeline *pipeline = s->call.pipeline;
    weir_destroy_fn destroy = s->wake_destroy;
    void *arg = s->wake_arg;
    if (s->wake_fd >= 0)
        close_quietly(s->wake_fd);
    unref_tokens(&s->call);
    weir__release(pipeline->allocator, s, bytes_of(pipeline));
    weir_pipeline_unref(pipeline);
    weir__call_back(destroy, arg);
}

/* ---- attempts ---- */

static void make_fresh(weir_attempt *attempt)
{
    weir__store_relaxed(&attempt->cancel_state, (uint32_t)WEIR__CANCEL_NONE);
}

/* The call's own, unless it is held from before. */
static weir_attempt *new_attempt(weir_call *call)
{
    weir_attempt *attempt = call->own_attempt;
    uint64_t word = weir__load_acquire(&attempt->word);
    int ended = (word & (WEIR__ATTEMPT_FINISHED | WEIR__ATTEMPT_GIVEN_UP)) != 0;
    if (!ended)
        return attempt; /* the first */
    if (weir__attempt_refs(word) == 0) {
        weir__exchange_acq_rel(&attempt->word, WEIR__ATTEMPT_FRESH);
    } else {
        attempt = weir__allocate_plain(call->pipeline->allocator,
                                       sizeof *attempt);
        if (!attempt)
            return NULL;
        weir__init(&attempt->word, WEIR__ATTEMPT_FRESH);
    }
    make_fresh(attempt);
    return attempt;
}

static void free_memory(weir_call *call, weir_attempt *attempt)
{
    if (attempt != call->own_attempt)
        weir__release(call->pipeline->allocator, attempt, sizeof *attempt);
}

void weir__stepped_free_attempt(weir_call *call, weir_attempt *attempt)
{
    free_memory(call, attempt);
    unref(stepped_of(call));
}

void weir__stepped_let_go(weir_attempt *attempt)
{
    weir_call *call = attempt->call;
    if (weir__attempt_refs(weir__load_acquire(&attempt->word)) == 0) {
        free_memory(call, attempt);
        return;
    }
    weir__ref_take(&stepped_of(call)->ref);
    if (!weir__attempt_drop(&attempt->word, WEIR__ATTEMPT_ENGINE))
        weir__stepped_free_attempt(call, attempt);
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

void weir__stepped_signal(weir_call *call)
{
    stepped *s = stepped_of(call);
    if (s->wake) {
        weir__call_back(s->wake, s->wake_arg);
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
    if (weir__waiting_end(&call->own_attempt->word))
        weir__stepped_signal(call);
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

/* What is the same for each trip through the pipeline. */
static void prepare(stepped *s, weir_pipeline *pipeline)
{
    s->call.waker.type = &stepped_waker;
    s->call.type = &stepped_type;
    s->call.pipeline = pipeline;
    s->call.slots = s->slots;
    s->call.own_attempt = &s->own;
    weir__ref_init(&s->ref);
    s->busy = 0;
    s->wake_fd = -1;
    s->wake = NULL;
    s->wake_arg = NULL;
    s->wake_destroy = NULL;
    s->has_timer = 0;
    s->timer.waker = &s->call.waker;
    s->timer.linked = 0;
    s->timer.thread = 0;
}

static void begin(stepped *s, const weir_call_options *options)
{
    weir__call_init(&s->call, options);
    weir__init(&s->own.word, WEIR__ATTEMPT_FRESH);
    make_fresh(&s->own);
    if (weir__likely(s->call.token_count == 0))
        return;
    for (uint32_t i = 0; i < s->call.token_count; i++)
        weir_cancel_ref(s->call.tokens[i]);
    weir__call_watch_tokens(&s->call, &s->call.waker);
}

/* Points *options at what holds for the call. */
static int check_options(const weir_call_options **options,
                         weir_call_options *copy,
                         const weir_pipeline *pipeline)
{
    if (!*options) {
        *options = &weir__call_defaults;
        return WEIR_OK;
    }
    int status = weir__call_options(copy, pipeline, *options);
    *options = copy;
    return status;
}

int weir_call_new(weir_call **out, weir_pipeline *pipeline,
                  const weir_call_options *options)
{
    weir_call_options o;
    if (!out || !pipeline || pipeline->shape == WEIR__UNSEALED)
        return WEIR_EINVAL;
    int status = check_options(&options, &o, pipeline);
    if (status != WEIR_OK)
        return status;
    stepped *s = weir__allocate_plain(pipeline->allocator, bytes_of(pipeline));
    if (!s)
        return WEIR_ENOMEM;
    weir_pipeline_ref(pipeline);
    prepare(s, pipeline);
    begin(s, options);
    *out = &s->call;
    return WEIR_OK;
}

/* The tokens of the last trip may be those of this one too. */
static inline void begin_again(stepped *s, const weir_call_options *options)
{
    if (weir__likely(s->call.token_count == 0)) {
        begin(s, options);
        return;
    }
    weir_call last = s->call;
    begin(s, options);
    unref_tokens(&last);
}

int weir_call_reset(weir_call *call, const weir_call_options *options)
{
    stepped *s = stepped_of(call);
    weir_call_options o;
    if (!call || s->busy || call->state != WEIR__DONE)
        return WEIR_EINVAL;
    int status = check_options(&options, &o, call->pipeline);
    if (status != WEIR_OK)
        return status;
    if (!weir__ref_alone(&s->ref))
        return WEIR_ESTALE;
    begin_again(s, options);
    return WEIR_OK;
}

int weir_call_on_wake(weir_call *call, void (*fn)(void *arg), void *arg,
                      weir_destroy_fn destroy)
{
    stepped *s = stepped_of(call);
    if (!call || !fn || s->wake || s->wake_fd >= 0) {
        weir__call_back(destroy, arg);
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

/* Is a permit there, or will one be taken back sooner than was known? */
static int queue_has_news(weir_call *call, uint64_t wake_ns)
{
    weir_bulkhead *bulkhead =
        (weir_bulkhead *)call->pipeline->layers[call->node->layer];
    return weir__bulkhead_due(bulkhead) < wake_ns ||
           weir__waiter_granted(&call->waiter);
}

/* The second look, after WAITING was set: at all that a waker tells.  It only
 * looks, or the call might give itself the signal. */
static int has_news(stepped *s, uint64_t wake_ns)
{
    weir_call *call = &s->call;
    if (weir__call_cancelled(call))
        return 1;
    if ((call->state == WEIR__RUNNING || call->state == WEIR__DIRECT) &&
        weir__attempt_finished(call->attempt))
        return 1;
    if (call->state == WEIR__QUEUEING && queue_has_news(call, wake_ns))
        return 1;
    return weir__clock_is_virtual(call->pipeline->clock) &&
           weir_clock_now_ns(call->pipeline->clock) >= wake_ns;
}

static void set_timer(stepped *s, uint64_t wake_ns)
{
    weir_clock *clock = s->call.pipeline->clock;
    if (weir__clock_is_virtual(clock)) {
        weir__clock_set_timer(clock, &s->timer, wake_ns);
        s->has_timer = wake_ns != WEIR_NEVER;
    }
}

static int step(stepped *s, uint64_t *wake_ns, weir_attempt **cancelled)
{
    int action;
    for (;;) {
        action = weir__step(&s->call, wake_ns, cancelled);
        if (action != WEIR_STEP_WAIT)
            break;
        set_timer(s, *wake_ns);
        weir__waiting_begin(&s->own.word);
        if (!has_news(s, *wake_ns))
            return action;
        weir__waiting_end(&s->own.word);
        weir__call_set_now(&s->call, WEIR_NOW);
    }
    if (s->has_timer)
        set_timer(s, WEIR_NEVER);
    return action;
}

static __attribute__((noinline)) void step_on(stepped *s, weir_step *out)
{
    weir_attempt *cancelled = NULL;
    out->wake_ns = WEIR_NEVER;
    out->action = step(s, &out->wake_ns, &cancelled);
    out->attempt = out->action == WEIR_STEP_ATTEMPT  ? s->call.attempt
                   : out->action == WEIR_STEP_CANCEL ? cancelled
                                                     : NULL;
    if (s->call.state == WEIR__DONE) /* maybe with a CANCEL to be seen first */
        weir__call_unwatch_tokens(&s->call);
}

/* What a callback has released is released after the step. */
static void release_now(stepped *s, weir_step *out)
{
    weir_attempt_unref(out->action == WEIR_STEP_ATTEMPT ? out->attempt : NULL);
    weir_call_unref(&s->call);
    out->action = WEIR_STEP_DONE;
    out->attempt = NULL;
}

/* The two steps of most calls: there, and back.  1: that was it. */
static inline int step_directly(stepped *s, uint64_t word, weir_step *out)
{
    weir_call *call = &s->call;
    out->wake_ns = WEIR_NEVER;
    if (call->state == WEIR__FRESH) {
        call->started_ns = weir__call_now(call);
        out->action = WEIR_STEP_ATTEMPT;
        out->attempt = &s->own;
        return weir__direct_enter(call);
    }
    out->action = WEIR_STEP_DONE;
    out->attempt = NULL;
    return call->state == WEIR__DIRECT && call->token_count == 0 &&
           (word & WEIR__ATTEMPT_FINISHED) && weir__attempt_refs(word) == 0 &&
           !s->has_timer &&
           weir__direct_leave(call, &s->own, (int)(uint32_t)(word >> 32),
                              weir__load_relaxed(&s->own.finished_ns));
}

static inline void begin_step(stepped *s, uint64_t word, uint64_t now_ns)
{
    if (weir__unlikely((word & WEIR__ATTEMPT_WAITING) != 0))
        weir__waiting_end(&s->own.word);
    s->busy = STEPPING;
    weir__call_set_now(&s->call, now_ns);
}

static inline void end_step(stepped *s, weir_step *out)
{
    int released = s->busy == RELEASED;
    s->busy = 0;
    if (weir__unlikely(released))
        release_now(s, out);
}

int weir_call_step(weir_call *call, uint64_t now_ns, weir_step *out)
{
    stepped *s = stepped_of(call);
    if (weir__unlikely(!call || !out || out->size < sizeof *out || s->busy))
        return WEIR_EINVAL;
    uint64_t word = weir__load_acquire(&s->own.word);
    begin_step(s, word, now_ns);
    if (weir__unlikely(!step_directly(s, word, out)))
        step_on(s, out);
    end_step(s, out);
    return WEIR_OK;
}

/* The owner alone holds the attempt on the direct path: nobody else will ever
 * look at its word, which is left as it is, fresh for the next attempt. */
static inline int finish_directly(stepped *s, uint64_t word, int code,
                                  uint64_t now_ns, weir_step *out)
{
    if (s->call.state != WEIR__DIRECT || s->call.token_count != 0 ||
        s->has_timer || (word & ~WEIR__ATTEMPT_WAITING) != WEIR__ATTEMPT_FRESH)
        return 0;
    out->wake_ns = WEIR_NEVER;
    out->action = WEIR_STEP_DONE;
    out->attempt = NULL;
    return weir__direct_leave(&s->call, &s->own, code, now_ns);
}

int weir_call_finish(weir_call *call, weir_attempt *attempt, int code,
                     uint64_t now_ns, weir_step *out)
{
    stepped *s = stepped_of(call);
    if (weir__unlikely(!call || !attempt || attempt->call != call || !out ||
                       out->size < sizeof *out || s->busy))
        return WEIR_EINVAL;
    int status = WEIR_OK;
    uint64_t word = weir__load_acquire(&s->own.word);
    begin_step(s, word, now_ns);
    if (weir__unlikely(!finish_directly(s, word, code, now_ns, out))) {
        status = weir_attempt_finish(attempt, code, now_ns);
        step_on(s, out);
    }
    end_step(s, out);
    return status;
}

void weir_call_cancel(weir_call *call)
{
    if (!call)
        return;
    weir__waker_hold(&call->waker); /* its owner may finish meanwhile */
    weir__store_release(&call->cancelled, 1u);
    weir__waker_fire(&call->waker);
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
    if (stepped_of(call)->busy) {
        stepped_of(call)->busy = RELEASED;
        return;
    }
    while (call->state != WEIR__DONE)
        weir_call_step(call, WEIR_NOW, &out);
    unref(stepped_of(call));
}
