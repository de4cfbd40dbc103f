/* Options are exchanged while a call is recorded in a time window: under the
 * new ones the failures that are there already are enough.  With three threads
 * two exchange them.
 *
 * Properties: once the exchange and the record are through, another success
 * opens the breaker, also when the record began before the exchange and ended
 * after it; a reader finds whole options; every block goes with the breaker. */
#include "relacy_shim.h"

#include "api.h"

#ifndef THREADS
#define THREADS 2
#endif

enum { SEEN_OPEN_AT_ONCE, SEEN_OPEN_LATER };

struct breaker_options : scenario<breaker_options, THREADS> {
    weir_clock *clock;
    weir_breaker *breaker;
    uint64_t permit;

    weir_breaker_options options(double rate, uint64_t open_ns)
    {
        weir_breaker_options o;
        weir_breaker_options_init(&o, sizeof o);
        o.window = WEIR_WINDOW_TIME;
        o.failure_rate = rate;
        o.minimum_calls = 2;
        o.buckets = 1;
        o.open_ns = open_ns;
        o.clock = clock;
        return o;
    }

    void before()
    {
        clock = api_clock();
        weir_breaker_options o = options(0.9, 1);
        RL_ASSERT(weir_breaker_new(&breaker, &o) == WEIR_OK);
        RL_ASSERT(weir_breaker_acquire(breaker, &permit) == WEIR_OK);
        record(WEIR_TRANSIENT);
        record(WEIR_SUCCESS);
    }

    void record(int outcome)
    {
        weir_breaker_record(breaker, permit, outcome, WEIR_NEVER);
    }

    void exchange(uint64_t open_ns)
    {
        weir_breaker_options o = options(0.2, open_ns);
        RL_ASSERT(weir_breaker_set_options(breaker, &o) == WEIR_OK);
    }

    void thread(unsigned index)
    {
        if (index == 1)
            record(WEIR_SUCCESS);
        else
            exchange(UINT64_C(1000000000) + index);
    }

    void after()
    {
        if (weir_breaker_state(breaker) == WEIR_OPEN)
            happened(SEEN_OPEN_AT_ONCE);
        else
            happened(SEEN_OPEN_LATER);
        record(WEIR_SUCCESS);
        RL_ASSERT(weir_breaker_state(breaker) == WEIR_OPEN);
        RL_ASSERT(weir_breaker_retry_after_ns(breaker) >= 1000000000);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_OPEN_AT_ONCE] = "a breaker opened at once";
    event_names[SEEN_OPEN_LATER] = "a breaker opened by the next call";
    return explore<breaker_options>(argc, argv);
}
