/* weir_uv.h - the libuv driver: calls on an event loop.
 *
 * A library of its own, libweir-uv.  The loop is yours: you make it, run it
 * and close it.  The handles that the driver keeps in it are the driver's:
 * where uv_walk shows them, do not close them, close the driver.
 *
 * Callbacks must return: libuv, which calls them, knows neither exceptions nor
 * pthread_cancel.
 *
 * This header does not include uv.h. */
#ifndef WEIR_UV_H
#define WEIR_UV_H

#include "weir.h"

#ifdef __cplusplus
extern "C" {
#endif

struct uv_loop_s;

/* Runs calls on one loop.  Reference counted. */
typedef struct weir_uv weir_uv;

/* Starts the work of an attempt, on the loop thread.  The work ends with
 * weir_attempt_finish(attempt, code, WEIR_NOW): later or at once, on any
 * thread.  weir_attempt_on_cancel tells you to stop it. */
typedef void (*weir_uv_start_fn)(weir_attempt *attempt, void *arg);

/* Receives the result of a call, on the loop thread, exactly once, never from
 * inside weir_uv_run.  result is valid during the call. */
typedef void (*weir_uv_done_fn)(const weir_result *result, void *arg);

/* Makes a driver for a loop.  It keeps the loop alive until it is closed.
 * WEIR_EINVAL  out or loop is NULL
 * WEIR_ENOMEM  no memory, or libuv has no resources
 * Loop thread, or before the loop runs. */
WEIR_API int weir_uv_new(weir_uv **out, struct uv_loop_s *loop);

/* Starts a call through a pipeline.
 * options   NULL: the defaults
 * destroy   NULL, or runs with arg once: after done and after the last attempt
 *           was finished, on the loop thread, on the thread that finished it,
 *           or on one that was about to wake the call (any that fires its
 *           token, uses its bulkhead, or moves a virtual clock), even after
 *           the driver is closed; or before an error is returned
 * WEIR_EINVAL     driver, pipeline, start or done is NULL, the pipeline is not
 *                 sealed, or options is bad
 * WEIR_EVERSION   options is newer than this library
 * WEIR_ECANCELED  the driver is closing
 * WEIR_ENOMEM     no memory
 * After an error neither start nor done will run.  Any thread. */
WEIR_API int weir_uv_run(weir_uv *driver, weir_pipeline *pipeline,
                         const weir_call_options *options,
                         weir_uv_start_fn start, weir_uv_done_fn done,
                         void *arg, weir_destroy_fn destroy);

/* Closes the driver: new calls are refused, calls under way are cancelled and
 * report WEIR_ECANCELED, then the handles in the loop are closed and
 * closed(arg) runs on the loop thread.  closed may be NULL.  A driver closes
 * once: further calls change nothing, and their closed does not run.
 * WEIR_EINVAL  driver is NULL
 * WEIR_ESTALE  closing already
 * Any thread. */
WEIR_API int weir_uv_close(weir_uv *driver, void (*closed)(void *arg),
                           void *arg);

/* Gives a reference back, any thread; the last one closes the driver.  The
 * loop has to run on for that.  NULL is allowed. */
WEIR_API void weir_uv_ref(weir_uv *driver);
WEIR_API void weir_uv_unref(weir_uv *driver);

#ifdef __cplusplus
}
#endif
#endif
