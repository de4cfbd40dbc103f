/* How one attempt, or one wait for a permit, ends a call: the rules as they
 * are written, one after the other. */
#ifndef WEIR_SIM_MODEL_VERDICT_H
#define WEIR_SIM_MODEL_VERDICT_H

#include "sim.h"

enum { VERDICT_LAYERS_MAX = 8 };

typedef enum verdict_kind {
    V_TIMEOUT,
    V_BREAKER,
    V_BULKHEAD,
    V_RETRY
} verdict_kind;

typedef struct verdict_layer {
    verdict_kind kind;
    uint64_t deadline_ns; /* V_TIMEOUT */
    int changed;          /* V_BREAKER: its state has, meanwhile */
    int rejects;          /* and it is not closed now */
} verdict_layer;

typedef struct verdict_case {
    verdict_layer layers[VERDICT_LAYERS_MAX];
    uint32_t count;
    uint64_t call_deadline_ns; /* its own and its parent's */
    uint32_t entered;  /* so many layers: those inside the bulkhead that it
                          waits for are not */
    uint32_t retry_on;
    uint64_t backoff_ns;
} verdict_case;

typedef struct model_verdict {
    int code;
    int by;
    uint32_t layer;
    int asked;
    int outcome;
    int final;
} model_verdict;

/* The earliest deadline of what was entered, of all or those outside of a
 * layer. */
uint64_t model_deadline(const verdict_case *c, uint32_t outside_of);

/* An attempt was given up at now_ns. */
model_verdict model_given_up(const verdict_case *c, int cancelled,
                             uint64_t now_ns);

/* An attempt ended at ended_ns and is looked at now. */
model_verdict model_returned(const verdict_case *c, int code, int outcome,
                             int cancelled, uint64_t ended_ns);

/* No worker of a pool runs an attempt, which ends with a status. */
model_verdict model_unrun(const verdict_case *c, int status, int cancelled,
                          uint64_t now_ns);

/* A wait is over: out of time or cancelled, queue time, or granted.  Then it
 * asks the breakers outside again that have changed, the outermost first; code
 * 0: goes on. */
model_verdict model_waited(const verdict_case *c, int cancelled, int granted,
                           uint64_t now_ns);

/* Is there a retry that tries again?  Its layer, or -1. */
int model_retried_at(const verdict_case *c, const model_verdict *v,
                     uint64_t now_ns);

#endif
