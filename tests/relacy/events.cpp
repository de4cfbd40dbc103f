/* The listeners of a breaker.  Threads reset it, which is a transition each
 * time; with LISTEN one thread adds the first listener meanwhile, with LISTEN=2
 * two do; with REENTRY a listener resets it once more.
 *
 * Properties: a listener is told one event at a time, in order and without a
 * gap, and all that come after it was added by the time that the threads are
 * through; the first one is the one after a generation that was current while
 * it was added. */
#include "relacy_shim.h"

#include "api.h"

#ifndef THREADS
#define THREADS 3
#endif
#ifndef LISTEN
#define LISTEN 0
#endif

enum { SEEN_ALL, SEEN_OTHER, SEEN_LATER };

struct events : scenario<events, THREADS> {
    weir_clock *clock;
    weir_breaker *breaker;
    rl::var<int> inside; /* belongs to who delivers */
    uint64_t added;      /* ghosts: the generation when the listener was */
    uint64_t last;       /* of the events told */
    int told;
    int destroyed;
    unsigned cause; /* thread of the latest reset */
    int again;

    static void listen(const weir_event *event, void *arg)
    {
        events *self = (events *)arg;
        RL_ASSERT(event->kind == WEIR_EVENT_TRANSITION);
        RL_ASSERT(self->told == 0 || event->sequence == self->last + 1);
        self->inside($) = self->inside($) + 1;
        self->last = event->sequence;
        self->told++;
        if (self->cause != rl::thread_index())
            happened(SEEN_OTHER);
        if (self->again-- > 0)
            weir_breaker_reset(self->breaker);
        RL_ASSERT(self->told == (int)self->inside($));
    }

    static void destroy(void *arg)
    {
        ((events *)arg)->destroyed++;
    }

    static void ignore(const weir_event *, void *) {}

    uint64_t generation()
    {
        weir_breaker_snapshot s;
        s.size = sizeof s;
        weir_breaker_inspect(breaker, &s);
        return s.generation;
    }

    void add()
    {
        RL_ASSERT(weir_breaker_listen(breaker, listen, this, destroy) ==
                  WEIR_OK);
        added = generation();
    }

    void before()
    {
        weir_breaker_options o;
        inside($) = 0;
        last = told = destroyed = again = 0;
        cause = 0;
        clock = api_clock();
        weir_breaker_options_init(&o, sizeof o);
        o.clock = clock;
        RL_ASSERT(weir_breaker_new(&breaker, &o) == WEIR_OK);
#if !LISTEN
        add();
#endif
#ifdef REENTRY
        again = 1;
#endif
    }

    void thread(unsigned index)
    {
#if LISTEN
        if (index == 0) {
            add();
            return;
        }
        if (LISTEN == 2 && index == 2) {
            RL_ASSERT(weir_breaker_listen(breaker, ignore, this, destroy) ==
                      WEIR_OK);
            return;
        }
#endif
        weir_breaker_reset(breaker);
        cause = index;
        if (index == 1)
            weir_breaker_reset(breaker);
    }

    /* The generation was 1. */
    void after()
    {
        uint64_t now = generation();
        RL_ASSERT(last == now || (told == 0 && added == now));
#if !LISTEN
        RL_ASSERT((uint64_t)told == now - 1);
#endif
        if ((uint64_t)told == now - 1)
            happened(SEEN_ALL);
        else
            happened(SEEN_LATER);
        weir_breaker_unref(breaker);
#if LISTEN == 2
        RL_ASSERT(destroyed == 2);
#else
        RL_ASSERT(destroyed == 1);
#endif
        weir_clock_unref(clock);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    int n = 0;
    event_names[n++] = "all events told";
    event_names[n++] = THREADS > 2 && LISTEN != 2
                           ? "an event told by another thread"
                           : 0;
#if LISTEN
    if (THREADS > 2)
        event_names[n++] = "a listener that came later";
#endif
    return explore<events>(argc, argv);
}
