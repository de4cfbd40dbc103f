/* The engine: moves a call through its pipeline. */
#ifndef WEIR_ENGINE_STEP_H
#define WEIR_ENGINE_STEP_H

#include "engine/call.h"

/* Goes on until there is something to do for the driver: WEIR_STEP_ATTEMPT,
 * _CANCEL, _WAIT (then *wake_ns is set) or _DONE.  call->attempt is the
 * attempt meant; after _CANCEL it is in *cancelled. */
int weir__step(weir_call *call, uint64_t *wake_ns, weir_attempt **cancelled);

/* How an attempt has ended, or why the call goes back up its path. */
typedef struct weir__verdict {
    int code;
    int outcome;
    int asked;         /* the dependency was: breakers count, retries retry */
    int final;         /* nothing may be tried any more */
    weir__node *until; /* an expired timeout: nothing may be tried inside */
    int by;            /* WEIR_BY_... */
    uint32_t layer;
    uint64_t hint_ns;
} weir__verdict;

/* Leaves the path from the innermost node outward, until a retry wants to try
 * again (BACKOFF) or the call is DONE. */
void weir__leave(weir_call *call, weir__verdict *verdict);

/* The verdict over an attempt that has returned code. */
weir__verdict weir__judge(weir_call *call, weir_attempt *attempt, int code,
                          uint64_t finished_ns);

/* For the blocking driver, whose attempts end inside the step loop: the
 * running attempt has returned code. */
void weir__step_returned(weir_call *call, int code);

#endif
