/* A full bucket of a time window: it is halved while a failure whose call was
 * counted before comes late, or while the next span begins in its place. */
#include "between.h"

#include "policy/breaker.h"

#define SECOND UINT64_C(1000000000)

enum { FAILED = 1000000 };

/* Operations of a kind are not made at once: what comes while the bucket is
 * halved does not count, and time passes once. */
enum { RECORDS = 1, PASSES = 2 };

static weir_clock *vclock;
static weir_breaker *breaker;
static weir__bucket *bucket;
static uint64_t permits[2];

static void begin(int variant)
{
    weir_breaker_options options;
    must(weir_clock_new_virtual(&vclock, SECOND));
    must(weir_breaker_options_init(&options, sizeof options));
    options.clock = vclock;
    options.window = WEIR_WINDOW_TIME;
    options.window_ns = 2 * SECOND;
    options.buckets = 1;
    options.failure_rate = 1;
    options.slow_call_ns = SECOND;
    must(weir_breaker_new(&breaker, &options));
    must(weir_breaker_acquire(breaker, &permits[0]));
    must(weir_breaker_acquire(breaker, &permits[1]));
    must(weir_breaker_record(breaker, permits[0], WEIR_SUCCESS, 0));
    bucket = (weir__bucket *)(breaker + 1);
    uint64_t tag = atomic_load(&bucket->calls) - 1;
    atomic_store(&bucket->calls,
                 tag | (WEIR__TW_COUNT_MAX - (unsigned)variant));
    atomic_store(&bucket->failed, tag | FAILED);
    atomic_store(&bucket->slow, tag | FAILED);
}

static uint64_t fail_it(int who)
{
    return (uint64_t)weir_breaker_record(breaker, permits[who], WEIR_TRANSIENT,
                                         0);
}

static uint64_t succeed(int who)
{
    return (uint64_t)weir_breaker_record(breaker, permits[who], WEIR_SUCCESS,
                                         0);
}

static uint64_t fail_late(int who)
{
    (void)who;
    atomic_fetch_add(&bucket->failed, 1);
    return 0;
}

static uint64_t begin_span(int who)
{
    must(weir_clock_advance(vclock, 2 * SECOND));
    return succeed(who);
}

static void end(void)
{
    weir_breaker_snapshot seen = {.size = sizeof seen};
    must(weir_breaker_inspect(breaker, &seen));
    see(seen.calls);
    see(seen.failed);
    see(seen.slow);
    if (seen.state != WEIR_CLOSED)
        fail("it tripped");
    weir_breaker_unref(breaker);
    weir_clock_unref(vclock);
}

static const operation operations[] = {
    {"fail", fail_it, RECORDS},
    {"succeed", succeed, RECORDS},
    {"fail late", fail_late, 0},
    {"begin a span", begin_span, PASSES},
    {0, 0, 0}};

const world window_world = {"full bucket", 2, begin, operations, end};
