/* Stamps of the processor's counter, with a counter and a clock that stand
 * still: the source is compiled a second time, on top of them. */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#if defined __x86_64__ || defined __i386__
#include <cpuid.h>
#endif

#include "base/stamp.h"
#include "base/time.h"

static uint64_t count, now_ns;
static uint64_t tick_ahead; /* the counter goes on by itself, at each look */
static const uint64_t *looks; /* or so far at the next looks; NULL: not */

static uint64_t fake_counter(void)
{
    count += looks ? *looks++ : tick_ahead;
    return count;
}

static uint64_t fake_now(weir_clock *clock)
{
    (void)clock;
    return now_ns;
}

/* What processor and kernel say; where the text is NULL, they do. */
static const char *source_text;
static int knows_leaf, says_steady, file_number, is_open, odd;

static int fake_open(const char *path, int flags)
{
    if (!source_text)
        return open(path, flags);
    odd += flags != (O_RDONLY | O_CLOEXEC);
    is_open = file_number >= 0;
    return file_number;
}

static ssize_t fake_read(int file, void *bytes, size_t room)
{
    size_t length = source_text ? strlen(source_text) : 0;
    if (!source_text)
        return read(file, bytes, room);
    odd += !is_open || room + 1 != 32;
    memcpy(bytes, source_text, length);
    return (ssize_t)length;
}

static int fake_close(int file)
{
    is_open = 0;
    return source_text ? 0 : close(file);
}

#if defined __x86_64__ || defined __i386__
static int fake_cpuid(unsigned leaf, unsigned *a, unsigned *b, unsigned *c,
                      unsigned *d)
{
    if (!source_text)
        return __get_cpuid(leaf, a, b, c, d);
    *a = *b = *c = leaf;
    *d = says_steady ? 0x100 : ~0x100u;
    odd += leaf != 0x80000007;
    return knows_leaf;
}
#define __get_cpuid fake_cpuid
#endif

#define open fake_open
#define read fake_read
#define close fake_close
#define weir__counter_read fake_counter
#define weir_clock_now_ns fake_now
#define weir__counter_setup setup_again
#define weir__stamp_ns stamp_ns
#define weir__stamp_elapsed_ns stamp_elapsed_ns
void setup_again(void);
uint64_t stamp_ns(const weir__stamp *stamp);
uint64_t stamp_elapsed_ns(weir_clock *clock, const weir__stamp *stamp);
#include "../../src/base/stamp.c"
#undef weir_clock_now_ns
#undef open
#undef read
#undef close

#include "support.h"

/* A counter of three ticks a nanosecond that has just been switched on. */
static void switch_on(void)
{
    count = 3000;
    now_ns = SECOND;
    tick_ahead = 0;
    first = read_pair();
    weir__store_relaxed(&rate, 0);
    weir__store_release(&weir_clock_monotonic()->counted, 1u);
}

static void pass(uint64_t ns)
{
    count += 3 * ns;
    now_ns += ns;
}

static weir__stamp counted_now(void)
{
    weir__stamp stamp = {count, 1};
    return stamp;
}

static void assert_near(uint64_t a, uint64_t b)
{
    assert_true((a > b ? a - b : b - a) <= 1);
}

static void a_stamp_is_the_time_it_was_taken(void **state)
{
    static const uint64_t before[] = {0, 1, 1000, SECOND, 100 * DAY};
    static const uint64_t after[] = {1, 999, MS, 99 * MS, SECOND, DAY};
    (void)state;
    for (size_t i = 0; i < COUNT(before); i++)
        for (size_t j = 0; j < COUNT(after); j++) {
            switch_on();
            pass(before[i]);
            weir__stamp stamp = counted_now();
            uint64_t taken_ns = now_ns;
            pass(after[j]);
            assert_near(stamp_ns(&stamp), taken_ns);
            assert_near(stamp_elapsed_ns(weir_clock_monotonic(), &stamp),
                        after[j]);
        }
}

static void the_rate_is_remembered_once_it_is_known_well(void **state)
{
    (void)state;
    switch_on();
    weir__stamp stamp = counted_now();
    pass(enough_ns - 1);
    stamp_ns(&stamp);
    assert_true(known_rate() == 0);
    pass(1);
    stamp_ns(&stamp);
    assert_true(known_rate() > 0.333 && known_rate() < 0.334);
    count += 300; /* by the counter alone */
    assert_near(stamp_elapsed_ns(weir_clock_monotonic(), &stamp),
                enough_ns + 100);
}

static void a_clock_that_is_slewed_is_followed(void **state)
{
    (void)state;
    switch_on();
    pass(SECOND);
    weir__stamp stamp = counted_now();
    stamp_ns(&stamp);
    count += 3 * SECOND;
    now_ns += SECOND + SECOND / 2000; /* 500 ppm */
    uint64_t elapsed_ns = now_ns - stamp_ns(&stamp);
    assert_true(elapsed_ns >= SECOND && elapsed_ns <= SECOND + SECOND / 2000);
    assert_int_equal(weir_clock_monotonic()->counted, 1);
}

/* The machine slept: the counter went on, the clock did not. */
static void a_rate_that_is_off_turns_the_counter_off(void **state)
{
    (void)state;
    for (int ahead = 0; ahead <= 2; ahead++) {
        switch_on();
        pass(SECOND);
        weir__stamp stamp = counted_now();
        stamp_ns(&stamp);
        if (ahead == 2)
            count += 3 * DAY;
        else
            now_ns += ahead == 1 ? DAY : SECOND / 100;
        assert_true(stamp_ns(&stamp) == now_ns); /* late, never early */
        assert_int_equal(weir_clock_monotonic()->counted, 0);
        assert_true(stamp_elapsed_ns(weir_clock_monotonic(), &stamp) == 0);
    }
}

