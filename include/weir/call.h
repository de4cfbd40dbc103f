/* weir/call.h - one trip through a pipeline, step by step.
 *
 * For event loops and other languages: the stepper never blocks and never
 * calls your function; it tells you what to do next.
 *
 *   weir_step step = {.size = sizeof step};
 *   weir_result result = {.size = sizeof result};
 *   weir_call_new(&call, pipeline, NULL);
 *   for (int done = 0; !done;) {
 *       weir_call_step(call, WEIR_NOW, &step);
 *       switch (step.action) {
 *       case WEIR_STEP_ATTEMPT:
 *           start work that ends with
 *           weir_attempt_finish(step.attempt, code, WEIR_NOW);
 *           break;
 *       case WEIR_STEP_CANCEL:
 *           tell the work for step.attempt to stop;
 *           break;
 *       case WEIR_STEP_WAIT:
 *           return to the loop; step again at step.wake_ns, or on the wake
 *           signal;
 *           break;
 *       case WEIR_STEP_DONE:
 *           done = 1;
 *       }
 *   }
 *   weir_call_result(call, &result);
 *   weir_call_unref(call);
 *
 * Steps of one call are made by one owner at a time; weir_attempt_finish,
 * weir_call_cancel and the wake signal may come from any thread. */
#ifndef WEIR_CALL_H
#define WEIR_CALL_H

#include "pipeline.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_call weir_call;

enum { WEIR_CALL_TOKENS = 4 }; /* cancel tokens one call can be subject to */

/* What a call may be given, in every driver. */
typedef struct weir_call_options {
    uint32_t size;        /* set by weir_call_options_init */
    uint32_t reserved;    /* 0 */
    uint64_t deadline_ns; /* by the pipeline's clock; default WEIR_NEVER */
    weir_attempt *parent; /* the attempt this call is made for: its deadline
                             and the cancel tokens of its call and of that
                             call's parents hold for this one too; default
                             NULL.  Its clock must be the pipeline's.
                             (weir_call_cancel does not reach nested calls:
                             see weir_attempt_on_cancel.) */
    weir_cancel *cancel;  /* ends the call when fired; default NULL; retained
                             as long as the call */
} weir_call_options;

/* As weir_breaker_options_init. */
WEIR_API int weir_call_options_init(weir_call_options *options, uint32_t size);

/* Which policy rejected or gave up a call. */
enum {
    WEIR_BY_NONE = 0,
    WEIR_BY_BREAKER = 1,
    WEIR_BY_BULKHEAD = 2,
    WEIR_BY_TIMEOUT = 3,
    WEIR_BY_CALL = 4, /* its own deadline, its cancellation, lack of memory */
    WEIR_BY_POOL = 5  /* no worker was free, or the pool is closed */
};

typedef struct weir_result {
    uint32_t size;           /* set by the caller: sizeof(weir_result) */
    int32_t code;            /* what the call returns */
    int32_t last_code;       /* what your function returned last; 0 when it
                                did not return */
    uint32_t attempts;       /* how many were started, on a pool: run */
    int32_t rejected_by;     /* WEIR_BY_... when code is weir's own */
    uint32_t rejected_layer; /* its place, 0 is the outermost */
    uint64_t elapsed_ns;     /* of the whole call */
    uint64_t retry_after_ns; /* after WEIR_EOPEN: when to come back; else 0 */
} weir_result;

enum {
    WEIR_STEP_ATTEMPT = 1, /* run your function for step.attempt */
    WEIR_STEP_CANCEL = 2,  /* step.attempt was given up: tell it; it still has
                              to be finished */
    WEIR_STEP_WAIT = 3,    /* nothing to do until wake_ns or the wake signal */
    WEIR_STEP_DONE = 4     /* weir_call_result is final */
};

typedef struct weir_step {
    uint32_t size;         /* set by the caller: sizeof(weir_step) */
    int32_t action;        /* WEIR_STEP_... */
    uint64_t wake_ns;      /* with WAIT: when to step at the latest, by the
                              pipeline's clock; WEIR_NEVER: no time */
    weir_attempt *attempt; /* with ATTEMPT: comes with one reference.  With
                              CANCEL: the same pointer again, valid unless
                              another thread may finish it */
    WEIR_FILL_32
} weir_step;

