/* A call that is stepped: on the heap, reference counted, woken by signal. */
#ifndef WEIR_ENGINE_STEPPED_H
#define WEIR_ENGINE_STEPPED_H

#include "engine/attempt.h"

/* Says that stepping is worth while. */
void weir__stepped_wake(weir_call *call);

/* An attempt of a stepped call that nobody needs. */
void weir__stepped_free_attempt(weir_attempt *attempt);

#endif
