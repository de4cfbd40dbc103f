/* The circuit breaker: the state diagram, permits, the lease. */
#include <sched.h>

#include "policy/breaker.h"

#include "breaker.h"

/* ---- arguments ---- */

static void bad_arguments_are_rejected(void **state)
{
    uint64_t permit = 77;
    (void)state;
    assert_int_equal(weir_breaker_acquire(NULL, &permit), WEIR_EINVAL);
    assert_int_equal(weir_breaker_acquire(breaker, NULL), WEIR_EINVAL);
    assert_int_equal(permit, 77);
    permit = admitted();
    assert_int_equal(weir_breaker_record(NULL, permit, WEIR_SUCCESS, 0),
                     WEIR_EINVAL);
    assert_int_equal(record(permit, -1), WEIR_EINVAL);
    assert_int_equal(record(permit, WEIR_IGNORED + 1), WEIR_EINVAL);
    assert_int_equal(weir_breaker_state(NULL), WEIR_EINVAL);
    assert_int_equal(weir_breaker_mode(NULL), WEIR_EINVAL);
    assert_int_equal(weir_breaker_set_mode(NULL, WEIR_DISABLED), WEIR_EINVAL);
    assert_int_equal(weir_breaker_retry_after_ns(NULL), 0);
    weir_breaker_reset(NULL);
    weir_breaker_ref(NULL);
    weir_breaker_unref(NULL);
}

static void what_is_no_mode_is_rejected(void **state)
{
    static const int none[] = {-1, WEIR_OPEN, WEIR_HALF_OPEN, 6, INT32_MAX};
    (void)state;
    for (size_t i = 0; i < COUNT(none); i++)
        assert_int_equal(weir_breaker_set_mode(breaker, none[i]),
                         WEIR_EINVAL);
    assert_int_equal(weir_breaker_mode(breaker), WEIR_AUTOMATIC);
}

/* ---- closed ---- */

/* opossum#217: the first failure opened it */
static void a_new_breaker_is_closed_and_one_failure_does_not_open_it(
    void **state)
{
    (void)state;
    assert_state(WEIR_CLOSED);
    assert_int_equal(weir_breaker_mode(breaker), WEIR_AUTOMATIC);
    calls(1, WEIR_TRANSIENT);
    assert_state(WEIR_CLOSED);
}

static void five_failures_in_a_row_open_it(void **state)
{
    (void)state;
    calls(4, WEIR_TRANSIENT);
    assert_state(WEIR_CLOSED);
    calls(1, WEIR_PERMANENT);
    assert_state(WEIR_OPEN);
    assert_rejects();
}

/* vertx-circuit-breaker#24, semian#24: failures never age */
static void a_healthy_answer_in_between_starts_the_count_anew(void **state)
{
    (void)state;
    for (int healthy = WEIR_SUCCESS; healthy <= WEIR_DECLINED; healthy++) {
        calls(4, WEIR_TRANSIENT);
        calls(1, healthy);
        calls(4, WEIR_TRANSIENT);
        assert_state(WEIR_CLOSED);
        calls(1, healthy);
    }
}

/* opossum#388, Polly#311: filtered outcomes taken for failures */
static void what_is_not_counted_neither_adds_nor_clears(void **state)
{
    (void)state;
    calls(4, WEIR_TRANSIENT);
    calls(100, WEIR_IGNORED);
    calls(100, WEIR_THROTTLED);
    assert_state(WEIR_CLOSED);
    calls(1, WEIR_TRANSIENT);
    assert_state(WEIR_OPEN);
}

static void the_threshold_is_met_at_its_limits(void **state)
{
    static const int thresholds[] = {1, 2, 1000000};
    (void)state;
    for (size_t i = 0; i < COUNT(thresholds); i++) {
        weir_breaker_options o = breaker_options(vclock);
        o.failure_threshold = (uint32_t)thresholds[i];
        replace(&o);
        calls(thresholds[i] - 1, WEIR_TRANSIENT);
        assert_state(WEIR_CLOSED);
        calls(1, WEIR_TRANSIENT);
        assert_state(WEIR_OPEN);
    }
}

/* pybreaker#3: one call at a time */
static void a_closed_breaker_admits_any_number_at_once(void **state)
{
    uint64_t permits[100];
    (void)state;
    for (int i = 0; i < 100; i++)
        permits[i] = admitted();
    for (int i = 0; i < 100; i++)
        assert_int_equal(record(permits[i], WEIR_SUCCESS), WEIR_OK);
}

static void recording_a_closed_permit_twice_counts_twice(void **state)
{
    uint64_t permit = admitted();
    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(record(permit, WEIR_TRANSIENT), WEIR_OK);
    assert_state(WEIR_OPEN);
}

/* ---- open ---- */

static void the_open_time_is_kept_and_rounded_up_to_a_tick(void **state)
{
    static const uint64_t times[] = {1, TICK - 1, TICK, TICK + 1,
                                     60 * SECOND, YEAR};
    (void)state;
    for (size_t i = 0; i < COUNT(times); i++) {
        weir_breaker_options o = breaker_options(vclock);
        o.open_ns = times[i];
        replace(&o);
        advance(vclock, 12345);
        trip();
        uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
        assert_true(wait_ns >= times[i] && wait_ns < times[i] + 2 * TICK);
        pass_open_time();
        admitted();
    }
}

static void open_breaker_admits_a_probe_after_the_open_time(void **state)
{
    (void)state;
    trip();
    uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
    assert_true(wait_ns >= 60 * SECOND && wait_ns < 60 * SECOND + 2 * TICK);
    pass_open_time();
    admitted();
    assert_state(WEIR_HALF_OPEN);
}

