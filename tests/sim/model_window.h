/* The window of a breaker as a list of outcomes, the oldest first. */
#ifndef WEIR_SIM_MODEL_WINDOW_H
#define WEIR_SIM_MODEL_WINDOW_H

#include "sim.h"

enum { MODEL_OUTCOMES_MAX = 16384 };

typedef struct model_outcome {
    uint64_t span; /* in a time window: when it was recorded */
    int failed;
    int slow;
} model_outcome;

typedef struct model_window {
    uint32_t count;
    model_outcome outcomes[MODEL_OUTCOMES_MAX];
} model_window;

typedef struct model_sums {
    uint64_t calls;
    uint64_t failed;
    uint64_t slow;
} model_sums;

void model_window_add(model_window *w, const weir_breaker_options *o,
                      uint64_t age_ns, int failed, int slow);

/* Of those that are in the window now. */
model_sums model_window_sums(const model_window *w,
                             const weir_breaker_options *o, uint64_t age_ns);

/* Is this reason to open? */
int model_window_trips(const model_sums *s, const weir_breaker_options *o);

#endif
