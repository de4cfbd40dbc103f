/* The options structs of all handles, and of calls, follow one rule: a size,
 * defaults, ranges that reject and never clamp. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "support.h"

/* ---- the structs ---- */

/* Makes something with options, releases it, gives the status; the out
 * argument must be set on success and left alone else. */
typedef int (*make_fn)(const void *options);

#define MAKE(noun)                                                            \
    static int make_##noun(const void *options)                               \
    {                                                                         \
        weir_##noun *const before = (weir_##noun *)&make_##noun;              \
        weir_##noun *made = before;                                           \
        int status = weir_##noun##_new(&made, options);                       \
        assert_true((made == before) == (status != WEIR_OK));                 \
        if (status == WEIR_OK)                                                \
            weir_##noun##_unref(made);                                        \
        return status;                                                        \
    }

MAKE(breaker)
MAKE(retry)
MAKE(bulkhead)
MAKE(timeout)
MAKE(pipeline)
MAKE(budget)
MAKE(pool)

static int succeed(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

/* Both ways to make a call check the options in the same way. */
static int make_call(const void *options)
{
    weir_call *const before = (weir_call *)&make_call;
    weir_call *call = before;
    weir_pipeline *pipeline = new_pipeline(NULL);
    assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
    int status = weir_call_new(&call, pipeline, options);
    assert_true((call == before) == (status != WEIR_OK));
    if (status == WEIR_OK)
        weir_call_unref(call);
    int ran = weir_run_with(pipeline, options, succeed, NULL, NULL);
    if (ran != WEIR_ETIMEDOUT) /* a deadline of 0 is valid, and over */
        assert_int_equal(ran, status);
    weir_pipeline_unref(pipeline);
    return status;
}

enum { BREAKER, RETRY, BULKHEAD, TIMEOUT, PIPELINE, CALL, BUDGET, POOL };

union any {
    uint32_t size;
    weir_breaker_options breaker;
    weir_retry_options retry;
    weir_bulkhead_options bulkhead;
    weir_timeout_options timeout;
    weir_pipeline_options pipeline;
    weir_call_options call;
    weir_budget_options budget;
    weir_pool_options pool;
    unsigned char bytes[512];
};

#define INIT(noun)                                                            \
    static int init_##noun(void *options, uint32_t size)                      \
    {                                                                         \
        return weir_##noun##_options_init(options, size);                     \
    }

INIT(breaker)
INIT(retry)
INIT(bulkhead)
INIT(timeout)
INIT(pipeline)
INIT(call)
INIT(budget)
INIT(pool)

static const struct {
    const char *name;
    uint32_t size;
    int (*init)(void *options, uint32_t size);
    make_fn make;
} structs[] = {
    [BREAKER] = {"breaker", sizeof(weir_breaker_options), init_breaker,
                 make_breaker},
    [RETRY] = {"retry", sizeof(weir_retry_options), init_retry, make_retry},
    [BULKHEAD] = {"bulkhead", sizeof(weir_bulkhead_options), init_bulkhead,
                  make_bulkhead},
    [TIMEOUT] = {"timeout", sizeof(weir_timeout_options), init_timeout,
                 make_timeout},
    [PIPELINE] = {"pipeline", sizeof(weir_pipeline_options), init_pipeline,
                  make_pipeline},
    [CALL] = {"call", sizeof(weir_call_options), init_call, make_call},
    [BUDGET] = {"budget", sizeof(weir_budget_options), init_budget,
                make_budget},
    [POOL] = {"pool", sizeof(weir_pool_options), init_pool, make_pool},
};

/* Options that are accepted. */
static void fill(int which, union any *o)
{
    memset(o, 0, sizeof *o);
    assert_int_equal(structs[which].init(o, structs[which].size), WEIR_OK);
    if (which == TIMEOUT)
        o->timeout.timeout_ns = SECOND;
}

/* ---- the fields ---- */

#define FIELD(which, noun, field, low, high, value)                           \
    {which, #noun "." #field, offsetof(weir_##noun##_options, field),         \
     sizeof(((weir_##noun##_options *)0)->field), low, high, value}

/* Ranges and defaults as the headers document them. */
static const struct field {
    int which;
    const char *name;
    size_t offset, width;
    uint64_t low, high, value;
} fields[] = {
    FIELD(BREAKER, breaker, failure_threshold, 1, 1000000, 5),
    FIELD(BREAKER, breaker, window, 0, 2, WEIR_WINDOW_CONSECUTIVE),
    FIELD(BREAKER, breaker, minimum_calls, 1, 1000000, 20),
    FIELD(BREAKER, breaker, slow_call_ns, WEIR_NEVER, WEIR_NEVER, WEIR_NEVER),
    FIELD(BREAKER, breaker, window_ns, 10 * MS, YEAR, 10 * SECOND),
    FIELD(BREAKER, breaker, window_calls, 1, 1024, 100),
    FIELD(BREAKER, breaker, buckets, 1, 64, 10),
    FIELD(BREAKER, breaker, open_ns, 1, YEAR, 60 * SECOND),
    FIELD(BREAKER, breaker, open_max_ns, 60 * SECOND, YEAR, YEAR),
    FIELD(BREAKER, breaker, seed, 0, UINT64_MAX, 0),
    FIELD(BREAKER, breaker, seeded, 0, 1, 0),
    FIELD(BREAKER, breaker, reserved, 0, 0, 0),
    FIELD(BREAKER, breaker, probes, 1, 16, 3),
    FIELD(BREAKER, breaker, probe_successes, 1, 1000, 3),
    FIELD(BREAKER, breaker, lease_ns, 1, YEAR, 60 * SECOND),
    FIELD(RETRY, retry, max_attempts, 1, 1000000, 4),
    FIELD(RETRY, retry, base_ns, 0, 30 * SECOND, 100 * MS),
    FIELD(RETRY, retry, cap_ns, 100 * MS, DAY, 30 * SECOND),
    FIELD(RETRY, retry, hint_max_ns, 0, DAY, 60 * SECOND),
    FIELD(RETRY, retry, max_elapsed_ns, 1, YEAR, WEIR_NEVER),
    FIELD(RETRY, retry, backoff, 0, 2, WEIR_BACKOFF_EXPONENTIAL),
    FIELD(RETRY, retry, retry_on, 0, 7, 0),
    FIELD(RETRY, retry, seed, 0, UINT64_MAX, 0),
    FIELD(RETRY, retry, seeded, 0, 1, 0),
    FIELD(RETRY, retry, jitter, 0, 3, WEIR_JITTER_FULL),
#if UINTPTR_MAX == UINT32_MAX
    FIELD(RETRY, retry, fill_32, 0, 0, 0),
#endif
    FIELD(BULKHEAD, bulkhead, max_concurrent, 1, 1000000, 10),
    FIELD(BULKHEAD, bulkhead, max_queue, 0, 1000000, 20),
    FIELD(BULKHEAD, bulkhead, reserved, 0, 0, 0),
    FIELD(BULKHEAD, bulkhead, queue_ns, 0, DAY, 5 * SECOND),
    FIELD(BULKHEAD, bulkhead, abandoned_max_ns, 1, YEAR, WEIR_NEVER),
    FIELD(TIMEOUT, timeout, reserved, 0, 0, 0),
    FIELD(TIMEOUT, timeout, timeout_ns, 1, YEAR, 0),
    FIELD(PIPELINE, pipeline, reserved, 0, 0, 0),
    FIELD(CALL, call, reserved, 0, 0, 0),
    FIELD(CALL, call, deadline_ns, 0, UINT64_MAX, WEIR_NEVER),
    FIELD(BUDGET, budget, capacity, 1, 10000, 100),
    FIELD(POOL, pool, threads, 1, 1024, 8),
    FIELD(POOL, pool, max_queue, 0, 1000000, 64),
    FIELD(POOL, pool, reserved, 0, 0, 0),
};

static uint64_t get(const union any *o, const struct field *f)
{
    uint32_t narrow;
    uint64_t wide;
    if (f->width == sizeof narrow) {
        memcpy(&narrow, o->bytes + f->offset, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, o->bytes + f->offset, sizeof wide);
    return wide;
}

static int make_with(const struct field *f, uint64_t value)
{
    union any o;
    uint32_t narrow = (uint32_t)value;
    fill(f->which, &o);
    if (f->width == sizeof narrow)
        memcpy(o.bytes + f->offset, &narrow, sizeof narrow);
    else
        memcpy(o.bytes + f->offset, &value, sizeof value);
    return structs[f->which].make(&o);
}

static void expect(const struct field *f, uint64_t value, int status)
{
    if (make_with(f, value) != status)
        fail_msg("%s = %llu is not %s", f->name, (unsigned long long)value,
                 weir_error_name(status));
}

/* aws-c-io by reading: documented defaults that the code did not have */
static void defaults_are_those_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++) {
        union any o;
        const struct field *f = &fields[i];
        memset(&o, 0xff, sizeof o);
        assert_int_equal(structs[f->which].init(&o, structs[f->which].size),
                         WEIR_OK);
        assert_int_equal(o.size, structs[f->which].size);
        if (get(&o, f) != f->value)
            fail_msg("%s is not %llu by default", f->name,
                     (unsigned long long)f->value);
    }
}

static void defaults_have_no_handles_and_factor_two(void **state)
{
    union any o;
    (void)state;
    assert_int_equal(init_retry(&o, sizeof o.retry), WEIR_OK);
    assert_true(o.retry.factor >= 2.0 && o.retry.factor <= 2.0);
    assert_null(o.retry.clock);
    assert_null(o.retry.allocator);
    assert_int_equal(init_breaker(&o, sizeof o.breaker), WEIR_OK);
    assert_null(o.breaker.clock);
    assert_null(o.breaker.allocator);
    assert_int_equal(init_bulkhead(&o, sizeof o.bulkhead), WEIR_OK);
    assert_null(o.bulkhead.clock);
    assert_null(o.bulkhead.allocator);
    assert_int_equal(init_timeout(&o, sizeof o.timeout), WEIR_OK);
    assert_null(o.timeout.clock);
    assert_int_equal(init_pipeline(&o, sizeof o.pipeline), WEIR_OK);
    assert_null(o.pipeline.clock);
    assert_int_equal(init_call(&o, sizeof o.call), WEIR_OK);
    assert_null(o.call.parent);
    assert_null(o.call.cancel);
}

/* "0 = default" met a non-zero precondition in aws-c-io: what init writes
 * must be accepted, but for the timeout that has no default. */
static void defaults_are_accepted_but_a_timeout_has_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(structs); i++) {
        union any o;
        int status = i == TIMEOUT ? WEIR_EINVAL : WEIR_OK;
        memset(&o, 0, sizeof o);
        assert_int_equal(structs[i].init(&o, structs[i].size), WEIR_OK);
        assert_int_equal(structs[i].make(&o), status);
        assert_int_equal(structs[i].make(NULL), status);
    }
}

/* ballerina-lang#21803: zero buckets; hoglet#28: clamped in silence */
static void limits_are_accepted_and_what_lies_outside_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(fields); i++) {
        const struct field *f = &fields[i];
        uint64_t all = f->width == 4 ? UINT32_MAX : UINT64_MAX;
        expect(f, f->low, WEIR_OK);
        expect(f, f->high, WEIR_OK);
        if (f->low > 0)
            expect(f, f->low - 1, WEIR_EINVAL);
        if (f->low > 0)
            expect(f, 0, WEIR_EINVAL);
        if (f->high < all) {
            expect(f, f->high + 1, WEIR_EINVAL);
            if (f->value != all) /* WEIR_NEVER, which may be allowed */
                expect(f, all, WEIR_EINVAL);
        }
    }
}