/* smallrye#729: the state stayed open for those who only look */
static void the_state_tells_the_expiry_without_a_transition(void **state)
{
    (void)state;
    trip_and_expire();
    for (int i = 0; i < 3; i++)
        assert_state(WEIR_HALF_OPEN);
    /* Still the same generation: a late call of the closed breaker is stale,
     * and all three probes are there. */
    for (int i = 0; i < 3; i++)
        admitted();
    assert_rejects();
}

/* opossum#45: short-circuited calls counted as failures */
static void rejections_neither_count_nor_prolong(void **state)
{
    (void)state;
    trip();
    uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
    for (int i = 0; i < 50; i++) {
        advance(vclock, wait_ns / 100);
        assert_rejects();
    }
    assert_int_equal(weir_breaker_retry_after_ns(breaker),
                     wait_ns - wait_ns / 100 * 50);
    pass_open_time();
    calls(3, WEIR_SUCCESS);
    assert_state(WEIR_CLOSED);
}

/* openab#969, agbero#7: late failures while open push the deadline out */
static void late_failures_while_open_do_not_push_the_deadline(void **state)
{
    uint64_t late[50];
    (void)state;
    for (int i = 0; i < 50; i++)
        late[i] = admitted();
    trip();
    uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
    for (int i = 0; i < 50; i++) {
        advance(vclock, wait_ns / 100);
        assert_int_equal(record(late[i], WEIR_TRANSIENT), WEIR_ESTALE);
    }
    assert_int_equal(weir_breaker_retry_after_ns(breaker),
                     wait_ns - wait_ns / 100 * 50);
    pass_open_time();
    admitted();
}

/* agentmemory#1350: a late success while open kept it open for ever;
 * Polly#217: it closed it */
static void a_late_success_while_open_changes_nothing(void **state)
{
    uint64_t late = admitted();
    (void)state;
    trip();
    assert_int_equal(record(late, WEIR_SUCCESS), WEIR_ESTALE);
    assert_state(WEIR_OPEN);
    assert_rejects();
    pass_open_time();
    admitted();
}

/* ---- half-open ---- */

/* resilience4j#1432, gobreaker#53: more probes than allowed */
static void half_open_admits_as_many_probes_at_once_as_allowed(void **state)
{
    (void)state;
    for (uint32_t probes = 1; probes <= 16; probes++) {
        weir_breaker_options o = breaker_options(vclock);
        o.probes = probes;
        o.probe_successes = 1000;
        replace(&o);
        trip_and_expire();
        for (uint32_t i = 0; i < probes; i++)
            admitted();
        for (int i = 0; i < 20; i++)
            assert_rejects();
    }
}

static void three_successes_of_probes_close_it(void **state)
{
    (void)state;
    trip_and_expire();
    calls(1, WEIR_SUCCESS);
    calls(1, WEIR_DECLINED);
    assert_state(WEIR_HALF_OPEN);
    calls(1, WEIR_SUCCESS);
    assert_state(WEIR_CLOSED);
    assert_int_equal(weir_breaker_retry_after_ns(breaker), 0);
}

/* resilience4j#547: history kept from half-open to closed */
static void a_breaker_that_closed_has_no_failures(void **state)
{
    (void)state;
    trip_and_expire();
    calls(3, WEIR_SUCCESS);
    calls(4, WEIR_TRANSIENT);
    assert_state(WEIR_CLOSED);
    calls(1, WEIR_TRANSIENT);
    assert_state(WEIR_OPEN);
}

/* opossum#276: below the volume threshold a failing probe was overlooked */
static void one_failing_probe_opens_it_for_the_whole_time(void **state)
{
    (void)state;
    for (int outcome = WEIR_TRANSIENT; outcome <= WEIR_PERMANENT; outcome++) {
        trip_and_expire();
        calls(2, WEIR_SUCCESS);
        calls(1, outcome);
        assert_state(WEIR_OPEN);
        assert_true(weir_breaker_retry_after_ns(breaker) >= 60 * SECOND);
        assert_rejects();
        weir_breaker_reset(breaker);
    }
}

/* resilience4j#903: more successes needed than probes at once */
static void successes_may_exceed_the_probes_at_once(void **state)
{
    weir_breaker_options o = breaker_options(vclock);
    (void)state;
    o.probes = 1;
    o.probe_successes = 1000;
    replace(&o);
    trip_and_expire();
    calls(999, WEIR_SUCCESS);
    assert_state(WEIR_HALF_OPEN);
    calls(1, WEIR_SUCCESS);
    assert_state(WEIR_CLOSED);
}

/* ldbc#731, agentic_security#328: after a failed probe the success of another
 * must not close it, nor the other way round */
static void the_failure_of_two_probes_wins_in_both_orders(void **state)
{
    (void)state;
    trip_and_expire();
    uint64_t one = admitted(), two = admitted(), three = admitted();
    assert_int_equal(record(one, WEIR_TRANSIENT), WEIR_OK);
    uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
    assert_int_equal(record(two, WEIR_SUCCESS), WEIR_ESTALE);
    assert_int_equal(record(three, WEIR_TRANSIENT), WEIR_ESTALE);
    assert_int_equal(weir_breaker_retry_after_ns(breaker), wait_ns);
    assert_state(WEIR_OPEN);
    pass_open_time();
    one = admitted();
    two = admitted();
    assert_int_equal(record(two, WEIR_SUCCESS), WEIR_OK);
    assert_int_equal(record(one, WEIR_TRANSIENT), WEIR_OK);
    assert_state(WEIR_OPEN);
}

/* resilience4j#544, Polly#717, smallrye#320, monix#1080: a probe that was
 * ignored or cancelled used up its place; Polly v8: it closed the circuit */
