/* weir/event.h - what a handle tells its listeners. */
#ifndef WEIR_EVENT_H
#define WEIR_EVENT_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WEIR_EVENT_TRANSITION = 1, /* a breaker changed its state, or was reset:
                                  then from and to may be both WEIR_CLOSED */
    WEIR_EVENT_PROBES = 2      /* the probes of a half-open breaker did not
                                  report in time, or their numbers are used
                                  up, and new ones are let through; from and
                                  to are both WEIR_HALF_OPEN */
};

typedef struct weir_event {
    uint32_t size;     /* of this struct in the library that runs */
    int32_t kind;      /* WEIR_EVENT_... */
    uint64_t sequence; /* counts up by 1 per handle; a step of more than 1 says
                          that events were lost because listeners are slow */
    uint64_t at_ns;    /* by the handle's clock; WEIR_NEVER for what was done
                          by hand (weir_breaker_set_mode, _reset) */
    int32_t from;      /* states of weir/breaker.h; from equals the to of */
    int32_t to;        /* the event before, where none was lost */
} weir_event;

/* Events of one handle arrive one at a time and in order, outside every lock,
 * on one of the threads that use the handle: not always the one that caused
 * the event.  event is valid during the call. */
typedef void (*weir_listener_fn)(const weir_event *event, void *arg);

#ifdef __cplusplus
}
#endif
#endif
