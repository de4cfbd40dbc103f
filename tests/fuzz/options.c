/* Options of every policy, each field at, within or beyond its bounds.
 *
 * Property: they are accepted exactly when they are what the headers allow,
 * and what was made with them works. */
#include <math.h>
#include <string.h>

#include "fuzz.h"

typedef enum type { U32, I32, U64, F64 } type;

typedef struct field {
    size_t offset;
    type type;
    double low, high; /* what a double cannot hold is rounded alike */
    int never;        /* WEIR_NEVER is allowed, too */
    int above;        /* low itself is not allowed */
} field;

#define AT(policy, name) offsetof(weir_##policy##_options, name)
#define A_YEAR (365 * 86400e9)
#define A_DAY 86400e9

static const field of_breaker[] = {
    {AT(breaker, window), U32, 0, 2, 0, 0},
    {AT(breaker, failure_threshold), U32, 1, 1e6, 0, 0},
    {AT(breaker, minimum_calls), U32, 1, 1e6, 0, 0},
    {AT(breaker, failure_rate), F64, 0, 1, 0, 1},
    {AT(breaker, slow_rate), F64, 0, 1, 0, 1},
    {AT(breaker, slow_call_ns), U64, 1, A_YEAR, 1, 0},
    {AT(breaker, window_ns), U64, 0, A_YEAR, 0, 0},
    {AT(breaker, window_calls), U32, 1, 1024, 0, 0},
    {AT(breaker, buckets), U32, 1, 64, 0, 0},
    {AT(breaker, open_ns), U64, 1, A_YEAR, 0, 0},
    {AT(breaker, open_max_ns), U64, 1, A_YEAR, 0, 0},
    {AT(breaker, open_factor), F64, 1, 1000, 0, 0},
    {AT(breaker, open_jitter), F64, 0, 1, 0, 0},
    {AT(breaker, seeded), U32, 0, 1, 0, 0},
    {AT(breaker, reserved), U32, 0, 0, 0, 0},
    {AT(breaker, probes), U32, 1, 16, 0, 0},
    {AT(breaker, probe_successes), U32, 1, 1000, 0, 0},
    {AT(breaker, lease_ns), U64, 1, A_YEAR, 0, 0},
};

static const field of_bulkhead[] = {
    {AT(bulkhead, max_concurrent), U32, 1, 1e6, 0, 0},
    {AT(bulkhead, max_queue), U32, 0, 1e6, 0, 0},
    {AT(bulkhead, reserved), U32, 0, 0, 0, 0},
    {AT(bulkhead, queue_ns), U64, 0, A_DAY, 0, 0},
    {AT(bulkhead, abandoned_max_ns), U64, 1, A_YEAR, 1, 0},
};

static const field of_retry[] = {
    {AT(retry, max_attempts), U32, 1, 1e6, 0, 0},
    {AT(retry, base_ns), U64, 0, A_DAY, 0, 0},
    {AT(retry, cap_ns), U64, 0, A_DAY, 0, 0},
    {AT(retry, factor), F64, 1, 1000, 0, 0},
    {AT(retry, hint_max_ns), U64, 0, A_DAY, 0, 0},
    {AT(retry, max_elapsed_ns), U64, 1, A_YEAR, 1, 0},
    {AT(retry, seeded), U32, 0, 1, 0, 0},
    {AT(retry, backoff), I32, 0, WEIR_BACKOFF_EXPONENTIAL, 0, 0},
    {AT(retry, jitter), I32, 0, WEIR_JITTER_DECORRELATED, 0, 0},
    {AT(retry, retry_on), U32, 0,
     WEIR_RETRY_OPEN | WEIR_RETRY_FULL | WEIR_RETRY_QUEUETIME, 0, 0},
};

static const field of_budget[] = {
    {AT(budget, capacity), U32, 1, 10000, 0, 0},
    {AT(budget, ratio), F64, 0, 1, 0, 0},
    {AT(budget, per_second), F64, 0, 10000, 0, 0},
};

