/* Permits and the queue for them.  The layout: bulkhead_word.h; permits that
 * lie in stripes: bulkhead_stripes.h.
 *
 * Invariants
 *   1. held never grows beyond the limit.  (After the limit was lowered, held
 *      may be above it until enough permits have come back.)
 *   2. While somebody waits, held is not below the limit: nobody joins the
 *      queue unless the same swap sees all permits out, a permit that comes
 *      back goes straight to the first waiter, without held changing, and
 *      whoever raises the limit serves the queue.  So there is nothing to
 *      overtake the queue for.  The limit changes under the lock, and whoever
 *      joins the queue reads it there.
 *   3. `waiting` is the length of the list.  It changes under the lock only,
 *      together with the list; `held` changes by anyone, but while somebody
 *      waits under the lock as well: by 2, nobody takes or gives back without.
 *   4. A waiter leaves the list once: by a grant or by quitting, whichever
 *      takes the lock first.  So a permit is never given to somebody who has
 *      gone, and nobody leaves with a permit that he does not know of.
 *   5. Who is turned away, or joins the queue, has seen a word without an era:
 *      one that tells.
 *
 * Taking a free permit, giving one back while nobody waits, and turning away
 * when the queue is full are lock-free; the queue uses the lock.
 *
 * A granter holds the waiter's waker before it marks the grant, and touches
 * nothing of the waiter afterwards but that waker (base/waker.h): as soon as
 * the mark is visible, the waiter may run on and its frame be gone.
 *
 * Memory orders.  A permit orders the work of two callers: giving it back
 * releases, taking it acquires.  The grant mark does the same from granter to
 * waiter.  The limit is read after the word.  The rest is under the lock. */
#ifndef WEIR_POLICY_BULKHEAD_CORE_H
#define WEIR_POLICY_BULKHEAD_CORE_H

#include "base/atomic.h"
#include "base/lock.h"
#include "base/waker.h"
#include "policy/bulkhead_stripes.h"
#include "weir/base.h"

typedef struct weir__waiter weir__waiter;

struct weir__waiter {
    weir__waiter *previous; /* both under the lock */
    weir__waiter *next;
    weir__waker *waker;
    weir__atomic_u32 granted; /* set once by the granter */
};

typedef struct weir__queue {
    weir__mutex lock;
    weir__waiter *first; /* both under the lock */
    weir__waiter *last;
} weir__queue;

/* Not a status of the API: the caller is in the queue. */
#define WEIR__QUEUED 2

/* The word without an era.  Outside the lock another one may begin at once,
 * but not while somebody waits. */
static inline uint64_t weir__bulkhead_core_tell(weir__bulkhead_core *core)
{
    uint64_t w = weir__load_acquire(&core->word);
    while (weir__unlikely(weir__is_striped(w))) {
        weir__stripes_gather(core);
        w = weir__load_acquire(&core->word);
    }
    return w;
}

/* Does this word tell that a permit is free? */
static inline int weir__has_free(weir__bulkhead_core *core, uint64_t w)
{
    return weir__is_plain(w) &&
           weir__held(w) < weir__load_relaxed(&core->limit);
}

/* 1 with a permit, 0 when none is free. */
static inline int weir__bulkhead_core_try(weir__bulkhead_core *core)
{
    uint64_t w = weir__load_acquire(&core->word);
    for (;;) {
        if (weir__is_striped(w)) {
            if (weir__stripes_take(core))
                return 1;
            w = weir__bulkhead_core_tell(core);
        }
        if (!weir__has_free(core, w))
            return 0;
        if (weir__cas_acq_rel(&core->word, &w, w + 1))
            return 1;
        weir__stripes_contend(core);
    }
}

/* ---- the list, under the lock ---- */

static inline void weir__queue_append(weir__queue *queue, weir__waiter *waiter)
{
    waiter->next = 0;
    waiter->previous = queue->last;
    if (queue->last)
        queue->last->next = waiter;
    else
        queue->first = waiter;
    queue->last = waiter;
}

static inline void weir__queue_unlink(weir__queue *queue, weir__waiter *waiter)
{
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        queue->first = waiter->next;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        queue->last = waiter->previous;
}

/* ---- operations ---- */

/* Swaps a permit or a place in the queue into the word, whichever there is:
 * WEIR_OK, WEIR__QUEUED or WEIR_EFULL.  Under the lock. */
static inline int weir__bulkhead_core_reserve(weir__bulkhead_core *core,
                                              uint32_t max_queue)
{
    for (;;) {
        uint64_t w = weir__bulkhead_core_tell(core);
        int granted = weir__has_free(core, w);
        if (!granted && weir__waiting(w) >= max_queue)
            return WEIR_EFULL;
        if (weir__cas_acq_rel(&core->word, &w,
                              w + (granted ? 1 : WEIR__ONE_WAITING)))
            return granted ? WEIR_OK : WEIR__QUEUED;
    }
}

/* WEIR_OK with a permit, WEIR_EFULL, or WEIR__QUEUED: then waker is fired when
 * waiter->granted is set, or the caller quits. */
