#include "policy/breaker.h"

#include "base/callback.h"
#include "base/clock.h"
#include "base/time.h"

static weir__breaker_core *core_of(const weir_breaker *breaker)
{
    return (weir__breaker_core *)&breaker->core;
}

/* ---- life ---- */

/* So that, at the end of time, all the time that the word can tell has passed,
 * and no breaker is open any more. */
#define LATEST_START \
    (WEIR_NEVER - 1 - ((WEIR__PAYLOAD_MASK + 1) << WEIR__TICK_SHIFT))

static void finish(weir__policy *policy)
{
    weir_breaker *breaker = (weir_breaker *)policy;
    weir__breaker_limits *limits = atomic_load(&breaker->limits), *next;
    for (; limits != &breaker->first_limits; limits = next) {
        next = limits->next;
        weir__release(policy->allocator, limits, sizeof *limits);
    }
    weir__breaker_window_free(breaker);
    weir__events_free(&breaker->events);
}

int weir_breaker_new(weir_breaker **out, const weir_breaker_options *options)
{
    weir__breaker_limits limits;
    weir_breaker_options o;
    int status = out ? weir__breaker_limits_from(&limits, &o, options)
                     : WEIR_EINVAL;
    if (status != WEIR_OK)
        return status;
    weir_breaker *breaker = weir__policy_new(
        WEIR__BREAKER, sizeof *breaker + weir__breaker_window_bytes(&o),
        o.clock, o.allocator);
    if (!breaker)
        return WEIR_ENOMEM;
    breaker->policy.finish = finish;
    breaker->window = o.window;
    breaker->timed = o.slow_call_ns != WEIR_NEVER;
    breaker->first_limits = limits;
    atomic_init(&breaker->limits, &breaker->first_limits);
    breaker->made_ns = weir__time_min(
        weir_clock_now_ns(breaker->policy.clock), LATEST_START);
    weir__breaker_core_init(&breaker->core);
    weir__breaker_window_init(breaker, &o);
    *out = breaker;
    return WEIR_OK;
}

void weir_breaker_ref(weir_breaker *breaker)
{
    if (breaker)
        weir__ref_take(&breaker->policy.ref);
}

void weir_breaker_unref(weir_breaker *breaker)
{
    weir__policy_unref((weir__policy *)breaker);
}

/* ---- time and listeners around the core ---- */

/* The core counts from the making of the breaker. */
static uint64_t age(const weir_breaker *breaker, uint64_t now_ns)
{
    if (now_ns == WEIR_NOW)
        now_ns = weir_clock_now_ns(breaker->policy.clock);
    return weir__time_since(now_ns, breaker->made_ns);
}

/* Late by a little, which spans of this length do not mind. */
static uint64_t age_for_window(const weir_breaker *breaker, uint64_t now_ns)
{
    if (now_ns == WEIR_NOW &&
        breaker->u.time.window.span_ns >= 4 * WEIR__COARSE_LAG_NS)
        now_ns = weir__clock_coarse_ns(breaker->policy.clock);
    return age(breaker, now_ns);
}

static uint64_t age_if_known(const weir_breaker *breaker, uint64_t now_ns)
{
    return now_ns == WEIR_NOW ? WEIR_NOW : age(breaker, now_ns);
}

static void publish(weir_breaker *breaker, const weir__transition *transition,
                    uint64_t age_ns)
{
    if (!transition->happened)
        return;
    weir_event event = {0};
    event.kind = transition->from == WEIR_HALF_OPEN &&
                         transition->to == WEIR_HALF_OPEN
                     ? WEIR_EVENT_PROBES
                     : WEIR_EVENT_TRANSITION;
    event.sequence = transition->generation;
    event.at_ns = age_ns == WEIR_NOW ? WEIR_NEVER : breaker->made_ns + age_ns;
    event.from = transition->from;
    event.to = transition->to;
    weir__events_publish(&breaker->events, event);
}

