/* A thread sleeps without end but for a token; another one fires it.  The
 * sleeper's frame is gone when it returns.
 *
 * Properties: the sleeper wakes (a lost wake-up is reported as a deadlock) and
 * says so; its parker is not touched after its end. */
#include "relacy_shim.h"

#include "api.h"

#ifndef THREADS
#define THREADS 2
#endif

enum { SEEN_SLEPT, SEEN_FIRED_BEFORE };

struct sleep_scenario : scenario<sleep_scenario, THREADS> {
    weir_clock *clock;
    weir_cancel *token;
    rl::var<int> data;

    void before()
    {
        clock = api_clock();
        RL_ASSERT(weir_cancel_new(&token) == WEIR_OK);
        data($) = 0;
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            data($) = 1;
            weir_cancel_fire(token);
            return;
        }
        if (weir_cancel_fired(token)) {
            happened(SEEN_FIRED_BEFORE);
            RL_ASSERT(data($) == 1);
        } else {
            happened(SEEN_SLEPT);
        }
        RL_ASSERT(weir_clock_sleep_until(clock, WEIR_NEVER, token) ==
                  WEIR_ECANCELED);
        RL_ASSERT(data($) == 1);
    }

    void after()
    {
        weir_cancel_unref(token);
        weir_clock_unref(clock);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_SLEPT] = "a sleep";
    event_names[SEEN_FIRED_BEFORE] = "a token that was fired before";
    return explore<sleep_scenario>(argc, argv);
}
