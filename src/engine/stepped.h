/* A call that is stepped: on the heap, reference counted, woken by signal. */
#ifndef WEIR_ENGINE_STEPPED_H
#define WEIR_ENGINE_STEPPED_H

#include "engine/attempt.h"

/* Says that stepping is worth while. */
void weir__stepped_wake(weir_call *call);

/* Gives the signal: the owner was found waiting. */
void weir__stepped_signal(weir_call *call);

/* Attempts of stepped calls: the engine needs it no more. */
void weir__stepped_let_go(weir_attempt *attempt);

/* Nobody needs it: it was given up, or held for longer than its call needed
 * it. */
void weir__stepped_free_attempt(weir_call *call, weir_attempt *attempt);

#endif
