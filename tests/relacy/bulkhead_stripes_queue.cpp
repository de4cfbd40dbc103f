/* Somebody queues for a permit while others give theirs back and begin an era.
 *
 * Properties: a waiter that is patient is granted in the end; nobody waits
 * while an era is on; no permit is lost or made. */
#include "relacy_shim.h"

#include "policy/bulkhead_core.h"

#include "explore.h"
#include "frame.h"

#ifndef THREADS
#define THREADS 3
#endif

enum { LIMIT = THREADS - 1, QUEUE = 1 };
enum { SEEN_GRANT, SEEN_ERA };

struct waits : scenario<waits, THREADS> {
    weir__bulkhead_core core;
    weir__queue queue;
    frame_slot slot;
    int inside; /* ghost */

    /* All permits are out, in an era or not: to end one takes many steps, so
     * the waiter rarely joins the queue in time. */
    void before()
    {
        std::memset(&core, 0, sizeof core);
        weir__init(&core.word, UINT64_C(0));
        weir__init(&core.limit, (uint32_t)LIMIT);
        queue.first = queue.last = 0;
        if (rl::rand(2))
            weir__stripes_begin(&core, 0);
        for (inside = 0; inside < LIMIT; inside++)
            RL_ASSERT(weir__bulkhead_core_try(&core));
    }

    void leave()
    {
        inside--;
        RL_ASSERT(weir__bulkhead_core_release(&core, &queue) == WEIR_OK);
        weir__stripes_begin(&core, 0);
        if (weir__is_striped(weir__load_relaxed(&core.word)))
            happened(SEEN_ERA);
    }

    void wait()
    {
        rl::linear_backoff backoff;
        frame *f = slot.begin();
        int status = weir__bulkhead_core_enter(&core, &queue, QUEUE,
                                               &f->waiter, &f->waker);
        RL_ASSERT(status == WEIR_OK || status == WEIR__QUEUED);
        while (status == WEIR__QUEUED && !f->fired($).load(rl::mo_acquire))
            backoff.yield($);
        if (status == WEIR__QUEUED)
            happened(SEEN_GRANT);
        f->drop();
        inside++;
        RL_ASSERT(inside <= LIMIT);
        leave();
    }

    void thread(unsigned me)
    {
        if (me == 0)
            wait();
        else
            leave();
    }

    void invariant()
    {
        uint64_t w = core.word.debug_value();
        RL_ASSERT(weir__held(w) <= LIMIT);
        RL_ASSERT(weir__waiting(w) == 0 || weir__held(w) == LIMIT);
        RL_ASSERT((weir__waiter *)queue.first == 0 || !weir__is_striped(w));
    }

    void after()
    {
        RL_ASSERT(inside == 0);
        RL_ASSERT((weir__waiter *)queue.first == 0);
        weir__stripes_gather(&core);
        RL_ASSERT(weir__load_relaxed(&core.word) % WEIR__ONE_ERA == 0);
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_GRANT] = "a waiter granted";
    event_names[SEEN_ERA] = "an era";
    return explore<waits>(argc, argv);
}