static int make_retry_with(uint64_t base_ns, uint64_t cap_ns, double factor)
{
    union any o;
    fill(RETRY, &o);
    o.retry.base_ns = base_ns;
    o.retry.cap_ns = cap_ns;
    o.retry.factor = factor;
    return make_retry(&o);
}

static void a_factor_is_a_number_from_1_to_1000(void **state)
{
    static const double good[] = {1.0, 1.0000001, 1.5, 999.9, 1000.0};
    static const double bad[] = {0.0,       -0.0,     0.9999999, 1000.0001,
                                 -2.0,      INFINITY, -INFINITY, NAN,
                                 -(0.0 / 1)};
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(make_retry_with(MS, SECOND, good[i]), WEIR_OK);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(make_retry_with(MS, SECOND, bad[i]), WEIR_EINVAL);
}

static void a_cap_is_not_below_the_base(void **state)
{
    (void)state;
    assert_int_equal(make_retry_with(0, 0, 2), WEIR_OK);
    assert_int_equal(make_retry_with(7, 7, 2), WEIR_OK);
    assert_int_equal(make_retry_with(7, 6, 2), WEIR_EINVAL);
    assert_int_equal(make_retry_with(DAY, DAY, 2), WEIR_OK);
    assert_int_equal(make_retry_with(DAY + 1, DAY + 1, 2), WEIR_EINVAL);
}

