/* weir - keeps a program standing when the things it calls fail.
 *
 * Five concepts:
 *   policy    a breaker, retry, bulkhead or timeout: a thread-safe handle that
 *             holds shared state and lives long
 *   pipeline  an ordered list of policies, outermost first; sealed once
 *   call      one trip of one request through a pipeline
 *   attempt   one invocation of your function inside a call
 *   driver    who supplies time and waiting: the calling thread (weir/run.h),
 *             a libuv loop (weir_uv.h), or your own loop (weir/call.h)
 *
 * Conventions, valid for every part:
 *   - A function that can fail returns WEIR_OK or a negative code of
 *     weir/base.h.  WEIR_EINVAL and WEIR_EVERSION, and WEIR_ENOMEM where
 *     something is made or changed, have changed nothing, out-parameters
 *     included.
 *   - Time is uint64_t nanoseconds; every name that carries it ends in _ns.
 *   - Options are a flat struct filled by its _options_init function, then
 *     changed field by field.  Fields out of range are rejected with
 *     WEIR_EINVAL, never clamped.  The library copies what it needs.
 *   - Handles are reference counted: _new gives one reference, _ref adds one,
 *     _unref (NULL is allowed) gives one back.  Any order of release is safe.
 *   - Unless a function says otherwise it may be called from any thread, does
 *     not block, and a NULL it does not allow is WEIR_EINVAL.
 *   - The library starts no threads (but those of a weir_pool), prints
 *     nothing, never aborts, installs no signal handlers and leaves errno
 *     alone.
 *   - Callbacks never run under a lock and may call back into the library.
 *   - Your function may be left by a C++ exception or pthread_cancel in a
 *     blocking run (weir/run.h).  All other callbacks must return, and none
 *     may be left by longjmp.
 *   - No function is a cancellation point of pthread_cancel, save for yours in
 *     a blocking run.  Listeners, cancel, wake and destroy functions run with
 *     cancellation off.  A classifier, a clock and an allocator must be no
 *     cancellation points where threads are cancelled.  Asynchronous
 *     cancellation inside the library is misuse.
 *   - Signals end no wait.
 *   - After fork, the child makes new handles; those it has inherited it may
 *     not even release. */
#ifndef WEIR_H
#define WEIR_H

#include "weir/attempt.h"
#include "weir/base.h"
#include "weir/breaker.h"
#include "weir/budget.h"
#include "weir/bulkhead.h"
#include "weir/call.h"
#include "weir/cancel.h"
#include "weir/clock.h"
#include "weir/event.h"
#include "weir/outcome.h"
#include "weir/pipeline.h"
#include "weir/pool.h"
#include "weir/retry.h"
#include "weir/run.h"
#include "weir/timeout.h"

#endif
