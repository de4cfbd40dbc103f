/* The common table of scenarios: read from table.txt, run by several drivers,
 * judged by the trace. */
#ifndef TESTS_SCENARIO_H
#define TESTS_SCENARIO_H

#include <stdint.h>

#include "weir.h"

enum { MAX_POLICIES = 8, MAX_PIPELINES = 4, MAX_CALLS = 8, MAX_WORKS = 8 };

#define MS UINT64_C(1000000)

typedef enum { OK, FAIL, HANG, DEAF, NEST } work_kind;

typedef struct work {
    work_kind kind;
    uint64_t ms;
    char nested[16];
} work;

typedef struct flow {
    char name[16];
    weir_pipeline *pipeline;
    weir_bulkhead *bulkhead; /* borrowed from the pipeline, or NULL */
} flow;

typedef struct subject {
    char name[16];
    flow *flow;
    int is_nested;
    uint64_t start_ms;
    uint64_t cancel_ms; /* UINT64_MAX: never */
    work works[MAX_WORKS];
    int work_count;
    weir_cancel *cancel;
    int stopped; /* the last attempt was told to stop */
    int deaf;
} subject;

typedef struct scenario {
    char name[64];
    weir_clock *clock;
    flow flows[MAX_PIPELINES];
    int flow_count;
    subject calls[MAX_CALLS];
    int call_count;
    char expected[4096];
} scenario;

/* Runs all calls of a scenario to their end. */
typedef void (*drive_fn)(scenario *s);

/* Runs the table with a driver and prints the traces; 0 when each is as
 * expected. */
int scenarios_run(const char *driver, const char *path, drive_fn drive);

subject *scenario_call(scenario *s, const char *name);
const work *scenario_work(const subject *call, uint32_t attempt);

/* ---- the trace; any thread ---- */

void trace_start(scenario *s, const subject *call, uint32_t attempt);
void trace_stop(scenario *s, subject *call, uint32_t attempt);
void trace_done(scenario *s, const subject *call, const weir_result *result);

#endif
