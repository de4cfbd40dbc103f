/* Permits that lie in stripes: the bulkhead during an era. */
#include "policy/bulkhead.h"

#include "support.h"

enum { LIMIT = 10 };

static weir_clock *vclock;
static weir_bulkhead *bulkhead;

static int setup(void **state)
{
    (void)state;
    vclock = new_virtual_clock();
    bulkhead = new_bulkhead(vclock, LIMIT, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_bulkhead_unref(bulkhead);
    weir_clock_unref(vclock);
    return 0;
}

static int is_striped(void)
{
    return weir__is_striped(weir__load_relaxed(&bulkhead->core.word));
}

/* As many free permits lie in a stripe. */
static void begin_era(int permits)
{
    weir__stripes_begin(&bulkhead->core, 0);
    assert_true(is_striped());
    for (int i = 0; i < permits; i++)
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    for (int i = 0; i < permits; i++)
        assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_OK);
    assert_true(is_striped());
}

static void contend(int times)
{
    for (int i = 0; i < times; i++)
        weir__stripes_contend(&bulkhead->core);
}

static void era_begins_when_threads_meet_again_and_again(void **state)
{
    (void)state;
    contend(WEIR__CONTENTION - 1);
    assert_false(is_striped());
    contend(1);
    assert_true(is_striped());
}

static void no_era_begins_while_permits_are_short(void **state)
{
    (void)state;
    for (int i = 0; i < LIMIT / 2; i++)
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    contend(WEIR__CONTENTION);
    assert_false(is_striped());
}

static void all_permits_are_there_in_an_era(void **state)
{
    (void)state;
    begin_era(LIMIT / 2);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    for (int i = 0; i < LIMIT; i++) {
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
        assert_int_equal(weir_bulkhead_running(bulkhead), i + 1);
    }
    assert_true(is_striped());
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
    assert_false(is_striped());
    for (int i = 0; i < LIMIT; i++)
        assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
}

static void era_ends_before_somebody_waits(void **state)
{
    (void)state;
    begin_era(LIMIT);
    for (int i = 0; i < LIMIT; i++)
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_acquire_until(bulkhead, 0, NULL),
                     WEIR_ETIMEDOUT);
    assert_false(is_striped());
    assert_int_equal(weir_bulkhead_waiting(bulkhead), 0);
    assert_int_equal(weir_bulkhead_running(bulkhead), LIMIT);
}

static void lower_limit_holds_for_permits_in_stripes(void **state)
{
    (void)state;
    begin_era(LIMIT);
    assert_int_equal(weir_bulkhead_resize(bulkhead, 2), WEIR_OK);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
}

static void permit_given_back_twice_is_found_in_an_era(void **state)
{
    (void)state;
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    begin_era(3);
    assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_release(bulkhead), WEIR_ESTALE);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    for (int i = 0; i < LIMIT; i++)
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
}

/* More lie in stripes than are held: what a caller did wrong in two stripes at
 * once must not spread. */