static void outcomes_that_do_not_count_give_the_probe_back(void **state)
{
    static const int outcomes[] = {WEIR_IGNORED, WEIR_THROTTLED};
    (void)state;
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        trip_and_expire();
        uint64_t probes[3] = {admitted(), admitted(), admitted()};
        assert_rejects();
        for (int k = 0; k < 3; k++) {
            assert_int_equal(record(probes[k], outcomes[i]), WEIR_OK);
            assert_state(WEIR_HALF_OPEN);
        }
        for (int k = 0; k < 3; k++)
            probes[k] = admitted();
        assert_rejects();
        for (int k = 0; k < 3; k++)
            assert_int_equal(record(probes[k], WEIR_SUCCESS), WEIR_OK);
        assert_state(WEIR_CLOSED);
    }
}

/* resilience4j and failsafe-go by reading: a stale release adds a permit */
static void a_probe_that_reports_twice_is_stale_and_frees_nothing(void **state)
{
    (void)state;
    trip_and_expire();
    uint64_t one = admitted();
    admitted();
    admitted();
    assert_int_equal(record(one, WEIR_IGNORED), WEIR_OK);
    for (int outcome = WEIR_SUCCESS; outcome <= WEIR_IGNORED; outcome++)
        assert_int_equal(record(one, outcome), WEIR_ESTALE);
    assert_state(WEIR_HALF_OPEN);
    admitted();
    assert_rejects();
}

static void a_success_reported_twice_counts_once(void **state)
{
    (void)state;
    trip_and_expire();
    for (int i = 0; i < 2; i++) {
        uint64_t permit = admitted();
        assert_int_equal(record(permit, WEIR_SUCCESS), WEIR_OK);
        assert_int_equal(record(permit, WEIR_SUCCESS), WEIR_ESTALE);
    }
    assert_state(WEIR_HALF_OPEN);
}

/* Polly#216-#219, opossum#381: calls from before the opening close or re-open
 * a half-open breaker */
static void calls_admitted_while_closed_do_not_move_a_half_open_one(
    void **state)
{
    uint64_t late[8];
    (void)state;
    for (int i = 0; i < 8; i++)
        late[i] = admitted();
    trip_and_expire();
    admitted();
    for (int i = 0; i < 4; i++)
        assert_int_equal(record(late[i], WEIR_SUCCESS), WEIR_ESTALE);
    assert_state(WEIR_HALF_OPEN);
    for (int i = 4; i < 8; i++)
        assert_int_equal(record(late[i], WEIR_TRANSIENT), WEIR_ESTALE);
    assert_state(WEIR_HALF_OPEN);
    admitted();
    admitted();
    assert_rejects();
}

/* denoland/std#7306, k8s-breakglass#981: a probe of the half-open period
 * before frees a place that the new one never gave */
static void a_probe_of_an_earlier_half_open_period_is_stale(void **state)
{
    (void)state;
    trip_and_expire();
    uint64_t old[2] = {admitted(), admitted()};
    calls(1, WEIR_TRANSIENT);
    pass_open_time();
    uint64_t fresh[3] = {admitted(), admitted(), admitted()};
    assert_int_equal(record(old[0], WEIR_SUCCESS), WEIR_ESTALE);
    assert_int_equal(record(old[1], WEIR_IGNORED), WEIR_ESTALE);
    assert_rejects();
    for (int i = 0; i < 3; i++)
        assert_int_equal(record(fresh[i], WEIR_SUCCESS), WEIR_OK);
    assert_state(WEIR_CLOSED);
}

/* gobreaker#122: the caller is not told that his result was dropped */
static void results_of_an_earlier_closed_time_are_stale(void **state)
{
    uint64_t old = admitted();
    (void)state;
    trip_and_expire();
    calls(3, WEIR_SUCCESS);
    calls(4, WEIR_TRANSIENT);
    assert_int_equal(record(old, WEIR_TRANSIENT), WEIR_ESTALE);
    assert_state(WEIR_CLOSED);
    assert_int_equal(record(old, WEIR_SUCCESS), WEIR_ESTALE);
    calls(1, WEIR_TRANSIENT); /* the fifth: the stale ones were not counted */
    assert_state(WEIR_OPEN);
}

/* opossum#59, #57: a flag of the first half-open killed the second */
static void it_opens_and_half_opens_again_and_again(void **state)
{
    (void)state;
    for (int cycle = 0; cycle < 5; cycle++) {
        trip_and_expire();
        calls(2, WEIR_SUCCESS);
        calls(1, WEIR_TRANSIENT);
        assert_state(WEIR_OPEN);
        pass_open_time();
        calls(3, WEIR_SUCCESS);
        assert_state(WEIR_CLOSED);
    }
}

/* ---- tickets ---- */

/* A ticket has twelve bits and the window sixteen. */
static void probes_go_on_past_16_and_4095_that_did_not_count(void **state)
{
    (void)state;
    trip_and_expire();
    calls(2, WEIR_SUCCESS);
    for (int i = 0; i < 10000; i++) {
        calls(1, WEIR_IGNORED);
        assert_state(WEIR_HALF_OPEN);
    }
    calls(1, WEIR_SUCCESS); /* the two before are not forgotten */
    assert_state(WEIR_CLOSED);
}

static void no_more_probes_than_allowed_however_many_were_before(void **state)
{
    uint64_t out[3], permit;
    int count = 0, pauses = 0;
    (void)state;
    trip_and_expire();
    for (int i = 0; i < 20000; i++) {
        if (weir_breaker_acquire(breaker, &permit) == WEIR_OK) {
            assert_true(count < 3);
            out[count++] = permit;
        } else {
            /* Once in 4095 tickets the three have to be back before the
             * numbers start again. */
            pauses += count < 3;
            assert_true(count > 0);
            assert_int_equal(record(out[0], WEIR_IGNORED), WEIR_OK);
            for (int k = 1; k < count; k++)
                out[k - 1] = out[k];
            count--;
        }
    }
    assert_true(pauses <= 2 * 20000 / 4095);
    assert_state(WEIR_HALF_OPEN);
}