int weir__breaker_acquire(weir_breaker *breaker, uint64_t now_ns,
                          uint64_t *out_permit)
{
    const weir__breaker_limits *limits = weir__breaker_limits_of(breaker);
    weir__transition transition = {0, 0, 0, 0};
    uint64_t age_ns = age_if_known(breaker, now_ns);
    int status = weir__breaker_core_acquire(&breaker->core, limits, age_ns,
                                            out_permit, &transition);
    if (status == WEIR__ASK_TIME) {
        if (weir__breaker_rejects(breaker))
            return WEIR_EOPEN;
        age_ns = age(breaker, WEIR_NOW);
        status = weir__breaker_core_acquire(&breaker->core, limits, age_ns,
                                            out_permit, &transition);
    }
    publish(breaker, &transition, age_ns);
    return status;
}

/* ---- recording ---- */

/* Counts of the state itself: failures in a row, probes. */
static int record_in_core(weir_breaker *breaker,
                          const weir__breaker_limits *limits, uint64_t permit,
                          int outcome, uint64_t now_ns)
{
    weir__transition transition = {0, 0, 0, 0};
    uint64_t age_ns = age_if_known(breaker, now_ns);
    int status = weir__breaker_core_record(&breaker->core, limits, age_ns,
                                           permit, outcome, &transition);
    if (status == WEIR__ASK_TIME) {
        age_ns = age(breaker, WEIR_NOW);
        status = weir__breaker_core_record(&breaker->core, limits, age_ns,
                                           permit, outcome, &transition);
    }
    publish(breaker, &transition, age_ns);
    return status;
}

static __attribute__((noinline)) void trip(weir_breaker *breaker,
                                           const weir__breaker_limits *limits,
                                           uint64_t generation,
                                           uint64_t now_ns)
{
    weir__transition transition = {0, 0, 0, 0};
    uint64_t age_ns = age(breaker, now_ns);
    weir__breaker_core_trip(&breaker->core, limits, generation, age_ns,
                            &transition);
    publish(breaker, &transition, age_ns);
}

static int record_in_window(weir_breaker *breaker,
                            const weir__breaker_limits *limits,
                            uint64_t permit, uint32_t outcome,
                            uint64_t now_ns)
{
    static const weir__rates never = {2.0, 2.0, 1, 0, 0, 0};
    int observes = weir__word_state(permit) == WEIR_METRICS_ONLY, trips;
    uint64_t generation = weir__word_generation(permit);
    uint64_t age_ns = breaker->window == WEIR_WINDOW_TIME
                          ? age_for_window(breaker, now_ns)
                          : age_if_known(breaker, now_ns);
    int counted = weir__breaker_window_record(
        breaker, observes ? &never : &limits->rates, generation, outcome,
        age_ns, &trips);
    if (weir__unlikely(trips))
        trip(breaker, limits, generation, now_ns);
    else if (weir__unlikely(atomic_load(&breaker->limits) != limits) &&
             !observes)
        weir__breaker_window_watch(breaker);
    return counted ? WEIR_OK : WEIR_ESTALE;
}

/* Plain successes have a copy of this code to themselves. */
static int succeed_in_count(weir_breaker *breaker,
                            const weir__breaker_limits *limits,
                            uint64_t generation)
{
    int counted;
    if (weir__unlikely(weir__cw_record(&breaker->u.count, &limits->rates,
                                       &breaker->core.word, generation, 0,
                                       &counted) == WEIR__TRIPPED))
        trip(breaker, limits, generation, WEIR_NOW);
    return counted ? WEIR_OK : WEIR_ESTALE;
}

/* A success whose permit has gone stale may still be counted, in a generation
 * that nobody reads any more. */
