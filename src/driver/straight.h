/* The straight path: what a healthy call has to do, and nothing else.
 *
 * One inline source, instantiated with a constant shape for pipelines (run.c)
 * and for policies used alone (single.c).  Nothing is held before the
 * function runs but a permit that can be put back, so whatever is not trivial
 * at the start begins again on the general path, and whatever is not trivial
 * at the end (an error code, something said by the attempt) goes on there
 * from the state reached.  Timeouts and retries do nothing after a success: a
 * success that arrives is a success. */
#ifndef WEIR_DRIVER_STRAIGHT_H
#define WEIR_DRIVER_STRAIGHT_H

#include "base/time.h"
#include "driver/blocking.h"

#define WEIR__INLINE static inline __attribute__((always_inline))
#define WEIR__COLD static __attribute__((noinline, cold))

/* What to undo when the function is unwound. */
typedef struct weir__undo {
    int inside;
    weir_breaker *breaker;
    weir_bulkhead *bulkhead;
    uint64_t word;
} weir__undo;

WEIR__COLD void weir__undo_now(const weir__undo *undo)
{
    if (undo->breaker)
        weir__breaker_record(undo->breaker, weir__permit(undo->word, 0),
                             WEIR_TRANSIENT, WEIR_NEVER, WEIR_NOW);
    if (undo->bulkhead)
        weir__bulkhead_release(undo->bulkhead);
}

WEIR__INLINE void weir__undo_if_inside(const weir__undo *undo)
{
    if (undo->inside) {
        weir__undo copy = *undo;
        weir__undo_now(&copy);
    }
}

/* A policy alone is a pipeline of one, made when the path turns off. */
WEIR__COLD int weir__turn_off_before(weir_pipeline *pipeline,
                                     weir__policy *alone, weir_fn fn,
                                     void *arg)
{
    weir_pipeline view;
    weir_call_options options;
    weir_call_options_init(&options, sizeof options);
    if (alone)
        weir__pipeline_view(pipeline = &view, alone);
    return weir__blocking_run(pipeline, &options, fn, arg, NULL);
}

WEIR__COLD int weir__turn_off_after(weir_pipeline *pipeline,
                                    weir__policy *alone,
                                    const weir__straight *straight, int code,
                                    weir_fn fn, void *arg)
{
    weir_pipeline view;
    if (alone)
        weir__pipeline_view(pipeline = &view, alone);
    return weir__blocking_go_on(pipeline, straight, code, fn, arg);
}

/* What is not a success by the pipeline's own classifier is noted, so that
 * the general path does not ask it again. */
static inline int weir__classified_success(const weir_pipeline *pipeline,
                                           weir_attempt *attempt, int code)
{
    int outcome;
    if (attempt->said & WEIR__SAID_OUTCOME)
        return 0;
    outcome = weir__pipeline_classify(pipeline, code);
    if (outcome != WEIR_SUCCESS || attempt->said != 0)
        weir_attempt_set_outcome(attempt, outcome);
    return outcome == WEIR_SUCCESS;
}

WEIR__COLD void weir__record_success(weir_breaker *breaker,
                                     const weir__straight *straight,
                                     weir_clock *clock)
{
    uint64_t now_ns = WEIR_NOW, elapsed_ns = WEIR_NEVER;
    if (breaker->timed) {
        now_ns = weir_clock_now_ns(clock);
        elapsed_ns = weir__time_since(now_ns, straight->started_ns);
    }
    weir__breaker_record(breaker, weir__permit(straight->word, 0),
                         WEIR_SUCCESS, elapsed_ns, now_ns);
}

/* shape      a constant: TIMED, GUARDED, LIMITED
 * pipeline   NULL when alone is set
 * alone      NULL when pipeline is set */
WEIR__INLINE int weir__straight_run(const uint32_t shape,
                                    weir_pipeline *pipeline,
                                    weir__policy *alone, weir_clock *clock,
                                    weir_breaker *breaker,
                                    weir_bulkhead *bulkhead,
                                    weir_budget *budget, uint64_t shortest_ns,
                                    weir_fn fn, void *arg)
{
    weir__straight s;
    weir__undo undo __attribute__((cleanup(weir__undo_if_inside)));
    uint64_t deadline_ns = WEIR_NEVER;
    undo.inside = 0;
    if (shape & WEIR__GUARDED) {
        s.word = weir__load_acquire(&breaker->core.word);
        if (weir__unlikely(!weir__word_passes(s.word))) {
            if ((alone || pipeline->gate_first) &&
                weir__breaker_rejects(breaker))
                return WEIR_EOPEN;
            return weir__turn_off_before(pipeline, alone, fn, arg);
        }
    }
    if ((shape & WEIR__LIMITED) &&
        weir__unlikely(!weir__bulkhead_core_try(&bulkhead->core)))
        return weir__turn_off_before(pipeline, alone, fn, arg);
    if (shape & WEIR__TIMED) {
        s.started_ns = weir_clock_now_ns(clock);
        deadline_ns = weir__time_add(s.started_ns, shortest_ns);
    }
    if (weir__unlikely(budget != NULL))
        weir__budget_core_deposit(&budget->core, &budget->limits);
    weir__attempt_init(&s.attempt, NULL, clock, deadline_ns, 1);
    undo.breaker = shape & WEIR__GUARDED ? breaker : NULL;
    undo.bulkhead = shape & WEIR__LIMITED ? bulkhead : NULL;
    undo.word = shape & WEIR__GUARDED ? s.word : 0;
    undo.inside = 1;
    int code = fn(&s.attempt, arg);
    int healthy = code == 0;
    if (!alone && weir__unlikely(pipeline->classify != weir_classify_default))
        healthy = weir__classified_success(pipeline, &s.attempt, code);
    undo.inside = 0;
    if (weir__unlikely(!healthy || s.attempt.said != 0))
        return weir__turn_off_after(pipeline, alone, &s, code, fn, arg);
    if ((shape & WEIR__GUARDED) &&
        weir__unlikely(!weir__breaker_success_is_nothing(breaker)))
        weir__record_success(breaker, &s, clock);
    if (shape & WEIR__LIMITED)
        weir__bulkhead_release(bulkhead);
    return code;
}

#endif
