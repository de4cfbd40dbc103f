/* A bulkhead written to be obviously right: a list of who waits, a list of
 * what was abandoned, and a number of permits.  Clients are numbers. */
#ifndef WEIR_SIM_MODEL_BULKHEAD_H
#define WEIR_SIM_MODEL_BULKHEAD_H

#include "sim.h"

enum { MODEL_CLIENTS = 64 };

typedef enum model_standing {
    STANDS_OUTSIDE, /* not yet, or it has left */
    STANDS_WAITING,
    STANDS_GRANTED, /* holds a permit and does not know it yet */
    STANDS_RUNNING,
    STANDS_ABANDONED, /* its work runs on, with the permit */
    STANDS_ROBBED     /* its work runs on, the permit was taken back */
} model_standing;

typedef struct model_client {
    model_standing standing;
    uint64_t until_ns; /* WAITING: end of the queue time; ABANDONED: when the
                          permit is taken back */
} model_client;

typedef struct model_bulkhead {
    weir_bulkhead_options o;
    uint32_t limit;
    uint32_t held;
    model_client clients[MODEL_CLIENTS];
    uint32_t queue[MODEL_CLIENTS]; /* the first waiter first */
    uint32_t queue_count;
    uint32_t abandoned[MODEL_CLIENTS]; /* the oldest first */
    uint32_t abandoned_count;
} model_bulkhead;

void model_bulkhead_init(model_bulkhead *m, const weir_bulkhead_options *o);

/* WEIR_OK: RUNNING with a permit; 1: WAITING; or WEIR_EFULL. */
int model_bulkhead_enter(model_bulkhead *m, uint32_t client, uint64_t now_ns);

/* Permits without a name. */
int model_bulkhead_try(model_bulkhead *m, uint64_t now_ns);
int model_bulkhead_release(model_bulkhead *m);

/* A waiter looks: WEIR_OK: RUNNING; 1: goes on waiting; WEIR_EQUEUETIME. */
int model_bulkhead_look(model_bulkhead *m, uint32_t client, uint64_t now_ns);

/* Somebody who waits, or was granted a permit, goes away. */
void model_bulkhead_quit(model_bulkhead *m, uint32_t client);

/* The work of a permit is given up; it ends. */
void model_bulkhead_abandon(model_bulkhead *m, uint32_t client,
                            uint64_t now_ns);
void model_bulkhead_end(model_bulkhead *m, uint32_t client);

void model_bulkhead_resize(model_bulkhead *m, uint32_t limit);

/* When the next permit is to be taken back. */
uint64_t model_bulkhead_due(const model_bulkhead *m);

#endif