void weir__breaker_succeed(weir_breaker *breaker, uint64_t word,
                           uint64_t elapsed_ns)
{
    const weir__breaker_limits *limits = weir__breaker_limits_of(breaker);
    uint64_t permit = weir__permit(word, 0);
    int slow = elapsed_ns != WEIR_NEVER && elapsed_ns > limits->slow_call_ns;
    if (breaker->window == WEIR_WINDOW_COUNT && !slow)
        succeed_in_count(breaker, limits, weir__word_generation(word));
    else if (breaker->window == WEIR_WINDOW_CONSECUTIVE)
        record_in_core(breaker, limits, permit, WEIR_SUCCESS, WEIR_NOW);
    else
        record_in_window(breaker, limits, permit,
                         slow ? (uint32_t)WEIR__SLOW : 0, WEIR_NOW);
}

int weir__breaker_record(weir_breaker *breaker, uint64_t permit, int outcome,
                         uint64_t elapsed_ns, uint64_t now_ns)
{
    const weir__breaker_limits *limits = weir__breaker_limits_of(breaker);
    int state = weir__word_state(permit);
    int failed = weir__outcome_failed(outcome);
    int healthy = weir__outcome_healthy(outcome);
    int slow = breaker->timed && elapsed_ns != WEIR_NEVER &&
               elapsed_ns > limits->slow_call_ns;
    if (breaker->window == WEIR_WINDOW_CONSECUTIVE ||
        (state != WEIR_CLOSED && state != WEIR_METRICS_ONLY))
        return record_in_core(breaker, limits, permit,
                              slow && healthy ? WEIR_TRANSIENT : outcome,
                              now_ns);
    if (!weir__breaker_core_valid(&breaker->core, permit))
        return WEIR_ESTALE;
    if (!failed && !healthy)
        return WEIR_OK;
    return record_in_window(breaker, limits, permit,
                            (uint32_t)(failed ? WEIR__FAILED : 0) |
                                (uint32_t)(slow ? WEIR__SLOW : 0),
                            now_ns);
}

/* ---- the API of permits ---- */

int weir_breaker_acquire(weir_breaker *breaker, uint64_t *out_permit)
{
    if (!breaker || !out_permit)
        return WEIR_EINVAL;
    uint64_t w = weir__load_acquire(&breaker->core.word);
    if (weir__likely(weir__word_passes(w))) {
        *out_permit = weir__permit(w, 0);
        return WEIR_OK;
    }
    return weir__breaker_acquire(breaker, WEIR_NOW, out_permit);
}

int weir_breaker_record(weir_breaker *breaker, uint64_t permit, int outcome,
                        uint64_t elapsed_ns)
{
    if (!breaker || !weir__outcome_valid(outcome))
        return WEIR_EINVAL;
    /* a word that is the permit itself has no failures, and no probes */
    if (weir__likely(breaker->window != WEIR_WINDOW_TIME &&
                     weir__outcome_healthy(outcome) &&
                     weir__load_acquire(&breaker->core.word) == permit)) {
        if (weir__likely(breaker->window == WEIR_WINDOW_CONSECUTIVE))
            return WEIR_OK;
        if (!breaker->timed && weir__word_passes(permit))
            return succeed_in_count(breaker, weir__breaker_limits_of(breaker),
                                    weir__word_generation(permit));
    }
    return weir__breaker_record(breaker, permit, outcome, elapsed_ns,
                                WEIR_NOW);
}

/* ---- looking ---- */

int weir_breaker_state(const weir_breaker *breaker)
{
    if (!breaker)
        return WEIR_EINVAL;
    uint64_t w = weir__load_acquire(&core_of(breaker)->word);
    if (weir__word_state(w) == WEIR_OPEN &&
        weir__ticks_down(age(breaker, WEIR_NOW)) >= weir__word_payload(w))
        return WEIR_HALF_OPEN;
    return weir__word_state(w);
}

/* The cheap clock is late: far from the end it is good enough. */
int weir__breaker_rejects(const weir_breaker *breaker)
{
    uint64_t w = weir__load_acquire(&core_of(breaker)->word);
    if (weir__word_state(w) != WEIR_OPEN)
        return weir__word_state(w) == WEIR_FORCED_OPEN;
    uint64_t now_ns = weir__clock_coarse_ns(breaker->policy.clock);
    return weir__ticks_down(weir__time_add(age(breaker, now_ns),
                                           WEIR__COARSE_LAG_NS)) <
               weir__word_payload(w) ||
           weir__ticks_down(age(breaker, WEIR_NOW)) < weir__word_payload(w);
}

