/* Abandoned work ends at the time when its permit is to be taken back for a
 * newcomer; with three threads other work is abandoned and ends meanwhile.
 *
 * Properties: each permit comes back exactly once, by either; it is not given
 * to two. */
#include "relacy_shim.h"

#include "policy/bulkhead.h"

#include "api.h"

#ifndef THREADS
#define THREADS 3
#endif

enum { SEEN_PERMIT };

struct abandoned : scenario<abandoned, THREADS> {
    weir_clock *clock;
    weir_bulkhead *bulkhead;
    weir__abandoned permits[2];
    rl::var<int> data; /* belongs to who has the permit */
    int inside;        /* ghost */

    void before()
    {
        weir_bulkhead_options o;
        clock = api_clock();
        inside = 0;
        data($) = 0;
        weir_bulkhead_options_init(&o, sizeof o);
        o.max_concurrent = THREADS - 1;
        o.abandoned_max_ns = 100;
        o.clock = clock;
        RL_ASSERT(weir_bulkhead_new(&bulkhead, &o) == WEIR_OK);
        for (int i = 0; i < THREADS - 1; i++)
            RL_ASSERT(weir_bulkhead_try_acquire(bulkhead) == WEIR_OK);
        weir__bulkhead_abandon(bulkhead, &permits[0], api_now_ns);
        api_now_ns += 100;
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            weir__bulkhead_release_abandoned(bulkhead, &permits[0]);
            return;
        }
        if (index == 2) {
            weir__bulkhead_abandon(bulkhead, &permits[1], api_now_ns);
            weir__bulkhead_release_abandoned(bulkhead, &permits[1]);
            return;
        }
        uint64_t due_ns = weir__bulkhead_due(bulkhead);
        RL_ASSERT(due_ns == api_now_ns || due_ns == api_now_ns + 100 ||
                  due_ns == WEIR_NEVER);
        if (weir_bulkhead_try_acquire(bulkhead) != WEIR_OK)
            return; /* it is on its way back */
        RL_ASSERT(++inside == 1);
        data($) = data($) + 1;
        happened(SEEN_PERMIT);
        inside--;
        RL_ASSERT(weir_bulkhead_release(bulkhead) == WEIR_OK);
    }

    void after()
    {
        RL_ASSERT(weir_bulkhead_running(bulkhead) == 0);
        RL_ASSERT(weir_bulkhead_abandoned(bulkhead) == 0);
        RL_ASSERT(weir_bulkhead_release(bulkhead) != WEIR_OK);
        weir_bulkhead_unref(bulkhead);
        weir_clock_unref(clock);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_PERMIT] = "a permit that came back";
    return explore<abandoned>(argc, argv);
}
