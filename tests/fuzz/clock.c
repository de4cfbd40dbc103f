/* Calls by a clock that stands still, jumps, goes back and ends.
 *
 * Properties: nothing overflows; each permit comes back; when the clock has
 * come to its end and stays there, the breaker lets calls through again and
 * closes. */
#include "fuzz.h"

static random_source input;
static uint64_t time_ns;
static int behaves;

static uint64_t now(void *arg)
{
    (void)arg;
    if (behaves)
        return time_ns;
    switch (random_below(&input, 8)) {
    case 0:
        return time_ns = random_below(&input, UINT64_MAX);
    case 1:
        return time_ns = UINT64_MAX - random_below(&input, 3);
    case 2:
        return time_ns = random_below(&input, 3);
    case 3:
        return time_ns -= random_time(&input, YEAR);
    case 4:
        return time_ns += random_time(&input, YEAR);
    default:
        return time_ns += random_below(&input, 256) * MS;
    }
}

typedef struct parts {
    weir_clock *clock;
    weir_timeout *timeout;
    weir_retry *retry;
    weir_budget *budget;
    weir_breaker *breaker;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline;
} parts;

static void make_policies(parts *p)
{
    weir_timeout_options t;
    weir_budget_options u;
    weir_retry_options r;
    weir_breaker_options b;
    weir_bulkhead_options k;
    weir_timeout_options_init(&t, sizeof t);
    weir_budget_options_init(&u, sizeof u);
    weir_retry_options_init(&r, sizeof r);
    weir_breaker_options_init(&b, sizeof b);
    weir_bulkhead_options_init(&k, sizeof k);
    t.clock = u.clock = r.clock = b.clock = k.clock = p->clock;
    t.timeout_ns = random_time(&input, YEAR);
    FUZZ_CHECK(weir_budget_new(&p->budget, &u) == WEIR_OK);
    r.budget = p->budget;
    r.seeded = 1;
    if (random_percent(&input, 50))
        r.max_elapsed_ns = random_time(&input, YEAR);
    b.window = (uint32_t)random_below(&input, 3);
    b.minimum_calls = 3;
    b.window_ns = random_between(&input, 10 * MS, YEAR);
    b.open_ns = random_time(&input, YEAR);
    b.open_max_ns = YEAR;
    b.open_factor = (double)random_between(&input, 1, 1000);
    if (b.window != WEIR_WINDOW_CONSECUTIVE && random_percent(&input, 50))
        b.slow_call_ns = random_time(&input, YEAR);
    k.max_concurrent = 1;
    k.max_queue = 1;
    k.abandoned_max_ns = random_time(&input, YEAR);
    FUZZ_CHECK(weir_timeout_new(&p->timeout, &t) == WEIR_OK);
    FUZZ_CHECK(weir_retry_new(&p->retry, &r) == WEIR_OK);
    FUZZ_CHECK(weir_breaker_new(&p->breaker, &b) == WEIR_OK);
    FUZZ_CHECK(weir_bulkhead_new(&p->bulkhead, &k) == WEIR_OK);
}

static void make(parts *p)
{
    weir_pipeline_options o;
    FUZZ_CHECK(weir_clock_new_custom(&p->clock, now, NULL, NULL) == WEIR_OK);
    make_policies(p);
    weir_pipeline_options_init(&o, sizeof o);
    o.clock = p->clock;
    FUZZ_CHECK(weir_pipeline_new(&p->pipeline, &o) == WEIR_OK);
    weir_pipeline_add_timeout(p->pipeline, p->timeout);
    weir_pipeline_add_retry(p->pipeline, p->retry);
    weir_pipeline_add_breaker(p->pipeline, p->breaker);
    weir_pipeline_add_bulkhead(p->pipeline, p->bulkhead);
    FUZZ_CHECK(weir_pipeline_seal(p->pipeline) == WEIR_OK);
}

static void unmake(parts *p)
{
    weir_pipeline_unref(p->pipeline);
    weir_bulkhead_unref(p->bulkhead);
    weir_breaker_unref(p->breaker);
    weir_retry_unref(p->retry);
    weir_budget_unref(p->budget);
    weir_timeout_unref(p->timeout);
    weir_clock_unref(p->clock);
}

/* A few steps of a call; attempts that the call gave up are finished late. */
static void one_call(parts *p)
{
    weir_call *call;
    weir_attempt *late = NULL;
    FUZZ_CHECK(weir_call_new(&call, p->pipeline, NULL) == WEIR_OK);
    for (int i = 0; i < 12; i++) {
        weir_step s = {.size = sizeof s};
        FUZZ_CHECK(weir_call_step(call, WEIR_NOW, &s) == WEIR_OK);
        if (s.action == WEIR_STEP_DONE)
            break;
        if (s.action == WEIR_STEP_ATTEMPT) {
            weir_attempt_unref(late);
            late = s.attempt;
            if (random_percent(&input, 70)) {
                weir_attempt_finish(late, (int)random_below(&input, 2),
                                    WEIR_NOW);
                late = NULL;
            }
        }
    }
    weir_attempt_unref(late);
    weir_call_unref(call);
}

static void by_hand(parts *p)
{
    uint64_t permit;
    if (weir_breaker_acquire(p->breaker, &permit) == WEIR_OK)
        weir_breaker_record(p->breaker, permit,
                            (int)random_below(&input, WEIR_IGNORED + 1),
                            random_below(&input, UINT64_MAX));
    if (weir_bulkhead_try_acquire(p->bulkhead) == WEIR_OK)
        weir_bulkhead_release(p->bulkhead);
    weir_breaker_state(p->breaker);
    weir_breaker_retry_after_ns(p->breaker);
}

static void assert_heals(parts *p)
{
    uint64_t permit;
    time_ns = UINT64_MAX;
    behaves = 1;
    FUZZ_CHECK(weir_bulkhead_running(p->bulkhead) == 0);
    /* the first may complete the minimum of calls, and open it */
    for (int i = 0; i < 1 + 3; i++) {
        FUZZ_CHECK(weir_breaker_acquire(p->breaker, &permit) == WEIR_OK);
        weir_breaker_record(p->breaker, permit, WEIR_SUCCESS, WEIR_NEVER);
    }
    FUZZ_CHECK(weir_breaker_state(p->breaker) == WEIR_CLOSED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parts p;
    random_bytes(&input, data, size);
    time_ns = 0;
    behaves = 1; /* age 0 is where ages begin */
    make(&p);
    behaves = 0;
    for (size_t i = 0; i < 1 + size / 16; i++) {
        int held = random_percent(&input, 30) &&
                   weir_bulkhead_try_acquire(p.bulkhead) == WEIR_OK;
        one_call(&p);
        if (held)
            weir_bulkhead_release(p.bulkhead);
        by_hand(&p);
    }
    assert_heals(&p);
    unmake(&p);
    return 0;
}