/* A probe that hangs while the others are given back must not wedge it. */
static void a_hanging_probe_among_others_does_not_wedge_it(void **state)
{
    (void)state;
    trip_and_expire();
    uint64_t hanging = admitted();
    uint64_t permit;
    int admissions = 0, waits = 0;
    while (admissions < 200 && waits < 100) {
        if (weir_breaker_acquire(breaker, &permit) == WEIR_OK) {
            assert_int_equal(record(permit, WEIR_IGNORED), WEIR_OK);
            admissions++;
        } else {
            uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
            assert_true(wait_ns > 0 && wait_ns <= 60 * SECOND + 2 * TICK);
            advance(vclock, wait_ns);
            waits++;
        }
    }
    assert_int_equal(admissions, 200);
    assert_int_equal(record(hanging, WEIR_TRANSIENT), WEIR_ESTALE);
    calls(3, WEIR_SUCCESS);
    assert_state(WEIR_CLOSED);
}

/* The window has 16 places: a probe may block it, but never drop out of it. */
static void a_slow_probe_stays_valid_while_others_come_and_go(void **state)
{
    (void)state;
    for (int others = 0; others <= 40; others++) {
        uint64_t permit;
        int came = 0;
        trip_and_expire();
        uint64_t slow = admitted();
        while (came < others &&
               weir_breaker_acquire(breaker, &permit) == WEIR_OK) {
            assert_int_equal(record(permit, WEIR_IGNORED), WEIR_OK);
            came++;
        }
        assert_true(came == others || came >= 15);
        assert_int_equal(record(slow, WEIR_SUCCESS), WEIR_OK);
        weir_breaker_reset(breaker);
    }
}

/* Whatever number is recorded: only permits that are out move anything. */
static void made_up_permits_are_stale(void **state)
{
    uint64_t x = 1;
    (void)state;
    trip_and_expire();
    uint64_t real = admitted();
    for (int i = 0; i < 100000; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t made_up = i < 64      ? UINT64_C(1) << i
                           : i < 70000 ? real + (x >> 60) * (1 + (x >> 20) % 9)
                                       : x;
        if (made_up != real)
            assert_int_equal(record(made_up, WEIR_TRANSIENT), WEIR_ESTALE);
    }
    assert_int_equal(record(0, WEIR_TRANSIENT), WEIR_ESTALE);
    assert_state(WEIR_HALF_OPEN);
    weir_breaker_reset(breaker);
    assert_int_equal(record(0, WEIR_TRANSIENT), WEIR_ESTALE);
    assert_int_equal(record(real, WEIR_TRANSIENT), WEIR_ESTALE);
}

/* ---- the lease ---- */

/* resilience4j#935 #1389, Polly#1979, Sentinel#1638: a probe that never
 * reports leaves half-open for ever */
static void probes_that_never_report_are_replaced_after_the_lease(void **state)
{
    (void)state;
    trip_and_expire();
    uint64_t lost[3] = {admitted(), admitted(), admitted()};
    uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
    assert_true(wait_ns >= 60 * SECOND && wait_ns < 60 * SECOND + 2 * TICK);
    pass_open_time(); /* here: the lease */
    uint64_t fresh[3] = {admitted(), admitted(), admitted()};
    assert_rejects();
    for (int i = 0; i < 3; i++)
        assert_int_equal(record(lost[i], WEIR_TRANSIENT), WEIR_ESTALE);
    assert_state(WEIR_HALF_OPEN);
    for (int i = 0; i < 3; i++)
        assert_int_equal(record(fresh[i], WEIR_SUCCESS), WEIR_OK);
    assert_state(WEIR_CLOSED);
}

static void successes_are_kept_when_probes_are_replaced(void **state)
{
    (void)state;
    trip_and_expire();
    calls(2, WEIR_SUCCESS);
    for (int i = 0; i < 3; i++)
        admitted();
    pass_open_time();
    calls(1, WEIR_SUCCESS);
    assert_state(WEIR_CLOSED);
}

static void the_lease_begins_anew_with_each_probe_and_each_report(void **state)
{
    (void)state;
    trip_and_expire();
    admitted();
    advance(vclock, 50 * SECOND);
    uint64_t two = admitted();
    advance(vclock, 50 * SECOND);
    admitted();
    assert_true(weir_breaker_retry_after_ns(breaker) >= 60 * SECOND);
    advance(vclock, 50 * SECOND);
    assert_rejects();
    assert_int_equal(record(two, WEIR_SUCCESS), WEIR_OK);
    admitted();
    assert_true(weir_breaker_retry_after_ns(breaker) >= 60 * SECOND);
    pass_open_time();
    admitted();
}

/* Where the window is blocked, no new probe would renew it. */
static void a_report_renews_the_lease_of_a_blocked_window(void **state)
{
    (void)state;
    trip_and_expire();
    uint64_t slow = admitted();
    calls(14, WEIR_IGNORED);
    uint64_t sixteenth = admitted();
    assert_rejects();
    advance(vclock, 50 * SECOND);
    assert_int_equal(record(sixteenth, WEIR_IGNORED), WEIR_OK);
    assert_rejects();
    assert_true(weir_breaker_retry_after_ns(breaker) >= 60 * SECOND);
    pass_open_time();
    admitted();
    assert_int_equal(record(slow, WEIR_SUCCESS), WEIR_ESTALE);
}

/* The lease is for probes that are all out; one that is free needs none. */
static void a_free_probe_does_not_wait_for_the_lease(void **state)
{
    (void)state;
    trip_and_expire();
    uint64_t slow = admitted();
    advance(vclock, YEAR);
    assert_int_equal(weir_breaker_retry_after_ns(breaker), 0);
    admitted();
    assert_int_equal(record(slow, WEIR_SUCCESS), WEIR_OK); /* not replaced */
}

