/* One call through a random pipeline, for verdict_check.c. */
#ifndef WEIR_SIM_VERDICT_CASE_H
#define WEIR_SIM_VERDICT_CASE_H

#include "model_verdict.h"

typedef struct verdicts {
    run *run;
    weir_clock *clock;
    ledger ledger;
    verdict_case c;
    weir_pipeline *pipeline;
    weir_breaker *breakers[VERDICT_LAYERS_MAX];
    weir_bulkhead *bulkhead; /* NULL: none */
    uint32_t bulkhead_at;
    uint64_t queue_ns;
    weir_pipeline *outer; /* of the parent; NULL: none */
    weir_call *outer_call;
    weir_attempt *parent;
    weir_cancel *token; /* of the parent, or the call's own */
    weir_call *call;
    uint64_t began_ns;
    uint32_t ran; /* attempts */
} verdicts;

uint64_t verdict_now(verdicts *x);
uint64_t verdict_time(verdicts *x); /* a random one, of a few nanoseconds */

void open_case(verdicts *x, run *r); /* its call is made, not stepped */
void close_case(verdicts *x);

#endif
