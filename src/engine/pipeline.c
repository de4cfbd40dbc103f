#include "engine/pipeline.h"

#include <string.h>

#include "base/callback.h"
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
    weir__call_back(pipeline->classify_destroy, pipeline->classify_arg);
    weir_clock_unref(pipeline->clock);
    weir__release(pipeline->allocator, pipeline, sizeof *pipeline);
}

int weir_pipeline_classify(weir_pipeline *pipeline, weir_classify_fn fn,
                           void *arg, weir_destroy_fn destroy)
{
    if (!pipeline || !fn || pipeline->shape != WEIR__UNSEALED) {
        weir__call_back(destroy, arg);
        return WEIR_EINVAL;
    }
    weir_destroy_fn destroy_before = pipeline->classify_destroy;
    void *arg_before = pipeline->classify_arg;
    pipeline->classify = fn;
    pipeline->classify_arg = arg;
    pipeline->classify_destroy = destroy;
    pipeline->classified = 1;
    weir__call_back(destroy_before, arg_before);
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

/* A retry with a limit on time needs to know when it began. */
static uint32_t shape_retry(weir_pipeline *pipeline, weir_retry *retry)
{
    uint32_t bits = retry->max_elapsed_ns == WEIR_NEVER ? 0 : WEIR__TIMED;
    pipeline->retries = 1;
    if (retry->budget && pipeline->budget)
        bits |= WEIR__GENERAL;
    if (retry->budget)
        pipeline->budget = retry->budget;
    return bits;
}

/* Does nothing outside of the first policy of a kind have to hear of its
 * rejections?  retried: the bit of retries that do. */
static int is_first(const weir_pipeline *pipeline, weir__kind kind,
                    uint32_t retried)
{
    for (uint32_t i = 0; i < pipeline->count; i++) {
        const weir__policy *policy = pipeline->layers[i];
        const weir_retry *retry = (const weir_retry *)policy;
        if (policy->kind == kind)
            return 1;
        if (policy->kind == WEIR__BULKHEAD)
            return 0;
        if (policy->kind == WEIR__RETRY &&
            (retry->budget || (retry->retry_on & retried)))
            return 0;
    }
    return 0;
}

/* Finds the straight path of a pipeline. */
static void shape(weir_pipeline *pipeline)
{
    uint32_t bits = 0;
    pipeline->gate_first =
        (uint8_t)is_first(pipeline, WEIR__BREAKER, WEIR_RETRY_OPEN);
    pipeline->limit_first =
        (uint8_t)is_first(pipeline, WEIR__BULKHEAD, WEIR_RETRY_FULL);
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
            pipeline->gate_inside = (bits & WEIR__LIMITED) != 0;
            if (pipeline->breaker->timed)
                pipeline->timed = 1;
            break;
        case WEIR__BULKHEAD:
            bits |= bits & WEIR__LIMITED ? WEIR__GENERAL : WEIR__LIMITED;
            pipeline->bulkhead = (weir_bulkhead *)policy;
            break;
        default: /* a retry; a budget is no layer */
            bits |= shape_retry(pipeline, (weir_retry *)policy);
            break;
        }
    }
    if (pipeline->timed)
        bits |= WEIR__TIMED;
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

/* Makes what is missing with the clock and memory of the pipeline. */
static int make_timeout(const weir_pipeline *pipeline, uint64_t timeout_ns,
                        weir_timeout **out)
{
    weir_timeout_options o;
    weir_timeout_options_init(&o, sizeof o);
    o.timeout_ns = timeout_ns;
    o.clock = pipeline->clock;
    o.allocator = pipeline->allocator;
    return weir_timeout_new(out, &o);
}

static int make_retry(const weir_pipeline *pipeline, weir_retry *given,
                      weir_retry **out)
{
    weir_retry_options o;
    weir_retry_options_init(&o, sizeof o);
    o.clock = pipeline->clock;
    o.allocator = pipeline->allocator;
    weir_retry_ref(*out = given);
    return given ? WEIR_OK : weir_retry_new(out, &o);
}

static int make_breaker(const weir_pipeline *pipeline, weir_breaker *given,
                        weir_breaker **out)
{
    weir_breaker_options o;
    weir_breaker_options_init(&o, sizeof o);
    o.clock = pipeline->clock;
    o.allocator = pipeline->allocator;
    weir_breaker_ref(*out = given);
    return given ? WEIR_OK : weir_breaker_new(out, &o);
}

static int make_bulkhead(const weir_pipeline *pipeline, weir_bulkhead *given,
                         weir_bulkhead **out)
{
    weir_bulkhead_options o;
    weir_bulkhead_options_init(&o, sizeof o);
    o.clock = pipeline->clock;
    o.allocator = pipeline->allocator;
    weir_bulkhead_ref(*out = given);
    return given ? WEIR_OK : weir_bulkhead_new(out, &o);
}

static void remove_down_to(weir_pipeline *pipeline, uint32_t count)
{
    while (pipeline->count > count)
        weir__policy_unref(pipeline->layers[--pipeline->count]);
}

int weir_pipeline_add_recommended(weir_pipeline *pipeline, uint64_t total_ns,
                                  uint64_t attempt_ns, weir_retry *retry,
                                  weir_breaker *breaker,
                                  weir_bulkhead *bulkhead)
{
    weir_timeout *total = NULL, *attempt = NULL;
    weir_retry *r = NULL;
    weir_breaker *b = NULL;
    weir_bulkhead *k = NULL;
    if (!pipeline || attempt_ns > total_ns)
        return WEIR_EINVAL;
    uint32_t count = pipeline->count;
    int status = make_timeout(pipeline, total_ns, &total);
    if (status == WEIR_OK)
        status = make_timeout(pipeline, attempt_ns, &attempt);
    if (status == WEIR_OK)
        status = make_retry(pipeline, retry, &r);
    if (status == WEIR_OK)
        status = make_breaker(pipeline, breaker, &b);
    if (status == WEIR_OK)
        status = make_bulkhead(pipeline, bulkhead, &k);
    if (status == WEIR_OK)
        status = weir_pipeline_add_timeout(pipeline, total);
    if (status == WEIR_OK)
        status = weir_pipeline_add_retry(pipeline, r);
    if (status == WEIR_OK)
        status = weir_pipeline_add_breaker(pipeline, b);
    if (status == WEIR_OK)
        status = weir_pipeline_add_bulkhead(pipeline, k);
    if (status == WEIR_OK)
        status = weir_pipeline_add_timeout(pipeline, attempt);
    if (status != WEIR_OK)
        remove_down_to(pipeline, count);
    weir_timeout_unref(total);
    weir_timeout_unref(attempt);
    weir_retry_unref(r);
    weir_breaker_unref(b);
    weir_bulkhead_unref(k);
    return status;
}

int weir_pipeline_new_recommended(weir_pipeline **out, uint64_t total_ns,
                                  uint64_t attempt_ns)
{
    weir_pipeline *pipeline;
    int status = out ? weir_pipeline_new(&pipeline, NULL) : WEIR_EINVAL;
    if (status != WEIR_OK)
        return status;
    status = weir_pipeline_add_recommended(pipeline, total_ns, attempt_ns,
                                           NULL, NULL, NULL);
    if (status == WEIR_OK)
        status = weir_pipeline_seal(pipeline);
    if (status == WEIR_OK)
        *out = pipeline;
    else
        weir_pipeline_unref(pipeline);
    return status;
}
