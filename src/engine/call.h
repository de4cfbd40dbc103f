/* A call under way: the state that all drivers share.
 *
 * A stepped call (stepped.c) and a blocking run (driver/run.c) each embed it
 * as their first member. */
#ifndef WEIR_ENGINE_CALL_H
#define WEIR_ENGINE_CALL_H

#include "base/cancel.h"
#include "engine/attempt.h"
#include "engine/node.h"
#include "engine/pipeline.h"
#include "weir/call.h"

typedef enum weir__state {
    WEIR__ENTERING,
    WEIR__QUEUEING, /* for a permit of call->node's bulkhead */
    WEIR__RUNNING,  /* call->attempt */
    WEIR__BACKOFF,  /* of call->node's retry */
    WEIR__DONE
} weir__state;

/* What the kinds of calls do differently. */
typedef struct weir__call_type {
    /* A fresh attempt for the call; NULL: no memory. */
    weir_attempt *(*new_attempt)(weir_call *call);
    /* Before the waker may be registered in a queue: WEIR_OK or WEIR_ENOMEM.
     * NULL: the waker is always ready. */
    int (*prepare_wait)(weir_call *call);
} weir__call_type;

struct weir_call {
    weir__waker waker; /* first: fired when stepping is worth while */
    const weir__call_type *type;
    weir_pipeline *pipeline;
    weir__state state;
    uint32_t entering; /* ENTERING: the next layer */
    weir__node *node;  /* innermost on the path; NULL: none */
    weir__node *slots; /* one for each layer */
    weir_attempt *attempt;
    uint64_t now_ns;      /* of this step; WEIR_NOW: not read yet */
    uint64_t latest_ns;   /* the latest ever seen */
    uint64_t started_ns;  /* WEIR_NOW: not known */
    uint64_t deadline_ns; /* the call's own; WEIR_NEVER: none */
    uint64_t wake_ns;     /* end of the queue time or of the backoff */
    weir__waiter waiter;  /* QUEUEING */
    weir__atomic_u32 cancelled;
    uint32_t token_count;
    weir_cancel *tokens[WEIR_CALL_TOKENS]; /* its own and its ancestors' */
    weir__cancel_link links[WEIR_CALL_TOKENS];
    weir_result result;
};

/* Sets a call up with options that were checked; cancel tokens are looked at,
 * not retained. */
void weir__call_init(weir_call *call, weir_pipeline *pipeline,
                     const weir_call_options *options);

/* Copies and checks options for a pipeline. */
int weir__call_options(weir_call_options *out, const weir_pipeline *pipeline,
                       const weir_call_options *options);

/* Time, never going back within a call. */
uint64_t weir__call_now(weir_call *call);
void weir__call_set_now(weir_call *call, uint64_t now_ns);

/* Has the cancel tokens fire the call's waker, or stops that. */
void weir__call_watch_tokens(weir_call *call);
void weir__call_unwatch_tokens(weir_call *call);

int weir__call_cancelled(const weir_call *call);

/* The nearest deadline of what runs or waits now. */
static inline uint64_t weir__call_deadline(const weir_call *call)
{
    return call->node ? call->node->deadline_ns : call->deadline_ns;
}

/* Copies the result of a call that is done into the caller's struct. */
int weir__call_copy_result(const weir_call *call, weir_result *out);

#endif
