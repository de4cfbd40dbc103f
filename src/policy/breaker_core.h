/* The state of a circuit breaker, lock-free.  Its layout: breaker_word.h.
 *
 * Invariants
 *   1. Every transition, and every replacement of probes that did not report,
 *      adds one to the generation.  So the generation names the state, and a
 *      permit that carries it cannot move any other state.  (A permit that is
 *      held across exactly 2^21 transitions is taken for a fresh one.)
 *   2. State, generation and payload change together in one compare and swap:
 *      no thread can see, or write, the deadline of another transition.
 *   3. A ticket is issued once per generation, and cleared once.
 *   4. At most `probes` tickets are out in a generation.
 *
 * The lease.  When all tickets are out and none was issued or cleared for the
 * lease, the next acquire starts a generation with fresh tickets.  When that
 * last happened does not fit into the word, so it has a word of its own: a
 * tick.  It is raised *before* the compare and swap that it belongs to.  Who
 * sees the swap therefore sees a lease at least as young; a swap that fails
 * leaves one that is younger than need be, which is harmless.  It never goes
 * back, so a slow thread cannot age it.  It carries no generation: one raised
 * for a generation that then does not begin must still count for the one that
 * goes on, or that one would never end.
 *
 * The streak: how many times it has opened without having closed, for open
 * times that grow.
 *   28..8 generation of the last opening, 7..0 openings before it, at most 255
 * It is raised before the swap, like the lease; two threads that open the same
 * generation find the same number.  One whose swap lost against a replacement
 * of probes leaves it one too high: the next open time is a step longer.
 *
 * Memory orders.  The words carry no other data: nothing is published through
 * them, and each decision is taken from one value.  Acquire and release are
 * there for the lease (the swap releases it, the load of the word acquires
 * it).  Transitions are swapped with seq_cst because of the listeners: a
 * thread swaps the word, then looks for listeners; a thread that adds the
 * first listener makes it visible, then reads the word.  With seq_cst one of
 * the two sees the other, so no transition falls between them.
 *
 * Progress: lock-free.  A swap fails only because another one succeeded. */
#ifndef WEIR_POLICY_BREAKER_CORE_H
#define WEIR_POLICY_BREAKER_CORE_H

#include "base/atomic.h"
#include "base/time.h"
#include "weir/base.h"
#include "weir/breaker.h"
#include "policy/breaker_word.h"
#include "policy/outcome.h"
#include "policy/rates.h"

typedef struct weir__breaker_core {
    weir__atomic_u64 word;
    weir__atomic_u64 lease;
    weir__atomic_u64 streak;
} weir__breaker_core;

/* The options that may change on a live breaker, as one immutable block. */
typedef struct weir__breaker_limits {
    uint64_t threshold; /* failures in a row; of windows: never reached */
    uint64_t slow_call_ns;
    uint64_t open_ns;
    uint64_t open_max_ns;
    uint64_t lease_ns;
    double open_factor;
    double open_jitter;
    weir__rates rates;
    uint64_t seed;
    uint32_t seeded;
    uint32_t probes;
    uint32_t probe_successes;
    struct weir__breaker_limits *next; /* older blocks, kept for readers */
} weir__breaker_limits;

/* How long to be open, after so many openings in a row before this one.
 * Depends on nothing else but the generation, so that all who make the same
 * transition find the same. */
uint64_t weir__breaker_open_time(const weir__breaker_limits *limits,
                                 uint32_t openings, uint64_t generation);

/* What a thread has done to the word, for the listeners. */
typedef struct weir__transition {
    int happened;
    int from;
    int to;
    uint32_t generation; /* the new one */
} weir__transition;

/* Not a status of the API: the answer depends on the time; ask again with
 * it. */
#define WEIR__ASK_TIME 1

/* ---- the lease ---- */

static inline void weir__lease_raise(weir__breaker_core *core,
                                     uint64_t age_ns)
{
    uint64_t lease = weir__ticks_up(age_ns);
    uint64_t seen = weir__load_relaxed(&core->lease);
    while (lease > seen)
        if (weir__cas_acq_rel(&core->lease, &seen, lease))
            return;
}

/* How long until the probes are given up; 0: now.  After the word was
 * loaded. */
static inline uint64_t weir__lease_left(weir__breaker_core *core,
                                        const weir__breaker_limits *limits,
                                        uint64_t age_ns)
{
    uint64_t end = weir__load_acquire(&core->lease) +
                   weir__ticks_up(limits->lease_ns);
    return end > weir__ticks_down(age_ns)
               ? (end << WEIR__TICK_SHIFT) - age_ns
               : 0;
}

/* ---- words that follow a word ---- */

