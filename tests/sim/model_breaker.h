/* A circuit breaker written to be obviously right: plain fields, one thread,
 * lists of the probes that are out and of the outcomes in the window. */
#ifndef WEIR_SIM_MODEL_BREAKER_H
#define WEIR_SIM_MODEL_BREAKER_H

#include "model_window.h"

enum { MODEL_PROBES_MAX = 16, MODEL_TICKET_MAX = 4095 };

typedef struct model_permit {
    uint64_t generation;
    int state;
    uint32_t ticket;
} model_permit;

typedef struct model_breaker {
    weir_breaker_options o;
    uint64_t made_ns;
    uint64_t generation; /* counts transitions and replacements */
    int state;
    uint64_t failures;   /* CLOSED: in a row */
    uint64_t open_until; /* OPEN: tick */
    uint64_t open_last;  /* the jitter ends there; until it was looked up,
                            open_until is the earliest that it may be */
    uint32_t openings;   /* since it was closed last */
    uint32_t successes;  /* HALF_OPEN */
    uint32_t next_ticket;
    uint32_t out[MODEL_PROBES_MAX]; /* tickets that have not reported */
    uint32_t out_count;
    uint64_t active; /* tick of the last probe issued or reported */
    model_window window;
} model_breaker;

void model_init(model_breaker *m, const weir_breaker_options *o,
                uint64_t now_ns);
int model_acquire(model_breaker *m, uint64_t now_ns, model_permit *out);
int model_record(model_breaker *m, uint64_t now_ns, const model_permit *p,
                 int outcome, uint64_t elapsed_ns);
void model_set_mode(model_breaker *m, int mode);
void model_reset(model_breaker *m);
void model_set_options(model_breaker *m, const weir_breaker_options *o);
int model_state(const model_breaker *m, uint64_t now_ns);
int model_mode(const model_breaker *m);
uint64_t model_retry_after(const model_breaker *m, uint64_t now_ns);

/* Takes over the end of the open time that was drawn.  0: it is not among
 * those that may be. */
int model_adopt_open_time(model_breaker *m, uint64_t now_ns,
                          uint64_t retry_after_ns);

/* What weir_breaker_inspect should show. */
void model_inspect(const model_breaker *m, uint64_t now_ns,
                   weir_breaker_snapshot *out);

#endif
