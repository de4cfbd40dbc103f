/* The budget: three threads deposit, refill and reserve.
 *
 * Properties: nothing is overspent and nothing lost (what was there, plus what
 * came, minus what was taken, is left), and what comes with time comes once,
 * whoever adds it. */
#include "relacy_shim.h"

#include "policy/budget_core.h"

#include "explore.h"

enum { SEEN_TAKEN, SEEN_REFUSED };

static const weir__budget_limits limits = {10000, 300, 1000};

#define SECOND UINT64_C(1000000000)

struct budget : scenario<budget, 3> {
    weir__budget_core core;
    int taken; /* ghost */

    void before()
    {
        taken = 0;
        weir__init(&core.word, weir__budget_word(800, 0));
    }

    void reserve(uint64_t age_ns)
    {
        if (weir__budget_core_reserve(&core, &limits, age_ns)) {
            taken++;
            happened(SEEN_TAKEN);
        } else {
            happened(SEEN_REFUSED);
        }
    }

    /* The clocks of the threads are not in step. */
    void thread(unsigned index)
    {
        weir__budget_core_deposit(&core, &limits);
        reserve(index * SECOND);
        reserve(SECOND);
    }

    void after()
    {
        uint64_t w = weir__budget_refilled(weir__load_relaxed(&core.word),
                                           &limits, 2 * SECOND);
        uint64_t came = 800 + 3 * 300 + 2000;
        uint64_t left = weir__budget_tokens(w) + 1000 * (uint64_t)taken;
        /* a tick of 1.05 ms is lost at each refill at most */
        RL_ASSERT(left <= came && left + 6 >= came);
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_TAKEN] = "a token taken";
    event_names[SEEN_REFUSED] = "a token refused";
    return explore<budget>(argc, argv);
}