static const field of_timeout[] = {
    {AT(timeout, reserved), U32, 0, 0, 0, 0},
    {AT(timeout, timeout_ns), U64, 1, A_YEAR, 0, 0},
};

/* ---- one field ---- */

static random_source input;

static uint64_t whole(const field *f)
{
    uint64_t low = (uint64_t)f->low, high = (uint64_t)f->high;
    switch (random_below(&input, 8)) {
    case 0:
        return low - 1;
    case 1:
        return high + 1;
    case 2:
        return low;
    case 3:
        return high;
    case 4:
        return WEIR_NEVER;
    case 5:
        return random_below(&input, UINT64_MAX);
    default:
        return low + random_below(&input, high - low + 1);
    }
}

static double fraction(const field *f)
{
    switch (random_below(&input, 8)) {
    case 0:
        return nextafter(f->low, -1);
    case 1:
        return nextafter(f->high, INFINITY);
    case 2:
        return f->low;
    case 3:
        return f->high;
    case 4:
        return random_percent(&input, 50) ? INFINITY : NAN;
    case 5:
        return -f->high;
    default:
        return f->low + (f->high - f->low) *
                            (double)random_between(&input, 1, 255) / 255;
    }
}

/* Sets the field; 1 when it may be so. */
static int set(void *options, const field *f)
{
    char *at = (char *)options + f->offset;
    if (f->type == F64) {
        double x = fraction(f);
        memcpy(at, &x, sizeof x);
        return x <= f->high && (f->above ? x > f->low : x >= f->low);
    }
    uint64_t x = whole(f);
    uint64_t low = (uint64_t)f->low, high = (uint64_t)f->high;
    if (f->type == U64) {
        memcpy(at, &x, sizeof x);
        return (x >= low && x <= high) || (f->never && x == WEIR_NEVER);
    }
    uint32_t short_x = (uint32_t)x;
    memcpy(at, &short_x, sizeof short_x);
    return short_x >= low && short_x <= high;
}

/* Changes some; 1 when they all may be so. */
static int change(void *options, const field *fields, size_t count)
{
    int valid = 1;
    for (size_t i = 0; i < count; i++)
        if (random_percent(&input, 30))
            valid &= set(options, &fields[i]);
    return valid;
}

#define CHANGE(o, fields) change(&(o), fields, sizeof fields / sizeof *fields)

/* ---- the policies ---- */

static int breaker_fits(const weir_breaker_options *o)
{
    if (o->open_max_ns < o->open_ns || o->window_ns < o->buckets * MS)
        return 0;
    if (o->window == WEIR_WINDOW_CONSECUTIVE)
        return o->slow_call_ns == WEIR_NEVER;
    return o->window == WEIR_WINDOW_TIME ||
           o->minimum_calls <= o->window_calls;
}

static void use_breaker(weir_breaker *breaker)
{
    uint64_t permit;
    weir_breaker_snapshot s = {.size = sizeof s};
    for (int i = 0; i < 8; i++)
        if (weir_breaker_acquire(breaker, &permit) == WEIR_OK)
            weir_breaker_record(breaker, permit, i % 3, MS);
    FUZZ_CHECK(weir_breaker_inspect(breaker, &s) == WEIR_OK);
    weir_breaker_unref(breaker);
}

static void try_breaker(void)
{
    weir_breaker *breaker = NULL, *other;
    weir_breaker_options o, old;
    weir_breaker_options_init(&o, sizeof o);
    old = o;
    int valid = CHANGE(o, of_breaker) && breaker_fits(&o);
    int status = weir_breaker_new(&breaker, &o);
    FUZZ_CHECK(status == (valid ? WEIR_OK : WEIR_EINVAL));
    old.window = o.window;
    old.window_calls = o.window_calls;
    old.window_ns = o.window_ns;
    old.buckets = o.buckets;
    old.minimum_calls = 1;
    old.slow_call_ns = o.slow_call_ns == WEIR_NEVER ? WEIR_NEVER : 1;
    if (valid) {
        FUZZ_CHECK(weir_breaker_new(&other, &old) == WEIR_OK);
        FUZZ_CHECK(weir_breaker_set_options(other, &o) == WEIR_OK);
        use_breaker(other);
        use_breaker(breaker);
    }
    FUZZ_CHECK(valid || !breaker);
}

