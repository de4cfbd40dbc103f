/* What a window of calls is judged by. */
#ifndef WEIR_POLICY_RATES_H
#define WEIR_POLICY_RATES_H

#include <stdint.h>

typedef struct weir__rates {
    double failed;    /* 0..1 of the calls, 0 excluded */
    double slow;      /* the same */
    uint32_t minimum; /* calls before anything is judged; 1 or more */
    /* The same, counted out for a number of calls; 0: for none. */
    uint32_t calls;
    uint32_t calls_failed;
    uint32_t calls_slow;
} weir__rates;

/* Bits of an outcome in a window. */
enum { WEIR__FAILED = 1, WEIR__SLOW = 2 };

/* What a record in a window has come to.  OUTDATED: it was not counted, since
 * a younger generation has begun. */
enum { WEIR__RECORDED, WEIR__TRIPPED, WEIR__OUTDATED };

/* By division: it is rounded like the option was when it was written, so that
 * 3 of 30 reach 0.1 exactly.  Only what is stored is sure to be rounded: some
 * processors calculate with more digits. */
static inline double weir__share(uint64_t part, uint64_t calls)
{
    double share = (double)part / (double)calls;
    return share;
}

static inline int weir__rates_reached(const weir__rates *rates, uint64_t calls,
                                      uint64_t failed, uint64_t slow)
{
    if (calls == rates->calls)
        return calls > 0 && (failed >= rates->calls_failed ||
                             slow >= rates->calls_slow);
    return calls >= rates->minimum &&
           (weir__share(failed, calls) >= rates->failed ||
            weir__share(slow, calls) >= rates->slow);
}

/* Counts it out for the calls of a full window, at least the minimum: it is
 * judged at every failure, and a division is dear. */
static inline void weir__rates_count_out(weir__rates *rates, uint32_t calls)
{
    uint32_t failed = 1, slow = 1;
    while (weir__share(failed, calls) < rates->failed)
        failed++;
    while (weir__share(slow, calls) < rates->slow)
        slow++;
    rates->calls = calls;
    rates->calls_failed = failed;
    rates->calls_slow = slow;
}

#endif
