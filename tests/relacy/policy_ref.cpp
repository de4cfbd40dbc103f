/* The last two references of a pipeline are given back at the same time, after
 * each thread has used it.
 *
 * Properties: everything goes, once, and after the last use. */
#include "relacy_shim.h"

#include "api.h"

struct policy_ref : scenario<policy_ref, 2> {
    weir_clock *clock;
    weir_bulkhead *bulkhead;
    rl::var<int> used[2];
    int gone; /* ghost */

    static uint64_t now(void *)
    {
        return 1;
    }

    static void end(void *arg)
    {
        policy_ref *self = (policy_ref *)arg;
        RL_ASSERT(self->used[0]($) == 1 && self->used[1]($) == 1);
        self->gone++;
    }

    void before()
    {
        gone = 0;
        used[0]($) = 0;
        used[1]($) = 0;
        RL_ASSERT(weir_clock_new_custom(&clock, now, this, end) == WEIR_OK);
        bulkhead = api_bulkhead(clock, 1, 0);
        weir_bulkhead_ref(bulkhead);
        weir_clock_unref(clock);
    }

    void thread(unsigned index)
    {
        used[index]($) = 1;
        weir_bulkhead_unref(bulkhead);
    }

    void after()
    {
        RL_ASSERT(gone == 1 && heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    return explore<policy_ref>(argc, argv);
}
