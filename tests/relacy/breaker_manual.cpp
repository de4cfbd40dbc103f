/* A failure that opens the breaker is recorded while an operator forces it
 * open, or with AUTOMATIC back from there, and another one resets it.
 *
 * Properties: every transition is the next of one chain; a reset, or a record,
 * never undoes a mode; in the end the mode is the one that was set. */
#include "relacy_shim.h"

#include "policy/breaker_core.h"

#include "explore.h"
#include "make_limits.h"

#ifndef THREADS
#define THREADS 3
#endif

enum { SEEN_RESET, SEEN_STALE, SEEN_OPENED };

static const weir__breaker_limits limits =
    make_limits(1, 1000, UINT64_C(1) << 40, 2, 1);

struct manual : scenario<manual, THREADS> {
    weir__breaker_core core;
    uint64_t permit;
    uint64_t generation; /* ghosts */
    int state;
    int mode;

    int note(const weir__transition &t)
    {
        if (!t.happened)
            return 0;
        RL_ASSERT(t.generation == generation + 1 && t.from == state);
        generation = t.generation;
        state = t.to;
        return 1;
    }

    void before()
    {
        weir__transition t = {0, 0, 0, 0};
        weir__breaker_core_init(&core);
        generation = 1;
        state = WEIR_CLOSED;
        mode = WEIR_FORCED_OPEN;
        RL_ASSERT(weir__breaker_core_acquire(&core, &limits, 0, &permit,
                                             &t) == WEIR_OK);
#ifdef AUTOMATIC
        weir__breaker_core_set_mode(&core, WEIR_FORCED_OPEN, &t);
        note(t);
        mode = WEIR_AUTOMATIC;
#endif
    }

    void thread(unsigned index)
    {
        weir__transition t = {0, 0, 0, 0};
        if (index == 0) {
            weir__breaker_core_set_mode(&core, mode, &t);
            RL_ASSERT(note(t));
        } else if (index == 1) {
            if (weir__breaker_core_record(&core, &limits, 0, permit,
                                          WEIR_TRANSIENT, &t) != WEIR_OK)
                happened(SEEN_STALE);
            if (note(t)) {
                RL_ASSERT(t.from == WEIR_CLOSED && t.to == WEIR_OPEN);
                happened(SEEN_OPENED);
            }
        } else {
            weir__breaker_core_reset(&core, &t);
            if (note(t)) {
                RL_ASSERT(t.from < WEIR_FORCED_OPEN && t.to == WEIR_CLOSED);
                happened(SEEN_RESET);
            }
        }
    }

    void after()
    {
        uint64_t w = weir__load_relaxed(&core.word);
        RL_ASSERT(weir__word_generation(w) == generation);
        RL_ASSERT(weir__word_state(w) == state);
        RL_ASSERT(weir__word_mode(w) == mode);
    }
};

int main(int argc, char **argv)
{
    int n = 0;
    event_names[n++] = THREADS > 2 ? "a reset" : 0;
    event_names[n++] = "a stale result";
#ifndef AUTOMATIC
    event_names[n++] = "a breaker opened";
#endif
    return explore<manual>(argc, argv);
}
