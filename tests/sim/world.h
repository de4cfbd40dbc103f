/* A world: callers on their way through one pipeline. */
#ifndef WEIR_SIM_WORLD_H
#define WEIR_SIM_WORLD_H

#include "sim.h"

enum { LAYERS_MAX = 6, CALLERS = 2000, ATTEMPTS_MAX = 4096, TOKENS = 3 };

/* Calls made for an attempt of a call made for an attempt. */
enum { DEPTH_MAX = 2 };

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
    weir_breaker_options breaker_options;
    weir_bulkhead_options bulkhead_options;
    uint32_t ceiling; /* permits that are out at most, since it shrank */
    uint32_t by_hand; /* permits that are out without a call */
    chain chain;
} layer;

/* What goes wrong; how often: faults.c. */
typedef enum fault {
    OUTAGE,          /* everything fails for a while */
    FAILURE,         /* an attempt fails */
    ODD_OUTCOME,     /* whatever the code was */
    ASKS_FOR_TIME,   /* a hint when to come back */
    REJECTED_BELOW,  /* as if a nested call had been rejected */
    TIMED_OUT_BELOW, /* as if a nested call had been too slow */
    INSTANT,         /* no time passes */
    SLOW,
    HANGS,           /* until it is told to stop */
    DEAF,            /* goes on when it is told */
    FORGOTTEN,       /* released, not finished */
    FINISHED_TWICE,
    LATE_CLOCK,      /* says it ended a little before now */
    ENDS_WHEN_TOLD,  /* in its cancel function */
    CANCELS_WHEN_TOLD,
    FIRES_WHEN_TOLD, /* the token that others share */
    NESTED,          /* the work is another call */
    NO_WORKER,       /* the pool it should run on is full */
    LEAP,            /* time jumps, up to a year */
    NO_MEMORY,
    SPURIOUS_STEP,
    CANCELLED,
    CALLER_GONE,     /* the call is given back half-way */
    BREAKER_BY_HAND, /* mode or reset */
    RECONFIGURED,    /* new options */
    RESIZED,
    PERMIT_TAKEN,    /* from a bulkhead, by hand */
    PERMIT_RETURNED,
    BUDGET_DRAINED,
    FAULTS
} fault;


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
    uint32_t depth;        /* how many attempts of others it is made for */
    weir_attempt *parent;  /* the last of them; NULL: none */
} caller;

/* What an attempt has been drawn to do. */
typedef struct plan {
    int code;
    int outcome;     /* -1: leave it to the classifier */
    uint64_t hint_ns;
    uint64_t takes_ns; /* WEIR_NEVER: hangs until it is cancelled */
    int heeds_cancel;  /* else an abandoned one goes on as planned */
    int forgets;       /* released instead of finished */
    int twice;         /* finished again, while it is held */
    int late_clock;
    int listens;       /* has a cancel function */
    int ends, cancels, fires; /* what that does */
} plan;

typedef struct running {
    weir_attempt *attempt;
    caller *caller;
    plan plan;
    uint64_t ends_ns;
    int given_up;
    caller *nested; /* its work is this one's call */
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
    weir_budget *budget;        /* of all retries; NULL: none */
    uint32_t capacity;
    weir_cancel *tokens[TOKENS]; /* shared by calls */
} world;

static inline uint32_t random_caller(world *w)
{
    return (uint32_t)random_below(&w->run->random, w->run->scope.callers);
}

/* ---- faults.c ---- */
/* Does it happen now?  Noted in the trace. */
int strikes(world *w, fault f);
void plan_attempt(world *w, plan *p);
void maybe_outage(world *w);

/* ---- pipes.c ---- */
void make_pipeline(world *w);
void release_policies(world *w); /* in a random order */
void random_limits(world *w, weir_breaker_options *o);

/* ---- operator.c: somebody changes policies under way ---- */
void meddle(world *w, fault f);
void return_permits(world *w);

/* ---- callers.c ---- */
void begin_call(world *w, caller *c, running *parent);
void step_caller(caller *c);
void step_woken(world *w); /* all of them, in a random order */
void cancel_call(world *w, caller *c);
void return_call(world *w, caller *c); /* in the middle of what it does */
void end_attempt(world *w, uint32_t index);
void end_due_attempts(world *w);
void fire_shared(world *w);

/* ---- attempts.c ---- */
void start_attempt(caller *c, weir_attempt *attempt);
void cancel_attempt(caller *c, weir_attempt *attempt);
running *find_attempt(world *w, const weir_attempt *attempt);

/* ---- invariants.c ---- */
void check_world(world *w);
void check_admission(world *w); /* as an attempt starts */
void check_result(caller *c, const weir_result *result);

#endif