/* How many openings in a row come before the one that leads on from w. */
static inline uint32_t weir__streak_raise(weir__breaker_core *core, uint64_t w)
{
    uint64_t generation =
        (weir__word_generation(w) + 1) & WEIR__GENERATION_MASK;
    uint64_t s = weir__load_acquire(&core->streak);
    for (;;) {
        uint64_t ahead = (generation - (s >> 8)) & WEIR__GENERATION_MASK;
        uint64_t openings = s & 0xff;
        if (ahead == 0)
            return (uint32_t)openings;
        /* a later opening, of which w knows nothing; or one from very long
         * ago, if w is the word still */
        if (ahead > WEIR__GENERATION_MASK / 2 &&
            weir__load_acquire(&core->word) != w)
            return (uint32_t)openings;
        if (weir__word_state(w) != WEIR_HALF_OPEN)
            openings = 0;
        else if (openings < 0xff)
            openings++;
        if (weir__cas_acq_rel(&core->streak, &s, generation << 8 | openings))
            return (uint32_t)openings;
    }
}

static inline uint64_t weir__word_open(weir__breaker_core *core,
                                       const weir__breaker_limits *limits,
                                       uint64_t w, uint64_t age_ns)
{
    uint64_t open_ns = weir__breaker_open_time(
        limits, weir__streak_raise(core, w), weir__word_generation(w) + 1);
    uint64_t end = weir__ticks_up(weir__time_add(age_ns, open_ns));
    if (end > WEIR__PAYLOAD_MASK)
        end = WEIR__PAYLOAD_MASK;
    return weir__word(WEIR_OPEN, weir__word_generation(w) + 1, end);
}

/* Half-open in a new generation, its first ticket out. */
static inline uint64_t weir__word_probing(uint64_t w, uint64_t successes)
{
    return weir__word(WEIR_HALF_OPEN, weir__word_generation(w) + 1,
                      weir__probes(successes, 1, 1));
}

static inline uint64_t weir__word_closed(uint64_t w)
{
    return weir__word(WEIR_CLOSED, weir__word_generation(w) + 1, 0);
}

/* Swaps the word; on success fills in the transition if there was one. */
static inline int weir__word_swap(weir__breaker_core *core, uint64_t *w,
                                  uint64_t to, weir__transition *transition)
{
    uint64_t from = *w;
    if (!weir__cas_seq_cst(&core->word, w, to))
        return 0;
    transition->happened =
        weir__word_generation(from) != weir__word_generation(to);
    transition->from = weir__word_state(from);
    transition->to = weir__word_state(to);
    transition->generation = (uint32_t)weir__word_generation(to);
    return 1;
}

/* ---- operations; age_ns is the time since the breaker was made ---- */

static inline void weir__breaker_core_init(weir__breaker_core *core)
{
    /* Generation 1: a permit of 0 is stale from the start. */
    weir__init(&core->word, weir__word(WEIR_CLOSED, 1, 0));
    weir__init(&core->lease, UINT64_C(0));
    weir__init(&core->streak, UINT64_C(0));
}

/* The word after one more probe was let through, or w itself when none can
 * be.  A ticket can be issued while fewer than the limit are out, the window
 * has room, and numbers are left. */
static inline uint64_t weir__word_next_probe(weir__breaker_core *core,
                                             const weir__breaker_limits *limits,
                                             uint64_t w, uint64_t age_ns)
{
    uint64_t window = weir__probes_window(w), next = weir__probes_next(w);
    uint32_t out = (uint32_t)__builtin_popcount((unsigned)window);
    if (out < limits->probes && !(window & WEIR__WINDOW_TOP) &&
        next < WEIR__TICKET_MAX)
        return weir__word(WEIR_HALF_OPEN, weir__word_generation(w),
                          weir__probes(weir__probes_successes(w), next + 1,
                                       window << 1 | 1));
    if (out == 0 || weir__lease_left(core, limits, age_ns) == 0)
        return weir__word_probing(w, weir__probes_successes(w));
    return w;
}

/* WEIR_OK and a permit, WEIR_EOPEN, or WEIR__ASK_TIME when age_ns is
 * WEIR_NOW and matters. */
static inline int weir__breaker_core_acquire(weir__breaker_core *core,
                                             const weir__breaker_limits *limits,
                                             uint64_t age_ns, uint64_t *permit,
                                             weir__transition *transition)
{
    uint64_t w = weir__load_acquire(&core->word);
    for (;;) {
        int state = weir__word_state(w);
        uint64_t to;
        if (state == WEIR_CLOSED || state == WEIR_DISABLED ||
            state == WEIR_METRICS_ONLY) {
            *permit = weir__permit(w, 0);
            return WEIR_OK;
        }
        if (state == WEIR_FORCED_OPEN)
            return WEIR_EOPEN;
        if (age_ns == WEIR_NOW)
            return WEIR__ASK_TIME;
        if (state == WEIR_HALF_OPEN)
            to = weir__word_next_probe(core, limits, w, age_ns);
        else if (weir__ticks_down(age_ns) >= weir__word_payload(w))
            to = weir__word_probing(w, 0);
        else
            to = w;
        if (to == w)
            return WEIR_EOPEN;
        weir__lease_raise(core, age_ns);
        if (weir__word_swap(core, &w, to, transition)) {
            *permit = weir__permit(to, weir__probes_next(to) - 1);
            return WEIR_OK;
        }
    }
}

