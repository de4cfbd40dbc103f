/* Retries that share a budget, for retry_check.c. */
#ifndef WEIR_SIM_RETRIES_H
#define WEIR_SIM_RETRIES_H

#include "model_retry.h"

enum { RETRIES = 2 };

typedef struct spread {
    double sum; /* of where in its range a delay lies, 0..1 */
    uint32_t count;
    uint32_t tops; /* delays that are the largest possible */
} spread;

typedef struct retries {
    run *run;
    weir_clock *clock;
    ledger ledger;
    weir_budget *budget; /* NULL: none */
    model_budget model_budget;
    weir_retry *retry[RETRIES];
    weir_retry_options o[RETRIES];
    weir_timeout *timeout;
    uint64_t timeout_ns;
    weir_pipeline *pipeline[RETRIES];
    spread spread[RETRIES];
    uint32_t failures; /* per cent */
} retries;

uint64_t retries_now(retries *x);

void open_retries(retries *x, run *r); /* with random options */
void close_retries(retries *x);

#endif