static void a_jitter_below_the_first_is_rejected(void **state)
{
    union any o;
    (void)state;
    fill(RETRY, &o);
    o.retry.jitter = -1;
    assert_int_equal(make_retry(&o), WEIR_EINVAL);
    o.retry.jitter = INT32_MIN;
    assert_int_equal(make_retry(&o), WEIR_EINVAL);
}

/* ---- sizes ---- */

static void a_size_below_the_first_version_is_rejected(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(structs); i++) {
        const uint32_t sizes[] = {0, 1, 4, structs[i].size / 2,
                                  structs[i].size - 1};
        for (size_t k = 0; k < COUNT(sizes); k++) {
            union any o, before;
            fill((int)i, &o);
            o.size = sizes[k];
            before = o;
            assert_int_equal(structs[i].make(&o), WEIR_EINVAL);
            assert_int_equal(structs[i].init(&o, sizes[k]), WEIR_EINVAL);
            assert_memory_equal(&o, &before, sizeof o);
        }
        assert_int_equal(structs[i].init(NULL, structs[i].size), WEIR_EINVAL);
        assert_int_equal(structs[i].init(NULL, 0), WEIR_EINVAL);
    }
}

/* No struct has grown yet: this is one that has. */
static void an_older_struct_leaves_what_it_does_not_know(void **state)
{
    struct {
        uint32_t size, first, second;
    } old = {8, 7, 9}, now = {12, 1, 2};
    (void)state;
    assert_int_equal(weir__options_copy(&now, sizeof now, 8, &old), WEIR_OK);
    assert_int_equal(now.first, 7);
    assert_int_equal(now.second, 2);
    old.size = 7;
    assert_int_equal(weir__options_copy(&now, sizeof now, 8, &old),
                     WEIR_EINVAL);
    now.size = 12;
    old.second = 9;
    assert_int_equal(weir__options_init(&old, 8, &now, 8, sizeof now),
                     WEIR_OK);
    assert_int_equal(old.size, 8);
    assert_int_equal(old.first, 7);
    assert_int_equal(old.second, 9);
}

