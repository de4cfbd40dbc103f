/* Two waiters in the queue, in a known order; the first may run out of
 * patience, the second waits for ever.
 *
 * Properties: the second is granted in the end, whatever the first does (a
 * lost grant would leave it waiting); it is not granted before the first has
 * been granted or has quit; each is woken exactly once if granted. */
#include "relacy_shim.h"

#include "policy/bulkhead_core.h"

#include "explore.h"
#include "frame.h"

enum { LIMIT = 1, QUEUE = 2 };
enum { SEEN_FIRST_GRANTED, SEEN_FIRST_QUIT, SEEN_LATE_GRANT };

struct fifo : scenario<fifo, 3> {
    weir__bulkhead_core core;
    weir__queue queue;
    frame_slot slots[2];
    frame *frames[2];
    rl::var<int> data;
    int gone; /* ghost: the first waiter has a permit or has quit */

    void before()
    {
        gone = 0;
        weir__init(&core.word, UINT64_C(0));
        weir__init(&core.limit, (uint32_t)LIMIT);
        queue.first = queue.last = 0;
        data($) = 0;
        RL_ASSERT(weir__bulkhead_core_try(&core));
        for (int i = 0; i < 2; i++) {
            frames[i] = slots[i].begin();
            RL_ASSERT(weir__bulkhead_core_enter(
                          &core, &queue, QUEUE, &frames[i]->waiter,
                          &frames[i]->waker) == WEIR__QUEUED);
        }
    }

    void work_and_leave()
    {
        data($) = data($) + 1;
        RL_ASSERT(weir__bulkhead_core_release(&core, &queue) == WEIR_OK);
    }

    void first(frame *f)
    {
        int granted = weir__waiter_granted(&f->waiter);
        if (granted) {
            happened(SEEN_FIRST_GRANTED);
        } else {
            granted = weir__bulkhead_core_quit(&core, &queue, &f->waiter);
            happened(granted ? SEEN_LATE_GRANT : SEEN_FIRST_QUIT);
        }
        gone = 1;
        f->drop();
        if (granted)
            work_and_leave();
    }

    /* Waits for the signal; a lost one is reported as a livelock. */
    void second(frame *f)
    {
        rl::linear_backoff backoff;
        while (!f->fired($).load(rl::mo_acquire))
            backoff.yield($);
        RL_ASSERT(weir__waiter_granted(&f->waiter));
        RL_ASSERT(gone);
        f->drop();
        work_and_leave();
    }

    void thread(unsigned index)
    {
        if (index == 0)
            work_and_leave();
        else if (index == 1)
            first(frames[0]);
        else
            second(frames[1]);
    }

    void invariant()
    {
        uint64_t w = core.word.debug_value();
        RL_ASSERT(weir__held(w) <= LIMIT);
        RL_ASSERT(weir__waiting(w) == 0 || weir__held(w) == LIMIT);
    }

    void after()
    {
        RL_ASSERT(weir__load_relaxed(&core.word) == 0);
        RL_ASSERT(slots[0].fires <= 1 && slots[1].fires == 1);
        RL_ASSERT((weir__waiter *)queue.first == 0);
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_FIRST_GRANTED] = "the first waiter granted";
    event_names[SEEN_FIRST_QUIT] = "the first waiter quit";
    event_names[SEEN_LATE_GRANT] = "a grant before it could quit";
    return explore<fifo>(argc, argv);
}
