#include "policy/retry.h"

#include "base/clock.h"
#include "base/options.h"
#include "base/random.h"
#include "base/time.h"
#include "policy/outcome.h"

static const weir_retry_options defaults = {
    .size = sizeof(weir_retry_options),
    .max_attempts = 4,
    .base_ns = 100 * WEIR__MS,
    .cap_ns = 30 * WEIR__SECOND,
    .factor = 2.0,
    .hint_max_ns = 60 * WEIR__SECOND,
    .max_elapsed_ns = WEIR_NEVER,
    .backoff = WEIR_BACKOFF_EXPONENTIAL,
    .jitter = WEIR_JITTER_FULL,
};

int weir_retry_options_init(weir_retry_options *options, uint32_t size)
{
    return weir__options_init(options, size, &defaults, sizeof defaults,
                              sizeof defaults);
}

/* Written so that a factor that is not a number is out of range. */
static int valid_times(const weir_retry_options *o)
{
    return o->max_attempts >= 1 && o->max_attempts <= 1000000 &&
           o->cap_ns <= WEIR__DAY && o->base_ns <= o->cap_ns &&
           o->factor >= 1.0 && o->factor <= 1000.0 &&
           o->hint_max_ns <= WEIR__DAY && o->max_elapsed_ns >= 1 &&
           (o->max_elapsed_ns <= WEIR__YEAR ||
            o->max_elapsed_ns == WEIR_NEVER);
}

static int valid(const weir_retry_options *o)
{
#if UINTPTR_MAX == UINT32_MAX
    if (o->fill_32)
        return 0;
#endif
    return valid_times(o) && o->seeded <= 1 &&
           o->backoff >= WEIR_BACKOFF_CONSTANT &&
           o->backoff <= WEIR_BACKOFF_EXPONENTIAL && o->retry_on <= 7 &&
           (!o->budget ||
            o->budget->policy.clock == weir__clock_or_default(o->clock)) &&
           o->jitter >= WEIR_JITTER_NONE &&
           o->jitter <= WEIR_JITTER_DECORRELATED;
}

static void finish(weir__policy *policy)
{
    weir_budget_unref(((weir_retry *)policy)->budget);
}

int weir_retry_new(weir_retry **out, const weir_retry_options *options)
{
    weir_retry_options o = defaults;
    int status = out ? weir__options_copy(&o, sizeof o, sizeof o, options)
                     : WEIR_EINVAL;
    if (status != WEIR_OK)
        return status;
    if (!valid(&o))
        return WEIR_EINVAL;
    weir_retry *retry =
        weir__policy_new(WEIR__RETRY, sizeof *retry, o.clock, o.allocator);
    if (!retry)
        return WEIR_ENOMEM;
    retry->policy.finish = finish;
    retry->budget = o.budget;
    weir_budget_ref(o.budget);
    retry->backoff.base_ns = o.base_ns;
    retry->backoff.cap_ns = o.cap_ns;
    retry->backoff.factor = o.factor;
    retry->backoff.kind = o.backoff;
    retry->backoff.jitter = o.jitter;
    retry->hint_max_ns = o.hint_max_ns;
    retry->max_elapsed_ns = o.max_elapsed_ns;
    retry->retry_on = o.retry_on;
    retry->max_attempts = o.max_attempts;
    retry->seeded = o.seeded;
    retry->seed = o.seeded ? o.seed : weir__random_seed(retry);
    retry->at_once = weir__backoff_is_none(&retry->backoff) && !o.budget &&
                     o.max_elapsed_ns == WEIR_NEVER;
    *out = retry;
    return WEIR_OK;
}

void weir_retry_ref(weir_retry *retry)
{
    if (retry)
        weir__ref_take(&retry->policy.ref);
}

void weir_retry_unref(weir_retry *retry)
{
    weir__policy_unref((weir__policy *)retry);
}

/* 0 where nothing is drawn from it: to know the process takes a system
 * call. */
static uint64_t draw(const weir_retry *retry,
                     const weir__retry_progress *progress)
{
    if (retry->backoff.jitter == WEIR_JITTER_NONE)
        return 0;
    uint64_t seed = retry->seeded ? retry->seed
                                  : weir__random_in_process(retry->seed);
    return weir__random(seed, progress->ordinal, progress->attempts);
}

static uint64_t delay(weir_retry *retry, weir__retry_progress *progress,
                      uint64_t hint_ns)
{
    hint_ns = weir__time_min(hint_ns, retry->hint_max_ns);
    if (weir__backoff_is_none(&retry->backoff))
        return hint_ns;
    return weir__backoff_delay(&retry->backoff, progress->attempts,
                               progress->previous_ns, hint_ns,
                               draw(retry, progress));
}

int weir__retry_next(weir_retry *retry, weir__retry_progress *progress,
                     const weir__retry_event *event, uint64_t *out_delay_ns)
{
    if (!weir__outcome_retryable(event->outcome))
        return WEIR_EFINAL;
    if (progress->attempts >= retry->max_attempts)
        return WEIR_EATTEMPTS;
    if (progress->ordinal == 0)
        progress->ordinal = weir__add_relaxed(&retry->calls, 1u) + 1;
    uint64_t delay_ns = delay(retry, progress, event->hint_ns);
    if (delay_ns >= event->remaining_ns)
        return WEIR_EDEADLINE;
    if (retry->max_elapsed_ns != WEIR_NEVER &&
        weir__time_add(event->elapsed_ns, delay_ns) > retry->max_elapsed_ns)
        return WEIR_EELAPSED;
    if (retry->budget && weir_budget_reserve(retry->budget) != WEIR_OK)
        return WEIR_EBUDGET;
    progress->previous_ns = delay_ns;
    *out_delay_ns = delay_ns;
    return WEIR_OK;
}

int weir__retry_wants(const weir_retry *retry, int rejection)
{
    switch (rejection) {
    case WEIR_EOPEN:
        return (retry->retry_on & WEIR_RETRY_OPEN) != 0;
    case WEIR_EFULL:
        return (retry->retry_on & WEIR_RETRY_FULL) != 0;
    case WEIR_EQUEUETIME:
        return (retry->retry_on & WEIR_RETRY_QUEUETIME) != 0;
    default:
        return 0;
    }
}

int weir_retry_next(weir_retry *retry, weir_retry_state *state,
                    uint64_t *out_delay_ns)
{
    if (!retry || !state || !out_delay_ns || state->size < sizeof *state ||
        state->reserved != 0 || !weir__outcome_valid(state->outcome))
        return WEIR_EINVAL;
    weir__retry_progress progress = {state->ordinal, state->previous_ns, 0,
                                     state->attempts};
    weir__retry_event event = {state->outcome, state->hint_ns,
                               state->elapsed_ns, state->remaining_ns};
    if (progress.attempts == 0)
        weir_budget_deposit(retry->budget);
    if (progress.attempts < UINT32_MAX)
        progress.attempts++;
    int status = weir__retry_next(retry, &progress, &event, out_delay_ns);
    state->ordinal = progress.ordinal;
    state->previous_ns = progress.previous_ns;
    state->attempts = progress.attempts;
    return status;
}
