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

weir__verdict weir__verdict_by(int code, int outcome, int by, uint32_t layer);

/* The call itself ends: nothing may be tried any more. */
weir__verdict weir__verdict_by_call(int code, int outcome);

/* Must what runs or waits now be ended?  Then *verdict says how. */
int weir__interrupted(weir_call *call, weir__verdict *verdict);

/* How long the attempt took that ended at ended_ns (WEIR_NOW: now);
 * WEIR_NEVER where calls are not timed. */
uint64_t weir__attempt_elapsed(weir_call *call, weir_attempt *attempt,
                               uint64_t ended_ns);

/* Leaves the path from the innermost node outward, until a retry wants to try
 * again (BACKOFF) or the call is DONE. */
void weir__leave(weir_call *call, weir__verdict *verdict);

/* The verdict over an attempt that has returned code. */
weir__verdict weir__judge(weir_call *call, weir_attempt *attempt, int code,
                          uint64_t finished_ns);

#endif
