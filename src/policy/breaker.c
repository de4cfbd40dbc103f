#include "policy/breaker.h"

#include "base/options.h"
#include "base/time.h"

static weir__breaker_core *core_of(const weir_breaker *breaker)
{
    return (weir__breaker_core *)&breaker->core;
}

/* ---- options, life ---- */

static const weir_breaker_options defaults = {
    .size = sizeof(weir_breaker_options),
    .failure_threshold = 5,
    .open_ns = 60 * WEIR__SECOND,
    .probes = 3,
    .probe_successes = 3,
    .lease_ns = 60 * WEIR__SECOND,
};

int weir_breaker_options_init(weir_breaker_options *options, uint32_t size)
{
    return weir__options_init(options, size, &defaults, sizeof defaults,
                              sizeof defaults);
}

static int valid(const weir_breaker_options *o)
{
    return o->failure_threshold >= 1 && o->failure_threshold <= 1000000 &&
           o->open_ns >= 1 && o->open_ns <= WEIR__YEAR && o->probes >= 1 &&
           o->probes <= 16 && o->probe_successes >= 1 &&
           o->probe_successes <= 1000 && o->lease_ns >= 1 &&
           o->lease_ns <= WEIR__YEAR;
}

static void finish(weir__policy *policy)
{
    weir__events_free(&((weir_breaker *)policy)->events);
}

int weir_breaker_new(weir_breaker **out, const weir_breaker_options *options)
{
    weir_breaker_options o = defaults;
    int status = out ? weir__options_copy(&o, sizeof o, sizeof o, options)
                     : WEIR_EINVAL;
    if (status != WEIR_OK)
        return status;
    if (!valid(&o))
        return WEIR_EINVAL;
    weir_breaker *breaker = weir__policy_new(WEIR__BREAKER, sizeof *breaker,
                                             o.clock, o.allocator);
    if (!breaker)
        return WEIR_ENOMEM;
    breaker->policy.finish = finish;
    breaker->limits.threshold = o.failure_threshold;
    breaker->limits.open_ns = o.open_ns;
    breaker->limits.lease_ns = o.lease_ns;
    breaker->limits.probes = o.probes;
    breaker->limits.probe_successes = o.probe_successes;
    breaker->made_ns = weir_clock_now_ns(breaker->policy.clock);
    weir__breaker_core_init(&breaker->core);
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
    weir__transition transition = {0, 0, 0, 0};
    uint64_t age_ns = age_if_known(breaker, now_ns);
    int status = weir__breaker_core_acquire(&breaker->core, &breaker->limits,
                                            age_ns, out_permit, &transition);
    if (status == WEIR__ASK_TIME) {
        age_ns = age(breaker, WEIR_NOW);
        status = weir__breaker_core_acquire(&breaker->core, &breaker->limits,
                                            age_ns, out_permit, &transition);
    }
    publish(breaker, &transition, age_ns);
    return status;
}

int weir__breaker_record(weir_breaker *breaker, uint64_t permit, int outcome,
                         uint64_t now_ns)
{
    weir__transition transition = {0, 0, 0, 0};
    uint64_t age_ns = age_if_known(breaker, now_ns);
    int status =
        weir__breaker_core_record(&breaker->core, &breaker->limits, age_ns,
                                  permit, outcome, &transition);
    if (status == WEIR__ASK_TIME) {
        age_ns = age(breaker, WEIR_NOW);
        status =
            weir__breaker_core_record(&breaker->core, &breaker->limits, age_ns,
                                      permit, outcome, &transition);
    }
    publish(breaker, &transition, age_ns);
    return status;
}

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
    (void)elapsed_ns;
    if (!breaker || !weir__outcome_valid(outcome))
        return WEIR_EINVAL;
    return weir__breaker_record(breaker, permit, outcome, WEIR_NOW);
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

int weir_breaker_mode(const weir_breaker *breaker)
{
    if (!breaker)
        return WEIR_EINVAL;
    return weir__word_mode(weir__load_acquire(&core_of(breaker)->word));
}

uint64_t weir__breaker_retry_after(const weir_breaker *breaker,
                                   uint64_t now_ns)
{
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
        if (weir__word_next_probe(core, &breaker->limits, w, age_ns) != w)
            return 0;
        return weir__lease_left(core, &breaker->limits, age_ns);
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

/* ---- manual control ---- */

int weir_breaker_set_mode(weir_breaker *breaker, int mode)
{
    weir__transition transition = {0, 0, 0, 0};
    if (!breaker || (mode != WEIR_AUTOMATIC && mode != WEIR_FORCED_OPEN &&
                     mode != WEIR_DISABLED))
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
    if (!breaker || !fn) {
        if (destroy)
            destroy(arg);
        return WEIR_EINVAL;
    }
    return weir__events_listen(&breaker->events, breaker->policy.allocator, fn,
                               arg, destroy, current_generation, breaker);
}
