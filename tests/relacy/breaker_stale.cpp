/* A slow call that was let through while the breaker was closed ends at the
 * time when the breaker opens, probes and closes without it; and a success
 * and a failure of two probes race.
 *
 * Properties: a result moves the breaker only while the generation is the one
 * it was let through in; it says WEIR_ESTALE otherwise; of the two probes
 * the failure opens the breaker, unless the success came first, and then it is
 * stale or opens it still half-open: never is a failure lost while its
 * generation lasts. */
#include "relacy_shim.h"

#include "policy/breaker_core.h"

#include "explore.h"
#include "make_limits.h"

enum { SEEN_STALE, SEEN_COUNTED, SEEN_SUCCESS_FIRST, SEEN_FAILURE_FIRST };

static const weir__breaker_limits limits =
    make_limits(2, 1000, UINT64_C(1) << 40, 2, 1);

struct stale : scenario<stale, 3> {
    weir__breaker_core core;
    uint64_t slow;     /* a permit of the closed state */
    uint64_t probe[2]; /* permits of the half-open state */
    uint64_t generation;
    uint64_t now;

    void note(const weir__transition &t)
    {
        if (!t.happened)
            return;
        RL_ASSERT(t.generation == generation + 1);
        generation = t.generation;
    }

    int acquire(uint64_t *permit)
    {
        weir__transition t = {0, 0, 0, 0};
        int status =
            weir__breaker_core_acquire(&core, &limits, now, permit, &t);
        note(t);
        return status;
    }

    /* The ghost of the generation is exact at the moment of return: no other
     * thread runs between the last atomic of record and here. */
    int record(uint64_t permit, int outcome, weir__transition *t)
    {
        int status = weir__breaker_core_record(&core, &limits, now, permit,
                                               outcome, t);
        if (t->happened)
            RL_ASSERT(generation == weir__word_generation(permit));
        note(*t);
        return status;
    }

    void before()
    {
        weir__transition t = {0, 0, 0, 0};
        generation = 1;
        now = 0;
        weir__breaker_core_init(&core);
        acquire(&slow);
        acquire(&probe[0]);
        record(probe[0], WEIR_TRANSIENT, &t);
        record(probe[0], WEIR_TRANSIENT, &t);
        RL_ASSERT(t.to == WEIR_OPEN);
        now = UINT64_C(10) << WEIR__TICK_SHIFT;
        RL_ASSERT(acquire(&probe[0]) == WEIR_OK);
        RL_ASSERT(acquire(&probe[1]) == WEIR_OK);
        RL_ASSERT(generation == 3);
    }

    void late(void)
    {
        weir__transition t = {0, 0, 0, 0};
        RL_ASSERT(record(slow, WEIR_TRANSIENT, &t) == WEIR_ESTALE);
        RL_ASSERT(!t.happened);
        t.happened = 0;
        RL_ASSERT(record(slow, WEIR_SUCCESS, &t) == WEIR_ESTALE);
        RL_ASSERT(!t.happened);
        happened(SEEN_STALE);
    }

    void end_probe(unsigned index)
    {
        weir__transition t = {0, 0, 0, 0};
        int outcome = index == 0 ? WEIR_SUCCESS : WEIR_TRANSIENT;
        int status = record(probe[index], outcome, &t);
        if (status == WEIR_OK) {
            happened(SEEN_COUNTED);
            RL_ASSERT(t.happened && t.from == WEIR_HALF_OPEN);
            RL_ASSERT(t.to == (index == 0 ? WEIR_CLOSED : WEIR_OPEN));
            happened(index == 0 ? SEEN_SUCCESS_FIRST : SEEN_FAILURE_FIRST);
        } else {
            RL_ASSERT(status == WEIR_ESTALE && generation != 3);
        }
    }

    void thread(unsigned index)
    {
        if (index == 2)
            late();
        else
            end_probe(index);
    }

    /* One of the two ended the half-open state, and the other one nothing. */
    void after()
    {
        uint64_t w = weir__load_relaxed(&core.word);
        RL_ASSERT(generation == 4 && weir__word_generation(w) == 4);
        RL_ASSERT(weir__word_state(w) == WEIR_OPEN ||
                  weir__word_payload(w) == 0);
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_STALE] = "a stale result";
    event_names[SEEN_COUNTED] = "a counted result";
    event_names[SEEN_SUCCESS_FIRST] = "success before failure";
    event_names[SEEN_FAILURE_FIRST] = "failure before success";
    return explore<stale>(argc, argv);
}
