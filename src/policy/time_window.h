/* The outcomes of the last T seconds, counted in buckets.
 *
 * Time is cut into spans of T/buckets, numbered since the breaker was made.
 * The counts of span s are in slot s % buckets (a place is a span with its
 * slot, so that only the first of a span divides), together with a tag that
 * says which span and generation they belong to; counts with another tag read
 * as zero.  So nothing has to be swept: not when time passes, however long,
 * and not when the breaker changes its state.
 *
 *   counter  63..34 span, its low 30 bits
 *            33..22 generation, its low 12 bits
 *            21..0  count; when that of the calls has come to 4,194,302, the
 *                   bucket is full
 *
 * A counter with another tag is overwritten, unless it is a younger one: of a
 * span between the tag's and the newest (a thread was delayed between finding
 * its place and counting), or of this span while the breaker's word is of
 * another generation than the outcome.  A tag comes round after 2^30 spans, 12
 * days for spans of 1 ms, and in one span after 4,096 generations: a bucket
 * that nobody has counted in for just as long may be read once more.
 *
 * A full bucket is halved, by one thread, all three counters of it: its rates
 * stay what they are, and what comes after weighs more.  Meanwhile, for some
 * swaps, nothing is counted in it.
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
 * Memory orders: seq_cst on the counters and on `watch`, for arguments of the
 * same form.  (1) Two threads count themselves and then sum: at least one
 * sees both.  (2) A thread sets watch and judges once more; another counts
 * itself and then looks at watch: either the second look sees the count, or
 * the other one sees watch.  (3) The same for a thread that clears watch.
 * (4) A thread exchanges the options and then sets watch; another, which has
 * judged by the old ones and cleared watch, then looks for other options, and
 * where it finds them sets watch again: either way it ends up set.  (5) The
 * same for a thread whose generation is over: the breaker's word is exchanged,
 * and then a thread of the new generation sets watch.  So no call that reaches
 * a limit goes unjudged; where options or generation change at that moment, the
 * next success may be the one to judge.  Halving needs less: whoever sees the
 * halved calls sees the halves before them; and so does setting watch again,
 * after the same thread's 0.
 *
 * Rates.  A call is counted before its failure, and failures are read before
 * calls.  So no sum shows more failures than calls, however long its thread
 * was delayed in between, and nothing trips by that.  When a bucket is halved,
 * its calls come last, and whoever finds them fewer than before reads again.
 * (Unless he is delayed for two million calls in between.)
 *
 * Exactness: a call counts in the span of the time it was recorded with, or in
 * the newest one that anybody has begun, if that is later: time that goes back
 * stands still.  The window covers between T - T/buckets and T. */
#ifndef WEIR_POLICY_TIME_WINDOW_H
#define WEIR_POLICY_TIME_WINDOW_H

#include "base/atomic.h"
#include "policy/breaker_word.h"
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
    weir__atomic_u32 watch;     /* successes judge, too */
    weir__atomic_u32 contended; /* more stripes would help */
    weir__atomic_u64 newest;    /* place; never goes back */
} weir__time_window;

/* Sums of a window. */
typedef struct weir__totals {
    uint64_t calls;
    uint64_t failed;
    uint64_t slow;
} weir__totals;

#define WEIR__TW_COUNT_MASK UINT64_C(0x3fffff)
#define WEIR__TW_COUNT_MAX (WEIR__TW_COUNT_MASK - 1) /* above: being halved */
#define WEIR__TW_SPAN_MASK UINT64_C(0x3fffffff)

static inline uint64_t weir__tw_tag(uint64_t span, uint64_t generation)
{
    return (span & WEIR__TW_SPAN_MASK) << 34 | (generation & 0xfff) << 22;
}

/* Is counter c, which has another tag, one of a span or a generation after?
 * No counter is of a span that the newest, read after it, does not show. */
static inline int weir__tw_is_younger(weir__time_window *window, uint64_t c,
                                      uint64_t tag,
                                      weir__atomic_u64 *breaker_word,
                                      uint64_t generation)
{
    uint64_t newest = weir__load_relaxed(&window->newest) >> 6;
    uint64_t spans = ((c >> 34) - (tag >> 34)) & WEIR__TW_SPAN_MASK;
    if (spans != 0)
        return spans <= ((newest - (tag >> 34)) & WEIR__TW_SPAN_MASK);
    return weir__word_generation(weir__load_seq_cst(breaker_word)) !=
           generation;
}

/*   place  63..6 span
 *          5..0  its slot */
static inline uint64_t weir__tw_place(const weir__time_window *window,
                                      uint64_t span)
{
    return span << 6 | span % window->buckets;
}

/* The place of a time. */
static inline uint64_t weir__tw_find(weir__time_window *window,
                                     uint64_t age_ns)
{
    uint64_t newest = weir__load_seq_cst(&window->newest), place;
    /* an age before the newest span wraps around, and is not in it */
    if (age_ns - (newest >> 6) * window->span_ns < window->span_ns)
        return newest;
    place = weir__tw_place(window, age_ns / window->span_ns);
    return place > newest ? place : newest;
}

/* The same, noted for those whose time is older. */
static inline uint64_t weir__tw_begin(weir__time_window *window,
                                      uint64_t age_ns)
{
    uint64_t place = weir__tw_find(window, age_ns);
    uint64_t newest = weir__load_seq_cst(&window->newest);
    while (weir__unlikely(place > newest))
        if (weir__cas_seq_cst(&window->newest, &newest, place))
            return place;
    return newest;
}

