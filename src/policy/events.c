#include "policy/events.h"

#include "base/callback.h"
#include "base/lock.h"
#include "policy/breaker_core.h"

enum { RING = 64 };

struct listener {
    struct listener *next;
    uint64_t from; /* its first event */
    weir_listener_fn fn;
    void *arg;
    weir_destroy_fn destroy;
};

struct weir__events {
    weir__mutex lock;
    const weir_allocator *allocator;
    struct listener *first; /* under lock; only ever appended to */
    struct listener **end;
    uint64_t next;  /* the sequence to deliver next; under lock */
    int delivering; /* under lock */
    unsigned char present[RING];
    weir_event ring[RING];
};

static weir__events *new_events(const weir_allocator *allocator)
{
    weir__events *events = weir__allocate(allocator, sizeof *events);
    if (!events)
        return NULL;
    if (weir__mutex_init(&events->lock) != 0) {
        weir__release(allocator, events, sizeof *events);
        return NULL;
    }
    events->allocator = allocator;
    events->end = &events->first;
    return events;
}

static void free_events(weir__events *events)
{
    const weir_allocator *allocator = events->allocator;
    for (struct listener *l = events->first, *next; l; l = next) {
        next = l->next;
        weir__call_back(l->destroy, l->arg);
        weir__release(allocator, l, sizeof *l);
    }
    weir__mutex_destroy(&events->lock);
    weir__release(allocator, events, sizeof *events);
}

/* The events of a slot, made if need be, with the lock held: a new one shows
 * itself locked, so that nobody publishes before its start is known. */
static weir__events *lock_events(weir__events_slot *slot,
                                 const weir_allocator *allocator,
                                 uint32_t (*current)(const void *),
                                 const void *handle)
{
    weir__events *events = atomic_load(slot), *made;
    if (!events) {
        made = new_events(allocator);
        if (!made)
            return NULL;
        weir__mutex_lock(&made->lock);
        if (atomic_compare_exchange_strong(slot, &events, made)) {
            made->next = (uint64_t)current(handle) + 1;
            return made;
        }
        weir__mutex_unlock(&made->lock);
        free_events(made);
    }
    weir__mutex_lock(&events->lock);
    return events;
}

/* The full sequence number nearest to next that ends in the given bits; 0,
 * which is none, if it comes from before the first. */
static uint64_t widen(uint64_t next, uint64_t generation)
{
    uint64_t ahead = (generation - next) & WEIR__GENERATION_MASK;
    if (ahead <= WEIR__GENERATION_MASK / 2)
        return next + ahead;
    uint64_t behind = WEIR__GENERATION_MASK + 1 - ahead;
    return behind <= next ? next - behind : 0;
}

int weir__events_listen(weir__events_slot *slot,
                        const weir_allocator *allocator, weir_listener_fn fn,
                        void *arg, weir_destroy_fn destroy,
                        uint32_t (*current)(const void *), const void *handle)
{
    struct listener *listener = weir__allocate(allocator, sizeof *listener);
    weir__events *events =
        listener ? lock_events(slot, allocator, current, handle) : NULL;
    if (!events) {
        weir__release(allocator, listener, sizeof *listener);
        return WEIR_ENOMEM;
    }
    listener->from = widen(events->next, current(handle)) + 1;
    listener->fn = fn;
    listener->arg = arg;
    listener->destroy = destroy;
    *events->end = listener;
    events->end = &listener->next;
    weir__mutex_unlock(&events->lock);
    return WEIR_OK;
}

static void put(weir__events *events, const weir_event *event)
{
    if (event->sequence < events->next)
        return; /* from before the first listener, or dropped */
    while (event->sequence >= events->next + RING)
        events->present[events->next++ % RING] = 0;
    events->ring[event->sequence % RING] = *event;
    events->present[event->sequence % RING] = 1;
}

static void deliver(weir__events *events)
{
    while (events->present[events->next % RING]) {
        weir_event event = events->ring[events->next % RING];
        struct listener *listener = events->first;
        struct listener **end = events->end;
        events->present[events->next++ % RING] = 0;
        weir__mutex_unlock(&events->lock);
        for (;; listener = listener->next) {
            if (event.sequence >= listener->from)
                listener->fn(&event, listener->arg);
            if (&listener->next == end)
                break;
        }
        weir__mutex_lock(&events->lock);
    }
}

void weir__events_publish(weir__events_slot *slot, weir_event event)
{
    weir__events *events = atomic_load(slot);
    int cancelable;
    if (!events)
        return;
    weir__mutex_lock(&events->lock);
    event.size = sizeof event;
    event.sequence = widen(events->next, event.sequence);
    put(events, &event);
    if (!events->delivering) {
        events->delivering = 1;
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
        deliver(events);
        pthread_setcancelstate(cancelable, NULL);
        events->delivering = 0;
    }
    weir__mutex_unlock(&events->lock);
}

void weir__events_free(weir__events_slot *slot)
{
    weir__events *events = atomic_load(slot);
    if (events)
        free_events(events);
}
