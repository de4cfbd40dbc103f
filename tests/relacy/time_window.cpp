/* The time window: whoever reaches a limit, or completes the minimum of calls,
 * is judged, by himself or by another.
 *
 * After one success, threads count an outcome each and judge as
 * breaker_window.c does.  Property: with TWO_FAILURES both fail and the limit
 * is two of three; else one fails and the limit is one of three.  In every
 * schedule somebody finds that the limit is reached, and no count is lost. */
#include "relacy_shim.h"

#include "policy/time_window.h"

#include "explore.h"

enum { SEEN_FIRST_TRIPS, SEEN_SECOND_TRIPS };

#ifdef TWO_FAILURES
static const weir__rates rates = {0.6, 2.0, 3};
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
        weir__init(&window.newest, UINT64_C(0));
        weir__init(&window.watch, 0u);
        weir__init(&breaker_word, weir__word(WEIR_CLOSED, 1, 0));
        weir__init(&window.contended, 0u);
        weir__init(&buckets[0].calls, UINT64_C(0));
        weir__init(&buckets[0].failed, UINT64_C(0));
        weir__init(&buckets[0].slow, UINT64_C(0));
        /* the span has begun, so that beginning it is no reason to judge */
        weir__tw_count(&window, buckets, &breaker_word, 7 << 6, 1, 0);
    }

    weir__totals sum()
    {
        weir__totals totals = {0, 0, 0};
        weir__tw_sum(&window, buckets, 7 << 6, 1, &totals);
        return totals;
    }

    int record(uint32_t outcome)
    {
        weir__totals totals;
        if (!weir__tw_count(&window, buckets, &breaker_word, 7 << 6, 1,
                            outcome))
            return 0;
        do {
            totals = sum();
            if (weir__rates_reached(&rates, totals.calls, totals.failed,
                                    totals.slow))
                return 1;
        } while (weir__tw_watch(&window, &rates, &totals));
        return 0;
    }

    void thread(unsigned index)
    {
#ifdef TWO_FAILURES
        trips[index] = record(WEIR__FAILED);
#else
        trips[index] = record(index == 0 ? WEIR__FAILED : 0);
#endif
        if (trips[index])
            happened(index == 0 ? SEEN_FIRST_TRIPS : SEEN_SECOND_TRIPS);
    }

    void after()
    {
        RL_ASSERT(trips[0] || trips[1]);
        RL_ASSERT(sum().calls == 3);
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_FIRST_TRIPS] = "the first trips";
    event_names[SEEN_SECOND_TRIPS] = "the second trips";
    return explore<time_window>(argc, argv);
}