/* The bit of a ticket in the window, 0 when it is not out. */
static inline uint64_t weir__ticket_bit(uint64_t w, uint64_t permit)
{
    uint64_t age = weir__probes_next(w) - 1 - weir__word_payload(permit);
    return age > 15 ? 0 : weir__probes_window(w) & (UINT64_C(1) << age);
}

static inline uint64_t
weir__word_after_probe(weir__breaker_core *core,
                       const weir__breaker_limits *limits, uint64_t w,
                       uint64_t bit, int outcome, uint64_t age_ns)
{
    uint64_t cleared = w & ~bit;
    if (weir__outcome_failed(outcome))
        return weir__word_open(core, limits, w, age_ns);
    if (!weir__outcome_healthy(outcome))
        return cleared;
    if (weir__probes_successes(w) + 1 >= limits->probe_successes)
        return weir__word_closed(w);
    return cleared + weir__probes(1, 0, 0);
}

/* The word after an outcome that counts in a row; w when nothing changes. */
static inline uint64_t weir__word_after_closed(uint64_t w, int outcome)
{
    if (weir__outcome_healthy(outcome))
        return w & ~WEIR__PAYLOAD_MASK;
    if (weir__outcome_failed(outcome) &&
        weir__word_payload(w) < WEIR__PAYLOAD_MASK)
        return w + 1;
    return w;
}

/* WEIR_OK, WEIR_ESTALE, or WEIR__ASK_TIME. */
static inline int weir__breaker_core_record(weir__breaker_core *core,
                                            const weir__breaker_limits *limits,
                                            uint64_t age_ns, uint64_t permit,
                                            int outcome,
                                            weir__transition *transition)
{
    uint64_t w = weir__load_acquire(&core->word);
    for (;;) {
        int state = weir__word_state(w);
        uint64_t to = w, bit;
        if (weir__word_generation(w) != weir__word_generation(permit) ||
            state != weir__word_state(permit))
            return WEIR_ESTALE;
        switch (state) {
        case WEIR_HALF_OPEN:
            bit = weir__ticket_bit(w, permit);
            if (!bit)
                return WEIR_ESTALE;
            if (age_ns == WEIR_NOW)
                return WEIR__ASK_TIME;
            to = weir__word_after_probe(core, limits, w, bit, outcome, age_ns);
            if (weir__word_state(to) == WEIR_HALF_OPEN)
                weir__lease_raise(core, age_ns);
            break;
        case WEIR_CLOSED:
            to = weir__word_after_closed(w, outcome);
            if (!weir__outcome_failed(outcome) ||
                weir__word_payload(to) < limits->threshold)
                break;
            if (age_ns == WEIR_NOW)
                return WEIR__ASK_TIME;
            to = weir__word_open(core, limits, w, age_ns);
            break;
        case WEIR_METRICS_ONLY:
            to = weir__word_after_closed(w, outcome);
            break;
        default:
            break;
        }
        if (to == w || weir__word_swap(core, &w, to, transition))
            return WEIR_OK;
    }
}

/* Opens the breaker if it is still closed in a generation. */
static inline void weir__breaker_core_trip(weir__breaker_core *core,
                                           const weir__breaker_limits *limits,
                                           uint64_t generation,
                                           uint64_t age_ns,
                                           weir__transition *transition)
{
    uint64_t w = weir__load_acquire(&core->word);
    while (weir__word_state(w) == WEIR_CLOSED &&
           weir__word_generation(w) == generation &&
           !weir__word_swap(core, &w,
                            weir__word_open(core, limits, w, age_ns),
                            transition))
        ;
}

/* Is a call that was let through with permit still let through?  For those
 * that had to wait elsewhere in between. */
static inline int weir__breaker_core_valid(weir__breaker_core *core,
                                           uint64_t permit)
{
    uint64_t w = weir__load_acquire(&core->word);
    return weir__word_generation(w) == weir__word_generation(permit) &&
           (weir__word_state(w) != WEIR_HALF_OPEN ||
            weir__ticket_bit(w, permit) != 0);
}

/* ---- manual control ----
 * The mode is looked at in the word that is swapped, so that a reset never
 * undoes a mode that was set at the same time. */

static inline int weir__word_mode(uint64_t w)
{
    int state = weir__word_state(w);
    return state >= WEIR_FORCED_OPEN ? state : WEIR_AUTOMATIC;
}

static inline void weir__breaker_core_set_mode(weir__breaker_core *core,
                                               int mode,
                                               weir__transition *transition)
{
    int state = mode == WEIR_AUTOMATIC ? WEIR_CLOSED : mode;
    uint64_t w = weir__load_acquire(&core->word);
    while (weir__word_mode(w) != mode)
        if (weir__word_swap(core, &w,
                            weir__word(state, weir__word_generation(w) + 1, 0),
                            transition))
            return;
}

static inline void weir__breaker_core_reset(weir__breaker_core *core,
                                            weir__transition *transition)
{
    uint64_t w = weir__load_acquire(&core->word);
    while (weir__word_mode(w) == WEIR_AUTOMATIC)
        if (weir__word_swap(core, &w, weir__word_closed(w), transition))
            return;
}

#endif
