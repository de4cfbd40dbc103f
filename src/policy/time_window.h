/* The outcomes of the last T seconds, counted in buckets.
 *
 * Time is cut into spans of T/buckets, numbered since the breaker was made.
 * The counts of span s are in slot s % buckets, together with a tag that says
 * which span and generation they belong to; counts with another tag read as
 * zero.  So nothing has to be swept: not when time passes, however long, and
 * not when the breaker changes its state.
 *
 *   counter  63..34 span, its low 30 bits
 *            33..22 generation, its low 12 bits
 *            21..0  count; sticks at 4,194,303
 *
 * A span comes round after 2^30 spans, 124 days for the shortest allowed; a
 * window that was not used for exactly as long reads one old bucket.
 *
 * Stripes.  A slot has three counters: calls, failed, slow.  They begin as
 * one stripe.  When a compare and swap fails, which is how contention shows,
 * the window asks for more stripes; then each thread counts in the one it
 * hashes to.  The choice is a hint: every update is a compare and swap, and
 * sums go over all stripes.
 *
 * When to judge.  A failed or slow call may reach a rate: it judges after it
 * has counted itself.  A success cannot, but it may complete the minimum of
 * calls.  So whoever judges a window that lacks calls sets `watch`, and while
 * it is set successes judge, too.  And calls fall out of the window when a
 * span begins: the first outcome of a span judges in any case.
 *
 * Memory orders: seq_cst on the counters and on `watch`, for two arguments of
 * the same form.  (1) Two threads count themselves and then sum: at least one
 * sees both.  (2) A thread sets watch and judges once more; another counts
 * itself and then looks at watch: either the second look sees the count, or
 * the other one sees watch.  So no call that reaches a limit goes unjudged.
 *
 * Exactness: a call counts in the span of the time it was recorded with, or
 * not at all if its thread was delayed for a whole window.  The window covers
 * between T - T/buckets and T. */
#ifndef WEIR_POLICY_TIME_WINDOW_H
#define WEIR_POLICY_TIME_WINDOW_H

#include "base/atomic.h"
#include "policy/rates.h"

enum {
    WEIR__BUCKETS_MAX = 64,
    WEIR__STRIPES = 8 /* once there is contention */
};

typedef struct weir__bucket {
    weir__atomic_u64 calls;
    weir__atomic_u64 failed;
    weir__atomic_u64 slow;
} weir__bucket;

typedef struct weir__time_window {
    uint64_t span_ns;
    uint32_t buckets;
    weir__atomic_u32 watch;     /* 1 + generation (12 bits); 0: not set */
    weir__atomic_u32 contended; /* more stripes would help */
    weir__bucket *first;        /* the stripe there is from the start */
} weir__time_window;

/* Sums of a window. */
typedef struct weir__totals {
    uint64_t calls;
    uint64_t failed;
    uint64_t slow;
} weir__totals;

#define WEIR__TW_COUNT_MASK UINT64_C(0x3fffff)
#define WEIR__TW_SPAN_MASK UINT64_C(0x3fffffff)

static inline uint64_t weir__tw_tag(uint64_t span, uint64_t generation)
{
    return (span & WEIR__TW_SPAN_MASK) << 34 | (generation & 0xfff) << 22;
}

/* Is the tag of counter c one of a span after, or of a generation after, the
 * given one? */
static inline int weir__tw_is_younger(uint64_t c, uint64_t tag)
{
    uint64_t spans = ((c >> 34) - (tag >> 34)) & WEIR__TW_SPAN_MASK;
    uint64_t generations = ((c >> 22) - (tag >> 22)) & 0xfff;
    if (spans != 0)
        return spans <= WEIR__TW_SPAN_MASK / 2;
    return generations != 0 && generations <= 0x7ff;
}

/* What adding met, as bits. */
enum { WEIR__TW_CONTENDED = 1, WEIR__TW_BEGAN = 2 };

/* Adds one under a tag. */
static inline int weir__tw_add(weir__atomic_u64 *counter, uint64_t tag)
{
    uint64_t c = weir__load_seq_cst(counter);
    int met = 0;
    for (;;) {
        int begins = (c & ~WEIR__TW_COUNT_MASK) != tag;
        if (begins ? weir__tw_is_younger(c, tag)
                   : (c & WEIR__TW_COUNT_MASK) == WEIR__TW_COUNT_MASK)
            return met;
        if (weir__cas_seq_cst(counter, &c, begins ? tag | 1 : c + 1))
            return begins ? met | WEIR__TW_BEGAN : met;
        met = WEIR__TW_CONTENDED;
    }
}

static inline uint64_t weir__tw_read(weir__atomic_u64 *counter, uint64_t tag)
{
    uint64_t c = weir__load_seq_cst(counter);
    return (c & ~WEIR__TW_COUNT_MASK) == tag ? c & WEIR__TW_COUNT_MASK : 0;
}

/* Sums one stripe over the window that ends with span. */
static inline void weir__tw_sum(const weir__time_window *window,
                                weir__bucket *stripe, uint64_t span,
                                uint64_t generation, weir__totals *totals)
{
    uint32_t i;
    for (i = 0; i < window->buckets && i <= span; i++) {
        weir__bucket *bucket = &stripe[(span - i) % window->buckets];
        uint64_t tag = weir__tw_tag(span - i, generation);
        totals->calls += weir__tw_read(&bucket->calls, tag);
        totals->failed += weir__tw_read(&bucket->failed, tag);
        totals->slow += weir__tw_read(&bucket->slow, tag);
    }
}

/* Counts an outcome in a stripe.  1: it must judge. */
static inline int weir__tw_count(weir__time_window *window,
                                 weir__bucket *stripe, uint64_t span,
                                 uint64_t generation, uint32_t outcome)
{
    weir__bucket *bucket = &stripe[span % window->buckets];
    uint64_t tag = weir__tw_tag(span, generation);
    int met = weir__tw_add(&bucket->calls, tag);
    int began = met & WEIR__TW_BEGAN;
    if (outcome & WEIR__FAILED)
        met |= weir__tw_add(&bucket->failed, tag);
    if (outcome & WEIR__SLOW)
        met |= weir__tw_add(&bucket->slow, tag);
    if ((met & WEIR__TW_CONTENDED) &&
        weir__load_relaxed(&window->contended) == 0)
        weir__store_relaxed(&window->contended, 1u);
    return outcome != 0 || began ||
           weir__load_seq_cst(&window->watch) ==
               1 + (uint32_t)(generation & 0xfff);
}

/* Notes whether successes have to judge from now on.  1: judge once more. */
static inline int weir__tw_watch(weir__time_window *window,
                                 const weir__rates *rates, uint64_t generation,
                                 const weir__totals *totals)
{
    uint32_t wanted = 1 + (uint32_t)(generation & 0xfff);
    uint32_t watch = weir__load_seq_cst(&window->watch);
    if (totals->calls < rates->minimum && totals->failed + totals->slow > 0) {
        if (watch == wanted)
            return 0;
        weir__store_seq_cst(&window->watch, wanted);
        return 1;
    }
    if (watch == wanted)
        weir__store_seq_cst(&window->watch, 0u);
    return 0;
}

#endif
