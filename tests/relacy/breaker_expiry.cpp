/* Two or three callers meet an open breaker whose time is over.
 *
 * Properties: at most `probes` calls are let through in one generation; the
 * transition to half-open is made once; each call that is let through and
 * reports is counted once, a second report of it never; the generation goes
 * up only. */
#include "relacy_shim.h"

#include "policy/breaker_core.h"

#include "explore.h"
#include "make_limits.h"

#ifndef THREADS
#define THREADS 3
#endif

enum { PROBES = 2 };
enum { SEEN_LIMIT, SEEN_CLOSED, SEEN_REJECTED, SEEN_REOPENED };

static const weir__breaker_limits limits =
    make_limits(1, 1000, UINT64_C(1) << 40, PROBES, 2);

struct expiry : scenario<expiry, THREADS> {
    weir__breaker_core core;
    /* Ghosts: plain, because threads are switched at atomics only. */
    int out[64];    /* issued and not reported, by generation */
    int issued[64]; /* in all */
    int entries;    /* transitions out of the first open state */
    uint64_t generation;
    uint64_t now;

    void before()
    {
        weir__transition t = {0, 0, 0, 0};
        uint64_t permit;
        std::memset(out, 0, sizeof out);
        std::memset(issued, 0, sizeof issued);
        entries = 0;
        now = UINT64_C(10) << WEIR__TICK_SHIFT;
        weir__breaker_core_init(&core);
        RL_ASSERT(weir__breaker_core_acquire(&core, &limits, 0, &permit, &t) ==
                  WEIR_OK);
        RL_ASSERT(weir__breaker_core_record(&core, &limits, 0, permit,
                                            WEIR_TRANSIENT, &t) == WEIR_OK);
        RL_ASSERT(t.to == WEIR_OPEN);
        generation = t.generation;
    }

    void note(const weir__transition &t)
    {
        if (!t.happened)
            return;
        RL_ASSERT(t.generation == generation + 1);
        generation = t.generation;
        entries += t.from == WEIR_OPEN && t.to == WEIR_HALF_OPEN &&
                   t.generation == 3;
        if (t.to == WEIR_CLOSED)
            happened(SEEN_CLOSED);
        if (t.to == WEIR_OPEN)
            happened(SEEN_REOPENED);
    }

    void report(uint64_t permit, int outcome)
    {
        weir__transition t = {0, 0, 0, 0};
        uint64_t g = weir__word_generation(permit);
        int status = weir__breaker_core_record(&core, &limits, now, permit,
                                               outcome, &t);
        RL_ASSERT(status == WEIR_OK || generation != g);
        note(t);
        if (status == WEIR_OK)
            out[g]--;
        t.happened = 0;
        status = weir__breaker_core_record(&core, &limits, now, permit,
                                           WEIR_TRANSIENT, &t);
        RL_ASSERT(weir__word_state(permit) != WEIR_HALF_OPEN ||
                  (status == WEIR_ESTALE && !t.happened));
        note(t);
    }

    void thread(unsigned index)
    {
        weir__transition t = {0, 0, 0, 0};
        uint64_t permit = 0;
        int status = weir__breaker_core_acquire(&core, &limits, now, &permit,
                                                &t);
        note(t);
        if (status != WEIR_OK) {
            RL_ASSERT(status == WEIR_EOPEN);
            happened(SEEN_REJECTED);
            return;
        }
        uint64_t g = weir__word_generation(permit);
        if (weir__word_state(permit) == WEIR_HALF_OPEN) {
            out[g]++;
            issued[g]++;
            RL_ASSERT(out[g] <= PROBES);
            if (out[g] == PROBES)
                happened(SEEN_LIMIT);
            report(permit, index == 2 ? WEIR_TRANSIENT : WEIR_SUCCESS);
        }
    }

    /* What the word says is out is what was let through and has not
     * reported. */
    void after()
    {
        uint64_t w = weir__load_relaxed(&core.word);
        RL_ASSERT(weir__word_generation(w) == generation);
        RL_ASSERT(entries == 1);
        if (weir__word_state(w) == WEIR_HALF_OPEN)
            RL_ASSERT(__builtin_popcount((unsigned)weir__probes_window(w)) ==
                      out[generation]);
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_LIMIT] = "all probes out";
    event_names[SEEN_CLOSED] = "closed";
#if THREADS > 2
    event_names[SEEN_REJECTED] = "a call rejected";
    event_names[SEEN_REOPENED] = "opened again";
#endif
    return explore<expiry>(argc, argv);
}
