/* What the parts of the simulator share. */
#ifndef WEIR_SIM_H
#define WEIR_SIM_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define YEAR (365 * 86400 * SECOND)

/* ---- random.c: every choice of a run follows from its seed ---- */

typedef struct random_source {
    uint64_t state;
    const uint8_t *bytes; /* these choose first, while there are any */
    size_t left;
} random_source;

void random_seed(random_source *r, uint64_t seed);
void random_bytes(random_source *r, const uint8_t *bytes, size_t size);
uint64_t random_next(random_source *r);
uint64_t random_below(random_source *r, uint64_t limit); /* limit >= 1 */
uint64_t random_between(random_source *r, uint64_t low, uint64_t high);
int random_percent(random_source *r, uint32_t percent);
/* A time from 1 ns to high, each order of magnitude as likely as another. */
uint64_t random_time(random_source *r, uint64_t high);

/* ---- shrink.c: less of a run ---- */

/* What a run may do, besides what its seed says.  It leads to other choices
 * than the whole run, but always to the same ones. */
typedef struct scope {
    uint32_t callers;
    uint32_t events;
    uint64_t faults; /* bit i: fault i may strike */
    uint32_t parts;  /* bit i: the i-th simulation runs */
} scope;

scope scope_of(uint64_t seed);
/* Reads "callers=3 events=20 faults=0x1 parts=0x1"; 0 when it is not that. */
int scope_read(scope *s, const char *text);
/* Runs seeds in a process of its own; when it fails, finds a small scope in
 * which the seed fails as well, and says how to replay it.  0: all is well. */
int run_guarded(uint64_t first, uint64_t count);

/* ---- sim.c: one run ---- */

typedef struct run {
    uint64_t seed;
    scope scope;
    uint64_t hash; /* over all that happened */
    uint64_t events;
    random_source random;
} run;

enum { PARTS = 5 }; /* simulations, see sim.c */

void run_parts(run *r);
/* Both times it leaves the same trace. */
run run_twice(uint64_t seed, const scope *s);
int run_report(uint64_t count); /* 1: the runs prove too little */
void run_note(run *r, uint64_t what);
void run_fail(const run *r, const char *file, int line, const char *what);

#define CHECK(r, x) ((x) ? (void)0 : run_fail(r, __FILE__, __LINE__, #x))

/* ---- ledger.c: an allocator that counts and fails on demand ---- */

typedef struct ledger {
    weir_allocator allocator;
    run *run;
    uint64_t blocks; /* taken and not released */
    uint64_t bytes;
    uint32_t fail_per_mille;
} ledger;

void ledger_init(ledger *l, run *r);

/* ---- chain.c: the listener of a breaker ---- */

typedef struct chain {
    run *run;
    uint64_t sequence; /* of the last event */
    uint64_t count;
    int state;    /* after it */
    int by_hand;  /* the mode is being set, or the breaker reset */
    int ended;    /* how often destroy ran */
} chain;

void chain_listen(chain *c, run *r, weir_breaker *breaker);

/* ---- the simulations ---- */

void world_run(run *r);          /* calls through a pipeline */
void faults_report(void);        /* what went wrong in all worlds */
int faults_all_struck(void);
void breaker_check_run(run *r);  /* a breaker beside its model */
void bulkhead_check_run(run *r); /* and so on */
void retry_check_run(run *r);
void verdict_check_run(run *r);

#endif
