/* The options of a breaker, and their exchange while it lives.
 *
 * Readers take the newest block by one acquire load and keep no reference, so
 * a block that was replaced is kept until the breaker goes. */
#include <string.h>

#include "base/clock.h"
#include "base/options.h"
#include "base/random.h"
#include "base/time.h"
#include "policy/breaker.h"

static const weir_breaker_options defaults = {
    .size = sizeof(weir_breaker_options),
    .window = WEIR_WINDOW_CONSECUTIVE,
    .failure_threshold = 5,
    .minimum_calls = 20,
    .failure_rate = 0.5,
    .slow_rate = 1.0,
    .slow_call_ns = WEIR_NEVER,
    .window_ns = 10 * WEIR__SECOND,
    .window_calls = 100,
    .buckets = 10,
    .open_ns = 60 * WEIR__SECOND,
    .open_max_ns = WEIR__YEAR,
    .open_factor = 1.0,
    .probes = 3,
    .probe_successes = 3,
    .lease_ns = 60 * WEIR__SECOND,
};

int weir_breaker_options_init(weir_breaker_options *options, uint32_t size)
{
    return weir__options_init(options, size, &defaults, sizeof defaults,
                              sizeof defaults);
}

/* ---- ranges; written so that what is not a number is outside ---- */

static int is_share(double x)
{
    return x > 0.0 && x <= 1.0;
}

static int is_duration(uint64_t ns)
{
    return ns >= 1 && ns <= WEIR__YEAR;
}

static int valid_window(const weir_breaker_options *o)
{
    if (o->window > WEIR_WINDOW_TIME || !is_share(o->failure_rate) ||
        !is_share(o->slow_rate) || o->minimum_calls < 1 ||
        o->minimum_calls > 1000000 || o->window_calls < 1 ||
        o->window_calls > WEIR__COUNT_WINDOW_MAX || o->buckets < 1 ||
        o->buckets > WEIR__BUCKETS_MAX ||
        o->window_ns < o->buckets * WEIR__MS || o->window_ns > WEIR__YEAR)
        return 0;
    if (o->window == WEIR_WINDOW_COUNT && o->minimum_calls > o->window_calls)
        return 0;
    return o->slow_call_ns == WEIR_NEVER ||
           (o->window != WEIR_WINDOW_CONSECUTIVE &&
            is_duration(o->slow_call_ns));
}

static int valid_open(const weir_breaker_options *o)
{
    return is_duration(o->open_ns) && o->open_max_ns >= o->open_ns &&
           o->open_max_ns <= WEIR__YEAR && o->open_factor >= 1.0 &&
           o->open_factor <= 1000.0 && o->open_jitter >= 0.0 &&
           o->open_jitter <= 1.0 && o->seeded <= 1 && o->reserved == 0;
}

static int valid(const weir_breaker_options *o)
{
    return o->failure_threshold >= 1 && o->failure_threshold <= 1000000 &&
           valid_window(o) && valid_open(o) && o->probes >= 1 &&
           o->probes <= 16 && o->probe_successes >= 1 &&
           o->probe_successes <= 1000 && is_duration(o->lease_ns);
}

/* One that nobody has chosen. */
static int has_own_seed(const weir__breaker_limits *limits)
{
    return !limits->seeded && limits->open_jitter > 0.0;
}

