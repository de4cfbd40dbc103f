/* The listeners of a handle, and the events on their way to them.
 *
 * Threads make transitions in one order and get here in another.  Events are
 * put into a ring by their number; whoever finds the next number present, and
 * nobody delivering, delivers as far as the numbers go.  The lock is free
 * while a listener runs, so a listener may cause events: they are put into the
 * ring and delivered after it returns.  A ring that overflows drops its
 * oldest events. */
#ifndef WEIR_POLICY_EVENTS_H
#define WEIR_POLICY_EVENTS_H

#include <stdatomic.h>

#include "base/memory.h"
#include "weir/event.h"

typedef struct weir__events weir__events;

/* Where a handle keeps them: NULL until the first listener comes. */
typedef _Atomic(weir__events *) weir__events_slot;

/* Adds a listener; its first event is the one after the generation that
 * current() gives once the slot is set.  Takes care of destroy in every case. */
int weir__events_listen(weir__events_slot *slot,
                        const weir_allocator *allocator, weir_listener_fn fn,
                        void *arg, weir_destroy_fn destroy,
                        uint32_t (*current)(const void *handle),
                        const void *handle);

/* To be called after every step of the handle's generation, with the new one
 * (21 bits) in event->sequence; fills in size and the full sequence. */
void weir__events_publish(weir__events_slot *slot, weir_event event);

void weir__events_free(weir__events_slot *slot);

#endif