/* What adding met, as bits. */
enum { WEIR__TW_CONTENDED = 1, WEIR__TW_BEGAN = 2, WEIR__TW_FULL = 4 };

/* Adds one under a tag. */
static inline int weir__tw_add(weir__time_window *window,
                               weir__atomic_u64 *counter, uint64_t tag,
                               weir__atomic_u64 *breaker_word,
                               uint64_t generation)
{
    uint64_t c = weir__load_seq_cst(counter);
    int met = 0;
    for (;;) {
        int begins = (c & ~WEIR__TW_COUNT_MASK) != tag;
        if (begins &&
            weir__tw_is_younger(window, c, tag, breaker_word, generation))
            return met;
        if (!begins && (c & WEIR__TW_COUNT_MASK) >= WEIR__TW_COUNT_MAX)
            return met | WEIR__TW_FULL;
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

/* Sums one stripe over the window that ends with a place. */
static inline void weir__tw_sum(const weir__time_window *window,
                                weir__bucket *stripe, uint64_t place,
                                uint64_t generation, weir__totals *totals)
{
    uint64_t span = place >> 6;
    uint32_t slot = place & 63, i;
    for (i = 0; i < window->buckets && i <= span; i++) {
        weir__bucket *bucket = &stripe[slot];
        uint64_t tag = weir__tw_tag(span - i, generation);
        uint64_t calls = weir__tw_read(&bucket->calls, tag);
        uint64_t before, failed, slow;
        do {
            before = calls;
            failed = weir__tw_read(&bucket->failed, tag);
            slow = weir__tw_read(&bucket->slow, tag);
            calls = weir__tw_read(&bucket->calls, tag);
        } while (weir__unlikely(calls < before)); /* halved, or begun anew */
        /* fewer where the bucket was begun anew in between */
        totals->calls += calls;
        totals->failed += failed < calls ? failed : calls;
        totals->slow += slow < calls ? slow : calls;
        slot = slot == 0 ? window->buckets - 1 : slot - 1;
    }
}

static inline void weir__tw_halve_one(weir__atomic_u64 *counter, uint64_t tag)
{
    uint64_t c = weir__load_relaxed(counter);
    while ((c & ~WEIR__TW_COUNT_MASK) == tag &&
           !weir__cas_acq_rel(counter, &c,
                              tag | (c & WEIR__TW_COUNT_MASK) / 2))
        ;
}

/* Makes room in a full bucket.  0: another thread is about to.  The calls come
 * last: until then the rates are too low, and nobody trips by that. */
static __attribute__((noinline, unused)) int
weir__tw_halve(weir__bucket *bucket, uint64_t tag)
{
    uint64_t full = tag | WEIR__TW_COUNT_MAX;
    if (!weir__cas_acq_rel(&bucket->calls, &full, tag | WEIR__TW_COUNT_MASK))
        return 0;
    weir__tw_halve_one(&bucket->failed, tag);
    weir__tw_halve_one(&bucket->slow, tag);
    weir__tw_halve_one(&bucket->calls, tag);
    return 1;
}

/* Counts an outcome in a stripe.  1: it must judge. */
static inline int weir__tw_count(weir__time_window *window,
                                 weir__bucket *stripe,
                                 weir__atomic_u64 *breaker_word,
                                 uint64_t place, uint64_t generation,
                                 uint32_t outcome)
{
    weir__bucket *bucket = &stripe[place & 63];
    uint64_t tag = weir__tw_tag(place >> 6, generation);
    int met =
        weir__tw_add(window, &bucket->calls, tag, breaker_word, generation);
    while (weir__unlikely((met & WEIR__TW_FULL) != 0)) {
        if (!weir__tw_halve(bucket, tag))
            return outcome != 0;
        met = weir__tw_add(window, &bucket->calls, tag, breaker_word,
                           generation);
    }
    int began = met & WEIR__TW_BEGAN;
    if (outcome & WEIR__FAILED)
        met |= weir__tw_add(window, &bucket->failed, tag, breaker_word,
                            generation);
    if (outcome & WEIR__SLOW)
        met |= weir__tw_add(window, &bucket->slow, tag, breaker_word,
                            generation);
    if ((met & WEIR__TW_CONTENDED) &&
        weir__load_relaxed(&window->contended) == 0)
        weir__store_relaxed(&window->contended, 1u);
    return outcome != 0 || began ||
           weir__load_seq_cst(&window->watch) != 0;
}

/* Notes whether successes have to judge from now on.  1: judge once more.  In
 * a generation that is over, nobody can tell; then the next one does. */
static inline int weir__tw_watch(weir__time_window *window,
                                 const weir__rates *rates,
                                 const weir__totals *totals,
                                 weir__atomic_u64 *breaker_word,
                                 uint64_t generation)
{
    uint32_t wanted = totals->calls < rates->minimum &&
                      totals->failed + totals->slow > 0;
    if (weir__load_seq_cst(&window->watch) == wanted)
        return 0;
    weir__store_seq_cst(&window->watch, wanted);
    if (weir__word_generation(weir__load_seq_cst(breaker_word)) == generation)
        return 1;
    weir__store_relaxed(&window->watch, 1u);
    return 0;
}

#endif
