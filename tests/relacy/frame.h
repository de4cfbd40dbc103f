/* The frame of a caller that waits for a permit: the waiter, and a waker that
 * works as a stepped call's does.  The caller and each hold have a reference;
 * the last one ends the frame, and Relacy reports any use after that.  The
 * memory itself stays, so that such a use cannot crash the test. */
#ifndef WEIR_RELACY_FRAME_H
#define WEIR_RELACY_FRAME_H

#include <new>

#include "relacy_shim.h"

#include "policy/bulkhead_core.h"

struct frame {
    weir__waker waker; /* first */
    weir__waiter waiter;
    rl::atomic<uint32_t> refs;
    rl::atomic<uint32_t> fired;
    int *fires; /* ghost: how often fire was called */

    frame(const weir__waker_type *type, int *count) : waiter(), fires(count)
    {
        waker.type = type;
        refs($).store(1u, rl::mo_relaxed);
        fired($).store(0u, rl::mo_relaxed);
    }

    /* Not by the shim's orders: seeds are for the library, not for this. */
    void drop()
    {
        if (refs($).fetch_sub(1u, rl::mo_acq_rel) == 1u)
            end();
    }

    /* Overwritten, so that whoever comes too late is noticed; but a waker can
     * still be called, which is where that is noticed. */
    void end()
    {
        const weir__waker_type *type = waker.type;
        this->~frame();
        shim_end(this, sizeof(frame));
        waker.type = type;
    }
};

static void frame_hold(weir__waker *waker)
{
    ((frame *)waker)->refs($).fetch_add(1u, rl::mo_relaxed);
}

static void frame_fire(weir__waker *waker)
{
    frame *f = (frame *)waker;
    f->fired($).store(1u, rl::mo_release);
    (*f->fires)++;
    f->drop();
}

static const weir__waker_type frame_type = {frame_hold, frame_fire};

/* Storage for one frame. */
struct frame_slot {
    union {
        char bytes[sizeof(frame)];
        uint64_t aligned;
    } memory;
    int fires;

    frame *begin()
    {
        fires = 0;
        return ::new (memory.bytes) frame(&frame_type, &fires);
    }
};

#endif
