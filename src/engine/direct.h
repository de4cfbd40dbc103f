/* The direct path: the first attempt of a call, while nothing is special.
 *
 * Most calls find every policy willing and succeed at the first attempt.  Such
 * a call enters all policies in one pass and leaves them in one pass, with the
 * policies' own operations, and without nodes: what these would hold is two
 * words of the call.  A call that cannot enter at once has nothing, or a permit
 * that it gives back, and enters layer by layer instead.  A call that cannot
 * leave at once gets its nodes (weir__direct_spread) and goes on as if it had
 * entered layer by layer. */
#ifndef WEIR_ENGINE_DIRECT_H
#define WEIR_ENGINE_DIRECT_H

#include "base/time.h"
#include "engine/verdict.h"

/* 1: the call runs its own attempt. */
static inline int weir__direct_enter(weir_call *call)
{
    const weir_pipeline *pipeline = call->pipeline;
    const uint32_t shape = pipeline->shape;
    uint64_t deadline_ns = call->deadline_ns;
    if ((shape & WEIR__GENERAL) || weir__call_cancelled(call) ||
        (deadline_ns != WEIR_NEVER && weir__call_now(call) >= deadline_ns))
        return 0;
    if (shape & WEIR__GUARDED) {
        call->passed_word = weir__load_acquire(&pipeline->breaker->core.word);
        if (!weir__word_passes(call->passed_word))
            return 0;
    }
    if (shape & WEIR__LIMITED) {
        if (!weir__bulkhead_take(pipeline->bulkhead))
            return 0;
        /* who has left the permit may have tripped the breaker before */
        if (weir__unlikely(pipeline->gate_inside) &&
            weir__word_moved(
                weir__load_acquire(&pipeline->breaker->core.word),
                call->passed_word)) {
            weir__bulkhead_release(pipeline->bulkhead);
            return 0;
        }
    }
    if (shape & WEIR__TIMED) {
        call->passed_ns = weir__call_now(call);
        deadline_ns = weir__time_min(
            deadline_ns,
            weir__time_add(call->passed_ns, pipeline->shortest_ns));
    }
    if (weir__unlikely(pipeline->budget != 0))
        weir__budget_core_deposit(&pipeline->budget->core,
                                  &pipeline->budget->limits);
    call->state = WEIR__DIRECT;
    weir__call_start(call, call->own_attempt, deadline_ns);
    return 1;
}

/* Nothing ends the attempt yet. */
static inline int weir__direct_goes_on(weir_call *call)
{
    uint64_t deadline_ns = call->attempt->deadline_ns;
    return !weir__call_cancelled(call) &&
           (deadline_ns == WEIR_NEVER || weir__call_now(call) < deadline_ns);
}

/* What is no success by the pipeline's own classifier is noted, so that it is
 * not asked again. */
static inline int weir__direct_success(const weir_pipeline *pipeline,
                                       weir_attempt *attempt, int code)
{
    if (attempt->said != 0)
        return 0;
    if (weir__likely(pipeline->classify == weir_classify_default))
        return code == 0;
    int outcome = weir__pipeline_classify(pipeline, code);
    if (outcome == WEIR_SUCCESS)
        return 1;
    weir_attempt_set_outcome(attempt, outcome);
    return 0;
}

/* The attempt has ended with code.  1: and so has the call. */
static inline int weir__direct_leave(weir_call *call, weir_attempt *attempt,
                                     int code, uint64_t finished_ns)
{
    const weir_pipeline *pipeline = call->pipeline;
    if (!weir__direct_success(pipeline, attempt, code))
        return 0;
    if ((pipeline->shape & WEIR__GUARDED) &&
        weir__unlikely(!weir__breaker_success_is_nothing(pipeline->breaker)))
        weir__breaker_record(pipeline->breaker,
                             weir__permit(call->passed_word, 0), WEIR_SUCCESS,
                             weir__attempt_elapsed(call, attempt, finished_ns),
                             call->now_ns);
    if (pipeline->shape & WEIR__LIMITED)
        weir__bulkhead_release(pipeline->bulkhead);
    call->attempt = 0;
    call->result.last_code = code;
    weir__call_end(call, code);
    return 1;
}

/* Gives a call on the direct path the nodes it would have. */
void weir__direct_spread(weir_call *call);

#endif
