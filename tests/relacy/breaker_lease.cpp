/* All probes are out since long ago.  One of them reports just now, and new
 * ones take its place; meanwhile a caller asks by whose time the lease of the
 * old ones is over.
 *
 * Properties: fresh probes start only when no probe was let through or has
 * reported for the lease (the word and the lease are two words: who sees the
 * new one must see the other); and half-open is never stuck: when the lease is
 * really over, the next caller gets through. */
#include "relacy_shim.h"

#include "policy/breaker_core.h"

#include "explore.h"
#include "make_limits.h"

enum { SEEN_KEPT, SEEN_REPLACED, SEEN_REPORTED };

#define TICK (UINT64_C(1) << WEIR__TICK_SHIFT)
#define LEASE (10 * TICK)
#define LATEST (45 * TICK)

static const weir__breaker_limits limits = make_limits(1, 1, LEASE, 2, 3);

struct lease : scenario<lease, 3> {
    weir__breaker_core core;
    uint64_t first; /* the permits of the probes that are out */
    uint64_t other;
    uint64_t generation;
    uint64_t active; /* the latest time of a probe let through or reported */

    void note(const weir__transition &t, uint64_t now)
    {
        if (t.happened) {
            RL_ASSERT(t.generation == generation + 1);
            generation = t.generation;
            if (t.from == WEIR_HALF_OPEN && t.to == WEIR_HALF_OPEN) {
                happened(SEEN_REPLACED);
                RL_ASSERT(now >= active + LEASE);
            }
        }
        if (now > active)
            active = now;
    }

    int acquire(uint64_t now, uint64_t *permit)
    {
        weir__transition t = {0, 0, 0, 0};
        int status =
            weir__breaker_core_acquire(&core, &limits, now, permit, &t);
        if (status == WEIR_OK)
            note(t, now);
        else
            happened(SEEN_KEPT);
        return status;
    }

    void before()
    {
        weir__transition t = {0, 0, 0, 0};
        generation = 1;
        active = 0;
        weir__breaker_core_init(&core);
        acquire(0, &first);
        weir__breaker_core_record(&core, &limits, 0, first, WEIR_TRANSIENT,
                                  &t);
        generation = t.generation;
        RL_ASSERT(acquire(20 * TICK, &first) == WEIR_OK);
        RL_ASSERT(acquire(20 * TICK, &other) == WEIR_OK);
    }

    void thread(unsigned index)
    {
        weir__transition t = {0, 0, 0, 0};
        uint64_t permit;
        switch (index) {
        case 0:
            acquire(21 * TICK, &permit); /* a thread that is late */
            break;
        case 1:
            acquire(31 * TICK, &permit);
            break;
        case 2:
            if (weir__breaker_core_record(&core, &limits, 28 * TICK, first,
                                          WEIR_IGNORED, &t) == WEIR_OK) {
                happened(SEEN_REPORTED);
                note(t, 28 * TICK);
            }
            acquire(32 * TICK, &permit);
            acquire(LATEST, &permit);
            break;
        }
    }

    void after()
    {
        uint64_t permit;
        weir__transition t = {0, 0, 0, 0};
        /* Fill it up, then wait: not a moment early, and never stuck.  A swap
         * that failed may have left the lease younger than the last activity,
         * but not younger than the latest time anybody had. */
        while (weir__breaker_core_acquire(&core, &limits, active, &permit,
                                          &t) == WEIR_OK)
            ;
        RL_ASSERT(weir__breaker_core_acquire(&core, &limits,
                                             active + LEASE - 1, &permit,
                                             &t) == WEIR_EOPEN);
        RL_ASSERT(weir__breaker_core_acquire(&core, &limits, LATEST + LEASE,
                                             &permit, &t) == WEIR_OK);
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_KEPT] = "probes kept";
    event_names[SEEN_REPLACED] = "probes replaced";
    event_names[SEEN_REPORTED] = "the first probe reported";
    return explore<lease>(argc, argv);
}
