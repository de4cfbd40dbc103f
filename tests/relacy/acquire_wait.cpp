/* A thread waits for a permit on its stack while one comes back and, with
 * three threads, while its token is fired.
 *
 * Properties: it is woken; it has the permit or says that it was cancelled;
 * the permit is not lost in between; its frame is not touched afterwards. */
#include "relacy_shim.h"

#include "api.h"

#ifndef THREADS
#define THREADS 3
#endif

enum { SEEN_PERMIT, SEEN_CANCELLED };

struct acquire_wait : scenario<acquire_wait, THREADS> {
    weir_clock *clock;
    weir_bulkhead *bulkhead;
    weir_cancel *token;
    rl::var<int> data; /* belongs to who has the permit */

    void before()
    {
        clock = api_clock();
        bulkhead = api_bulkhead(clock, 1, 1);
        RL_ASSERT(weir_bulkhead_try_acquire(bulkhead) == WEIR_OK);
        RL_ASSERT(weir_cancel_new(&token) == WEIR_OK);
        data($) = 0;
    }

    void leave()
    {
        data($) = data($) + 1;
        RL_ASSERT(weir_bulkhead_release(bulkhead) == WEIR_OK);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            leave();
        } else if (index == 2) {
            weir_cancel_fire(token);
        } else if (weir_bulkhead_acquire_until(bulkhead, WEIR_NEVER, token) ==
                   WEIR_OK) {
            happened(SEEN_PERMIT);
            leave();
        } else {
            RL_ASSERT(THREADS > 2 && weir_cancel_fired(token));
            happened(SEEN_CANCELLED);
        }
    }

    void after()
    {
        RL_ASSERT(weir_bulkhead_running(bulkhead) == 0);
        RL_ASSERT(weir_bulkhead_waiting(bulkhead) == 0);
        weir_bulkhead_unref(bulkhead);
        weir_cancel_unref(token);
        weir_clock_unref(clock);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_PERMIT] = "a permit after a wait";
    event_names[SEEN_CANCELLED] = THREADS > 2 ? "a wait that was cancelled" : 0;
    return explore<acquire_wait>(argc, argv);
}
