/* For tests of the library as a whole: handles made before the threads start,
 * a clock that the test moves, attempts passed from thread to thread. */
#ifndef WEIR_RELACY_API_H
#define WEIR_RELACY_API_H

#include "weir.h"

#include "explore.h"

/* Plain, because threads are switched at atomics only. */
static uint64_t api_now_ns;

static uint64_t api_now(void *)
{
    return api_now_ns;
}

static inline weir_clock *api_clock()
{
    weir_clock *clock = 0;
    api_now_ns = 1;
    RL_ASSERT(weir_clock_new_custom(&clock, api_now, 0, 0) == WEIR_OK);
    return clock;
}

static inline weir_bulkhead *api_bulkhead(weir_clock *clock, uint32_t limit,
                                          uint32_t queue)
{
    weir_bulkhead_options o;
    weir_bulkhead *bulkhead = 0;
    weir_bulkhead_options_init(&o, sizeof o);
    o.max_concurrent = limit;
    o.max_queue = queue;
    o.clock = clock;
    RL_ASSERT(weir_bulkhead_new(&bulkhead, &o) == WEIR_OK);
    return bulkhead;
}

/* Adds those that are not NULL, `around` and then in their order, and takes
 * them over. */
static inline weir_pipeline *api_pipeline(weir_clock *clock, weir_retry *retry,
                                          weir_breaker *breaker,
                                          weir_bulkhead *bulkhead,
                                          weir_timeout *timeout,
                                          weir_bulkhead *around = 0)
{
    weir_pipeline_options o;
    weir_pipeline *pipeline = 0;
    weir_pipeline_options_init(&o, sizeof o);
    o.clock = clock;
    RL_ASSERT(weir_pipeline_new(&pipeline, &o) == WEIR_OK);
    if (around)
        weir_pipeline_add_bulkhead(pipeline, around);
    if (retry)
        weir_pipeline_add_retry(pipeline, retry);
    if (breaker)
        weir_pipeline_add_breaker(pipeline, breaker);
    if (bulkhead)
        weir_pipeline_add_bulkhead(pipeline, bulkhead);
    if (timeout)
        weir_pipeline_add_timeout(pipeline, timeout);
    RL_ASSERT(weir_pipeline_seal(pipeline) == WEIR_OK);
    weir_retry_unref(retry);
    weir_breaker_unref(breaker);
    weir_bulkhead_unref(bulkhead);
    weir_timeout_unref(timeout);
    weir_bulkhead_unref(around);
    return pipeline;
}

/* A pointer on its way from one thread to another. */
template <typename T> struct passed {
    rl::atomic<T *> pointer;

    void clear() { pointer($).store(0, rl::mo_relaxed); }
    void pass(T *p) { pointer($).store(p, rl::mo_release); }
    T *take()
    {
        rl::linear_backoff backoff;
        T *p;
        while ((p = pointer($).load(rl::mo_acquire)) == 0)
            backoff.yield($);
        return p;
    }
};

/* The wake signal of a stepped call. */
struct signal {
    rl::atomic<int> given;
    int count; /* ghost */

    void clear()
    {
        given($).store(0, rl::mo_relaxed);
        count = 0;
    }

    static void give(void *arg)
    {
        ((signal *)arg)->count++;
        ((signal *)arg)->given($).store(1, rl::mo_release);
    }

    /* A signal that never comes is reported as a livelock. */
    void wait()
    {
        rl::linear_backoff backoff;
        while (!given($).exchange(0, rl::mo_acq_rel))
            backoff.yield($);
    }
};

#endif
