/* How an attempt or a call ends, and the way back up its path. */
#ifndef WEIR_ENGINE_VERDICT_H
#define WEIR_ENGINE_VERDICT_H

#include "engine/call.h"

/* How an attempt has ended, or why the call goes back up its path. */
typedef struct weir__verdict {
    int code;
    int outcome;
    int asked;         /* the dependency was: breakers count, retries retry */
    int final;         /* nothing may be tried any more */
    int by;            /* WEIR_BY_... */
    uint32_t layer;
    uint64_t hint_ns;
    uint64_t elapsed_ns; /* of the attempt; WEIR_NEVER: not known */
} weir__verdict;

static inline weir__verdict weir__verdict_by(int code, int outcome, int by,
                                             uint32_t layer)
{
    weir__verdict v = {code, outcome, 0, 0, by, layer, 0, WEIR_NEVER};
    return v;
}

/* The call itself ends: nothing may be tried any more. */
static inline weir__verdict weir__verdict_by_call(int code, int outcome)
{
    weir__verdict v = {code, outcome, 0, 1, WEIR_BY_CALL, 0, 0, WEIR_NEVER};
    return v;
}

/* Must what runs or waits now be ended?  Then *verdict says how. */
int weir__interrupted_how(weir_call *call, weir__verdict *verdict);

static inline int weir__interrupted(weir_call *call, weir__verdict *verdict)
{
    return (weir__call_cancelled(call) ||
            weir__call_deadline(call) != WEIR_NEVER) &&
           weir__interrupted_how(call, verdict);
}

/* How long the attempt took that ended at ended_ns (WEIR_NOW: now);
 * WEIR_NEVER where calls are not timed. */
uint64_t weir__attempt_timed(weir_call *call, weir_attempt *attempt,
                             uint64_t ended_ns);

static inline uint64_t weir__attempt_elapsed(weir_call *call,
                                             weir_attempt *attempt,
                                             uint64_t ended_ns)
{
    return call->pipeline->timed
               ? weir__attempt_timed(call, attempt, ended_ns)
               : WEIR_NEVER;
}

/* Leaves the path from the innermost node outward, until a retry wants to try
 * again (BACKOFF) or the call is DONE. */
void weir__leave(weir_call *call, weir__verdict *verdict);

/* The verdict over an attempt that has returned code. */
void weir__judge(weir_call *call, weir_attempt *attempt, int code,
                 uint64_t finished_ns, weir__verdict *verdict);

#endif
