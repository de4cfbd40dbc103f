/* Edges of the ground floor: numbers as they are on every machine, sizes at
 * their bound, and the end of time. */
#include <string.h>

#include "support.h"

#include "base/random.h"
#include "base/time.h"

/* Steele, Lea, Flood: the finalizer of SplitMix64, three times. */
static void random_numbers_are_the_same_on_every_machine(void **state)
{
    (void)state;
    assert_true(weir__random(0, 0, 0) == UINT64_C(0x238275bc38fcbe91));
    assert_true(weir__random(1, 2, 3) == UINT64_C(0xd0734750fde362b3));
    assert_true(weir__random(UINT64_MAX, UINT64_MAX, UINT64_MAX) ==
                UINT64_C(0x595b17f487c0e71b));
}

#ifdef __SIZEOF_INT128__

/* The high half of the product, to the last bit. */
static void numbers_in_a_range_are_spread_without_a_bias(void **state)
{
    static const uint64_t highs[] = {
        0, 1, 2, 99, 0xffffffff, UINT64_C(0x100000000), 60 * SECOND,
        UINT64_C(0xfffffffffffffffe)};
    (void)state;
    for (uint64_t i = 0; i < 1000; i++)
        for (size_t k = 0; k < COUNT(highs); k++) {
            uint64_t random = i < 500 ? weir__random(7, i, k)
                                      : UINT64_MAX - (i - 500) * (i % 3);
            __extension__ unsigned __int128 product =
                (unsigned __int128)random * (highs[k] + 1);
            assert_true(weir__random_between(random, 0, highs[k]) ==
                        (uint64_t)(product >> 64));
        }
}

#endif

static void options_of_the_largest_size_are_read(void **state)
{
    static union {
        weir_timeout_options options;
        unsigned char bytes[4200];
    } o;
    weir_timeout *timeout = NULL;
    (void)state;
    weir_timeout_options_init(&o.options, sizeof o.options);
    o.options.timeout_ns = SECOND;
    o.options.size = 4096;
    assert_int_equal(weir_timeout_new(&timeout, &o.options), WEIR_OK);
    weir_timeout_unref(timeout);
    timeout = NULL;
    o.options.size = 4097;
    assert_int_equal(weir_timeout_new(&timeout, &o.options), WEIR_EVERSION);
    o.options.size = 4096;
    o.bytes[4095] = 1;
    assert_int_equal(weir_timeout_new(&timeout, &o.options), WEIR_EVERSION);
    assert_null(timeout);
}

/* A sum may be WEIR_NEVER; the end of a wait is not, since it comes. */
static void times_end_with_the_clock(void **state)
{
    (void)state;
    assert_true(weir__time_add(7, 5) == 12);
    assert_true(weir__time_add(7, WEIR_NEVER - 8) == WEIR_NEVER - 1);
    assert_true(weir__time_add(7, WEIR_NEVER - 7) == WEIR_NEVER);
    assert_true(weir__time_add(7, WEIR_NEVER - 6) == WEIR_NEVER);
    assert_true(weir__time_add(WEIR_NEVER, WEIR_NEVER) == WEIR_NEVER);
    assert_true(weir__time_wait_end(7, 5) == 12);
    assert_true(weir__time_wait_end(7, WEIR_NEVER - 8) == WEIR_NEVER - 1);
    assert_true(weir__time_wait_end(7, WEIR_NEVER - 7) == WEIR_NEVER - 1);
    assert_true(weir__time_wait_end(7, WEIR_NEVER) == WEIR_NEVER - 1);
    assert_true(weir__time_wait_end(WEIR_NEVER - 1, 1) == WEIR_NEVER - 1);
    assert_true(weir__time_since(12, 7) == 5);
    assert_true(weir__time_since(7, 12) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_numbers_are_the_same_on_every_machine),
#ifdef __SIZEOF_INT128__
        cmocka_unit_test(numbers_in_a_range_are_spread_without_a_bias),
#endif
        cmocka_unit_test(options_of_the_largest_size_are_read),
        cmocka_unit_test(times_end_with_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
