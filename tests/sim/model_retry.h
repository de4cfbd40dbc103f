/* A retry and a budget, written to be obviously right.  Delays are drawn, so
 * the model knows the bounds of each and takes the drawn one over. */
#ifndef WEIR_SIM_MODEL_RETRY_H
#define WEIR_SIM_MODEL_RETRY_H

#include "sim.h"

/* In thousandths of a token. */
typedef struct model_budget {
    weir_budget_options o;
    double tokens;
    uint64_t seen_ns; /* tokens are those of then */
    double lost;      /* what rounding may have cost so far */
} model_budget;

void model_budget_init(model_budget *m, const weir_budget_options *o,
                       uint64_t now_ns);
void model_budget_deposit(model_budget *m, uint64_t now_ns);
void model_budget_take(model_budget *m, uint64_t now_ns);

/* The least and the most tokens that there may be. */
double model_budget_least(model_budget *m, uint64_t now_ns);
double model_budget_most(model_budget *m, uint64_t now_ns);

typedef struct model_retry {
    weir_retry_options o;
    uint32_t attempts; /* of the call, that have ended */
    uint64_t previous_ns;
} model_retry;

/* What is known when an attempt has ended. */
typedef struct model_ended {
    int outcome;
    uint64_t hint_ns;
    uint64_t elapsed_ns;
    uint64_t remaining_ns;
    double least_tokens, most_tokens; /* without a budget: endless */
} model_ended;

/* Between these the delay after an attempt lies. */
typedef struct model_bounds {
    uint64_t least_ns;
    uint64_t most_ns;
} model_bounds;

model_bounds model_retry_bounds(const model_retry *m, uint64_t hint_ns);

/* May the answer to it be status and delay_ns?  Counts the attempt. */
int model_retry_allows(model_retry *m, const model_ended *e, int status,
                       uint64_t delay_ns);

#endif
