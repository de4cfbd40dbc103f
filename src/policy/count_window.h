/* The last n outcomes of a breaker, exact under threads and lock-free.
 *
 *   word  63..50 generation, its low 14 bits
 *         49..36 lap: counts how often the index came round, modulo 2^14
 *         35     tripped: the breaker is to be opened
 *         34..33 last: the outcome written last (bit 0 failed, bit 1 slow)
 *         32     full: n outcomes were recorded
 *         31..22 index: where the next outcome goes, 0..n-1
 *         21..11 slow: how many of the window's are
 *         10..0  failed: how many of the window's are
 *   blocks  63..32 version, 31..0 sixteen outcomes of two bits
 *
 * A record is one compare and swap of the word.  It counts the new outcome in
 * and the oldest one out, and remembers the new one in `last`; the cell of
 * `last` is written afterwards, by whoever comes next (and by nobody, if it
 * holds that outcome already).  So the counts are those of the last n
 * outcomes at every moment, in the order of the swaps.
 *
 * Invariants
 *   1. Before a swap moves the index from i to i+1, or begins a generation,
 *      the cell i-1 holds `last` of the word that is swapped: every thread
 *      writes it before its swap, or has seen it there.
 *   2. A cell is written only while it is the last one.  A thread that was
 *      delayed finds another version in the block, or another word, and its
 *      write fails: whoever moved the word on has written the cell before it.
 *      (So has who begins a generation, which has no use for it: the delayed
 *      thread's write would be found in its window.)
 *   3. The word of another generation reads as an empty window.  Which of two
 *      generations is the younger cannot be told from 14 bits: in a long
 *      outage the breaker makes thousands of transitions without a record.  So
 *      a thread asks the breaker's word, after it has seen the window's: if
 *      that is still of the generation of its permit, the window's is an older
 *      one, and it replaces it; a younger one was put there by a thread that
 *      had seen a younger word of the breaker, and then so does this one.
 *   4. While `tripped` is set nothing is recorded: who finds it opens the
 *      breaker first, and is stale.  So exactly the record that reached the
 *      limit trips, whoever makes the transition.
 *   5. A success into a full window without failed or slow ones changes
 *      nothing, and nothing is written.
 *   6. A success that takes the place of one, and comes after one, changes
 *      the index alone, and no cell has to be written.  (It may trip all the
 *      same, when the options were exchanged.)
 *
 * The lap keeps a thread that was delayed between its look at the oldest cell
 * and its swap from taking the same word, a lap later, for the same window;
 * it would have to sleep for exactly 2^14 laps.  In the same way the version
 * would have to come round 2^32 writes, and the generation exactly 2^14
 * transitions without one record.
 *
 * Memory orders: acquire and release on the word order the cells written
 * before a swap for whoever sees the swap. */
#ifndef WEIR_POLICY_COUNT_WINDOW_H
#define WEIR_POLICY_COUNT_WINDOW_H

#include "base/atomic.h"
#include "policy/breaker_word.h"
#include "policy/rates.h"

enum { WEIR__COUNT_WINDOW_MAX = 1024 };

typedef struct weir__count_window {
    weir__atomic_u64 word;
    uint32_t calls;            /* n */
    weir__atomic_u64 *blocks;  /* (n + 15) / 16 of them */
} weir__count_window;

#define WEIR__CW_FULL (UINT64_C(1) << 32)
#define WEIR__CW_TRIPPED (UINT64_C(1) << 35)
#define WEIR__CW_INDEX (UINT64_C(0x3ff) << 22)
#define WEIR__CW_ONE_INDEX (UINT64_C(1) << 22)
#define WEIR__CW_LAST (UINT64_C(3) << 33)
#define WEIR__CW_LAP (UINT64_C(0x3fff) << 36)
#define WEIR__CW_ONE_LAP (UINT64_C(1) << 36)

static inline uint32_t weir__cw_failed(uint64_t x)
{
    return (uint32_t)x & 0x7ff;
}

static inline uint32_t weir__cw_slow(uint64_t x)
{
    return (uint32_t)(x >> 11) & 0x7ff;
}

static inline uint32_t weir__cw_index(uint64_t x)
{
    return (uint32_t)(x >> 22) & 0x3ff;
}

static inline uint32_t weir__cw_last(uint64_t x)
{
    return (uint32_t)(x >> 33) & 3;
}

static inline uint64_t weir__cw_generation(uint64_t x)
{
    return x >> 50;
}

/* What an outcome adds to the counts of failed and slow. */
static inline uint64_t weir__cw_count(uint64_t outcome)
{
    return (outcome & 1) | (outcome >> 1) << 11;
}

static inline uint32_t weir__cw_calls(const weir__count_window *window,
                                      uint64_t x)
{
    return x & WEIR__CW_FULL ? window->calls : weir__cw_index(x);
}

/* Would a success change nothing? */
static inline int weir__cw_clean(uint64_t x, uint64_t generation)
{
    return weir__cw_generation(x) == (generation & 0x3fff) &&
           (x & (WEIR__CW_FULL | WEIR__CW_TRIPPED | 0x3fffff)) ==
               WEIR__CW_FULL;
}