static void a_newer_struct_is_accepted_when_its_tail_is_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(structs); i++) {
        union any o;
        fill((int)i, &o);
        o.size = structs[i].size + 1;
        assert_int_equal(structs[i].make(&o), WEIR_OK);
        o.size = sizeof o;
        assert_int_equal(structs[i].make(&o), WEIR_OK);
    }
}

static void a_newer_struct_with_something_in_its_tail_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(structs); i++) {
        union any o;
        fill((int)i, &o);
        o.size = sizeof o;
        o.bytes[structs[i].size] = 1; /* the first byte that is not known */
        assert_int_equal(structs[i].make(&o), WEIR_EVERSION);
        o.bytes[structs[i].size] = 0;
        o.bytes[sizeof o - 1] = 0x80; /* and the last */
        assert_int_equal(structs[i].make(&o), WEIR_EVERSION);
        o.size = sizeof o - 1; /* beyond the size is none of ours */
        assert_int_equal(structs[i].make(&o), WEIR_OK);
    }
}

static void defaults_of_a_newer_struct_are_not_known(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(structs); i++) {
        union any o, before;
        memset(&o, 0x5a, sizeof o);
        before = o;
        assert_int_equal(structs[i].init(&o, structs[i].size + 1),
                         WEIR_EVERSION);
        assert_int_equal(structs[i].init(&o, UINT32_MAX), WEIR_EVERSION);
        assert_memory_equal(&o, &before, sizeof o);
        assert_int_equal(structs[i].init(&o, structs[i].size), WEIR_OK);
        assert_memory_equal(o.bytes + structs[i].size,
                            before.bytes + structs[i].size,
                            sizeof o - structs[i].size);
    }
}

