/* The engine: moves a call through its pipeline. */
#ifndef WEIR_ENGINE_STEP_H
#define WEIR_ENGINE_STEP_H

#include "engine/verdict.h"

/* Goes on until there is something to do for the driver: WEIR_STEP_ATTEMPT,
 * _CANCEL, _WAIT (then *wake_ns is set) or _DONE.  call->attempt is the
 * attempt meant; after _CANCEL it is in *cancelled. */
int weir__step(weir_call *call, uint64_t *wake_ns, weir_attempt **cancelled);

/* For the blocking driver, whose attempts end inside the step loop: the
 * running attempt has returned code. */
void weir__step_returned(weir_call *call, int code);

/* Before that: 1 when the attempt is to be run again instead, as the next one,
 * once its cancel_state is fresh.  So it is where the innermost policy is a
 * retry that never waits, and the call has no deadline. */
int weir__step_again(weir_call *call, int code);

#endif
