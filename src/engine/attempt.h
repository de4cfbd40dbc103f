/* One invocation of the user's function.
 *
 * Three kinds share the struct:
 *   straight   the first on the straight path of the blocking driver: call is
 *              NULL and only the first part is set
 *   blocking   in a blocking run on the general path: word is 0
 *   stepped    reference counted, finished from any thread: attempt_word.h */
#ifndef WEIR_ENGINE_ATTEMPT_H
#define WEIR_ENGINE_ATTEMPT_H

#include "base/stamp.h"
#include "engine/attempt_word.h"
#include "engine/node.h"
#include "weir/attempt.h"
#include "weir/call.h"

/* said */
enum {
    WEIR__SAID_OUTCOME = 1,
    WEIR__SAID_HINT = 2,
    WEIR__SAID_CANCEL = 4,
    WEIR__SAID_UNRUN = 8, /* nobody has run it: by a pool */
    WEIR__SAID_BITS = 4   /* straight: above them the attempts before it */
};

/* cancel_state */
enum { WEIR__CANCEL_NONE, WEIR__CANCEL_LISTENS, WEIR__CANCEL_TOLD };

struct weir_attempt {
    weir_call *call;
    uint32_t said;   /* which of the next but one the user has set */
    uint32_t number; /* straight: not set, said tells */
    uint64_t deadline_ns; /* straight: counted from began */
    weir_clock *clock;
    weir__stamp began; /* straight only, and not set without a deadline */
    int32_t outcome;
    int32_t reason; /* GIVEN_UP: the status for weir_attempt_finish */
    uint64_t hint_ns;

    weir__atomic_u64 word;
    weir__atomic_u64 finished_ns; /* WEIR_NOW: not known */
    weir__atomic_u64 begun_ns;    /* WEIR_NOW: it waits for a worker; 0 where
                                     calls are not timed */
    weir__atomic_u32 cancel_state;
    weir__node *node; /* innermost of the path it was started on; set by when
                         it is given up */
    weir_attempt_cancel_fn on_cancel;
    void *on_cancel_arg;
};

/* Prepares the first part, of all but straight ones. */
static inline void weir__attempt_init(weir_attempt *attempt, weir_call *call,
                                      weir_clock *clock, uint64_t deadline_ns,
                                      uint32_t number)
{
    attempt->call = call;
    attempt->clock = clock;
    attempt->deadline_ns = deadline_ns;
    attempt->number = number;
    attempt->said = 0;
}

/* When its time is over, by its clock; WEIR_NEVER: never. */
uint64_t weir__attempt_deadline(const weir_attempt *attempt);

/* For pools: the attempt waits for a worker; it has one; it gets none, and
 * ends with a status.  What waits is not the dependency. */
void weir__attempt_wait(weir_attempt *attempt);
void weir__attempt_begin(weir_attempt *attempt);
void weir__attempt_finish_unrun(weir_attempt *attempt, int status);

/* Tells the attempt to stop, if it listens. */
void weir__attempt_tell_cancel(weir_attempt *attempt);

/* Stepped attempts, by the engine: 1 when it was given up, 0 when it had been
 * finished before. */
int weir__attempt_give_up(weir_attempt *attempt, int reason);

static inline int weir__attempt_finished(weir_attempt *attempt)
{
    return (weir__load_acquire(&attempt->word) & WEIR__ATTEMPT_FINISHED) != 0;
}

static inline int weir__attempt_code(weir_attempt *attempt)
{
    return (int)(uint32_t)(weir__load_relaxed(&attempt->word) >> 32);
}

#endif