static void options_are_not_written_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(structs); i++) {
        union any o, before;
        fill((int)i, &o);
        before = o;
        assert_int_equal(structs[i].make(&o), WEIR_OK);
        assert_memory_equal(&o, &before, sizeof o);
    }
}

static void a_missing_out_is_rejected(void **state)
{
    union any o;
    (void)state;
    fill(TIMEOUT, &o);
    assert_int_equal(weir_breaker_new(NULL, NULL), WEIR_EINVAL);
    assert_int_equal(weir_retry_new(NULL, NULL), WEIR_EINVAL);
    assert_int_equal(weir_bulkhead_new(NULL, NULL), WEIR_EINVAL);
    assert_int_equal(weir_timeout_new(NULL, &o.timeout), WEIR_EINVAL);
    assert_int_equal(weir_pipeline_new(NULL, NULL), WEIR_EINVAL);
}

static int make_window(double failure_rate, double slow_rate,
                       double open_factor, double open_jitter)
{
    union any o;
    fill(BREAKER, &o);
    o.breaker.window = WEIR_WINDOW_COUNT;
    o.breaker.failure_rate = failure_rate;
    o.breaker.slow_rate = slow_rate;
    o.breaker.open_factor = open_factor;
    o.breaker.open_jitter = open_jitter;
    return make_breaker(&o);
}

static void shares_of_a_breaker_are_numbers_in_their_ranges(void **state)
{
    (void)state;
    assert_int_equal(make_window(1.0, 1.0, 1.0, 0.0), WEIR_OK);
    assert_int_equal(make_window(1e-9, 1e-9, 1000.0, 1.0), WEIR_OK);
    assert_int_equal(make_window(0.0, 1.0, 1.0, 0.0), WEIR_EINVAL);
    assert_int_equal(make_window(1.01, 1.0, 1.0, 0.0), WEIR_EINVAL);
    assert_int_equal(make_window(NAN, 1.0, 1.0, 0.0), WEIR_EINVAL);
    assert_int_equal(make_window(0.5, 0.0, 1.0, 0.0), WEIR_EINVAL);
    assert_int_equal(make_window(0.5, NAN, 1.0, 0.0), WEIR_EINVAL);
    assert_int_equal(make_window(0.5, 1.0, 0.99, 0.0), WEIR_EINVAL);
    assert_int_equal(make_window(0.5, 1.0, 1001.0, 0.0), WEIR_EINVAL);
    assert_int_equal(make_window(0.5, 1.0, NAN, 0.0), WEIR_EINVAL);
    assert_int_equal(make_window(0.5, 1.0, 1.0, -0.1), WEIR_EINVAL);
    assert_int_equal(make_window(0.5, 1.0, 1.0, 1.1), WEIR_EINVAL);
    assert_int_equal(make_window(0.5, 1.0, 1.0, NAN), WEIR_EINVAL);
}

