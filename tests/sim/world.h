/* A world: callers on their way through one pipeline. */
#ifndef WEIR_SIM_WORLD_H
#define WEIR_SIM_WORLD_H

#include "sim.h"

enum { LAYERS_MAX = 6, CALLERS = 200, ATTEMPTS_MAX = 4096 };

/* More steps than this are an endless loop. */
enum { STEPS_MAX = 100000 };

typedef enum layer_kind { TIMEOUT, RETRY, BREAKER, BULKHEAD } layer_kind;

typedef struct layer {
    layer_kind kind;
    weir_timeout *timeout;
    weir_retry *retry;
    weir_breaker *breaker;
    weir_bulkhead *bulkhead;
    uint64_t timeout_ns;
    uint32_t max_attempts;
    uint32_t max_concurrent;
    uint32_t max_queue;
    chain chain;
} layer;

typedef struct caller {
    struct world *world;
    weir_call *call; /* NULL: not yet, or given back */
    weir_cancel *token;
    uint64_t must_end_ns; /* by its own or the outermost deadline */
    uint64_t wake_ns;
    uint32_t attempts;   /* started */
    uint32_t current;    /* attempts that run and were not given up */
    uint32_t unfinished; /* that one and the abandoned ones */
    int started;         /* stepped once */
    int waiting;         /* the last step said WAIT */
    int woken;           /* the wake signal came since */
    int done;            /* times that DONE was said for the first time */
    int returned;        /* the handle was given back */
    int destroyed;       /* times that the destroy function ran */
    int last_code;
} caller;

/* What an attempt has been drawn to do. */
typedef struct plan {
    int code;
    int outcome;     /* -1: leave it to the classifier */
    uint64_t hint_ns;
    uint64_t takes_ns; /* WEIR_NEVER: hangs until it is cancelled */
    int heeds_cancel;  /* else an abandoned one goes on as planned */
    int forgets;       /* released instead of finished */
} plan;

typedef struct running {
    weir_attempt *attempt;
    caller *caller;
    plan plan;
    uint64_t ends_ns;
    int given_up;
} running;

typedef struct world {
    run *run;
    weir_clock *clock;
    ledger ledger;
    weir_pipeline *pipeline;
    layer layers[LAYERS_MAX];
    uint32_t count;
    caller callers[CALLERS];
    running attempts[ATTEMPTS_MAX];
    uint32_t running;    /* of them, the first so many */
    uint32_t fail;       /* per cent of attempts that fail */
    uint32_t slow;       /* per cent that are slow or hang */
    uint64_t usual_ns;   /* how long an attempt takes */
    uint64_t outage_end; /* until then all attempts fail */
    uint64_t most_attempts;
} world;

/* ---- faults.c ---- */
void plan_attempt(world *w, plan *p);
void maybe_outage(world *w);

/* ---- pipes.c ---- */
void make_pipeline(world *w);
void release_policies(world *w); /* in a random order */

/* ---- callers.c ---- */
void begin_call(world *w, caller *c);
void step_caller(caller *c);
void step_woken(world *w); /* all of them, in a random order */
void cancel_call(world *w, caller *c);
void return_call(world *w, caller *c); /* in the middle of what it does */
void end_attempt(world *w, uint32_t index);
void end_due_attempts(world *w);

/* ---- invariants.c ---- */
void check_world(world *w);
void check_admission(world *w); /* as an attempt starts */
void check_result(caller *c, const weir_result *result);

#endif
