/* weir/attempt.h - one invocation of your function inside a call.
 *
 * In a blocking run an attempt lives on the stack of the run, until your
 * function returns.  In a stepped or libuv call it is a reference counted
 * object: the attempt handed out holds one reference, which
 * weir_attempt_finish takes back.
 *
 * _retry_after, _set_outcome and _on_cancel belong to whoever runs the
 * attempt: one thread at a time, before the attempt is finished. */
#ifndef WEIR_ATTEMPT_H
#define WEIR_ATTEMPT_H

#include "outcome.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_attempt weir_attempt;

/* Your function, in the blocking forms: does the work, on the calling thread,
 * and returns 0, or a code of your own that the classifier understands. */
typedef int (*weir_fn)(weir_attempt *attempt, void *arg);

/* See weir_attempt_on_cancel. */
typedef void (*weir_attempt_cancel_fn)(weir_attempt *attempt, void *arg);

/* Which attempt of its call this is: 1, 2, ...  0 for NULL. */
WEIR_API uint32_t weir_attempt_number(const weir_attempt *attempt);

/* Nanoseconds until the nearest deadline of the attempt, its call and its
 * parents; 0 when it has passed, WEIR_NEVER when there is none.  Give it to
 * your socket. */
WEIR_API uint64_t weir_attempt_remaining_ns(const weir_attempt *attempt);

/* 1 once the attempt should stop: it was given up, its call is cancelled, or
 * its time is over.  Any thread. */
WEIR_API int weir_attempt_canceled(const weir_attempt *attempt);

/* Has fn(attempt, arg) called once when the attempt should stop: at once, on
 * this thread, if it was given up or its call is cancelled already.
 * Otherwise, in a blocking run, on the thread that fires the cancel token (the
 * run does not return before fn has); in a stepped or libuv call, on the
 * thread that steps.  In a blocking run a passing deadline does not call fn:
 * ask weir_attempt_remaining_ns.
 * arg must stay valid as long as the arg of the call.
 * WEIR_EINVAL  an argument is NULL, or the attempt has a function already */
WEIR_API int weir_attempt_on_cancel(weir_attempt *attempt,
                                    weir_attempt_cancel_fn fn, void *arg);

/* Says when the dependency wants to be asked again (Retry-After, RFC 9110
 * 10.2.3): delay_ns after its end, at least.  Used if it is retried. */
WEIR_API void weir_attempt_retry_after(weir_attempt *attempt,
                                       uint64_t delay_ns);

/* Sets the outcome of the attempt, whatever the classifier would say.
 * WEIR_EINVAL  outcome is none of weir/outcome.h */
WEIR_API int weir_attempt_set_outcome(weir_attempt *attempt, int outcome);

/* Ends an attempt of a stepped or libuv call and takes its reference back.
 * The call's owner is given the wake signal if it waits; it then steps.
 * code     what your function would have returned
 * now_ns   when the work ended, or WEIR_NOW
 * WEIR_OK         the result is on its way to the policies
 * WEIR_ETIMEDOUT  dropped: the attempt was given up, out of time
 * WEIR_ECANCELED  dropped: the call was cancelled
 * WEIR_ESTALE     finished already (the caller held a further reference);
 *                 no reference was taken.  Where two finish at once, the time
 *                 may be that of either
 * WEIR_EINVAL     NULL, or an attempt of a blocking run
 * Any thread; after any of the first three the attempt may be gone. */
WEIR_API int weir_attempt_finish(weir_attempt *attempt, int code,
                                 uint64_t now_ns);

/* Adds and gives back references to an attempt of a stepped or libuv call.
 * Giving back the last reference of an unfinished attempt finishes it as
 * WEIR_IGNORED.  No effect on attempts of a blocking run. */
WEIR_API void weir_attempt_ref(weir_attempt *attempt);
WEIR_API void weir_attempt_unref(weir_attempt *attempt);

#ifdef __cplusplus
}
#endif
#endif