/* resilience4j#903: more calls wanted than the window holds, never judged. */
static void fields_of_a_breaker_must_fit_each_other(void **state)
{
    union any o;
    (void)state;
    fill(BREAKER, &o);
    o.breaker.window = WEIR_WINDOW_COUNT;
    o.breaker.window_calls = 10;
    o.breaker.minimum_calls = 11;
    assert_int_equal(make_breaker(&o), WEIR_EINVAL);
    o.breaker.minimum_calls = 10;
    assert_int_equal(make_breaker(&o), WEIR_OK);
    o.breaker.slow_call_ns = SECOND;
    assert_int_equal(make_breaker(&o), WEIR_OK);
    o.breaker.slow_call_ns = 0;
    assert_int_equal(make_breaker(&o), WEIR_EINVAL);
    o.breaker.slow_call_ns = YEAR + 1;
    assert_int_equal(make_breaker(&o), WEIR_EINVAL);
    fill(BREAKER, &o);
    o.breaker.slow_call_ns = SECOND; /* there is no window to count it in */
    assert_int_equal(make_breaker(&o), WEIR_EINVAL);
    fill(BREAKER, &o);
    o.breaker.window = WEIR_WINDOW_TIME;
    o.breaker.minimum_calls = 1000000;
    o.breaker.buckets = 64;
    o.breaker.window_ns = 64 * MS - 1;
    assert_int_equal(make_breaker(&o), WEIR_EINVAL);
    o.breaker.window_ns = 64 * MS;
    assert_int_equal(make_breaker(&o), WEIR_OK);
    fill(BREAKER, &o);
    o.breaker.open_max_ns = o.breaker.open_ns - 1;
    assert_int_equal(make_breaker(&o), WEIR_EINVAL);
}

/* ---- layout ---- */

/* Bindings rebuild these structs from the headers: no hole, no tail. */
static void structs_have_no_padding(void **state)
{
    (void)state;
    assert_int_equal(sizeof(weir_breaker_options),
                     10 * 4 + 10 * 8 + 2 * sizeof(void *));
    assert_int_equal(sizeof(weir_retry_options), 6 * 4 + 6 * 8 + 2 *
                                                 sizeof(void *) + 8);
    assert_int_equal(sizeof(weir_step), 2 * 4 + 8 + 8);
    assert_int_equal(sizeof(weir_bulkhead_options),
                     4 * 4 + 2 * 8 + 2 * sizeof(void *));
    assert_int_equal(sizeof(weir_budget_options),
                     2 * 4 + 2 * 8 + 2 * sizeof(void *));
    assert_int_equal(sizeof(weir_pool_options), 4 * 4 + sizeof(void *));
    assert_int_equal(sizeof(weir_timeout_options),
                     4 + 4 + 8 + 2 * sizeof(void *));
    assert_int_equal(sizeof(weir_pipeline_options),
                     4 + 4 + 2 * sizeof(void *));
    assert_int_equal(sizeof(weir_call_options),
                     4 + 4 + 8 + 2 * sizeof(void *));
    assert_int_equal(sizeof(weir_result), 6 * 4 + 2 * 8);
    assert_int_equal(sizeof(weir_event), 2 * 4 + 2 * 8 + 2 * 4);
    assert_int_equal(sizeof(weir_retry_state), 4 * 4 + 5 * 8);
    assert_int_equal(sizeof(weir_breaker_snapshot), 2 * 4 + 5 * 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_documented),
        cmocka_unit_test(defaults_have_no_handles_and_factor_two),
        cmocka_unit_test(defaults_are_accepted_but_a_timeout_has_none),
        cmocka_unit_test(limits_are_accepted_and_what_lies_outside_is_not),
        cmocka_unit_test(a_factor_is_a_number_from_1_to_1000),
        cmocka_unit_test(a_cap_is_not_below_the_base),
        cmocka_unit_test(shares_of_a_breaker_are_numbers_in_their_ranges),
        cmocka_unit_test(fields_of_a_breaker_must_fit_each_other),
        cmocka_unit_test(a_jitter_below_the_first_is_rejected),
        cmocka_unit_test(a_size_below_the_first_version_is_rejected),
        cmocka_unit_test(an_older_struct_leaves_what_it_does_not_know),
        cmocka_unit_test(a_newer_struct_is_accepted_when_its_tail_is_zero),
        cmocka_unit_test(a_newer_struct_with_something_in_its_tail_is_refused),
        cmocka_unit_test(defaults_of_a_newer_struct_are_not_known),
        cmocka_unit_test(options_are_not_written_to),
        cmocka_unit_test(a_missing_out_is_rejected),
        cmocka_unit_test(structs_have_no_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
