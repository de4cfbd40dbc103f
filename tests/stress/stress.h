/* What the parts of the stress share: one house of policies, many threads. */
#ifndef WEIR_STRESS_H
#define WEIR_STRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir.h"

#define US UINT64_C(1000)
#define MS (1000 * US)

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum {
    THREADS_MAX = 256,
    BREAKERS = 4,
    BULKHEADS = 2,
    PIPELINES = 6,
    TOKENS = 4,
    ATTEMPTS_MAX = 3, /* of each retry */
    CAPACITY = 50,    /* of the budgets */
    ANVIL = 1,        /* permits of the bulkhead that is hammered */
    PIECES = 8        /* of the counters */
};

void fail(const char *file, int line, const char *what);

#define CHECK(x) ((x) ? (void)0 : fail(__FILE__, __LINE__, #x))

/* ---- random numbers, a source for each thread ---- */

static inline uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static inline uint32_t random_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)(random_next(state) >> 32) % limit;
}

static inline int random_percent(uint64_t *state, uint32_t percent)
{
    return random_below(state, 100) < percent;
}

/* ---- count.c ----
 *
 * All atomics of the stress are relaxed: they order nothing that the library
 * has to order, or a race would hide behind them. */

static inline int add(atomic_int *n, int more)
{
    return atomic_fetch_add_explicit(n, more, memory_order_relaxed);
}

typedef enum counter {
    STARTED, /* calls */
    ENDED,
    GIVEN, /* args with a destroy function */
    GONE,
    ATTEMPTS,
    TOLD,
    THREADS_ENDED, /* of the pool, by their functions */
    DEPOSITS,
    TAKES,
    LIVE_BLOCKS,
    LIVE_BYTES,
    ENDED_BY, /* results, by WEIR_BY_... */
    COUNTERS = ENDED_BY + WEIR_BY_POOL + 1
} counter;

/* A piece for every few threads. */
typedef struct counts {
    _Alignas(128) atomic_llong of[COUNTERS];
} counts;

typedef struct house house;

void count(house *h, counter which, long long more);
long long counted(house *h, counter which);

/* ---- house.c ---- */

/* The listener of a breaker. */
typedef struct chain {
    atomic_int inside; /* one event at a time */
    uint64_t sequence;
    int state;
    uint64_t events;
    uint64_t gaps;
} chain;

typedef struct route {
    weir_pipeline *pipeline;
    uint32_t most_attempts;
    uint32_t bulkheads; /* bit i: one permit of it for each attempt */
} route;

struct house {
    uint32_t limit_max; /* of each bulkhead, ever */
    weir_allocator allocator;
    counts counts[PIECES];
    weir_clock *clock;
    weir_breaker *breakers[BREAKERS];
    weir_breaker_options breaker_options[BREAKERS];
    chain chains[BREAKERS];
    weir_bulkhead *bulkheads[BULKHEADS]; /* the first never takes back */
    atomic_int inside[BULKHEADS];        /* attempts that run */
    weir_budget *budget;
    weir_retry *retries[2];
    weir_timeout *timeouts[2];
    route routes[PIPELINES];
    weir_pool *pool;
    pthread_mutex_t tokens_lock;
    weir_cancel *tokens[TOKENS];
    weir_bulkhead *anvil; /* for hammer.c */
    atomic_int on_anvil;
    weir_budget *purse;
};

void open_house(house *h, int threads);

/* ---- change.c ---- */

weir_cancel *borrow_token(house *h, uint64_t *random);
void fire_token(house *h, uint64_t *random);

void close_house(house *h); /* checks what must hold in the end */

/* Somebody changes breakers and bulkheads under way. */
void operate(house *h, uint64_t *random);

/* An attempt of a route begins and ends. */
void go_in(house *h, const route *r);
void go_out(house *h, const route *r);

/* ---- hammer.c ---- */

void open_anvil(house *h);
void close_anvil(house *h);
void hammer(house *h, uint64_t *random);

/* ---- callers.c ---- */

/* One call, of a random kind. */
void call_once(house *h, uint64_t *random);
void run_isolated(house *h, uint64_t *random);

const route *any_route(house *h, uint64_t *random);
void random_options(house *h, uint64_t *random, weir_call_options *o);
int random_code(weir_attempt *attempt, uint64_t *random);
void told(weir_attempt *attempt, void *arg); /* a cancel function */
void check_result(house *h, const route *r, int status,
                  const weir_result *result);

/* ---- stepped.c ---- */

void run_stepped(house *h, uint64_t *random);

/* Finishes an attempt that another thread has started; 0: there was none. */
int finish_for_another(house *h, uint64_t *random);

#endif
