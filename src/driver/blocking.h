/* The blocking driver's general path: any pipeline, any outcome. */
#ifndef WEIR_DRIVER_BLOCKING_H
#define WEIR_DRIVER_BLOCKING_H

#include "engine/call.h"

/* Where the straight path stopped: it has run the first attempt, or the first
 * few of a retry that never waits. */
typedef struct weir__straight {
    uint64_t word; /* the breaker's, when it passed the call */
    void *handle;  /* the pipeline, or the policy used alone */
    weir_fn fn;
    void *arg;
    weir_attempt attempt;
} weir__straight;

/* Runs a call from the start; options were checked, out may be NULL. */
int weir__blocking_run(weir_pipeline *pipeline,
                       const weir_call_options *options, weir_fn fn, void *arg,
                       weir_result *out);

/* Goes on after an attempt that has returned code: with every policy of the
 * pipeline entered. */
int weir__blocking_go_on(weir_pipeline *pipeline,
                         const weir__straight *straight, int code);

#endif
