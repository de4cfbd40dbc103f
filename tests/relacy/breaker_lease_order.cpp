/* The lease does not go back.  Two of three probes are out; one of them
 * reports late, while a thread whose time is earlier lets two more through,
 * so that all are out.  A caller then asks by whose time the lease is over
 * since the earlier time, but not since the later.
 *
 * Property: fresh probes start only when no probe was let through or has
 * reported for the lease. */
#include "relacy_shim.h"

#include "policy/breaker_core.h"

#include "explore.h"
#include "make_limits.h"

enum { SEEN_KEPT };

#define TICK (UINT64_C(1) << WEIR__TICK_SHIFT)
#define LEASE (10 * TICK)
#define REPORTED (33 * TICK)

static const weir__breaker_limits limits = make_limits(1, 1, LEASE, 3, 3);

struct lease_order : scenario<lease_order, 2> {
    weir__breaker_core core;
    uint64_t first;

    int acquire(uint64_t now, uint64_t *permit)
    {
        weir__transition t = {0, 0, 0, 0};
        return weir__breaker_core_acquire(&core, &limits, now, permit, &t);
    }

    void before()
    {
        weir__transition t = {0, 0, 0, 0};
        uint64_t other;
        weir__breaker_core_init(&core);
        acquire(0, &first);
        weir__breaker_core_record(&core, &limits, 0, first, WEIR_TRANSIENT,
                                  &t);
        RL_ASSERT(acquire(20 * TICK, &first) == WEIR_OK);
        RL_ASSERT(acquire(20 * TICK, &other) == WEIR_OK);
    }

    void thread(unsigned index)
    {
        weir__transition t = {0, 0, 0, 0};
        uint64_t permit;
        if (index == 0) {
            RL_ASSERT(weir__breaker_core_record(&core, &limits, REPORTED,
                                                first, WEIR_IGNORED,
                                                &t) == WEIR_OK);
        } else {
            acquire(28 * TICK, &permit);
            acquire(28 * TICK, &permit);
        }
    }

    void after()
    {
        uint64_t permit;
        if (weir__probes_next(weir__load_relaxed(&core.word)) < 4)
            return; /* the second came too early: a probe is free */
        happened(SEEN_KEPT);
        RL_ASSERT(acquire(REPORTED + LEASE - 1, &permit) == WEIR_EOPEN);
        RL_ASSERT(acquire(REPORTED + LEASE, &permit) == WEIR_OK);
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_KEPT] = "all probes out";
    return explore<lease_order>(argc, argv);
}
