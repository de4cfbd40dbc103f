/* The time window: whoever reaches a limit, or completes the minimum of calls,
 * is judged, by himself or by another.
 *
 * After one success, threads count an outcome each and judge as
 * breaker_window.c does.  Property: with TWO_FAILURES both fail and the limit
 * is two of three; else one fails and the limit is one of three.  In every
 * schedule somebody finds that the limit is reached, and no count is lost.
 *
 * GENERATION: one of them counts in a generation that goes over meanwhile; the
 * other one's second outcome completes the minimum, and trips, or the next one
 * does.
 * FULL: the bucket is full, or will be after so many calls.  It is halved once,
 * and counts on; nobody trips. */
#include "relacy_shim.h"

#include "policy/time_window.h"

#include "explore.h"

enum { SEEN_FIRST_TRIPS, SEEN_SECOND_TRIPS };
enum { SEEN_ALL, SEEN_ONE };

#if defined(TWO_FAILURES)
static const weir__rates rates = {0.6, 2.0, 3};
#elif defined(GENERATION)
static const weir__rates rates = {0.3, 2.0, 2};
#elif defined(FULL)
static const weir__rates rates = {0.6, 2.0, 3};
enum { FAILED = 2000001 }; /* odd: what is counted before shows after */
#else
static const weir__rates rates = {0.3, 2.0, 3};
#endif

struct time_window : scenario<time_window, 2> {
    weir__time_window window;
    weir__atomic_u64 breaker_word;
    weir__bucket buckets[1];
    int trips[2]; /* ghost */

    void before()
    {
        trips[0] = trips[1] = 0;
        window.span_ns = 1;
        window.buckets = 1; /* few steps: every schedule is explored */
        weir__init(&window.newest, UINT64_C(7) << 6);
        weir__init(&window.watch, 0u);
        weir__init(&breaker_word, weir__word(WEIR_CLOSED, 1, 0));
        weir__init(&window.contended, 0u);
        weir__init(&buckets[0].calls, UINT64_C(0));
        weir__init(&buckets[0].failed, UINT64_C(0));
        weir__init(&buckets[0].slow, UINT64_C(0));
        /* the span has begun, so that beginning it is no reason to judge */
        weir__tw_count(&window, buckets, &breaker_word, 7 << 6, 1, 0);
#if defined(GENERATION)
        weir__init(&window.watch, 1u);
#elif defined(FULL)
        uint64_t tag = weir__tw_tag(7, 1);
        weir__init(&buckets[0].calls, tag | (WEIR__TW_COUNT_MAX - FULL));
        weir__init(&buckets[0].failed, tag | FAILED);
#endif
    }

    weir__totals sum(uint64_t generation)
    {
        weir__totals totals = {0, 0, 0};
        weir__tw_sum(&window, buckets, 7 << 6, generation, &totals);
        return totals;
    }

    int record(uint64_t generation, uint32_t outcome)
    {
        weir__totals totals;
        if (!weir__tw_count(&window, buckets, &breaker_word, 7 << 6,
                            generation, outcome))
            return 0;
        do {
            totals = sum(generation);
            if (weir__rates_reached(&rates, totals.calls, totals.failed,
                                    totals.slow))
                return 1;
        } while (weir__tw_watch(&window, &rates, &totals, &breaker_word,
                                generation));
        return 0;
    }

    void thread(unsigned index)
    {
#if defined(TWO_FAILURES) || defined(FULL)
        trips[index] = record(1, WEIR__FAILED);
#elif defined(GENERATION)
        if (index == 0) {
            trips[1] = record(1, 0);
        } else {
            weir__store_seq_cst(&breaker_word, weir__word(WEIR_CLOSED, 2, 0));
            record(2, WEIR__FAILED);
            trips[0] = record(2, 0);
        }
        return;
#else
        trips[index] = record(1, index == 0 ? WEIR__FAILED : 0);
#endif
        if (trips[index])
            happened(index == 0 ? SEEN_FIRST_TRIPS : SEEN_SECOND_TRIPS);
    }

    void after()
    {
#if defined(FULL)
        const uint64_t half = WEIR__TW_COUNT_MASK / 2;
        weir__totals totals = sum(1);
        RL_ASSERT(!trips[0] && !trips[1]);
        unsigned counted = (unsigned)(totals.calls - half) + FULL;
        RL_ASSERT(counted == 1 || counted == 2);
        RL_ASSERT(counted == 2 || !FULL); /* who comes while it is halved */
        RL_ASSERT(totals.failed == FAILED / 2 + counted);
        happened(counted == 2 ? SEEN_ALL : SEEN_ONE);
#elif defined(GENERATION)
        RL_ASSERT(!trips[1]);
        RL_ASSERT(sum(2).calls == 2);
        happened(trips[0] ? SEEN_ALL : SEEN_ONE);
        RL_ASSERT(trips[0] || record(2, 0));
#else
        RL_ASSERT(trips[0] || trips[1]);
        RL_ASSERT(sum(1).calls == 3);
#endif
    }
};

int main(int argc, char **argv)
{
#if defined(FULL)
    event_names[SEEN_ALL] = "both outcomes counted";
    event_names[SEEN_ONE] = FULL ? NULL : "one counted";
#elif defined(GENERATION)
    event_names[SEEN_ALL] = "the second outcome trips";
    event_names[SEEN_ONE] = "the next one does";
#else
    event_names[SEEN_FIRST_TRIPS] = "the first trips";
    event_names[SEEN_SECOND_TRIPS] = "the second trips";
#endif
    return explore<time_window>(argc, argv);
}
