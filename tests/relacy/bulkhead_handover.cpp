/* A permit comes back while its first waiter runs out of patience, and a
 * newcomer looks for a permit.
 *
 * Properties: never more permits out than the limit, and somebody waits only
 * while all are out; what one holder wrote the next one reads; every permit
 * comes back; a waiter that was granted is woken once, one that quit is not; a
 * granter leaves the frame of a waiter alone as soon as that one may go. */
#include "relacy_shim.h"

#include "policy/bulkhead_core.h"

#include "explore.h"
#include "frame.h"

#ifndef THREADS
#define THREADS 3
#endif

enum { LIMIT = 1, QUEUE = 1 };
enum { SEEN_GRANT, SEEN_QUIT, SEEN_LATE_GRANT, SEEN_AT_ONCE, SEEN_FULL };

struct handover : scenario<handover, THREADS> {
    weir__bulkhead_core core;
    weir__queue queue;
    frame_slot slots[THREADS];
    rl::var<int> data; /* belongs to who has the permit */
    int inside;        /* ghost */
    int turns;

    void before()
    {
        inside = 1; /* thread 0 */
        turns = 0;
        weir__init(&core.word, UINT64_C(0));
        weir__init(&core.limit, (uint32_t)LIMIT);
        queue.first = queue.last = 0;
        RL_ASSERT(weir__bulkhead_core_try(&core));
        data($) = 0;
    }

    void work()
    {
        RL_ASSERT(inside <= LIMIT);
        data($) = data($) + 1;
        turns++;
    }

    void leave()
    {
        inside--;
        RL_ASSERT(weir__bulkhead_core_release(&core, &queue) == WEIR_OK);
    }

    /* Looks twice, then gives up. */
    int wait(frame *f, frame_slot *slot)
    {
        int granted = weir__waiter_granted(&f->waiter) ||
                      weir__waiter_granted(&f->waiter);
        if (granted) {
            inside++;
            happened(SEEN_GRANT);
        } else if (weir__bulkhead_core_quit(&core, &queue, &f->waiter)) {
            inside++;
            granted = 1;
            happened(SEEN_LATE_GRANT);
        } else {
            RL_ASSERT(slot->fires == 0);
            happened(SEEN_QUIT);
        }
        return granted;
    }

    void come(frame_slot *slot)
    {
        frame *f = slot->begin();
        int status = weir__bulkhead_core_enter(&core, &queue, QUEUE,
                                               &f->waiter, &f->waker);
        if (status == WEIR_OK) {
            inside++;
            happened(SEEN_AT_ONCE);
        } else if (status == WEIR__QUEUED) {
            status = wait(f, slot) ? WEIR_OK : WEIR_EQUEUETIME;
        } else {
            RL_ASSERT(status == WEIR_EFULL);
            happened(SEEN_FULL);
        }
        f->drop();
        if (status == WEIR_OK) {
            work();
            leave();
        }
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            work();
            leave();
        } else if (index == 1) {
            come(&slots[index]);
        } else if (weir__bulkhead_core_try(&core)) {
            inside++;
            work();
            leave();
        }
    }

    /* Holds at every moment. */
    void invariant()
    {
        uint64_t w = core.word.debug_value();
        RL_ASSERT(weir__held(w) <= LIMIT && weir__waiting(w) <= QUEUE);
        RL_ASSERT(weir__waiting(w) == 0 || weir__held(w) == LIMIT);
    }

    void after()
    {
        RL_ASSERT(weir__load_relaxed(&core.word) == 0);
        RL_ASSERT(inside == 0);
        RL_ASSERT((weir__waiter *)queue.first == 0);
        RL_ASSERT((weir__waiter *)queue.last == 0);
        RL_ASSERT(data($) == turns);
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_GRANT] = "a permit handed over";
    event_names[SEEN_QUIT] = "a waiter that quit";
    event_names[SEEN_LATE_GRANT] = "a grant before the waiter could quit";
    event_names[SEEN_AT_ONCE] = "a permit without a wait";
    return explore<handover>(argc, argv);
}
