/* A token is fired while waiters come and go.
 *
 * Properties: who adds himself before the token is fired, and stays, is woken
 * once; who comes after hears so at once; nobody is woken twice, nor touched
 * after he has removed himself and his last hold is dropped; what was written
 * before the fire is seen after it. */
#include "relacy_shim.h"

#include "base/cancel.h"

#include "explore.h"
#include "frame.h"

#ifndef THREADS
#define THREADS 3
#endif

enum { SEEN_WOKEN, SEEN_REMOVED, SEEN_LATE };

struct cancel_token : scenario<cancel_token, THREADS> {
    weir_cancel *token;
    frame_slot slots[THREADS];
    rl::var<int> data;

    void before()
    {
        RL_ASSERT(weir_cancel_new(&token) == WEIR_OK);
        data($) = 0;
    }

    /* Stays. */
    void wait(frame *f, frame_slot *slot, weir__cancel_link *link)
    {
        rl::linear_backoff backoff;
        while (!f->fired($).load(rl::mo_acquire))
            backoff.yield($);
        RL_ASSERT(slot->fires == 1 && data($) == 1);
        weir__cancel_remove(token, link);
        happened(SEEN_WOKEN);
    }

    void come(frame_slot *slot, int stays)
    {
        frame *f = slot->begin();
        weir__cancel_link link;
        link.linked = 0;
        if (weir__cancel_add(token, &link, &f->waker)) {
            RL_ASSERT(data($) == 1);
            happened(SEEN_LATE);
        } else if (stays) {
            wait(f, slot, &link);
        } else {
            weir__cancel_remove(token, &link);
            if (slot->fires == 0)
                happened(SEEN_REMOVED);
        }
        f->drop();
        shim_end(&link, sizeof link);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            data($) = 1;
            weir_cancel_fire(token);
        } else {
            come(&slots[index], index == 1);
        }
    }

    void after()
    {
        RL_ASSERT(weir_cancel_fired(token));
        for (int i = 1; i < THREADS; i++)
            RL_ASSERT(slots[i].fires <= 1);
        weir_cancel_unref(token);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_WOKEN] = "a waiter woken";
    event_names[SEEN_REMOVED] = THREADS > 2 ? "a waiter gone before" : 0;
    event_names[SEEN_LATE] = "a waiter that came late";
    return explore<cancel_token>(argc, argv);
}