static void permits_too_many_are_dropped(void **state)
{
    (void)state;
    uint64_t w;
    begin_era(1);
    w = weir__load_relaxed(&bulkhead->core.word);
    for (uint32_t i = 0; i < WEIR__PERMIT_STRIPES; i++)
        weir__store_relaxed(&bulkhead->core.stripes[i].word,
                            weir__era_of(w) | WEIR__OPEN | 5);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    assert_int_equal(weir_bulkhead_resize(bulkhead, LIMIT), WEIR_OK);
    assert_int_equal(weir_bulkhead_running(bulkhead), 0);
    for (int i = 0; i < LIMIT; i++)
        assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_OK);
    assert_int_equal(weir_bulkhead_try_acquire(bulkhead), WEIR_EFULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

/* ---- what a thread finds that was late ---- */

static void an_era_is_never_full_and_nobody_waits(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_bulkhead *small = new_bulkhead(clock, 1, 0);
    assert_int_equal(weir_bulkhead_try_acquire(small), WEIR_OK);
    assert_true(weir__bulkhead_is_full(small));
    weir__stripes_begin(&small->core, 0);
    assert_true(weir__is_striped(weir__load_relaxed(&small->core.word)));
    assert_false(weir__bulkhead_is_full(small));
    assert_int_equal(weir__waiting(WEIR__STRIPED | 3 * WEIR__ONE_WAITING), 0);
    assert_int_equal(weir__waiting(3 * WEIR__ONE_WAITING), 3);
    assert_int_equal(weir_bulkhead_release(small), WEIR_OK);
    weir_bulkhead_unref(small);
    weir_clock_unref(clock);
}

static void stripes_serve_nobody_once_their_era_is_over(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_bulkhead *small = new_bulkhead(clock, 10, 0);
    weir__bulkhead_core *core = &small->core;
    weir__stripe *stripe = &core->stripes[3];
    uint64_t s, w;
    assert_false(weir__stripes_take(core));
    assert_false(weir__stripes_put(core));
    weir__stripes_begin(core, 0);
    w = weir__load_relaxed(&core->word);
    weir__init(&stripe->word, weir__era_of(w) | WEIR__OPEN);
    weir__stripes_gather(core);
    assert_false(weir__is_striped(weir__load_relaxed(&core->word)));
    weir__init(&stripe->word, weir__era_of(w) | WEIR__OPEN);
    assert_false(weir__stripe_close(core, stripe, w, &s));
    weir__stripes_begin(core, 0);
    assert_false(weir__stripe_close(core, stripe, w, &s));
    w = weir__load_relaxed(&core->word);
    assert_true(weir__stripe_close(core, stripe, w, &s));
    assert_int_equal(s, weir__era_of(w));
    weir_bulkhead_unref(small);
    weir_clock_unref(clock);
}

static void stripe_words(weir__bulkhead_core *core, uint64_t word)
{
    for (int i = 0; i < WEIR__PERMIT_STRIPES; i++)
        weir__init(&core->stripes[i].word, word);
}

static void permits_are_found_wherever_they_lie(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_bulkhead *small = new_bulkhead(clock, 10, 0);
    weir__bulkhead_core *core = &small->core;
    weir__stripes_begin(core, 11);
    assert_false(weir__is_striped(weir__load_relaxed(&core->word)));
    weir__stripes_begin(core, 10);
    uint64_t w = weir__load_relaxed(&core->word);
    assert_true(weir__is_striped(w));
    for (int i = 0; i < 10; i++) /* none lies in a stripe yet */
        assert_true(weir__stripes_take(core));
    assert_int_equal(weir__held(weir__load_relaxed(&core->word)), 10);
    assert_false(weir__stripes_take(core));
    weir__stripe *own = weir__own_stripe(core);
    for (int i = 0; i < WEIR__PERMIT_STRIPES; i++) {
        stripe_words(core, weir__era_of(w) | WEIR__OPEN);
        weir__init(&core->stripes[i].word, weir__era_of(w) | WEIR__OPEN | 1);
        assert_true(weir__stripes_take(core));
        assert_int_equal(weir__held(weir__load_relaxed(
                             &core->stripes[i].word)), 0);
    }
    stripe_words(core, weir__era_of(w)); /* closed in this era: none goes in */
    assert_false(weir__stripes_put(core));
    assert_int_equal(weir__load_relaxed(&own->word), weir__era_of(w));
    weir__stripes_gather(core);
    weir__init(&core->word, UINT64_C(0));
    weir_bulkhead_unref(small);
    weir_clock_unref(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(era_begins_when_threads_meet_again_and_again),
        TEST(no_era_begins_while_permits_are_short),
        TEST(all_permits_are_there_in_an_era),
        TEST(era_ends_before_somebody_waits),
        TEST(lower_limit_holds_for_permits_in_stripes),
        TEST(permit_given_back_twice_is_found_in_an_era),
        TEST(permits_too_many_are_dropped),
        cmocka_unit_test(an_era_is_never_full_and_nobody_waits),
        cmocka_unit_test(stripes_serve_nobody_once_their_era_is_over),
        cmocka_unit_test(permits_are_found_wherever_they_lie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
