/* A breaker on a virtual clock, and short sentences about it; for the tests of
 * the breaker and of its listeners. */
#ifndef BREAKER_H
#define BREAKER_H

#include "support.h"

static weir_clock *vclock;
static weir_breaker *breaker; /* the defaults: 5, 60 s, 3, 3 */

static inline int setup(void **state)
{
    (void)state;
    vclock = new_virtual_clock();
    advance(vclock, 100 * SECOND);
    weir_breaker_options o = breaker_options(vclock);
    breaker = new_breaker(&o);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    weir_breaker_unref(breaker);
    weir_clock_unref(vclock);
    return 0;
}

/* Another one in its place. */
static inline void replace(const weir_breaker_options *options)
{
    weir_breaker_unref(breaker);
    breaker = new_breaker(options);
}

/* ---- short sentences ---- */

static inline uint64_t admitted(void)
{
    uint64_t permit = 0;
    assert_int_equal(weir_breaker_acquire(breaker, &permit), WEIR_OK);
    return permit;
}

static inline void assert_rejects(void)
{
    uint64_t permit = 77;
    assert_int_equal(weir_breaker_acquire(breaker, &permit), WEIR_EOPEN);
    assert_int_equal(permit, 77);
}

static inline int record(uint64_t permit, int outcome)
{
    return weir_breaker_record(breaker, permit, outcome, WEIR_NEVER);
}

static inline void calls(int count, int outcome)
{
    while (count-- > 0)
        assert_int_equal(record(admitted(), outcome), WEIR_OK);
}

static inline void assert_state(int expected)
{
    assert_int_equal(weir_breaker_state(breaker), expected);
}

static inline void trip(void)
{
    calls(5, WEIR_TRANSIENT);
    assert_state(WEIR_OPEN);
}

/* As far as the breaker says, and not a nanosecond more. */
static inline void pass_open_time(void)
{
    uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
    assert_true(wait_ns > 0 && wait_ns != WEIR_NEVER);
    advance(vclock, wait_ns - 1);
    assert_rejects();
    advance(vclock, 1);
    assert_int_equal(weir_breaker_retry_after_ns(breaker), 0);
}

static inline void trip_and_expire(void)
{
    trip();
    pass_open_time();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
