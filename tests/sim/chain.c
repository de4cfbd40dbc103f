/* The events of a breaker form a chain, and the chain is a path in the
 * diagram of weir/breaker.h. */
#include "sim.h"

static int is_path(const chain *c, int from, int to)
{
    if (c->by_hand)
        return to == WEIR_CLOSED || to == WEIR_FORCED_OPEN ||
               to == WEIR_DISABLED || to == WEIR_METRICS_ONLY;
    switch (from) {
    case WEIR_CLOSED:
        return to == WEIR_OPEN;
    case WEIR_OPEN:
        return to == WEIR_HALF_OPEN;
    case WEIR_HALF_OPEN:
        return to == WEIR_CLOSED || to == WEIR_OPEN || to == WEIR_HALF_OPEN;
    default:
        return 0; /* only by hand */
    }
}

static void listener(const weir_event *event, void *arg)
{
    chain *c = arg;
    CHECK(c->run, event->size == sizeof *event);
    CHECK(c->run, c->count == 0 || event->sequence == c->sequence + 1);
    CHECK(c->run, event->from == c->state);
    CHECK(c->run, is_path(c, event->from, event->to));
    CHECK(c->run, event->kind == (event->from == WEIR_HALF_OPEN &&
                                          event->to == WEIR_HALF_OPEN
                                      ? WEIR_EVENT_PROBES
                                      : WEIR_EVENT_TRANSITION));
    c->sequence = event->sequence;
    c->state = event->to;
    c->count++;
    run_note(c->run, (uint64_t)event->to << 8 | (uint64_t)event->from);
}

static void ended(void *arg)
{
    ((chain *)arg)->ended++;
}

void chain_listen(chain *c, run *r, weir_breaker *breaker)
{
    c->run = r;
    c->sequence = 0;
    c->count = 0;
    c->state = WEIR_CLOSED;
    c->by_hand = 0;
    c->ended = 0;
    CHECK(r, weir_breaker_listen(breaker, listener, c, ended) == WEIR_OK);
}
