/* A call under way: the state that all drivers share.
 *
 * A stepped call (stepped.c) and a blocking run (driver/run.c) each embed it
 * as their first member. */
#ifndef WEIR_ENGINE_CALL_H
#define WEIR_ENGINE_CALL_H

#include "base/cancel.h"
#include "base/time.h"
#include "engine/attempt.h"
#include "engine/node.h"
#include "engine/pipeline.h"
#include "weir/call.h"

typedef enum weir__state {
    WEIR__FRESH,    /* no step was made */
    WEIR__DIRECT,   /* running call->attempt without nodes; direct.h */
    WEIR__ENTERING, /* layer call->entering */
    WEIR__QUEUEING, /* for a permit of call->node's bulkhead */
    WEIR__RUNNING,  /* call->attempt */
    WEIR__BACKOFF,  /* of call->node's retry */
    WEIR__DONE
} weir__state;

/* What the kinds of calls do differently. */
typedef struct weir__call_type {
    /* A fresh attempt for the call; NULL: no memory.  The first is the call's
     * own, which was made ready before the call began. */
    weir_attempt *(*new_attempt)(weir_call *call);
    /* Before the waker may be registered in a queue: WEIR_OK or WEIR_ENOMEM.
     * NULL: the waker is always ready. */
    int (*prepare_wait)(weir_call *call);
} weir__call_type;

struct weir_call {
    weir__waker waker; /* first: fired when stepping is worth while */
    const weir__call_type *type;
    weir_pipeline *pipeline;
    weir__node *slots;         /* one for each layer */
    weir_attempt *own_attempt; /* in the call's own memory */

    /* From here on weir__call_init sets what has a meaning at the start. */
    weir__state state;
    uint32_t entering;    /* ENTERING: the next layer */
    uint32_t slots_used;  /* how many of the slots ever were */
    uint32_t token_count;
    weir__atomic_u32 cancelled;
    weir__node *node;     /* innermost on the path; NULL: none */
    weir_attempt *attempt;
    uint64_t now_ns;      /* of this step; WEIR_NOW: not read yet */
    uint64_t latest_ns;   /* the latest ever seen */
    uint64_t started_ns;  /* WEIR_NOW: not known */
    uint64_t deadline_ns; /* the call's own; WEIR_NEVER: none */
    uint64_t wake_ns;     /* end of the queue time or of the backoff */
    uint64_t passed_word; /* DIRECT: the breaker's, when it passed the call */
    uint64_t passed_ns;   /* DIRECT: when the timeouts began */
    weir_result result;
    weir__waiter waiter; /* QUEUEING */
    weir_cancel *tokens[WEIR_CALL_TOKENS]; /* its own and its ancestors' */
    weir__cancel_link links[WEIR_CALL_TOKENS];
};

extern const weir_call_options weir__call_defaults;

/* Sets a call up with options that were checked; cancel tokens are looked at,
 * not retained. */
void weir__call_init(weir_call *call, const weir_call_options *options);

/* Copies and checks options for a pipeline. */
int weir__call_options(weir_call_options *out, const weir_pipeline *pipeline,
                       const weir_call_options *options);

/* Time, never going back within a call. */
uint64_t weir__call_read_now(weir_call *call);

static inline void weir__call_set_now(weir_call *call, uint64_t now_ns)
{
    if (now_ns != WEIR_NOW) {
        if (now_ns < call->latest_ns)
            now_ns = call->latest_ns;
        call->latest_ns = now_ns;
    }
    call->now_ns = now_ns;
}

static inline uint64_t weir__call_now(weir_call *call)
{
    return call->now_ns != WEIR_NOW ? call->now_ns : weir__call_read_now(call);
}

/* Has the cancel tokens fire a waker, or stops that. */
void weir__call_watch_tokens(weir_call *call, weir__waker *waker);
void weir__call_unwatch_tokens(weir_call *call);

int weir__call_tokens_fired(const weir_call *call);

static inline int weir__call_cancelled(const weir_call *call)
{
    return weir__load_acquire(&((weir_call *)call)->cancelled) != 0 ||
           (call->token_count > 0 && weir__call_tokens_fired(call));
}

/* The nearest deadline of what runs or waits now; not on the direct path. */
static inline uint64_t weir__call_deadline(const weir_call *call)
{
    return call->node ? call->node->deadline_ns : call->deadline_ns;
}

/* Starts a fresh attempt; the caller sets the state. */
static inline void weir__call_start(weir_call *call, weir_attempt *attempt,
                                    uint64_t deadline_ns)
{
    weir__attempt_init(attempt, call, call->pipeline->clock, deadline_ns,
                       ++call->result.attempts);
    weir__store_relaxed(&attempt->begun_ns, call->pipeline->timed
                                                ? weir__call_now(call)
                                                : UINT64_C(0));
    call->attempt = attempt;
}

static inline void weir__call_enter_inside(weir_call *call,
                                           const weir__node *node)
{
    call->entering = node->layer + 1u;
    call->state = WEIR__ENTERING;
}

static inline void weir__call_end(weir_call *call, int code)
{
    call->result.code = code;
    if (call->started_ns != WEIR_NOW)
        call->result.elapsed_ns =
            weir__time_since(weir__call_now(call), call->started_ns);
    call->state = WEIR__DONE;
}

/* Copies the result of a call that is done into the caller's struct. */
int weir__call_copy_result(const weir_call *call, weir_result *out);

#endif
