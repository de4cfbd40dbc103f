/* Permits move from stripe to stripe during an era while others come for one.
 *
 * Properties: never more permits out than the limit; with as many permits as
 * threads nobody is turned away; what one holder wrote the next one
 * reads (with -DLIMIT=1); no permit is lost or made. */
#include "relacy_shim.h"

#include "policy/bulkhead_core.h"

#include "explore.h"

#ifndef THREADS
#define THREADS 3
#endif
#ifndef LIMIT
#define LIMIT THREADS
#endif

enum { SEEN_TURNED_AWAY, SEEN_NEW_ERA };

struct stripes : scenario<stripes, THREADS> {
    weir__bulkhead_core core;
    weir__queue queue;
    rl::var<int> data; /* with one permit it belongs to who has it */
    int inside, turns; /* ghosts */

    /* All permits lie in the last stripe. */
    void before()
    {
        inside = turns = 0;
        data($) = 0;
        std::memset(&core, 0, sizeof core);
        weir__init(&core.word, UINT64_C(0));
        weir__init(&core.limit, (uint32_t)LIMIT);
        weir__stripes_begin(&core, 0);
        cpu_of_all = WEIR__PERMIT_STRIPES - 1;
        for (int i = 0; i < LIMIT; i++)
            RL_ASSERT(weir__bulkhead_core_try(&core));
        for (int i = 0; i < LIMIT; i++)
            RL_ASSERT(weir__bulkhead_core_put(&core) == WEIR_OK);
        cpu_of_all = CPU_OF_THREAD;
    }

    void work()
    {
        inside++;
        RL_ASSERT(inside <= LIMIT);
        if (LIMIT == 1)
            data($) = data($) + 1;
        turns++;
        inside--;
    }

    void visit()
    {
        if (weir__bulkhead_core_try(&core)) {
            work();
            RL_ASSERT(weir__bulkhead_core_put(&core) == WEIR_OK);
        } else {
            RL_ASSERT(LIMIT < THREADS);
            happened(SEEN_TURNED_AWAY);
        }
    }

    void thread(unsigned me)
    {
        visit();
        if (me == 0) {
            uint64_t w = weir__load_relaxed(&core.word);
            weir__stripes_begin(&core, 0);
            if (!weir__is_striped(w))
                happened(SEEN_NEW_ERA);
        } else if (me == 1) {
            visit();
        }
    }

    void invariant()
    {
        RL_ASSERT(weir__held(core.word.debug_value()) <= LIMIT);
    }

    void after()
    {
        RL_ASSERT(inside == 0);
        RL_ASSERT(LIMIT > 1 || data($) == turns);
        RL_ASSERT(weir__stripes_running(&core) == 0);
        weir__stripes_gather(&core);
        RL_ASSERT(weir__held(weir__load_relaxed(&core.word)) == 0);
    }
};

int main(int argc, char **argv)
{
    if (LIMIT < THREADS) {
        event_names[SEEN_TURNED_AWAY] = "somebody turned away";
        event_names[SEEN_NEW_ERA] = "an era after another";
    }
    return explore<stripes>(argc, argv);
}
