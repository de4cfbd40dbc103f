/* The word of an attempt of a stepped call, lock-free: how it ended, who still
 * needs it, and whether the owner of its call waits.
 *
 *   63..32 code it was finished with
 *   31..4  references of the user
 *   3      WAITING
 *   2      ENGINE: the call still needs it
 *   1..0   GIVEN_UP, FINISHED, or both
 *
 * WAITING belongs to the call, whatever attempt runs.  It is kept in the word
 * of the attempt that lies in the call's own memory, nearly always the only
 * one, so that to finish that one, give its reference back and find the owner
 * waiting is one swap.
 *
 * Invariants
 *   1. Who first sets FINISHED or GIVEN_UP decides between a result and a
 *      verdict of the engine.
 *   2. Who has neither a reference nor ENGINE touches nothing.  A finish gives
 *      its reference back in the swap itself, unless something is left to do
 *      with the memory: the holds of an attempt that was given up, a signal.
 *   3. An attempt without ENGINE that has references owns one on its call.
 *      The engine takes it before it takes ENGINE away; before that, ENGINE
 *      is what keeps the memory.
 *   4. The owner sets WAITING after it found nothing to do, and then looks
 *      once more; a waker clears it after it made something to do, and gives
 *      the signal if it was set.  All of these are read-modify-writes of one
 *      word, and so in one order.  If the waker's comes second it finds the
 *      mark; if it comes first, the owner's acquires what the waker did
 *      before, and the second look finds it.  So no wake is lost, and there is
 *      at most one signal for each WAIT.  For the same reason the word is
 *      never simply stored while the call lives: that would break the chain.
 *
 * Memory orders.  A swap that finishes releases what the runner of the attempt
 * wrote (outcome, hint); the engine's load of FINISHED acquires it. */
#ifndef WEIR_ENGINE_ATTEMPT_WORD_H
#define WEIR_ENGINE_ATTEMPT_WORD_H

#include "base/atomic.h"

#define WEIR__ATTEMPT_FINISHED UINT64_C(1)
#define WEIR__ATTEMPT_GIVEN_UP UINT64_C(2)
#define WEIR__ATTEMPT_ENGINE UINT64_C(4)
#define WEIR__ATTEMPT_WAITING UINT64_C(8)
#define WEIR__ATTEMPT_ONE_REF UINT64_C(16)
#define WEIR__ATTEMPT_LOW UINT64_C(0xffffffff)

/* Handed out with one reference. */
#define WEIR__ATTEMPT_FRESH (WEIR__ATTEMPT_ENGINE | WEIR__ATTEMPT_ONE_REF)

static inline uint64_t weir__attempt_refs(uint64_t w)
{
    return (w & WEIR__ATTEMPT_LOW) / WEIR__ATTEMPT_ONE_REF;
}

static inline int weir__attempt_needed(uint64_t w)
{
    return weir__attempt_refs(w) != 0 || (w & WEIR__ATTEMPT_ENGINE) != 0;
}

/* What a word becomes by a finish. */
static inline uint64_t weir__attempt_ended(uint64_t w, int code, int apart)
{
    uint64_t to = (uint64_t)(uint32_t)code << 32 | (w & WEIR__ATTEMPT_LOW) |
                  WEIR__ATTEMPT_FINISHED;
    if (w & WEIR__ATTEMPT_GIVEN_UP)
        return to;
    if (apart || (w & WEIR__ATTEMPT_WAITING))
        return to & ~WEIR__ATTEMPT_WAITING;
    return to - WEIR__ATTEMPT_ONE_REF;
}

/* The word before; with FINISHED in it nothing was changed.  Otherwise the
 * reference has gone back, unless the attempt is apart (not in the call's own
 * memory), GIVEN_UP, or the owner WAITING. */
static inline uint64_t weir__attempt_end(weir__atomic_u64 *word, int code,
                                         int apart)
{
    uint64_t w = weir__load_relaxed(word);
    while (!(w & WEIR__ATTEMPT_FINISHED))
        if (weir__cas_weak_acq_rel(word, &w,
                                   weir__attempt_ended(w, code, apart)))
            break;
    return w;
}

/* 1 when it was given up, 0 when it had been finished before. */
static inline int weir__attempt_stop(weir__atomic_u64 *word)
{
    uint64_t w = weir__load_acquire(word);
    while (!(w & WEIR__ATTEMPT_FINISHED))
        if (weir__cas_weak_acq_rel(word, &w, w | WEIR__ATTEMPT_GIVEN_UP))
            return 1;
    return 0;
}

/* Gives references, or ENGINE, back.  0 when nobody needs it any more. */
static inline int weir__attempt_drop(weir__atomic_u64 *word, uint64_t what)
{
    return weir__attempt_needed(weir__sub_acq_rel(word, what) - what);
}

static inline void weir__waiting_begin(weir__atomic_u64 *word)
{
    uint64_t w = weir__load_relaxed(word);
    while (!weir__cas_weak_acq_rel(word, &w, w | WEIR__ATTEMPT_WAITING))
        ;
}

/* 1 when the owner was waiting. */
static inline int weir__waiting_end(weir__atomic_u64 *word)
{
    uint64_t w = weir__load_relaxed(word);
    while (!weir__cas_weak_acq_rel(word, &w, w & ~WEIR__ATTEMPT_WAITING))
        ;
    return (w & WEIR__ATTEMPT_WAITING) != 0;
}

#endif