static void the_lease_has_its_own_length(void **state)
{
    static const uint64_t leases[] = {1, TICK, SECOND, YEAR};
    (void)state;
    for (size_t i = 0; i < COUNT(leases); i++) {
        weir_breaker_options o = breaker_options(vclock);
        o.lease_ns = leases[i];
        o.probes = 1;
        replace(&o);
        trip_and_expire();
        admitted();
        uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
        assert_true(wait_ns >= leases[i] && wait_ns < leases[i] + 2 * TICK);
        pass_open_time();
        admitted();
        assert_rejects();
    }
}

/* ---- outcome x state ---- */

/* opossum#660, smallrye#320: what each outcome does in each state */
static void every_outcome_in_every_state(void **state)
{
    enum { CLOSED_4, CLOSED_0, HALF_0, HALF_2, DISABLED, LATE, STATES };
    static const int after[STATES][6] = {
        /* success declined transient permanent throttled ignored */
        [CLOSED_4] = {WEIR_CLOSED, WEIR_CLOSED, WEIR_OPEN, WEIR_OPEN,
                      WEIR_CLOSED, WEIR_CLOSED},
        [CLOSED_0] = {WEIR_CLOSED, WEIR_CLOSED, WEIR_CLOSED, WEIR_CLOSED,
                      WEIR_CLOSED, WEIR_CLOSED},
        [HALF_0] = {WEIR_HALF_OPEN, WEIR_HALF_OPEN, WEIR_OPEN, WEIR_OPEN,
                    WEIR_HALF_OPEN, WEIR_HALF_OPEN},
        [HALF_2] = {WEIR_CLOSED, WEIR_CLOSED, WEIR_OPEN, WEIR_OPEN,
                    WEIR_HALF_OPEN, WEIR_HALF_OPEN},
        [DISABLED] = {WEIR_DISABLED, WEIR_DISABLED, WEIR_DISABLED,
                      WEIR_DISABLED, WEIR_DISABLED, WEIR_DISABLED},
        [LATE] = {WEIR_OPEN, WEIR_OPEN, WEIR_OPEN, WEIR_OPEN, WEIR_OPEN,
                  WEIR_OPEN},
    };
    (void)state;
    for (int in = 0; in < STATES; in++)
        for (int outcome = WEIR_SUCCESS; outcome <= WEIR_IGNORED; outcome++) {
            weir_breaker_set_mode(breaker, WEIR_AUTOMATIC);
            weir_breaker_reset(breaker);
            uint64_t late = admitted();
            if (in == CLOSED_4)
                calls(4, WEIR_TRANSIENT);
            else if (in == LATE)
                trip();
            else if (in == DISABLED)
                weir_breaker_set_mode(breaker, WEIR_DISABLED);
            else if (in != CLOSED_0)
                trip_and_expire();
            if (in == HALF_2)
                calls(2, WEIR_SUCCESS);
            assert_int_equal(record(in == LATE ? late : admitted(), outcome),
                             in == LATE ? WEIR_ESTALE : WEIR_OK);
            assert_state(after[in][outcome]);
        }
}

/* ---- retry_after ---- */

static void retry_after_tells_the_wait_in_every_state(void **state)
{
    (void)state;
    assert_int_equal(weir_breaker_retry_after_ns(breaker), 0);
    trip();
    uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
    advance(vclock, SECOND);
    assert_int_equal(weir_breaker_retry_after_ns(breaker), wait_ns - SECOND);
    pass_open_time();
    admitted();
    assert_int_equal(weir_breaker_retry_after_ns(breaker), 0);
    admitted();
    uint64_t last = admitted();
    wait_ns = weir_breaker_retry_after_ns(breaker);
    advance(vclock, SECOND);
    assert_int_equal(weir_breaker_retry_after_ns(breaker), wait_ns - SECOND);
    assert_int_equal(record(last, WEIR_IGNORED), WEIR_OK);
    assert_int_equal(weir_breaker_retry_after_ns(breaker), 0);
    weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
    assert_true(weir_breaker_retry_after_ns(breaker) == WEIR_NEVER);
    weir_breaker_set_mode(breaker, WEIR_DISABLED);
    assert_int_equal(weir_breaker_retry_after_ns(breaker), 0);
}

/* ---- modes and reset ---- */

static void forced_open_rejects_until_the_mode_is_changed(void **state)
{
    uint64_t before = admitted();
    (void)state;
    assert_int_equal(weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN),
                     WEIR_OK);
    assert_state(WEIR_FORCED_OPEN);
    assert_int_equal(weir_breaker_mode(breaker), WEIR_FORCED_OPEN);
    assert_rejects();
    advance(vclock, 10 * YEAR);
    assert_rejects();
    assert_int_equal(record(before, WEIR_SUCCESS), WEIR_ESTALE);
    assert_int_equal(weir_breaker_set_mode(breaker, WEIR_AUTOMATIC), WEIR_OK);
    assert_state(WEIR_CLOSED);
    calls(1, WEIR_SUCCESS);
}

static void disabled_passes_every_call_and_counts_none(void **state)
{
    (void)state;
    calls(4, WEIR_TRANSIENT);
    assert_int_equal(weir_breaker_set_mode(breaker, WEIR_DISABLED), WEIR_OK);
    assert_state(WEIR_DISABLED);
    assert_int_equal(weir_breaker_mode(breaker), WEIR_DISABLED);
    calls(100, WEIR_TRANSIENT);
    assert_state(WEIR_DISABLED);
    uint64_t during = admitted();
    assert_int_equal(weir_breaker_set_mode(breaker, WEIR_AUTOMATIC), WEIR_OK);
    assert_state(WEIR_CLOSED);
    for (int i = 0; i < 9; i++)
        assert_int_equal(record(during, WEIR_TRANSIENT), WEIR_ESTALE);
    calls(4, WEIR_TRANSIENT);
    assert_state(WEIR_CLOSED);
}

