/* Stories of handles: making each with each kind of options, and what their
 * functions need. */
#include "faults.h"

/* ---- clocks and tokens ---- */

static uint64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static void tell_clocks(rig *r)
{
    weir_clock *clock;
    (void)r;
    MAKE(clock, weir_clock_new_virtual(&clock, 5));
    MUST(weir_clock_attach(clock));
    MUST(weir_clock_advance(clock, 7));
    MUST(weir_clock_sleep_until(clock, 20, NULL));
    CHECK(weir_clock_now_ns(clock) == 20 && weir_clock_waiters(clock) == 0);
    MUST(weir_clock_detach(clock));
    weir_clock_unref(clock);
    MAKE(clock, weir_clock_new_custom(&clock, no_time, take_arg(), give_arg));
    DO(weir_clock_unref(clock));
}

static void tell_cancel(rig *r)
{
    weir_cancel *cancel;
    MAKE(cancel, weir_cancel_new(&cancel));
    while (!WORKS(
        weir_clock_sleep_until(r->clock, now_of(r) + 20 * US, cancel)))
        CHECK(!weir_cancel_fired(cancel));
    weir_cancel_fire(cancel);
    MUST_GIVE(WEIR_ECANCELED,
              weir_clock_sleep_until(r->clock, WEIR_NEVER, cancel));
    weir_cancel_unref(cancel);
}

static void tell_sleep(rig *r)
{
    uint64_t end_ns = now_of(r) + 50 * US;
    MUST(weir_clock_sleep_until(r->clock, end_ns, NULL));
    CHECK(now_of(r) >= end_ns || clock_went_wrong(END));
    end_ns = weir_clock_now_ns(NULL) + 1;
    MUST(weir_clock_sleep_until(NULL, end_ns, NULL));
    CHECK(weir_clock_now_ns(NULL) >= end_ns);
}

/* ---- breakers ---- */

static void ignore_event(const weir_event *event, void *arg)
{
    (void)event;
    (void)arg;
    may_be_cancelled();
}

/* Fails it until it opens; how many failures that took. */
static uint32_t failures_to_open(weir_breaker *breaker)
{
    uint32_t failures = 0;
    uint64_t permit;
    weir_breaker_reset(breaker);
    while (weir_breaker_acquire(breaker, &permit) == WEIR_OK && failures < 99)
        failures += weir_breaker_record(breaker, permit, WEIR_TRANSIENT,
                                        2 * MS) == WEIR_OK;
    weir_breaker_reset(breaker);
    return failures;
}

/* What a leap of the clock parts lies in two windows; one more is let through
 * if it leaps over the open time, and any number at the end of time. */
static void must_open_after(weir_breaker *breaker, uint32_t failures)
{
    uint32_t count = failures_to_open(breaker);
    if (clock_ended())
        CHECK(count >= failures);
    else if (clock_went_wrong(AHEAD))
        CHECK(count >= failures && count <= 2 * failures);
    else
        CHECK(count == failures);
}

static void reconfigure(weir_breaker *breaker, weir_breaker_options *o)
{
    for (uint32_t limit = 1; limit <= 3; limit++) {
        uint32_t before = failures_to_open(breaker);
        o->failure_threshold = o->minimum_calls = limit;
        while (!WORKS(weir_breaker_set_options(breaker, o)))
            CHECK(failures_to_open(breaker) == before);
        must_open_after(breaker, limit);
    }
}

/* window, and with jitter or without */
static void tell_breaker(rig *r, uint32_t window, double jitter, int seeded)
{
    weir_breaker *breaker;
    weir_breaker_options o;
    weir_breaker_options_init(&o, sizeof o);
    o.window = window;
    o.slow_call_ns = window ? MS : WEIR_NEVER;
    o.minimum_calls = 5;
    o.open_jitter = jitter;
    o.seeded = (uint32_t)seeded;
    o.clock = r->clock;
    o.allocator = r->allocator;
    MAKE(breaker, weir_breaker_new(&breaker, &o));
    must_open_after(breaker, 5);
    for (int i = 0; i < 3; i++)
        MUST(weir_breaker_listen(breaker, ignore_event, take_arg(), give_arg));
    reconfigure(breaker, &o);
    MUST(weir_breaker_set_mode(breaker, WEIR_DISABLED));
    DO(weir_breaker_unref(breaker));
}

static void tell_breakers(rig *r)
{
    for (uint32_t window = 0; window < 3; window++) {
        tell_breaker(r, window, 0.0, 0);
        tell_breaker(r, window, 0.5, 0);
        tell_breaker(r, window, 0.5, 1);
    }
}

/* ---- the other policies ---- */

static void tell_retry(rig *r, weir_budget *budget, int jitter, int seeded)
{
    weir_retry *retry;
    weir_retry_state state = {.size = sizeof state};
    uint64_t delay_ns;
    weir_retry_options o;
    weir_retry_options_init(&o, sizeof o);
    o.jitter = jitter;
    o.seeded = (uint32_t)seeded;
    o.budget = budget;
    o.clock = r->clock;
    o.allocator = r->allocator;
    MAKE(retry, weir_retry_new(&retry, &o));
    state.outcome = WEIR_TRANSIENT;
    state.remaining_ns = WEIR_NEVER;
    MUST(weir_retry_next(retry, &state, &delay_ns));
    weir_retry_unref(retry);
}

