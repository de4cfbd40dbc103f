#include "faults.h"

weir_retry *new_retry(rig *r)
{
    weir_retry *retry;
    weir_retry_options o;
    weir_retry_options_init(&o, sizeof o);
    o.max_attempts = 3;
    o.base_ns = o.cap_ns = 20 * US;
    o.jitter = WEIR_JITTER_NONE;
    o.clock = r->clock;
    o.allocator = r->allocator;
    CALMLY(weir_retry_new(&retry, &o));
    return retry;
}

weir_breaker *new_breaker(rig *r)
{
    weir_breaker *breaker;
    weir_breaker_options o;
    weir_breaker_options_init(&o, sizeof o);
    o.failure_threshold = 1000;
    o.clock = r->clock;
    o.allocator = r->allocator;
    CALMLY(weir_breaker_new(&breaker, &o));
    return breaker;
}

weir_bulkhead *new_bulkhead(rig *r)
{
    weir_bulkhead *bulkhead;
    weir_bulkhead_options o;
    weir_bulkhead_options_init(&o, sizeof o);
    o.max_concurrent = 1;
    o.max_queue = 1;
    o.queue_ns = 20 * US;
    o.clock = r->clock;
    o.allocator = r->allocator;
    CALMLY(weir_bulkhead_new(&bulkhead, &o));
    return bulkhead;
}

weir_timeout *new_timeout(rig *r, uint64_t timeout_ns)
{
    weir_timeout *timeout;
    weir_timeout_options o;
    weir_timeout_options_init(&o, sizeof o);
    o.timeout_ns = timeout_ns;
    o.clock = r->clock;
    o.allocator = r->allocator;
    CALMLY(weir_timeout_new(&timeout, &o));
    return timeout;
}

weir_cancel *new_cancel(void)
{
    weir_cancel *cancel;
    CALMLY(weir_cancel_new(&cancel));
    return cancel;
}

weir_pipeline *new_pipeline(rig *r, weir_retry *retry, weir_breaker *breaker,
                            weir_bulkhead *bulkhead, weir_timeout *timeout)
{
    weir_pipeline *pipeline;
    weir_pipeline_options o;
    weir_pipeline_options_init(&o, sizeof o);
    o.clock = r->clock;
    o.allocator = r->allocator;
    CALMLY(weir_pipeline_new(&pipeline, &o));
    if (retry)
        weir_pipeline_add_retry(pipeline, retry);
    if (breaker)
        weir_pipeline_add_breaker(pipeline, breaker);
    if (bulkhead)
        weir_pipeline_add_bulkhead(pipeline, bulkhead);
    if (timeout)
        weir_pipeline_add_timeout(pipeline, timeout);
    weir_pipeline_seal(pipeline);
    weir_retry_unref(retry);
    weir_breaker_unref(breaker);
    weir_bulkhead_unref(bulkhead);
    weir_timeout_unref(timeout);
    return pipeline;
}
