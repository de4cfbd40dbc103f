/* weir/cancel.h - a token that ends calls early. */
#ifndef WEIR_CANCEL_H
#define WEIR_CANCEL_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One token may serve many calls; once fired it stays fired. */
typedef struct weir_cancel weir_cancel;

/* WEIR_EINVAL  out is NULL
 * WEIR_ENOMEM  no memory for the handle */
WEIR_API int weir_cancel_new(weir_cancel **out);
WEIR_API void weir_cancel_ref(weir_cancel *cancel);
WEIR_API void weir_cancel_unref(weir_cancel *cancel);

/* Cancels every call that was given the token, now and later.  Wakes the
 * threads that wait inside such a call, and gives the wake signal of stepped
 * calls on the calling thread.  Takes a mutex: not for signal handlers. */
WEIR_API void weir_cancel_fire(weir_cancel *cancel);

/* 1 once the token was fired, else 0 (also for NULL). */
WEIR_API int weir_cancel_fired(const weir_cancel *cancel);

#ifdef __cplusplus
}
#endif
#endif