static void try_bulkhead(void)
{
    weir_bulkhead *bulkhead = NULL;
    weir_bulkhead_options o;
    weir_bulkhead_options_init(&o, sizeof o);
    int valid = CHANGE(o, of_bulkhead);
    int status = weir_bulkhead_new(&bulkhead, &o);
    FUZZ_CHECK(status == (valid ? WEIR_OK : WEIR_EINVAL));
    if (!valid)
        return;
    FUZZ_CHECK(weir_bulkhead_try_acquire(bulkhead) == WEIR_OK);
    FUZZ_CHECK(weir_bulkhead_running(bulkhead) == 1);
    FUZZ_CHECK(weir_bulkhead_release(bulkhead) == WEIR_OK);
    weir_bulkhead_unref(bulkhead);
}

static void try_retry(void)
{
    weir_retry *retry = NULL;
    weir_retry_options o;
    weir_retry_options_init(&o, sizeof o);
    int valid = CHANGE(o, of_retry) && o.cap_ns >= o.base_ns;
    int status = weir_retry_new(&retry, &o);
    FUZZ_CHECK(status == (valid ? WEIR_OK : WEIR_EINVAL));
    if (!valid)
        return;
    FUZZ_CHECK(retry != NULL);
    weir_retry_unref(retry);
}

static void try_budget(void)
{
    weir_budget *budget = NULL;
    weir_budget_options o;
    weir_budget_options_init(&o, sizeof o);
    int valid = CHANGE(o, of_budget);
    int status = weir_budget_new(&budget, &o);
    FUZZ_CHECK(status == (valid ? WEIR_OK : WEIR_EINVAL));
    if (!valid)
        return;
    FUZZ_CHECK(weir_budget_reserve(budget) == WEIR_OK);
    weir_budget_deposit(budget);
    FUZZ_CHECK(weir_budget_tokens(budget) <= o.capacity * 1000);
    weir_budget_unref(budget);
}

static void try_timeout(void)
{
    weir_timeout *timeout = NULL;
    weir_timeout_options o;
    weir_timeout_options_init(&o, sizeof o);
    o.timeout_ns = SECOND;
    int valid = CHANGE(o, of_timeout);
    int status = weir_timeout_new(&timeout, &o);
    FUZZ_CHECK(status == (valid ? WEIR_OK : WEIR_EINVAL));
    weir_timeout_unref(timeout);
}

/* ---- sizes: those of older and of newer programs ---- */

static void try_size(void)
{
    struct {
        weir_timeout_options o;
        unsigned char more[64];
    } given;
    weir_timeout *timeout = NULL;
    memset(&given, 0, sizeof given);
    weir_timeout_options_init(&given.o, sizeof given.o);
    given.o.timeout_ns = SECOND;
    given.o.size = (uint32_t)random_below(&input, sizeof given + 1);
    size_t at = random_below(&input, sizeof given.more);
    given.more[at] = (unsigned char)random_below(&input, 2);
    int known = given.o.size >= sizeof given.o;
    int news = given.o.size > sizeof given.o + at && given.more[at];
    int status = weir_timeout_new(&timeout, &given.o);
    FUZZ_CHECK(status == (news ? WEIR_EVERSION
                          : known ? WEIR_OK : WEIR_EINVAL));
    weir_timeout_unref(timeout);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const tries[])(void) = {
        try_breaker, try_breaker, try_bulkhead, try_retry,
        try_budget,  try_timeout, try_size,
    };
    random_bytes(&input, data, size);
    do
        tries[random_below(&input, sizeof tries / sizeof *tries)]();
    while (input.left);
    return 0;
}