/* The outcome in a cell. */
static inline uint32_t weir__cw_cell(const weir__count_window *window,
                                     uint32_t index)
{
    uint64_t block = weir__load_acquire(&window->blocks[index / 16]);
    return (uint32_t)(block >> (index % 16 * 2)) & 3;
}

/* Writes `last` of word x into its cell, unless the word has moved on. */
static inline void weir__cw_settle(weir__count_window *window, uint64_t x)
{
    uint32_t index = weir__cw_index(x), shift;
    uint64_t last = weir__cw_last(x), block;
    weir__atomic_u64 *cell;
    index = index == 0 ? window->calls - 1 : index - 1;
    cell = &window->blocks[index / 16];
    shift = index % 16 * 2;
    block = weir__load_acquire(cell);
    while (((block >> shift) & 3) != last &&
           weir__load_acquire(&window->word) == x) {
        uint64_t outcomes = (block & ~(UINT64_C(3) << shift)) | last << shift;
        uint64_t version = ((block >> 32) + 1) << 32;
        if (weir__cas_acq_rel(cell, &block,
                              version | (outcomes & 0xffffffffu)))
            return;
    }
}

/* The word after one more outcome; x must be settled. */
static inline uint64_t weir__cw_next(const weir__count_window *window,
                                     uint64_t x, uint64_t outcome)
{
    uint32_t index = weir__cw_index(x);
    uint64_t oldest = x & WEIR__CW_FULL ? weir__cw_cell(window, index) : 0;
    uint64_t lap = (x + WEIR__CW_ONE_LAP) & WEIR__CW_LAP;
    uint64_t to = (x & ~WEIR__CW_LAST) + (outcome << 33) +
                  weir__cw_count(outcome) - weir__cw_count(oldest);
    if (index + 1 < window->calls)
        return to + WEIR__CW_ONE_INDEX;
    return (to & ~(WEIR__CW_INDEX | WEIR__CW_LAP)) | lap | WEIR__CW_FULL;
}

/* Does a success only move the index?  It does where it takes the place of
 * one, as most calls do while few fail. */
static inline int weir__cw_only_moves(const weir__count_window *window,
                                      const weir__rates *rates, uint64_t x)
{
    uint32_t index = weir__cw_index(x);
    return (x & (WEIR__CW_FULL | WEIR__CW_LAST)) == WEIR__CW_FULL &&
           index > 0 && index + 1 < window->calls &&
           (weir__cw_cell(window, index) | weir__cw_cell(window, index - 1)) ==
               0 &&
           !weir__rates_reached(rates, window->calls, weir__cw_failed(x),
                                weir__cw_slow(x));
}

/* The word after one more outcome, with what it has come to; x must be
 * settled. */
static inline uint64_t weir__cw_judged(const weir__count_window *window,
                                       const weir__rates *rates, uint64_t x,
                                       uint64_t outcome)
{
    uint64_t to = weir__cw_next(window, x, outcome);
    if (weir__rates_reached(rates, weir__cw_calls(window, to),
                            weir__cw_failed(to), weir__cw_slow(to)))
        to |= WEIR__CW_TRIPPED;
    return to;
}

/* Records an outcome (WEIR__FAILED, WEIR__SLOW) of a call that was let
 * through in a generation.  TRIPPED: this one, or one before it whose thread
 * has not got that far, reached the limit; the caller opens the breaker, and
 * *counted says whether its own outcome was counted.  OUTDATED: a younger
 * generation has begun. */
static inline int weir__cw_record(weir__count_window *window,
                                  const weir__rates *rates,
                                  weir__atomic_u64 *breaker_word,
                                  uint64_t generation, uint32_t outcome,
                                  int *counted)
{
    uint64_t x = weir__load_acquire(&window->word);
    uint64_t mine = generation & 0x3fff;
    *counted = 0;
    for (;;) {
        uint64_t to;
        if (weir__cw_generation(x) != mine) {
            if (weir__word_generation(weir__load_acquire(breaker_word)) !=
                generation)
                return WEIR__OUTDATED;
            weir__cw_settle(window, x); /* invariant 2 */
            /* the lap goes on, so that no word comes twice */
            to = mine << 50 | ((x + WEIR__CW_ONE_LAP) & WEIR__CW_LAP);
            to = weir__cw_judged(window, rates, to, outcome);
        } else if (x & WEIR__CW_TRIPPED) {
            return WEIR__TRIPPED;
        } else if (outcome == 0 && weir__cw_clean(x, generation)) {
            *counted = 1;
            return WEIR__RECORDED;
        } else if (outcome == 0 && weir__cw_only_moves(window, rates, x)) {
            to = x + WEIR__CW_ONE_INDEX;
        } else {
            weir__cw_settle(window, x);
            to = weir__cw_judged(window, rates, x, outcome);
        }
        if (weir__cas_acq_rel(&window->word, &x, to)) {
            *counted = 1;
            return to & WEIR__CW_TRIPPED ? WEIR__TRIPPED : WEIR__RECORDED;
        }
    }
}

#endif
