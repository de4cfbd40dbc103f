/* Permits that lie in stripes, so that threads which come and go through one
 * bulkhead need not write one word.  The layout: bulkhead_word.h.
 *
 * A stripe belongs to a processor (as a hint).  A permit that is given back is
 * put into the stripe at hand and taken from there the next time; it stays
 * accounted for in the bulkhead's word, as held.  So no more permits can be
 * out than the limit, whatever happens in stripes.  What the word no longer
 * tells is who is turned away: held may be at the limit while permits lie in
 * stripes.
 *
 * Eras.  Permits lie in stripes during an era only.  One begins when threads
 * contend for the word while few permits are out, and it ends before anybody
 * is turned away or joins the queue: he first gathers all permits from the
 * stripes.  Outside an era the word alone tells, exactly.
 *
 * Invariants
 *   1. A stripe is open only in the present era, and before it was gathered.
 *      So whoever finds one open may use it without looking at the word.
 *   2. The era of a stripe is never ahead of the word's.  A stripe of an
 *      earlier era is empty.
 *   3. A stripe of the present era that is not open does not change until the
 *      era is over: its permits are frozen.  The swap that counts it as
 *      gathered takes them from `held`, once, whoever does it.  So gathering
 *      waits for nobody: who finds it half done goes on with it.
 *   4. Nobody waits during an era: it begins with an empty queue, and joining
 *      the queue needs a word without an era.
 *
 * A stripe of another era than the word's may be behind, or ahead of a word
 * that was read long ago.  Hence the order of reading: first the stripe, then
 * the word.  What is then found in the word was so after the stripe was read;
 * so the stripe is behind, and the swap that expects it unchanged fails if
 * the era has ended since, because that closed the stripe.
 *
 * A change of the limit adds one to the era, too: whoever is about to begin an
 * era for the old limit fails.  (A thread that is delayed in the middle of an
 * operation across exactly 2^23 eras takes a word for another.)
 *
 * Memory orders.  Giving a permit back releases, taking it acquires, on the
 * stripe as on the word; gathering acquires from the stripe and releases to
 * the word.  The stripe is read with acquire so that the word is read after
 * it (above).  The limit is read after the word: whoever changes it swaps the
 * word afterwards, so a swap of a word that was read before fails.
 *
 * Progress: lock-free.  A swap fails only because another one succeeded. */
#ifndef WEIR_POLICY_BULKHEAD_STRIPES_H
#define WEIR_POLICY_BULKHEAD_STRIPES_H

#include "base/cpu.h"
#include "policy/bulkhead_word.h"

/* An era begins when threads have met at the word that many times more. */
enum { WEIR__CONTENTION = 64 };

/* ---- an era begins ---- */

/* Where nobody waits and that many permits are free. */
static inline void weir__stripes_begin(weir__bulkhead_core *core,
                                       uint32_t room)
{
    uint64_t w = weir__load_acquire(&core->word);
    uint32_t limit = weir__load_relaxed(&core->limit);
    if (weir__is_plain(w) && weir__held(w) + room <= limit)
        weir__cas_acq_rel(&core->word, &w,
                          (w + WEIR__ONE_ERA) | WEIR__STRIPED);
}

/* A swap of the word has failed.  Where permits are short, an era would end
 * at once. */
static inline void weir__stripes_contend(weir__bulkhead_core *core)
{
    uint32_t before = weir__add_relaxed(&core->contended, 1u);
    if (before % WEIR__CONTENTION == WEIR__CONTENTION - 1)
        weir__stripes_begin(core, weir__load_relaxed(&core->limit) / 2 + 2);
}

/* ---- and ends ---- */

/* Closes a stripe in the era of w and freezes *s, what it holds.  0: w is out
 * of date. */
static inline int weir__stripe_close(weir__bulkhead_core *core,
                                     weir__stripe *stripe, uint64_t w,
                                     uint64_t *s)
{
    *s = weir__load_acquire(&stripe->word);
    while ((*s & WEIR__OPEN) || !weir__same_era(*s, w)) {
        uint64_t now = weir__load_acquire(&core->word);
        uint64_t closed = weir__same_era(*s, w) ? *s & ~WEIR__OPEN
                                                : weir__era_of(w);
        if (!weir__is_striped(now) || !weir__same_era(now, w))
            return 0;
        if (weir__cas_weak_acq_rel(&stripe->word, s, closed))
            *s = closed;
    }
    return 1;
}