/* Makes a call and takes a reference on the pipeline.
 * options   NULL: the defaults
 * WEIR_EINVAL    out or pipeline is NULL, the pipeline is not sealed,
 *                options->size is too small, the parent has another clock,
 *                or there are more than WEIR_CALL_TOKENS cancel tokens
 * WEIR_EVERSION  options is newer than this library
 * WEIR_ENOMEM    no memory for the call */
WEIR_API int weir_call_new(weir_call **out, weir_pipeline *pipeline,
                           const weir_call_options *options);

/* Makes a call that is done ready for another trip through its pipeline: an
 * event loop that keeps its calls allocates nothing.  The wake signal stays.
 * options   as in weir_call_new, for the new trip; NULL: the defaults
 * WEIR_EINVAL    call is NULL, not done, or a step of it is under way; options
 *                as in weir_call_new
 * WEIR_EVERSION  options is newer than this library
 * WEIR_ESTALE    an attempt of the last trip still runs or is held, or its
 *                wake signal is on its way: make another call, and give this
 *                one back or try again later
 * Nothing was changed after an error.  By the owner; nobody may cancel the
 * call at the same time. */
WEIR_API int weir_call_reset(weir_call *call,
                             const weir_call_options *options);

/* Sets the wake signal: fn(arg) says that stepping is worth while, because a
 * permit was handed over, an attempt was finished or the call was cancelled.
 * It comes after a WAIT, or while the step looks whether to say WAIT, possibly
 * without need, from any thread, even from inside another call's step: it must
 * do no more than schedule a step.
 * destroy (NULL: none) runs with arg when the call's memory is gone: after it
 * was given back and its last attempt was finished, on the thread that did so,
 * or on one that was about to wake the call (any that cancels it, fires its
 * token, uses its bulkhead, or moves a virtual clock); or before an error is
 * returned.
 * WEIR_EINVAL  call or fn is NULL, or a wake signal is set already
 * Before the first step. */
WEIR_API int weir_call_on_wake(weir_call *call, void (*fn)(void *arg),
                               void *arg, weir_destroy_fn destroy);

/* Sets a file descriptor as wake signal: eight bytes (the number 1, for an
 * eventfd; a pipe will do) are written to it.  Make it non-blocking.  The call
 * keeps a duplicate; yours may be closed at any time.
 * WEIR_EINVAL  call is NULL, fd is negative, or a wake signal is set already
 * WEIR_ENOMEM  the descriptor cannot be duplicated
 * Before the first step. */
WEIR_API int weir_call_wake_fd(weir_call *call, int fd);

/* Goes on as far as is possible at once, and says what to do next.  Call it
 * again after ATTEMPT and CANCEL until it says WAIT or DONE.
 * now_ns   the pipeline's time, or WEIR_NOW
 * out      out->size must be set
 * WEIR_EINVAL  call or out is NULL, out->size is too small, or a step of this
 *              call is under way: a callback of it may not step
 * Runs the classifier, listeners and cancel functions of attempts. */
WEIR_API int weir_call_step(weir_call *call, uint64_t now_ns, weir_step *out);

/* As weir_attempt_finish(attempt, code, now_ns) and then weir_call_step(call,
 * now_ns, out), in one and cheaper: for an owner who finishes attempts on the
 * thread that steps, as an event loop does.  An attempt that was given up may
 * be finished like this too.
 * attempt   of this call
 * WEIR_ETIMEDOUT, WEIR_ECANCELED, WEIR_ESTALE   as weir_attempt_finish; out
 *              says what to do next as well
 * WEIR_EINVAL  an argument is NULL, out->size is too small, the attempt is
 *              not of this call, or a step of it is under way */
WEIR_API int weir_call_finish(weir_call *call, weir_attempt *attempt,
                              int code, uint64_t now_ns, weir_step *out);

/* Ends the call as soon as it is stepped.  Any thread.  Until this returns the
 * call must not be given back, unless by an owner who has found it cancelled or
 * was given the wake signal.  NULL is allowed. */
WEIR_API void weir_call_cancel(weir_call *call);

/* The result of a call that is done.
 * out   out->size must be set
 * WEIR_EINVAL  call or out is NULL, out->size is too small, or the call is
 *              not done */
WEIR_API int weir_call_result(const weir_call *call, weir_result *out);

/* Gives the call back.  A call that is not done is cancelled first, on this
 * thread; in a callback of its own step, when that step ends, which then says
 * DONE and is the last.  Attempts that still run stay valid and are to be
 * finished.  NULL is allowed. */
WEIR_API void weir_call_unref(weir_call *call);

#ifdef __cplusplus
}
#endif
#endif