int weir__breaker_limits_from(weir__breaker_limits *limits,
                              weir_breaker_options *copy,
                              const weir_breaker_options *options)
{
    memset(limits, 0, sizeof *limits);
    *copy = defaults;
    int status = weir__options_copy(copy, sizeof *copy, sizeof *copy, options);
    if (status != WEIR_OK)
        return status;
    if (!valid(copy))
        return WEIR_EINVAL;
    limits->threshold = copy->window == WEIR_WINDOW_CONSECUTIVE
                            ? copy->failure_threshold
                            : WEIR_NEVER;
    limits->slow_call_ns = copy->slow_call_ns;
    limits->open_ns = copy->open_ns;
    limits->open_max_ns = copy->open_max_ns;
    limits->lease_ns = copy->lease_ns;
    limits->open_factor = copy->open_factor;
    limits->open_jitter = copy->open_jitter;
    limits->rates.failed = copy->failure_rate;
    limits->rates.slow = copy->slow_rate;
    limits->rates.minimum = copy->minimum_calls;
    if (copy->window == WEIR_WINDOW_COUNT)
        weir__rates_count_out(&limits->rates, copy->window_calls);
    limits->seeded = copy->seeded;
    limits->seed = copy->seed;
    if (has_own_seed(limits))
        limits->seed = weir__random_seed(limits);
    limits->probes = copy->probes;
    limits->probe_successes = copy->probe_successes;
    limits->next = NULL;
    return WEIR_OK;
}

/* ---- exchange ---- */

static int fits(const weir_breaker *breaker, const weir_breaker_options *o)
{
    const weir__time_window *time = &breaker->u.time.window;
    if (o->window != breaker->window ||
        weir__clock_or_default(o->clock) != breaker->policy.clock ||
        o->allocator != breaker->policy.allocator ||
        (o->slow_call_ns != WEIR_NEVER) != breaker->timed)
        return 0;
    switch (breaker->window) {
    case WEIR_WINDOW_COUNT:
        return o->window_calls == breaker->u.count.calls;
    case WEIR_WINDOW_TIME:
        return o->buckets == time->buckets &&
               o->window_ns / o->buckets == time->span_ns;
    default:
        return 1;
    }
}

/* All but the link, which is last.  limits was set to zero before it was
 * filled in, and so were blocks when they were allocated. */
static int same(const weir__breaker_limits *a, const weir__breaker_limits *b)
{
    return memcmp(a, b, offsetof(weir__breaker_limits, next)) == 0;
}

int weir_breaker_set_options(weir_breaker *breaker,
                             const weir_breaker_options *options)
{
    weir__breaker_limits limits, *block;
    weir_breaker_options copy;
    if (!breaker || !options)
        return WEIR_EINVAL;
    int status = weir__breaker_limits_from(&limits, &copy, options);
    if (status != WEIR_OK)
        return status;
    if (!fits(breaker, &copy))
        return WEIR_EINVAL;
    const weir__breaker_limits *now = weir__breaker_limits_of(breaker);
    if (has_own_seed(now) && has_own_seed(&limits))
        limits.seed = now->seed;
    if (same(now, &limits))
        return WEIR_OK;
    block = weir__allocate(breaker->policy.allocator, sizeof *block);
    if (!block)
        return WEIR_ENOMEM;
    *block = limits;
    block->next = atomic_load_explicit(&breaker->limits, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(
        &breaker->limits, &block->next, block, memory_order_seq_cst,
        memory_order_relaxed))
        ;
    weir__breaker_window_watch(breaker);
    return WEIR_OK;
}

/* ---- open time ---- */

uint64_t weir__breaker_open_time(const weir__breaker_limits *limits,
                                 uint32_t openings, uint64_t generation)
{
    double open_ns = (double)limits->open_ns;
    double max_ns = (double)limits->open_max_ns;
    uint64_t ns = limits->open_ns;
    for (; openings > 0 && open_ns < max_ns; openings--)
        open_ns *= limits->open_factor;
    if (open_ns > (double)limits->open_ns)
        ns = open_ns < max_ns ? (uint64_t)open_ns : limits->open_max_ns;
    if (limits->open_jitter > 0.0) {
        uint64_t seed = limits->seeded ? limits->seed
                                       : weir__random_in_process(limits->seed);
        ns += weir__random_between(
            weir__random(seed, generation, 0), 0,
            (uint64_t)((double)ns * limits->open_jitter));
    }
    return ns;
}
