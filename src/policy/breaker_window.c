/* The window of a breaker, whichever it has. */
#include "base/cpu.h"
#include "policy/breaker.h"

static size_t stripe_bytes(uint32_t buckets)
{
    size_t bytes = buckets * sizeof(weir__bucket);
    return (bytes + WEIR__LINE - 1) / WEIR__LINE * WEIR__LINE;
}

size_t weir__breaker_window_bytes(const weir_breaker_options *options)
{
    switch (options->window) {
    case WEIR_WINDOW_COUNT:
        return (options->window_calls + 15) / 16 * sizeof(weir__atomic_u64);
    case WEIR_WINDOW_TIME:
        return stripe_bytes(options->buckets);
    default:
        return 0;
    }
}

void weir__breaker_window_init(weir_breaker *breaker,
                               const weir_breaker_options *options)
{
    weir__time_window *time = &breaker->u.time.window;
    if (options->window == WEIR_WINDOW_COUNT) {
        breaker->u.count.calls = options->window_calls;
        breaker->u.count.blocks = (weir__atomic_u64 *)(breaker + 1);
    } else if (options->window == WEIR_WINDOW_TIME) {
        time->span_ns = options->window_ns / options->buckets;
        time->buckets = options->buckets;
    }
}

static size_t more_bytes(const weir__time_window *window)
{
    return (WEIR__STRIPES - 1) * stripe_bytes(window->buckets);
}

void weir__breaker_window_free(weir_breaker *breaker)
{
    if (breaker->window == WEIR_WINDOW_TIME)
        weir__release(breaker->policy.allocator,
                      atomic_load(&breaker->u.time.stripes),
                      more_bytes(&breaker->u.time.window));
}

/* ---- stripes of the time window ---- */

static weir__bucket *stripe(const weir_breaker *breaker, unsigned char *more,
                            size_t number)
{
    const weir__time_window *window = &breaker->u.time.window;
    if (number == 0 || !more) /* the one there is from the start */
        return (weir__bucket *)(breaker + 1);
    return (weir__bucket *)(void *)(more + (number - 1) *
                                               stripe_bytes(window->buckets));
}

/* Without memory it stays at one, and is not asked again. */
static void add_stripes(weir_breaker *breaker)
{
    weir__time_window *window = &breaker->u.time.window;
    const weir_allocator *allocator = breaker->policy.allocator;
    unsigned char *none = NULL;
    weir__store_relaxed(&window->contended, 2u);
    unsigned char *more = weir__allocate(allocator, more_bytes(window));
    if (more && !atomic_compare_exchange_strong(&breaker->u.time.stripes,
                                                &none, more))
        weir__release(allocator, more, more_bytes(window));
}

static weir__bucket *own_stripe(weir_breaker *breaker)
{
    weir__time_window *window = &breaker->u.time.window;
    if (weir__unlikely(weir__load_relaxed(&window->contended) == 1))
        add_stripes(breaker);
    unsigned char *more = atomic_load(&breaker->u.time.stripes);
    return stripe(breaker, more, weir__cpu_hint() % WEIR__STRIPES);
}

static void time_totals(const weir_breaker *breaker, uint64_t generation,
                        uint64_t age_ns, weir__totals *totals)
{
    weir__time_window *window = &((weir_breaker *)breaker)->u.time.window;
    unsigned char *more =
        atomic_load(&((weir_breaker *)breaker)->u.time.stripes);
    uint64_t place = weir__tw_find(window, age_ns);
    for (size_t i = 0; i < (more ? WEIR__STRIPES : 1); i++)
        weir__tw_sum(window, stripe(breaker, more, i), place, generation,
                     totals);
}

static int time_record(weir_breaker *breaker, const weir__rates *rates,
                       uint64_t generation, uint32_t outcome, uint64_t age_ns)
{
    weir__time_window *window = &breaker->u.time.window;
    weir__totals totals;
    if (!weir__tw_count(window, own_stripe(breaker), &breaker->core.word,
                        weir__tw_begin(window, age_ns), generation, outcome))
        return 0;
    do {
        totals = (weir__totals){0, 0, 0};
        time_totals(breaker, generation, age_ns, &totals);
        if (weir__rates_reached(rates, totals.calls, totals.failed,
                                totals.slow))
            return 1;
    } while (weir__tw_watch(window, rates, &totals, &breaker->core.word,
                            generation));
    return 0;
}

/* ---- either ---- */

int weir__breaker_window_record(weir_breaker *breaker,
                                const weir__rates *rates, uint64_t generation,
                                uint32_t outcome, uint64_t age_ns, int *trips)
{
    int counted = 1;
    if (breaker->window == WEIR_WINDOW_TIME)
        *trips = time_record(breaker, rates, generation, outcome, age_ns);
    else
        *trips = weir__cw_record(&breaker->u.count, rates,
                                 &breaker->core.word, generation, outcome,
                                 &counted) == WEIR__TRIPPED;
    return counted;
}

void weir__breaker_window_watch(weir_breaker *breaker)
{
    if (breaker->window == WEIR_WINDOW_TIME)
        weir__store_seq_cst(&breaker->u.time.window.watch, 1u);
}

void weir__breaker_window_totals(const weir_breaker *breaker,
                                 uint64_t generation, uint64_t age_ns,
                                 weir__totals *totals)
{
    *totals = (weir__totals){0, 0, 0};
    if (breaker->window == WEIR_WINDOW_TIME) {
        time_totals(breaker, generation, age_ns, totals);
    } else if (breaker->window == WEIR_WINDOW_COUNT) {
        const weir__count_window *window = &breaker->u.count;
        uint64_t x =
            weir__load_acquire(&((weir_breaker *)breaker)->u.count.word);
        if (weir__cw_generation(x) != (generation & 0x3fff))
            return;
        totals->calls = weir__cw_calls(window, x);
        totals->failed = weir__cw_failed(x);
        totals->slow = weir__cw_slow(x);
    }
}
