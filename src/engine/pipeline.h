/* A sealed pipeline, as calls see it: read-only. */
#ifndef WEIR_ENGINE_PIPELINE_H
#define WEIR_ENGINE_PIPELINE_H

#include "base/clock.h"
#include "policy/breaker.h"
#include "policy/bulkhead.h"
#include "policy/retry.h"
#include "policy/timeout.h"
#include "weir/pipeline.h"

/* What a healthy call has to do, as bits; the blocking driver has a straight
 * path for each combination.  Retries and a second timeout cost a healthy
 * call nothing, save a look at a budget.  Two breakers, bulkheads or budgets
 * are GENERAL. */
enum {
    WEIR__TIMED = 1,
    WEIR__GUARDED = 2, /* by a breaker */
    WEIR__LIMITED = 4, /* by a bulkhead */
    WEIR__GENERAL = 8,
    WEIR__UNSEALED = 9
};

struct weir_pipeline {
    /* One line, which every call reads and none writes. */
    _Alignas(WEIR__LINE) uint32_t shape;
    uint32_t count;
    uint64_t shortest_ns; /* of the timeouts; WEIR_NEVER: none */
    weir_breaker *breaker;
    weir_bulkhead *bulkhead;
    weir_budget *budget; /* of the retry; NULL: none */
    weir_clock *clock;   /* never NULL */
    uint8_t timed;       /* a breaker wants to know how long calls take */
    uint8_t gate_first;  /* nothing outside of the breaker takes anything or
                            would try again: when it rejects, that is it */
    uint8_t limit_first; /* the same for the bulkhead */
    uint8_t gate_inside; /* the breaker is inside of the bulkhead */
    uint8_t retries;     /* a retry is among the policies */
    uint8_t classified;  /* by a classifier of the user */
    weir_classify_fn classify;
    void *classify_arg;

    weir__policy *layers[WEIR_PIPELINE_MAX]; /* outermost first */
    weir_destroy_fn classify_destroy;
    const weir_allocator *allocator;
    weir__ref ref;
};

/* The outcome of an attempt that ended with code and said nothing itself. */
static inline int weir__pipeline_classify(const weir_pipeline *pipeline,
                                          int code)
{
    int outcome = pipeline->classify(code, pipeline->classify_arg);
    return weir__outcome_valid(outcome) ? outcome : WEIR_TRANSIENT;
}

/* Adds without taking a reference: for a view on the stack. */
void weir__pipeline_view(weir_pipeline *pipeline, weir__policy *policy);

#endif
