/* A world for blocking runs: one policy of each kind on one clock, and a
 * script of what the function does. */
#ifndef WORLD_H
#define WORLD_H

#include <string.h>

#include "support.h"

enum { PLAYS = 4 };

typedef struct play {
    uint64_t takes_ns;
    int code;
    int outcome; /* to be set, plus 1; 0: none */
    uint64_t hint_ns;
} play;

typedef struct world {
    weir_clock *clock;
    weir_timeout *total, *single; /* 10 s and 1 s */
    weir_retry *retry;            /* 4 attempts; 100, 200, 400 ms */
    weir_breaker *breaker;        /* opens after 3 failures */
    weir_bulkhead *bulkhead;      /* one permit, one place for 5 s */
    weir_pipeline *pipeline;
    const play *plays; /* the fourth is repeated */
    uint32_t runs;
    uint32_t number; /* of the last attempt */
    uint64_t remaining_ns[PLAYS];
} world;

static inline int play_attempt(weir_attempt *attempt, void *arg)
{
    world *w = arg;
    const play *p = &w->plays[w->runs < PLAYS ? w->runs : PLAYS - 1];
    if (w->runs < PLAYS)
        w->remaining_ns[w->runs] = weir_attempt_remaining_ns(attempt);
    w->runs++;
    w->number = weir_attempt_number(attempt);
    weir_clock_advance(w->clock, p->takes_ns);
    if (p->outcome)
        weir_attempt_set_outcome(attempt, p->outcome - 1);
    if (p->hint_ns)
        weir_attempt_retry_after(attempt, p->hint_ns);
    return p->code;
}

static inline void open_world(world *w, const play *plays)
{
    weir_breaker_options b;
    weir_retry_options r;
    memset(w, 0, sizeof *w);
    w->plays = plays;
    w->clock = new_virtual_clock();
    weir_clock_attach(w->clock);
    w->total = new_timeout(w->clock, 10 * SECOND);
    w->single = new_timeout(w->clock, SECOND);
    r = retry_options(w->clock);
    r.jitter = WEIR_JITTER_NONE;
    w->retry = new_retry(&r);
    b = breaker_options(w->clock);
    b.failure_threshold = 3;
    w->breaker = new_breaker(&b);
    w->bulkhead = new_bulkhead(w->clock, 1, 1);
    w->pipeline = new_pipeline(w->clock);
}

static inline void close_world(world *w)
{
    weir_clock_detach(w->clock);
    weir_pipeline_unref(w->pipeline);
    weir_timeout_unref(w->total);
    weir_timeout_unref(w->single);
    weir_retry_unref(w->retry);
    weir_breaker_unref(w->breaker);
    weir_bulkhead_unref(w->bulkhead);
    weir_clock_unref(w->clock);
}

/* T total timeout, t attempt's timeout, r retry, b breaker, k bulkhead. */
static inline void add_layer(world *w, char layer)
{
    int status = -1;
    if (layer == 'T')
        status = weir_pipeline_add_timeout(w->pipeline, w->total);
    else if (layer == 't')
        status = weir_pipeline_add_timeout(w->pipeline, w->single);
    else if (layer == 'r')
        status = weir_pipeline_add_retry(w->pipeline, w->retry);
    else if (layer == 'b')
        status = weir_pipeline_add_breaker(w->pipeline, w->breaker);
    else if (layer == 'k')
        status = weir_pipeline_add_bulkhead(w->pipeline, w->bulkhead);
    assert_int_equal(status, WEIR_OK);
}

static inline void build(world *w, const char *layers)
{
    for (; *layers; layers++)
        add_layer(w, *layers);
    assert_int_equal(weir_pipeline_seal(w->pipeline), WEIR_OK);
}

/* What is the case before the call. */
enum { HEALTHY, TWO_FAILURES, OPEN, HALF_OPEN, TAKEN, HALF_OPEN_AND_TAKEN };

static inline void fail_breaker(world *w, int times)
{
    uint64_t permit;
    while (times-- > 0) {
        assert_int_equal(weir_breaker_acquire(w->breaker, &permit), WEIR_OK);
        weir_breaker_record(w->breaker, permit, WEIR_TRANSIENT, WEIR_NEVER);
    }
}

static inline void prepare(world *w, int before)
{
    if (before == TWO_FAILURES)
        fail_breaker(w, 2);
    if (before == OPEN || before == HALF_OPEN || before == HALF_OPEN_AND_TAKEN)
        fail_breaker(w, 3);
    if (before == HALF_OPEN || before == HALF_OPEN_AND_TAKEN)
        advance(w->clock, weir_breaker_retry_after_ns(w->breaker));
    if (before == TAKEN || before == HALF_OPEN_AND_TAKEN)
        assert_int_equal(weir_bulkhead_try_acquire(w->bulkhead), WEIR_OK);
}

static inline uint32_t free_probes(world *w)
{
    uint64_t permit;
    uint32_t probes = 0;
    while (probes < 20 &&
           weir_breaker_acquire(w->breaker, &permit) == WEIR_OK)
        probes++;
    return probes;
}

/* Every attempt is the same; elsewhere those not given succeed. */
#define ALWAYS(takes_ns, code)                                                \
    {                                                                         \
        {takes_ns, code, 0, 0}, {takes_ns, code, 0, 0},                       \
            {takes_ns, code, 0, 0}, {takes_ns, code, 0, 0},                   \
    }

#endif