static void tell_retries(rig *r)
{
    weir_budget *budget;
    weir_budget_options o;
    weir_budget_options_init(&o, sizeof o);
    o.clock = r->clock;
    o.allocator = r->allocator;
    MAKE(budget, weir_budget_new(&budget, &o));
    for (int jitter = 0; jitter < 4; jitter++) {
        tell_retry(r, NULL, jitter, 0);
        tell_retry(r, budget, jitter, 0);
        tell_retry(r, budget, jitter, 1);
    }
    MUST(weir_budget_reserve(budget));
    weir_budget_unref(budget);
}

static void tell_bulkheads(rig *r)
{
    weir_bulkhead *bulkhead;
    weir_bulkhead_options o;
    weir_bulkhead_options_init(&o, sizeof o);
    o.clock = r->clock;
    o.allocator = r->allocator;
    for (int i = 0; i < 2; i++) {
        o.max_queue = (uint32_t)i;
        o.abandoned_max_ns = i ? MS : WEIR_NEVER;
        MAKE(bulkhead, weir_bulkhead_new(&bulkhead, &o));
        MUST(weir_bulkhead_try_acquire(bulkhead));
        MUST(weir_bulkhead_resize(bulkhead, 3));
        MUST(weir_bulkhead_release(bulkhead));
        weir_bulkhead_unref(bulkhead);
    }
}

static void tell_timeouts(rig *r)
{
    weir_timeout *timeout;
    weir_timeout_options o;
    weir_timeout_options_init(&o, sizeof o);
    o.timeout_ns = 1;
    o.clock = r->clock;
    o.allocator = r->allocator;
    MAKE(timeout, weir_timeout_new(&timeout, &o));
    weir_timeout_unref(timeout);
}

/* With NULL for the options. */
static void tell_defaults(rig *r)
{
    weir_breaker *breaker;
    weir_retry *retry;
    weir_bulkhead *bulkhead;
    weir_budget *budget;
    weir_pipeline *pipeline;
    (void)r;
    MAKE(breaker, weir_breaker_new(&breaker, NULL));
    MAKE(retry, weir_retry_new(&retry, NULL));
    MAKE(bulkhead, weir_bulkhead_new(&bulkhead, NULL));
    MAKE(budget, weir_budget_new(&budget, NULL));
    MAKE(pipeline, weir_pipeline_new(&pipeline, NULL));
    weir_pipeline_unref(pipeline);
    weir_budget_unref(budget);
    weir_bulkhead_unref(bulkhead);
    weir_retry_unref(retry);
    weir_breaker_unref(breaker);
}

/* ---- pipelines ---- */

static int as_transient(int code, void *arg)
{
    (void)code;
    (void)arg;
    return WEIR_TRANSIENT;
}

/* How many policies it has room for; fills it up. */
static int room(rig *r, weir_pipeline *pipeline)
{
    int added = 0;
    weir_timeout *timeout = new_timeout(r, SECOND);
    while (weir_pipeline_add_timeout(pipeline, timeout) == WEIR_OK)
        added++;
    weir_timeout_unref(timeout);
    return added;
}

static weir_pipeline *make_pipeline(rig *r)
{
    weir_pipeline *pipeline;
    weir_pipeline_options o;
    weir_pipeline_options_init(&o, sizeof o);
    o.clock = r->clock;
    o.allocator = r->allocator;
    MAKE(pipeline, weir_pipeline_new(&pipeline, &o));
    return pipeline;
}

static void tell_pipeline(rig *r)
{
    weir_pipeline *pipeline = make_pipeline(r);
    weir_retry *retry = new_retry(r);
    weir_breaker *breaker = new_breaker(r);
    weir_bulkhead *bulkhead = new_bulkhead(r);
    MUST(weir_pipeline_classify(pipeline, as_transient, take_arg(), give_arg));
    MUST(weir_pipeline_classify(pipeline, as_transient, take_arg(), give_arg));
    MUST(weir_pipeline_add_retry(pipeline, retry));
    MUST(weir_pipeline_add_breaker(pipeline, breaker));
    MUST(weir_pipeline_add_bulkhead(pipeline, bulkhead));
    CHECK(room(r, pipeline) == WEIR_PIPELINE_MAX - 3);
    MUST(weir_pipeline_seal(pipeline));
    DO(weir_pipeline_unref(pipeline));
    weir_bulkhead_unref(bulkhead);
    weir_breaker_unref(breaker);
    weir_retry_unref(retry);
}

static void tell_recommended(rig *r)
{
    weir_pipeline *pipeline;
    weir_retry *retry = new_retry(r);
    MAKE(pipeline, weir_pipeline_new_recommended(&pipeline, SECOND, SECOND));
    weir_pipeline_unref(pipeline);
    for (int given = 0; given < 2; given++) {
        pipeline = make_pipeline(r);
        MUST(weir_pipeline_add_recommended(pipeline, SECOND, SECOND,
                                           given ? retry : NULL, NULL, NULL));
        CHECK(room(r, pipeline) == WEIR_PIPELINE_MAX - 5);
        weir_pipeline_unref(pipeline);
    }
    weir_retry_unref(retry);
}

/* The first is also told in processes where nothing was done before. */
const story handle_stories[] = {
    {"defaults", tell_defaults, 6},
    {"clocks", tell_clocks, 7},
    {"cancel tokens", tell_cancel, 8},
    {"sleeping", tell_sleep, 8},
    {"breakers", tell_breakers, 9 * (1 + 5 + 3)},
    {"retries", tell_retries, 13},
    {"bulkheads", tell_bulkheads, 4},
    {"timeouts", tell_timeouts, 1},
    {"pipelines", tell_pipeline, 1},
    {"recommended pipelines", tell_recommended, 18},
    {NULL, NULL, 0},
};