static void setting_the_mode_it_has_does_nothing(void **state)
{
    (void)state;
    calls(4, WEIR_TRANSIENT);
    uint64_t permit = admitted();
    assert_int_equal(weir_breaker_set_mode(breaker, WEIR_AUTOMATIC), WEIR_OK);
    assert_int_equal(record(permit, WEIR_TRANSIENT), WEIR_OK);
    assert_state(WEIR_OPEN); /* the four were not forgotten */
    assert_int_equal(weir_breaker_set_mode(breaker, WEIR_AUTOMATIC), WEIR_OK);
    assert_state(WEIR_OPEN);
    weir_breaker_set_mode(breaker, WEIR_DISABLED);
    permit = admitted();
    weir_breaker_set_mode(breaker, WEIR_DISABLED);
    assert_int_equal(record(permit, WEIR_SUCCESS), WEIR_OK);
}

static void from_one_manual_mode_to_the_other(void **state)
{
    (void)state;
    weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
    assert_int_equal(weir_breaker_set_mode(breaker, WEIR_DISABLED), WEIR_OK);
    uint64_t permit = admitted();
    assert_int_equal(weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN),
                     WEIR_OK);
    assert_int_equal(record(permit, WEIR_SUCCESS), WEIR_ESTALE);
    assert_rejects();
}

static void reset_closes_from_every_state_and_forgets(void **state)
{
    (void)state;
    calls(4, WEIR_TRANSIENT);
    uint64_t closed = admitted();
    weir_breaker_reset(breaker);
    assert_int_equal(record(closed, WEIR_TRANSIENT), WEIR_ESTALE);
    calls(4, WEIR_TRANSIENT);
    assert_state(WEIR_CLOSED);
    calls(1, WEIR_TRANSIENT);
    assert_state(WEIR_OPEN);
    weir_breaker_reset(breaker);
    assert_state(WEIR_CLOSED);
    trip_and_expire();
    uint64_t probe = admitted();
    weir_breaker_reset(breaker);
    assert_state(WEIR_CLOSED);
    assert_int_equal(record(probe, WEIR_TRANSIENT), WEIR_ESTALE);
    calls(4, WEIR_TRANSIENT);
    assert_state(WEIR_CLOSED);
}

static void reset_leaves_a_manual_mode(void **state)
{
    (void)state;
    weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
    weir_breaker_reset(breaker);
    assert_state(WEIR_FORCED_OPEN);
    weir_breaker_set_mode(breaker, WEIR_DISABLED);
    weir_breaker_reset(breaker);
    assert_state(WEIR_DISABLED);
}

/* resilience4j#1039, #991: the timer of the first opening ends the second */
static void an_opening_after_a_reset_lasts_its_own_time(void **state)
{
    (void)state;
    trip();
    advance(vclock, 30 * SECOND);
    weir_breaker_reset(breaker);
    trip();
    assert_true(weir_breaker_retry_after_ns(breaker) >= 60 * SECOND);
    advance(vclock, 31 * SECOND);
    assert_rejects();
    pass_open_time();
    admitted();
}

/* ---- clocks that go back ---- */

static uint64_t now_of_arg(void *arg)
{
    return *(uint64_t *)arg;
}

/* fabfuel/circuitbreaker#31: wall clock stepped back */
static void a_clock_that_goes_back_counts_as_standing_still(void **state)
{
    uint64_t now_ns = 1000 * SECOND;
    weir_clock *clock = NULL;
    (void)state;
    assert_int_equal(weir_clock_new_custom(&clock, now_of_arg, &now_ns, NULL),
                     WEIR_OK);
    weir_breaker_options o = breaker_options(clock);
    replace(&o);
    weir_clock_unref(clock);
    now_ns -= 999 * SECOND; /* before the breaker was made */
    trip();
    assert_rejects();
    /* It opened at an age of nothing: neither in the far future nor over. */
    uint64_t wait_ns = weir_breaker_retry_after_ns(breaker);
    assert_true(wait_ns >= 60 * SECOND && wait_ns <= 60 * SECOND + TICK);
    now_ns = 1000 * SECOND + wait_ns - 1;
    assert_rejects();
    now_ns++;
    uint64_t probe = admitted();
    now_ns -= 30 * SECOND;
    admitted();
    admitted();
    assert_rejects();
    now_ns += 30 * SECOND; /* the lease of the first is not made older */
    assert_true(weir_breaker_retry_after_ns(breaker) >= 60 * SECOND);
    assert_int_equal(record(probe, WEIR_SUCCESS), WEIR_OK);
    calls(2, WEIR_SUCCESS);
    assert_state(WEIR_CLOSED);
}

/* ---- threads ---- */

enum { THREADS = 8, ROUNDS = 200 };

typedef struct gate {
    atomic_int round;   /* of the main thread */
    atomic_int arrived; /* threads that are through with it */
    atomic_int admitted;
} gate;

static void *acquire_at_once(void *arg)
{
    gate *g = arg;
    for (int round = 1; round <= ROUNDS; round++) {
        uint64_t permit;
        while (atomic_load(&g->round) != round)
            sched_yield();
        if (weir_breaker_acquire(breaker, &permit) == WEIR_OK)
            atomic_fetch_add(&g->admitted, 1);
        atomic_fetch_add(&g->arrived, 1);
    }
    return NULL;
}

