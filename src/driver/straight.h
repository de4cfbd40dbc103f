/* The straight path: what a healthy call has to do, and nothing else.
 *
 * One inline source, instantiated with a constant shape for pipelines (run.c)
 * and for policies used alone (single.c).  Nothing is held before the
 * function runs but a permit that can be put back, so whatever is not trivial
 * at the start begins again on the general path, and whatever is not trivial
 * at the end (something said by the attempt, a failure that may be retried or
 * be late) goes on there from the state reached; only a retry that never waits,
 * and is all there is, goes round here.  Timeouts and retries do
 * nothing after a success: a success that arrives is a success.
 *
 * What the end needs is kept in the frame, not in registers: a healthy call
 * looks at next to nothing of it, and saves no registers for the rest. */
#ifndef WEIR_DRIVER_STRAIGHT_H
#define WEIR_DRIVER_STRAIGHT_H

#include "base/time.h"
#include "driver/blocking.h"

#define WEIR__INLINE static inline __attribute__((always_inline))
#define WEIR__COLD static __attribute__((noinline, cold))

/* Part of a shape, here only: the handle is one policy, not a pipeline. */
enum { WEIR__ALONE = 16 };

WEIR__INLINE weir_breaker *weir__straight_breaker(uint32_t shape, void *handle)
{
    return shape & WEIR__ALONE ? handle : ((weir_pipeline *)handle)->breaker;
}

WEIR__INLINE weir_bulkhead *weir__straight_bulkhead(uint32_t shape,
                                                    void *handle)
{
    return shape & WEIR__ALONE ? handle : ((weir_pipeline *)handle)->bulkhead;
}

WEIR__INLINE weir_clock *weir__straight_clock(uint32_t shape, void *handle)
{
    return shape & WEIR__ALONE ? ((weir__policy *)handle)->clock
                               : ((weir_pipeline *)handle)->clock;
}

/* ---- turning off ---- */

/* A policy alone is a pipeline of one, made when the path turns off. */
WEIR__INLINE weir_pipeline *weir__straight_pipeline(uint32_t shape,
                                                    void *handle,
                                                    weir_pipeline *view)
{
    if (!(shape & WEIR__ALONE))
        return handle;
    weir__pipeline_view(view, handle);
    return view;
}

WEIR__COLD int weir__turn_off_before(uint32_t shape, void *handle, weir_fn fn,
                                     void *arg)
{
    weir_pipeline view;
    weir_call_options options;
    weir_call_options_init(&options, sizeof options);
    return weir__blocking_run(weir__straight_pipeline(shape, handle, &view),
                              &options, fn, arg, NULL);
}

/* A retry or a timeout has something to say about a failure. */
WEIR__INLINE int weir__straight_retries(uint32_t shape, const void *handle)
{
    return shape & WEIR__ALONE
               ? !(shape & (WEIR__GUARDED | WEIR__LIMITED))
               : (int)((const weir_pipeline *)handle)->retries;
}

/* A failure that nothing tries again, and that cannot be late. */
static void weir__straight_fail(uint32_t shape, weir__straight *s, int outcome)
{
    if (shape & WEIR__GUARDED)
        weir__breaker_record(weir__straight_breaker(shape, s->handle),
                             weir__permit(s->word, 0), outcome, WEIR_NEVER,
                             WEIR_NOW);
    if (shape & WEIR__LIMITED)
        weir__bulkhead_release(weir__straight_bulkhead(shape, s->handle));
}

static inline int weir__straight_classify(uint32_t shape, const void *handle,
                                          int code)
{
    return shape & WEIR__ALONE ? weir_classify_default(code, NULL)
                               : weir__pipeline_classify(handle, code);
}

/* The retry that is all there is, if it never waits; or NULL. */
static inline const weir_retry *weir__straight_at_once(uint32_t shape,
                                                       void *handle)
{
    const weir_pipeline *pipeline = handle;
    const weir_retry *retry = handle;
    if (shape & (WEIR__TIMED | WEIR__GUARDED | WEIR__LIMITED))
        return NULL;
    if (!(shape & WEIR__ALONE)) {
        if (pipeline->count != 1)
            return NULL;
        retry = (const weir_retry *)pipeline->layers[0];
    }
    return retry->at_once ? retry : NULL;
}

/* Tries again as long as the attempts say nothing but a code.  1: *code is the
 * end of it. */
static int weir__straight_again(uint32_t shape, weir__straight *s,
                                const weir_retry *retry, int *code)
{
    weir__retry_progress progress = {0, 0, 0, 0};
    uint32_t said = 0;
    while (s->attempt.said == said) {
        if (!weir__outcome_retryable(
                weir__straight_classify(shape, s->handle, *code)) ||
            !weir__retry_at_once(retry, &progress))
            return 1;
        said = s->attempt.said = progress.attempts << WEIR__SAID_BITS;
        *code = s->fn(&s->attempt, s->arg);
    }
    return 0;
}

