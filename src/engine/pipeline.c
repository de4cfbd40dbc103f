#include "engine/pipeline.h"

#include <string.h>

#include "base/options.h"
#include "base/time.h"

static const weir_pipeline_options defaults = {
    .size = sizeof(weir_pipeline_options),
};

int weir_pipeline_options_init(weir_pipeline_options *options, uint32_t size)
{
    return weir__options_init(options, size, &defaults, sizeof defaults,
                              sizeof defaults);
}

static void prepare(weir_pipeline *pipeline, weir_clock *clock)
{
    pipeline->shape = WEIR__UNSEALED;
    pipeline->shortest_ns = WEIR_NEVER;
    pipeline->clock = weir__clock_or_default(clock);
    pipeline->classify = weir_classify_default;
}

int weir_pipeline_new(weir_pipeline **out,
                      const weir_pipeline_options *options)
{
    weir_pipeline_options o = defaults;
    int status = out ? weir__options_copy(&o, sizeof o, sizeof o, options)
                     : WEIR_EINVAL;
    if (status != WEIR_OK)
        return status;
    if (o.reserved != 0)
        return WEIR_EINVAL;
    weir_pipeline *pipeline = weir__allocate(o.allocator, sizeof *pipeline);
    if (!pipeline)
        return WEIR_ENOMEM;
    prepare(pipeline, o.clock);
    pipeline->allocator = o.allocator;
    weir__ref_init(&pipeline->ref);
    weir_clock_ref(pipeline->clock);
    *out = pipeline;
    return WEIR_OK;
}

void weir_pipeline_ref(weir_pipeline *pipeline)
{
    if (pipeline)
        weir__ref_take(&pipeline->ref);
}

void weir_pipeline_unref(weir_pipeline *pipeline)
{
    if (!pipeline || !weir__ref_drop(&pipeline->ref))
        return;
    for (uint32_t i = 0; i < pipeline->count; i++)
        weir__policy_unref(pipeline->layers[i]);
    if (pipeline->classify_destroy)
        pipeline->classify_destroy(pipeline->classify_arg);
    weir_clock_unref(pipeline->clock);
    weir__release(pipeline->allocator, pipeline, sizeof *pipeline);
}

int weir_pipeline_classify(weir_pipeline *pipeline, weir_classify_fn fn,
                           void *arg, weir_destroy_fn destroy)
{
    if (!pipeline || !fn || pipeline->shape != WEIR__UNSEALED) {
        if (destroy)
            destroy(arg);
        return WEIR_EINVAL;
    }
    if (pipeline->classify_destroy)
        pipeline->classify_destroy(pipeline->classify_arg);
    pipeline->classify = fn;
    pipeline->classify_arg = arg;
    pipeline->classify_destroy = destroy;
    return WEIR_OK;
}

static int add(weir_pipeline *pipeline, weir__policy *policy)
{
    if (!pipeline || !policy || pipeline->shape != WEIR__UNSEALED ||
        pipeline->count == WEIR_PIPELINE_MAX ||
        policy->clock != pipeline->clock)
        return WEIR_EINVAL;
    weir__ref_take(&policy->ref);
    pipeline->layers[pipeline->count++] = policy;
    return WEIR_OK;
}

int weir_pipeline_add_timeout(weir_pipeline *pipeline, weir_timeout *timeout)
{
    return add(pipeline, (weir__policy *)timeout);
}

int weir_pipeline_add_retry(weir_pipeline *pipeline, weir_retry *retry)
{
    return add(pipeline, (weir__policy *)retry);
}

int weir_pipeline_add_breaker(weir_pipeline *pipeline, weir_breaker *breaker)
{
    return add(pipeline, (weir__policy *)breaker);
}

int weir_pipeline_add_bulkhead(weir_pipeline *pipeline,
                               weir_bulkhead *bulkhead)
{
    return add(pipeline, (weir__policy *)bulkhead);
}

/* Finds the straight path of a pipeline. */
static void shape(weir_pipeline *pipeline)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < pipeline->count; i++) {
        weir__policy *policy = pipeline->layers[i];
        switch (policy->kind) {
        case WEIR__TIMEOUT:
            bits |= WEIR__TIMED;
            pipeline->shortest_ns =
                weir__time_min(pipeline->shortest_ns,
                               ((weir_timeout *)policy)->timeout_ns);
            break;
        case WEIR__BREAKER:
            bits |= bits & WEIR__GUARDED ? WEIR__GENERAL : WEIR__GUARDED;
            pipeline->breaker = (weir_breaker *)policy;
            break;
        case WEIR__BULKHEAD:
            bits |= bits & WEIR__LIMITED ? WEIR__GENERAL : WEIR__LIMITED;
            pipeline->bulkhead = (weir_bulkhead *)policy;
            break;
        case WEIR__RETRY:
            break;
        }
    }
    pipeline->shape = bits & WEIR__GENERAL ? WEIR__GENERAL : bits;
}

int weir_pipeline_seal(weir_pipeline *pipeline)
{
    if (!pipeline || pipeline->shape != WEIR__UNSEALED)
        return WEIR_EINVAL;
    shape(pipeline);
    return WEIR_OK;
}

void weir__pipeline_view(weir_pipeline *pipeline, weir__policy *policy)
{
    memset(pipeline, 0, sizeof *pipeline);
    prepare(pipeline, policy->clock);
    pipeline->layers[0] = policy;
    pipeline->count = 1;
    shape(pipeline);
}

weir_clock *weir_pipeline_clock(const weir_pipeline *pipeline)
{
    return pipeline ? pipeline->clock : NULL;
}

/* ---- the recommended pipeline ---- */

/* Adds a policy, or not if it could not be made, and gives up the reference
 * it came with; passes the first error on. */
static int add_made(weir_pipeline *pipeline, int status, int made, void *policy)
{
    if (made != WEIR_OK)
        return status == WEIR_OK ? made : status;
    if (status == WEIR_OK)
        status = add(pipeline, policy);
    weir__policy_unref(policy);
    return status;
}

static int add_new_timeout(weir_pipeline *pipeline, int status, uint64_t ns)
{
    weir_timeout *timeout = NULL;
    weir_timeout_options options;
    weir_timeout_options_init(&options, sizeof options);
    options.timeout_ns = ns;
    int made = weir_timeout_new(&timeout, &options);
    return add_made(pipeline, status, made, timeout);
}

int weir_pipeline_new_recommended(weir_pipeline **out, uint64_t total_ns,
                                  uint64_t attempt_ns)
{
    weir_pipeline *pipeline = NULL;
    weir_retry *retry = NULL;
    weir_breaker *breaker = NULL;
    weir_bulkhead *bulkhead = NULL;
    if (!out || attempt_ns > total_ns)
        return WEIR_EINVAL;
    int status = weir_pipeline_new(&pipeline, NULL);
    if (status != WEIR_OK)
        return status;
    status = add_new_timeout(pipeline, status, total_ns);
    int made = weir_retry_new(&retry, NULL);
    status = add_made(pipeline, status, made, retry);
    made = weir_breaker_new(&breaker, NULL);
    status = add_made(pipeline, status, made, breaker);
    made = weir_bulkhead_new(&bulkhead, NULL);
    status = add_made(pipeline, status, made, bulkhead);
    status = add_new_timeout(pipeline, status, attempt_ns);
    if (status == WEIR_OK)
        status = weir_pipeline_seal(pipeline);
    if (status == WEIR_OK)
        *out = pipeline;
    else
        weir_pipeline_unref(pipeline);
    return status;
}