/* resilience4j#1432, Polly#254, termite#27: a herd at the instant of expiry */
static void a_herd_at_the_expiry_gets_no_more_probes_than_allowed(void **state)
{
    gate g = {0};
    pthread_t threads[THREADS];
    int wrong = 0;
    (void)state;
    for (int i = 0; i < THREADS; i++)
        threads[i] = start(acquire_at_once, &g);
    for (int round = 1; round <= ROUNDS; round++) {
        weir_breaker_reset(breaker);
        trip_and_expire();
        atomic_store(&g.admitted, 0);
        atomic_store(&g.arrived, 0);
        atomic_store(&g.round, round);
        while (atomic_load(&g.arrived) != THREADS)
            sched_yield();
        wrong += atomic_load(&g.admitted) != 3;
    }
    for (int i = 0; i < THREADS; i++)
        join(threads[i]);
    assert_int_equal(wrong, 0);
}

static void *reset_often(void *arg)
{
    gate *g = arg;
    while (atomic_load(&g->round) == 0)
        weir_breaker_reset(breaker);
    return NULL;
}

/* The operator's switch must hold: a reset that looked before it was thrown
 * may not undo it. */
static void a_reset_never_undoes_a_mode_set_at_the_same_time(void **state)
{
    gate g = {0};
    int undone = 0;
    (void)state;
    pthread_t one = start(reset_often, &g), two = start(reset_often, &g);
    for (int i = 0; i < 20000; i++) {
        weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
        undone += weir_breaker_mode(breaker) != WEIR_FORCED_OPEN;
        weir_breaker_set_mode(breaker, WEIR_AUTOMATIC);
    }
    atomic_store(&g.round, 1);
    join(one);
    join(two);
    assert_int_equal(undone, 0);
}

/* Ends are kept for 36 years; a breaker that is older opens for a moment. */
static void a_breaker_that_is_too_old_to_stay_open_asks_again(void **state)
{
    (void)state;
    advance(vclock, 40 * YEAR);
    calls(5, WEIR_TRANSIENT);
    assert_state(WEIR_HALF_OPEN);
    calls(3, WEIR_SUCCESS);
    assert_state(WEIR_CLOSED);
}

/* ---- words that only races, or years, lead to ---- */

static uint64_t half_open_in(uint64_t generation)
{
    return weir__word(WEIR_HALF_OPEN, generation, 0);
}

static void the_streak_counts_openings_in_a_row_up_to_255(void **state)
{
    weir__breaker_core core;
    (void)state;
    weir__breaker_core_init(&core);
    assert_int_equal(weir__streak_raise(&core, weir__word(WEIR_CLOSED, 1, 0)),
                     0);
    assert_int_equal(weir__streak_raise(&core, half_open_in(3)), 1);
    assert_int_equal(weir__streak_raise(&core, half_open_in(5)), 2);
    assert_int_equal(weir__streak_raise(&core, half_open_in(5)), 2);
    for (uint32_t i = 3; i < 300; i++)
        assert_int_equal(weir__streak_raise(&core, half_open_in(2 * i + 1)),
                         i < 255 ? i : 255);
    assert_int_equal(
        weir__streak_raise(&core, weir__word(WEIR_CLOSED, 700, 0)), 0);
}

static void a_late_opening_leaves_the_streak_alone(void **state)
{
    const uint64_t half = WEIR__GENERATION_MASK / 2;
    weir__breaker_core core;
    (void)state;
    weir__breaker_core_init(&core);
    weir__init(&core.streak, UINT64_C(10) << 8 | 4);
    assert_int_equal(weir__streak_raise(&core, half_open_in(3)), 4);
    assert_int_equal(weir__load_relaxed(&core.streak), 10 << 8 | 4);
    assert_int_equal(weir__streak_raise(&core, half_open_in(10 + half)), 4);
    assert_int_equal(weir__load_relaxed(&core.streak), 10 << 8 | 4);
    assert_int_equal(weir__streak_raise(&core, half_open_in(9 + half)), 5);
    assert_int_equal(weir__load_relaxed(&core.streak), (10 + half) << 8 | 5);
    weir__init(&core.streak, WEIR__GENERATION_MASK << 8 | 5);
    assert_int_equal(
        weir__streak_raise(&core, half_open_in(WEIR__GENERATION_MASK)), 6);
    assert_int_equal(weir__load_relaxed(&core.streak), 6);
    /* while it is half-open, that was no later one, but one of long ago */
    weir__init(&core.word, half_open_in(3));
    weir__init(&core.streak, UINT64_C(10) << 8 | 4);
    assert_int_equal(weir__streak_raise(&core, half_open_in(3)), 5);
    assert_int_equal(weir__load_relaxed(&core.streak), 4 << 8 | 5);
}

static void the_count_of_failures_does_not_come_round(void **state)
{
    uint64_t full = weir__word(WEIR_METRICS_ONLY, 1, WEIR__PAYLOAD_MASK);
    (void)state;
    assert_int_equal(weir__word_after_closed(full - 1, WEIR_TRANSIENT), full);
    assert_int_equal(weir__word_after_closed(full, WEIR_TRANSIENT), full);
    assert_int_equal(weir__word_after_closed(full, WEIR_IGNORED), full);
}

static void a_permit_of_another_state_is_stale(void **state)
{
    (void)state;
    trip_and_expire();
    uint64_t permit = admitted();
    uint64_t word = weir__load_relaxed(&breaker->core.word);
    uint64_t other = weir__permit(
        weir__word(WEIR_METRICS_ONLY, weir__word_generation(word), 0),
        weir__word_payload(permit));
    assert_int_equal(record(other, WEIR_TRANSIENT), WEIR_ESTALE);
    assert_state(WEIR_HALF_OPEN);
}

static void a_permit_is_valid_while_its_probe_is_out(void **state)
{
    (void)state;
    uint64_t old = admitted();
    assert_true(weir__breaker_core_valid(&breaker->core, old));
    trip_and_expire();
    assert_false(weir__breaker_core_valid(&breaker->core, old));
    uint64_t probe = admitted();
    assert_true(weir__breaker_core_valid(&breaker->core, probe));
    assert_int_equal(record(probe, WEIR_IGNORED), WEIR_OK);
    assert_false(weir__breaker_core_valid(&breaker->core, probe));
}