int weir_breaker_mode(const weir_breaker *breaker)
{
    if (!breaker)
        return WEIR_EINVAL;
    return weir__word_mode(weir__load_acquire(&core_of(breaker)->word));
}

uint64_t weir__breaker_retry_after(const weir_breaker *breaker,
                                   uint64_t now_ns)
{
    const weir__breaker_limits *limits = weir__breaker_limits_of(breaker);
    weir__breaker_core *core = core_of(breaker);
    uint64_t w = weir__load_acquire(&core->word);
    uint64_t age_ns;
    switch (weir__word_state(w)) {
    case WEIR_OPEN:
        age_ns = age(breaker, now_ns);
        return weir__time_since(weir__word_payload(w) << WEIR__TICK_SHIFT,
                                age_ns);
    case WEIR_HALF_OPEN:
        age_ns = age(breaker, now_ns);
        if (weir__word_next_probe(core, limits, w, age_ns) != w)
            return 0;
        return weir__lease_left(core, limits, age_ns);
    case WEIR_FORCED_OPEN:
        return WEIR_NEVER;
    default:
        return 0;
    }
}

uint64_t weir_breaker_retry_after_ns(const weir_breaker *breaker)
{
    return breaker ? weir__breaker_retry_after(breaker, WEIR_NOW) : 0;
}

int weir_breaker_inspect(const weir_breaker *breaker,
                         weir_breaker_snapshot *out)
{
    if (!breaker || !out || out->size < sizeof *out)
        return WEIR_EINVAL;
    uint64_t w = weir__load_acquire(&core_of(breaker)->word);
    uint64_t age_ns = age(breaker, WEIR_NOW);
    weir__totals totals;
    weir__breaker_window_totals(breaker, weir__word_generation(w), age_ns,
                                &totals);
    out->state = weir_breaker_state(breaker);
    out->generation = weir__word_generation(w);
    out->calls = totals.calls;
    out->failed = breaker->window == WEIR_WINDOW_CONSECUTIVE &&
                          weir__word_state(w) != WEIR_OPEN &&
                          weir__word_state(w) != WEIR_HALF_OPEN
                      ? weir__word_payload(w)
                      : totals.failed;
    out->slow = totals.slow;
    out->retry_after_ns = weir_breaker_retry_after_ns(breaker);
    return WEIR_OK;
}

/* ---- manual control ---- */

int weir_breaker_set_mode(weir_breaker *breaker, int mode)
{
    weir__transition transition = {0, 0, 0, 0};
    if (!breaker || (mode != WEIR_AUTOMATIC && mode != WEIR_FORCED_OPEN &&
                     mode != WEIR_DISABLED && mode != WEIR_METRICS_ONLY))
        return WEIR_EINVAL;
    weir__breaker_core_set_mode(&breaker->core, mode, &transition);
    publish(breaker, &transition, WEIR_NOW);
    return WEIR_OK;
}

void weir_breaker_reset(weir_breaker *breaker)
{
    weir__transition transition = {0, 0, 0, 0};
    if (!breaker)
        return;
    weir__breaker_core_reset(&breaker->core, &transition);
    publish(breaker, &transition, WEIR_NOW);
}

static uint32_t current_generation(const void *handle)
{
    const weir_breaker *breaker = handle;
    return (uint32_t)weir__word_generation(
        weir__load_seq_cst(&core_of(breaker)->word));
}

int weir_breaker_listen(weir_breaker *breaker, weir_listener_fn fn, void *arg,
                        weir_destroy_fn destroy)
{
    int status = WEIR_EINVAL;
    if (breaker && fn)
        status = weir__events_listen(
            &breaker->events, breaker->policy.allocator, fn, arg, destroy,
            current_generation, breaker);
    if (status != WEIR_OK)
        weir__call_back(destroy, arg);
    return status;
}