/* The word once the permits that lay in the next stripe are gathered.  (More
 * than are held when some were given back twice.) */
static inline uint64_t weir__word_gathered(uint64_t w, uint32_t permits)
{
    uint32_t held = weir__held(w);
    w -= permits < held ? permits : held;
    if (weir__gathered(w) + 1 < WEIR__PERMIT_STRIPES)
        return w + WEIR__ONE_WAITING;
    return w & ~(WEIR__STRIPED | WEIR__WAITING_MASK);
}

/* Ends the era that is on, if one is. */
static inline void weir__stripes_gather(weir__bulkhead_core *core)
{
    uint64_t w = weir__load_acquire(&core->word);
    while (weir__is_striped(w)) {
        weir__stripe *stripe = &core->stripes[weir__gathered(w)];
        uint64_t s;
        if (!weir__stripe_close(core, stripe, w, &s) ||
            weir__cas_acq_rel(&core->word, &w,
                              weir__word_gathered(w, weir__held(s))))
            w = weir__load_acquire(&core->word);
    }
}

/* The limit has changed: no era goes on, or begins, that was for the old. */
static inline void weir__stripes_renew(weir__bulkhead_core *core)
{
    uint64_t w;
    do {
        weir__stripes_gather(core);
        w = weir__load_acquire(&core->word);
    } while (weir__is_striped(w) ||
             !weir__cas_acq_rel(&core->word, &w, w + WEIR__ONE_ERA));
}

/* ---- during an era ---- */

static inline weir__stripe *weir__own_stripe(weir__bulkhead_core *core)
{
    return &core->stripes[weir__cpu_hint() % WEIR__PERMIT_STRIPES];
}

/* 1 with a permit. */
static inline int weir__stripe_take(weir__stripe *stripe)
{
    uint64_t s = weir__load_relaxed(&stripe->word);
    while ((s & WEIR__OPEN) && weir__held(s) > 0)
        if (weir__cas_weak_acq_rel(&stripe->word, &s, s - 1))
            return 1;
    return 0;
}

/* 1 with a permit, from wherever one was seen. */
static inline int weir__stripes_take(weir__bulkhead_core *core)
{
    uint64_t w;
    uint32_t i;
    if (weir__stripe_take(weir__own_stripe(core)))
        return 1;
    w = weir__load_acquire(&core->word);
    while (weir__is_striped(w) &&
           weir__held(w) < weir__load_relaxed(&core->limit))
        if (weir__cas_weak_acq_rel(&core->word, &w, w + 1))
            return 1;
    for (i = 0; i < WEIR__PERMIT_STRIPES; i++)
        if (weir__stripe_take(&core->stripes[i]))
            return 1;
    return 0;
}

/* 1 when it has taken the permit in.  A stripe in which all permits lie does
 * not: one was given back twice. */
static inline int weir__stripes_put(weir__bulkhead_core *core)
{
    weir__stripe *stripe = weir__own_stripe(core);
    uint64_t s = weir__load_acquire(&stripe->word);
    for (;;) {
        uint64_t w = weir__load_acquire(&core->word);
        uint64_t opened = weir__era_of(w) | WEIR__OPEN;
        if ((s & WEIR__OPEN) ? weir__held(s) >= weir__held(w)
                             : !weir__is_striped(w) || weir__same_era(s, w))
            return 0;
        if (weir__cas_weak_acq_rel(&stripe->word, &s,
                                   ((s & WEIR__OPEN) ? s : opened) + 1))
            return 1;
    }
}

/* What was so a moment ago. */
static inline uint32_t weir__stripes_running(weir__bulkhead_core *core)
{
    uint64_t w = weir__load_acquire(&core->word);
    uint32_t running = weir__held(w);
    uint32_t i = weir__is_striped(w) ? weir__gathered(w)
                                     : WEIR__PERMIT_STRIPES;
    for (; i < WEIR__PERMIT_STRIPES; i++) {
        uint64_t s = weir__load_relaxed(&core->stripes[i].word);
        uint32_t lie = weir__same_era(s, w) ? weir__held(s) : 0;
        running -= lie < running ? lie : running;
    }
    return running;
}

#endif
