/* The limit changes while a permit comes back and waiters wait: it goes up
 * from one to two, or with DOWN from two to one and up again.
 *
 * Properties: never more permits out than the largest limit, and no new one
 * above the limit that holds; a patient waiter is granted in the end; the one
 * who quits has either a permit or his peace. */
#include "relacy_shim.h"

#include "policy/bulkhead_core.h"

#include "explore.h"
#include "frame.h"

#ifndef THREADS
#define THREADS 3
#endif

enum { QUEUE = 2, MOST = 2 };
enum { SEEN_GRANT, SEEN_QUIT, SEEN_BOTH };

struct resize : scenario<resize, THREADS> {
    weir__bulkhead_core core;
    weir__queue queue;
    frame_slot slots[2];
    frame *frames[2];
    rl::atomic<int> served;
    int inside; /* ghost */

    void enter(int i)
    {
        frames[i] = slots[i].begin();
        RL_ASSERT(weir__bulkhead_core_enter(&core, &queue, QUEUE,
                                            &frames[i]->waiter,
                                            &frames[i]->waker) ==
                  WEIR__QUEUED);
    }

    void before()
    {
        weir__init(&core.word, UINT64_C(0));
        queue.first = queue.last = 0;
        served($).store(0, rl::mo_relaxed);
#ifdef DOWN
        weir__init(&core.limit, 2u);
        RL_ASSERT(weir__bulkhead_core_try(&core));
        inside = 2;
#else
        weir__init(&core.limit, 1u);
        inside = 1;
#endif
        RL_ASSERT(weir__bulkhead_core_try(&core));
        for (int i = 0; i < THREADS - 1; i++)
            enter(i);
    }

    void leave()
    {
        inside--;
        RL_ASSERT(weir__bulkhead_core_release(&core, &queue) == WEIR_OK);
    }

    void work()
    {
        inside++;
        RL_ASSERT(inside <= MOST);
        if (inside == MOST)
            happened(SEEN_BOTH);
        leave();
    }

    void patient(frame *f)
    {
        rl::linear_backoff backoff;
        while (!f->fired($).load(rl::mo_acquire))
            backoff.yield($);
        RL_ASSERT(weir__waiter_granted(&f->waiter));
        f->drop();
        served($).store(1, rl::mo_relaxed);
        happened(SEEN_GRANT);
        work();
    }

    void hasty(frame *f)
    {
        int granted = weir__waiter_granted(&f->waiter) ||
                      weir__bulkhead_core_quit(&core, &queue, &f->waiter);
        f->drop();
        if (granted)
            work();
        else
            happened(SEEN_QUIT);
    }

    void change()
    {
#ifdef DOWN
        weir__bulkhead_core_resize(&core, &queue, 1u);
        leave();
        RL_ASSERT(weir__held(weir__load_relaxed(&core.word)) <= 1);
        leave();
        weir__bulkhead_core_resize(&core, &queue, 2u);
#else
        rl::linear_backoff backoff;
        weir__bulkhead_core_resize(&core, &queue, 2u);
        while (!served($).load(rl::mo_relaxed))
            backoff.yield($);
        leave();
#endif
    }

    void thread(unsigned index)
    {
        if (index == 0)
            change();
        else if (index == 1)
            patient(frames[0]);
        else
            hasty(frames[1]);
    }

    void after()
    {
        RL_ASSERT(inside == 0);
        RL_ASSERT((weir__waiter *)queue.first == 0);
        RL_ASSERT(slots[0].fires == 1);
        RL_ASSERT(weir__bulkhead_core_try(&core));
        RL_ASSERT(weir__bulkhead_core_try(&core));
        RL_ASSERT(!weir__bulkhead_core_try(&core));
    }
};

int main(int argc, char **argv)
{
    int n = 0;
    event_names[SEEN_GRANT] = "a patient waiter granted";
    event_names[SEEN_QUIT] = THREADS > 2 ? "a waiter that quit" : 0;
    return explore<resize>(argc, argv);
}
