/* Two calls through one retry fail at the same time, by whoever makes them.
 *
 * Property: each is a call of its own, or both would draw the same jitter and
 * come back in step. */
#include "relacy_shim.h"

#include "api.h"

struct retry_calls : scenario<retry_calls, 2> {
    weir_clock *clock;
    weir_retry *retry;
    weir_retry_state states[2];
    uint64_t delays_ns[2];

    void before()
    {
        weir_retry_options o;
        clock = api_clock();
        weir_retry_options_init(&o, sizeof o);
        o.clock = clock;
        o.seeded = 1;
        RL_ASSERT(weir_retry_new(&retry, &o) == WEIR_OK);
    }

    void thread(unsigned index)
    {
        weir_retry_state *s = &states[index];
        memset(s, 0, sizeof *s);
        s->size = sizeof *s;
        s->outcome = WEIR_TRANSIENT;
        s->remaining_ns = WEIR_NEVER;
        RL_ASSERT(weir_retry_next(retry, s, &delays_ns[index]) == WEIR_OK);
    }

    void after()
    {
        RL_ASSERT(states[0].ordinal != states[1].ordinal);
        RL_ASSERT(delays_ns[0] != delays_ns[1]);
        weir_retry_unref(retry);
        weir_clock_unref(clock);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    return explore<retry_calls>(argc, argv);
}
