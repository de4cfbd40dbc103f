/* The limit is lowered while permits lie in stripes, and eras begin.
 *
 * Property: who comes after the change gets no permit above the new limit. */
#include "relacy_shim.h"

#include "policy/bulkhead_core.h"

#include "explore.h"

#ifndef THREADS
#define THREADS 3
#endif

enum { HIGH = 2, LOW = 1 };
enum { SEEN_LATE, SEEN_BOTH };

struct limits : scenario<limits, THREADS> {
    weir__bulkhead_core core;
    weir__queue queue;
    int inside, lowered; /* ghosts */

    void before()
    {
        inside = lowered = 0;
        std::memset(&core, 0, sizeof core);
        weir__init(&core.word, UINT64_C(0));
        weir__init(&core.limit, (uint32_t)HIGH);
        queue.first = queue.last = 0;
        for (int i = 0; i < HIGH; i++)
            RL_ASSERT(weir__bulkhead_core_try(&core));
        for (int i = 0; i < HIGH; i++)
            RL_ASSERT(weir__bulkhead_core_put(&core) == WEIR_OK);
    }

    void visit()
    {
        int late = lowered;
        weir__stripes_begin(&core, 0);
        if (!weir__bulkhead_core_try(&core))
            return;
        inside++;
        RL_ASSERT(inside <= (late ? LOW : HIGH));
        if (late)
            happened(SEEN_LATE);
        if (inside == HIGH)
            happened(SEEN_BOTH);
        (void)weir__load_relaxed(&core.limit); /* others may come */
        inside--;
        RL_ASSERT(weir__bulkhead_core_put(&core) == WEIR_OK);
    }

    void thread(unsigned me)
    {
        if (me == 0) {
            weir__bulkhead_core_resize(&core, &queue, LOW);
            lowered = 1;
        }
        visit();
        if (me > 0)
            visit();
    }

    void after()
    {
        RL_ASSERT(inside == 0);
        RL_ASSERT(weir__bulkhead_core_try(&core));
        RL_ASSERT(!weir__bulkhead_core_try(&core));
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_LATE] = "a permit under the new limit";
    event_names[SEEN_BOTH] = THREADS > 2 ? "two permits out" : 0;
    return explore<limits>(argc, argv);
}