static void a_counter_that_stands_still_is_no_time(void **state)
{
    (void)state;
    switch_on();
    weir__stamp stamp = counted_now();
    assert_true(stamp_ns(&stamp) == now_ns);
    assert_int_equal(weir_clock_monotonic()->counted, 1);
}

/* The machine was off, and the counter began anew. */
static void a_counter_that_goes_back_is_turned_off(void **state)
{
    (void)state;
    for (int known = 0; known < 2; known++) {
        switch_on();
        weir__stamp stamp = counted_now();
        pass(known ? SECOND : MS);
        stamp_ns(&stamp);
        count = 2999;
        now_ns += SECOND;
        assert_true(stamp_ns(&stamp) == now_ns);
        assert_int_equal(weir_clock_monotonic()->counted, 0);
    }
}

/* The clock is slewed the one way and the other. */
static void who_was_told_that_his_time_is_over_is_late(void **state)
{
    static const int ppm[] = {-500, -10, 10, 500};
    (void)state;
    for (size_t i = 0; i < COUNT(ppm); i++) {
        switch_on();
        pass(SECOND);
        weir__stamp stamp = counted_now();
        stamp_ns(&stamp);
        count += 3 * SECOND;
        now_ns += (uint64_t)((int64_t)SECOND + ppm[i] * 1000);
        uint64_t told_ns = stamp_elapsed_ns(weir_clock_monotonic(), &stamp);
        assert_true(stamp_ns(&stamp) + told_ns <= now_ns + 1);
        assert_int_equal(weir_clock_monotonic()->counted, 1);
    }
}

/* A thread that is taken off between its readings tries again. */
static void the_closest_pair_counts(void **state)
{
    (void)state;
    switch_on();
    tick_ahead = 5000;
    pair slow = read_pair();
    assert_true(count == 3000 + 8 * 5000); /* four tries of two readings */
    assert_true(slow.ns == now_ns);
    tick_ahead = 10;
    uint64_t from = count;
    read_pair();
    assert_true(count == from + 2 * 10); /* the first was good */
}

static void of_some_pairs_the_closest_counts(void **state)
{
    static const uint64_t tries[][8] = {
        {0, 5000, 0, 3000, 0, 4000, 0, 6000}, /* the second */
        {7, 3000, 7, 3000, 7, 3000, 7, 3000}, /* the first of equals */
        {0, 2000}};                           /* good at once */
    static const uint64_t ticks[] = {5000 + 1500, 7 + 1500, 1000};
    (void)state;
    for (size_t i = 0; i < COUNT(tries); i++) {
        count = 0;
        looks = tries[i];
        assert_true(read_pair().ticks == ticks[i]);
        looks = NULL;
    }
}

static void other_clocks_give_their_own_time(void **state)
{
    (void)state;
    weir_clock *clock;
    assert_int_equal(weir_clock_new_virtual(&clock, 7), WEIR_OK);
    weir__stamp stamp = weir__stamp_take(clock);
    assert_int_equal(stamp.counted, 0);
    assert_true(stamp_ns(&stamp) == 7);
    now_ns = 12;
    assert_true(stamp_elapsed_ns(clock, &stamp) == 5);
    weir_clock_unref(clock);
}

static int is_set_up(const char *text)
{
    source_text = text;
    weir__store_relaxed(&weir_clock_monotonic()->counted, 0u);
    setup();
    source_text = NULL;
    assert_false(is_open);
    assert_int_equal(odd, 0);
    return (int)weir__load_relaxed(&weir_clock_monotonic()->counted);
}

static void the_counter_is_used_where_processor_and_kernel_trust_it(
    void **state)
{
    (void)state;
    knows_leaf = says_steady = 1;
    tick_ahead = 0;
    count = 777;
    for (file_number = 0; file_number < 2; file_number++)
        assert_true(is_set_up(SOURCE));
    assert_true(first.ticks == 777);
    assert_false(is_set_up("hpet\n"));
    assert_false(is_set_up(""));
    file_number = -1;
    assert_false(is_set_up(SOURCE));
    file_number = 1;
#if defined __x86_64__ || defined __i386__
    knows_leaf = 0;
    assert_false(is_set_up(SOURCE));
    knows_leaf = 1;
    says_steady = 0;
    assert_false(is_set_up(SOURCE));
#endif
}

static void setting_up_leaves_errno(void **state)
{
    (void)state;
    knows_leaf = says_steady = file_number = 1;
    source_text = SOURCE;
    for (uint32_t again = 0; again < 2; again++) {
        weir__store_relaxed(&weir_clock_monotonic()->counted, 0u);
        errno = 4711;
        setup_again();
        assert_int_equal(errno, 4711);
        assert_int_equal(weir_clock_monotonic()->counted, again == 0);
    }
    source_text = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stamp_is_the_time_it_was_taken),
        cmocka_unit_test(the_rate_is_remembered_once_it_is_known_well),
        cmocka_unit_test(a_clock_that_is_slewed_is_followed),
        cmocka_unit_test(a_rate_that_is_off_turns_the_counter_off),
        cmocka_unit_test(a_counter_that_stands_still_is_no_time),
        cmocka_unit_test(a_counter_that_goes_back_is_turned_off),
        cmocka_unit_test(who_was_told_that_his_time_is_over_is_late),
        cmocka_unit_test(the_closest_pair_counts),
        cmocka_unit_test(of_some_pairs_the_closest_counts),
        cmocka_unit_test(other_clocks_give_their_own_time),
        cmocka_unit_test(
            the_counter_is_used_where_processor_and_kernel_trust_it),
        cmocka_unit_test(setting_up_leaves_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
