/* Two threads find the budget empty but for what has come with time: one
 * token and a half, by the clock of either.
 *
 * Properties: one of them gets a token, never both; nothing is lost. */
#include "relacy_shim.h"

#include "policy/budget_core.h"

#include "explore.h"

enum { SEEN_FIRST, SEEN_SECOND };

static const weir__budget_limits limits = {10000, 300, 1000};

struct budget_refill : scenario<budget_refill, 2> {
    weir__budget_core core;
    int taken; /* ghost */

    void before()
    {
        taken = 0;
        weir__init(&core.word, weir__budget_word(0, 0));
    }

    void thread(unsigned index)
    {
        if (!weir__budget_core_reserve(&core, &limits,
                                       UINT64_C(1500000000) + index))
            return;
        taken++;
        happened(index == 0 ? SEEN_FIRST : SEEN_SECOND);
    }

    void after()
    {
        uint64_t left = weir__budget_tokens(weir__load_relaxed(&core.word));
        RL_ASSERT(taken == 1);
        RL_ASSERT(left <= 500 && left >= 495);
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_FIRST] = "a token for the first";
    event_names[SEEN_SECOND] = "a token for the second";
    return explore<budget_refill>(argc, argv);
}