static inline int weir__bulkhead_core_enter(weir__bulkhead_core *core,
                                            weir__queue *queue,
                                            uint32_t max_queue,
                                            weir__waiter *waiter,
                                            weir__waker *waker)
{
    int status;
    if (weir__bulkhead_core_try(core))
        return WEIR_OK;
    if (weir__waiting(weir__load_relaxed(&core->word)) >= max_queue)
        return WEIR_EFULL;
    weir__init(&waiter->granted, 0u);
    waiter->waker = waker;
    weir__mutex_lock(&queue->lock);
    status = weir__bulkhead_core_reserve(core, max_queue);
    if (status == WEIR__QUEUED)
        weir__queue_append(queue, waiter);
    weir__mutex_unlock(&queue->lock);
    return status;
}

static inline int weir__waiter_granted(weir__waiter *waiter)
{
    return weir__load_acquire(&waiter->granted) != 0;
}

/* Leaves the queue.  1: a permit was granted first, and the caller has it. */
static inline int weir__bulkhead_core_quit(weir__bulkhead_core *core,
                                           weir__queue *queue,
                                           weir__waiter *waiter)
{
    int granted;
    weir__mutex_lock(&queue->lock);
    granted = weir__waiter_granted(waiter);
    if (!granted) {
        weir__queue_unlink(queue, waiter);
        weir__sub_acq_rel(&core->word, WEIR__ONE_WAITING);
    }
    weir__mutex_unlock(&queue->lock);
    return granted;
}

/* Gives a permit back while nobody waits.  WEIR_OK, WEIR_ESTALE when none is
 * out, or WEIR__QUEUED when somebody waits. */
static inline int weir__bulkhead_core_put(weir__bulkhead_core *core)
{
    uint64_t w = weir__load_acquire(&core->word);
    for (;;) {
        if (weir__is_striped(w)) {
            if (weir__stripes_put(core))
                return WEIR_OK;
            w = weir__bulkhead_core_tell(core);
        }
        if (weir__waiting(w) > 0)
            return WEIR__QUEUED;
        if (weir__held(w) == 0)
            return WEIR_ESTALE;
        if (weir__cas_acq_rel(&core->word, &w, w - 1))
            return WEIR_OK;
        weir__stripes_contend(core);
    }
}

/* Gives the first waiter a permit that is accounted for in held.  Under the
 * lock; the waker is to be fired after it. */
static inline weir__waker *weir__queue_grant(weir__queue *queue)
{
    weir__waiter *waiter = queue->first;
    weir__waker *waker = waiter->waker;
    weir__queue_unlink(queue, waiter);
    weir__waker_hold(waker);
    weir__store_release(&waiter->granted, 1u);
    return waker;
}

/* Somebody waits: hands a permit on, or keeps it where the limit was lowered.
 * Under the lock. */
static inline weir__waker *weir__bulkhead_core_pass(weir__bulkhead_core *core,
                                                    weir__queue *queue)
{
    uint64_t w = weir__load_relaxed(&core->word);
    if (weir__held(w) > weir__load_relaxed(&core->limit)) {
        weir__sub_acq_rel(&core->word, UINT64_C(1));
        return 0;
    }
    weir__sub_acq_rel(&core->word, WEIR__ONE_WAITING);
    return weir__queue_grant(queue);
}

/* Gives a permit back, or hands it to the first waiter. */
static inline int weir__bulkhead_core_release(weir__bulkhead_core *core,
                                              weir__queue *queue)
{
    weir__waker *waker = 0;
    int status = weir__bulkhead_core_put(core);
    if (status != WEIR__QUEUED)
        return status;
    weir__mutex_lock(&queue->lock);
    status = weir__bulkhead_core_put(core); /* the queue may be empty by now */
    if (status == WEIR__QUEUED) {
        waker = weir__bulkhead_core_pass(core, queue);
        status = WEIR_OK;
    }
    weir__mutex_unlock(&queue->lock);
    if (waker)
        weir__waker_fire(waker);
    return status;
}

/* Takes a permit for the first waiter if there are both.  Under the lock. */
static inline weir__waker *weir__bulkhead_core_serve(weir__bulkhead_core *core,
                                                     weir__queue *queue)
{
    uint64_t w = weir__load_relaxed(&core->word);
    if (weir__waiting(w) == 0 ||
        weir__held(w) >= weir__load_relaxed(&core->limit))
        return 0;
    weir__sub_acq_rel(&core->word, WEIR__ONE_WAITING - 1);
    return weir__queue_grant(queue);
}

/* Changes the limit and serves the queue, one waiter at a time: nothing of a
 * waiter may be touched once it was granted, so they cannot be chained. */
static inline void weir__bulkhead_core_resize(weir__bulkhead_core *core,
                                              weir__queue *queue,
                                              uint32_t limit)
{
    weir__waker *waker = 0;
    weir__mutex_lock(&queue->lock);
    weir__store_relaxed(&core->limit, limit);
    weir__stripes_renew(core);
    while ((waker = weir__bulkhead_core_serve(core, queue)) != 0) {
        weir__mutex_unlock(&queue->lock);
        weir__waker_fire(waker);
        weir__mutex_lock(&queue->lock);
    }
    weir__mutex_unlock(&queue->lock);
}

#endif