static void what_is_inspected_counts_failures_while_closed(void **state)
{
    weir_breaker_snapshot s = {.size = sizeof s - 1};
    (void)state;
    assert_int_equal(weir_breaker_inspect(breaker, &s), WEIR_EINVAL);
    assert_int_equal(weir_breaker_inspect(breaker, NULL), WEIR_EINVAL);
    s.size = sizeof s;
    assert_int_equal(weir_breaker_inspect(NULL, &s), WEIR_EINVAL);
    calls(4, WEIR_TRANSIENT);
    assert_int_equal(weir_breaker_inspect(breaker, &s), WEIR_OK);
    assert_int_equal(s.failed, 4);
    calls(1, WEIR_TRANSIENT);
    assert_int_equal(weir_breaker_inspect(breaker, &s), WEIR_OK);
    assert_int_equal(s.state, WEIR_OPEN);
    assert_int_equal(s.failed, 0);
    pass_open_time();
    admitted();
    assert_int_equal(weir_breaker_inspect(breaker, &s), WEIR_OK);
    assert_int_equal(s.state, WEIR_HALF_OPEN);
    assert_int_equal(s.failed, 0);
}

/* ---- open times that are drawn ---- */

static uint64_t drawn_open_time(uint64_t seed, uint32_t seeded)
{
    weir_breaker_options o = breaker_options(vclock);
    o.open_jitter = 1.0;
    o.seed = seed;
    o.seeded = seeded;
    replace(&o);
    trip();
    return weir_breaker_retry_after_ns(breaker);
}

static void open_times_are_drawn_from_the_seed(void **state)
{
    (void)state;
    uint64_t drawn = drawn_open_time(7, 1);
    assert_int_equal(drawn_open_time(7, 1), drawn);
    assert_int_not_equal(drawn_open_time(8, 1), drawn);
    drawn = drawn_open_time(0, 0);
    assert_int_not_equal(drawn_open_time(0, 0), drawn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(bad_arguments_are_rejected),
        TEST(what_is_no_mode_is_rejected),
        TEST(a_new_breaker_is_closed_and_one_failure_does_not_open_it),
        TEST(five_failures_in_a_row_open_it),
        TEST(a_healthy_answer_in_between_starts_the_count_anew),
        TEST(what_is_not_counted_neither_adds_nor_clears),
        TEST(the_threshold_is_met_at_its_limits),
        TEST(a_closed_breaker_admits_any_number_at_once),
        TEST(recording_a_closed_permit_twice_counts_twice),
        TEST(the_open_time_is_kept_and_rounded_up_to_a_tick),
        TEST(open_breaker_admits_a_probe_after_the_open_time),
        TEST(the_state_tells_the_expiry_without_a_transition),
        TEST(rejections_neither_count_nor_prolong),
        TEST(late_failures_while_open_do_not_push_the_deadline),
        TEST(a_late_success_while_open_changes_nothing),
        TEST(half_open_admits_as_many_probes_at_once_as_allowed),
        TEST(three_successes_of_probes_close_it),
        TEST(a_breaker_that_closed_has_no_failures),
        TEST(one_failing_probe_opens_it_for_the_whole_time),
        TEST(successes_may_exceed_the_probes_at_once),
        TEST(the_failure_of_two_probes_wins_in_both_orders),
        TEST(outcomes_that_do_not_count_give_the_probe_back),
        TEST(a_probe_that_reports_twice_is_stale_and_frees_nothing),
        TEST(a_success_reported_twice_counts_once),
        TEST(calls_admitted_while_closed_do_not_move_a_half_open_one),
        TEST(a_probe_of_an_earlier_half_open_period_is_stale),
        TEST(results_of_an_earlier_closed_time_are_stale),
        TEST(it_opens_and_half_opens_again_and_again),
        TEST(probes_go_on_past_16_and_4095_that_did_not_count),
        TEST(no_more_probes_than_allowed_however_many_were_before),
        TEST(a_hanging_probe_among_others_does_not_wedge_it),
        TEST(a_slow_probe_stays_valid_while_others_come_and_go),
        TEST(made_up_permits_are_stale),
        TEST(probes_that_never_report_are_replaced_after_the_lease),
        TEST(successes_are_kept_when_probes_are_replaced),
        TEST(the_lease_begins_anew_with_each_probe_and_each_report),
        TEST(a_report_renews_the_lease_of_a_blocked_window),
        TEST(a_free_probe_does_not_wait_for_the_lease),
        TEST(the_lease_has_its_own_length),
        TEST(every_outcome_in_every_state),
        TEST(retry_after_tells_the_wait_in_every_state),
        TEST(forced_open_rejects_until_the_mode_is_changed),
        TEST(disabled_passes_every_call_and_counts_none),
        TEST(setting_the_mode_it_has_does_nothing),
        TEST(from_one_manual_mode_to_the_other),
        TEST(reset_closes_from_every_state_and_forgets),
        TEST(reset_leaves_a_manual_mode),
        TEST(an_opening_after_a_reset_lasts_its_own_time),
        TEST(a_clock_that_goes_back_counts_as_standing_still),
        TEST(a_herd_at_the_expiry_gets_no_more_probes_than_allowed),
        TEST(a_reset_never_undoes_a_mode_set_at_the_same_time),
        TEST(a_breaker_that_is_too_old_to_stay_open_asks_again),
        TEST(the_streak_counts_openings_in_a_row_up_to_255),
        TEST(a_late_opening_leaves_the_streak_alone),
        TEST(the_count_of_failures_does_not_come_round),
        TEST(a_permit_of_another_state_is_stale),
        TEST(a_permit_is_valid_while_its_probe_is_out),
        TEST(what_is_inspected_counts_failures_while_closed),
        TEST(open_times_are_drawn_from_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