static __attribute__((noinline)) int
weir__turn_off_after(uint32_t shape, weir__straight *s, int code)
{
    weir_pipeline view;
    const weir_retry *retry = weir__straight_at_once(shape, s->handle);
    if (retry && weir__straight_again(shape, s, retry, &code))
        return code;
    if (!(shape & WEIR__TIMED) && s->attempt.said == 0 &&
        !weir__straight_retries(shape, s->handle)) {
        weir__straight_fail(shape, s,
                            weir__straight_classify(shape, s->handle, code));
        return code;
    }
    return weir__blocking_go_on(
        weir__straight_pipeline(shape, s->handle, &view), s, code);
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

/* What to undo when the function is unwound. */
WEIR__COLD void weir__unwound(uint32_t shape, weir__straight *s)
{
    weir__straight_fail(shape, s, WEIR_TRANSIENT);
}

typedef struct weir__inside {
    uint32_t shape; /* 0: outside of the function, or nothing to undo */
    weir__straight *straight;
} weir__inside;

WEIR__INLINE void weir__undo_if_inside(const weir__inside *inside)
{
    if (inside->shape & (WEIR__GUARDED | WEIR__LIMITED))
        weir__unwound(inside->shape, inside->straight);
}

/* ---- the path ---- */

/* The same for a bulkhead: nothing free, no place in the queue, and no permit
 * of abandoned work to take back.  Breakers outside of it are closed, and a
 * closed breaker's permit needs no giving back. */
static __attribute__((noinline)) int
weir__straight_full(uint32_t shape, void *handle, weir_fn fn, void *arg)
{
    if ((shape & WEIR__ALONE || ((weir_pipeline *)handle)->limit_first) &&
        weir__bulkhead_is_full(weir__straight_bulkhead(shape, handle)))
        return WEIR_EFULL;
    return weir__turn_off_before(shape, handle, fn, arg);
}

/* Rejects at once where nothing outside of the breaker has to hear of it. */
static __attribute__((noinline)) int
weir__straight_shut(uint32_t shape, void *handle, weir_fn fn, void *arg)
{
    if ((shape & WEIR__ALONE || ((weir_pipeline *)handle)->gate_first) &&
        weir__breaker_rejects(weir__straight_breaker(shape, handle)))
        return WEIR_EOPEN;
    return weir__turn_off_before(shape, handle, fn, arg);
}

static __attribute__((noinline)) void
weir__straight_succeed(uint32_t shape, const weir__straight *s)
{
    weir_breaker *breaker = weir__straight_breaker(shape, s->handle);
    uint64_t elapsed_ns =
        breaker->timed
            ? weir__stamp_elapsed_ns(weir__straight_clock(shape, s->handle),
                                     &s->attempt.began)
            : WEIR_NEVER;
    weir__breaker_succeed(breaker, s->word, elapsed_ns);
}

/* shape     a constant
 * handle    a pipeline, or a policy when the shape is ALONE
 * limit_ns  the shortest timeout; WEIR_NEVER: none */
WEIR__INLINE int weir__straight_run(const uint32_t shape, void *handle,
                                    weir_budget *budget, uint64_t limit_ns,
                                    weir_fn fn, void *arg)
{
    weir__straight s;
    weir__inside inside __attribute__((cleanup(weir__undo_if_inside)));
    inside.shape = 0;
    inside.straight = &s;
    if (shape & WEIR__GUARDED) {
        s.word = weir__load_acquire(
            &weir__straight_breaker(shape, handle)->core.word);
        if (weir__unlikely(!weir__word_passes(s.word)))
            return weir__straight_shut(shape, handle, fn, arg);
    }
    if ((shape & WEIR__LIMITED) &&
        weir__unlikely(!weir__bulkhead_take(
            weir__straight_bulkhead(shape, handle))))
        return weir__straight_full(shape, handle, fn, arg);
    /* who has left the permit may have tripped the breaker before */
    if ((shape & WEIR__GUARDED) && (shape & WEIR__LIMITED) &&
        weir__unlikely(((weir_pipeline *)handle)->gate_inside) &&
        weir__word_moved(weir__load_acquire(&weir__straight_breaker(
                             shape, handle)->core.word),
                         s.word)) {
        weir__bulkhead_release(weir__straight_bulkhead(shape, handle));
        return weir__turn_off_before(shape, handle, fn, arg);
    }
    s.attempt.call = NULL;
    s.attempt.said = 0;
    s.attempt.deadline_ns = WEIR_NEVER;
    s.attempt.clock = weir__straight_clock(shape, handle);
    if (shape & WEIR__TIMED) {
        s.attempt.began = weir__stamp_take(s.attempt.clock);
        s.attempt.deadline_ns = limit_ns;
    }
    if (weir__unlikely(budget != NULL))
        weir__budget_core_deposit(&budget->core, &budget->limits);
    s.handle = handle;
    s.fn = fn;
    s.arg = arg;
    inside.shape = shape;
    int code = fn(&s.attempt, arg);
    int healthy = code == 0;
    if (!(shape & WEIR__ALONE) &&
        weir__unlikely(((weir_pipeline *)s.handle)->classified))
        healthy = weir__classified_success(s.handle, &s.attempt, code);
    inside.shape = 0;
    if (weir__unlikely(!healthy || s.attempt.said != 0))
        return weir__turn_off_after(shape, &s, code);
    if ((shape & WEIR__GUARDED) &&
        weir__unlikely(!weir__breaker_success_is_nothing(
            weir__straight_breaker(shape, s.handle))))
        weir__straight_succeed(shape, &s);
    if (shape & WEIR__LIMITED)
        weir__bulkhead_release(weir__straight_bulkhead(shape, s.handle));
    return code;
}

#endif
