/* What is frozen: the operations that are promised to be lock-free. */
#include "freeze.h"

#include <stdlib.h>

#include "policy/bulkhead.h"
#include "weir.h"

#define SECOND UINT64_C(1000000000)

static void must(int status)
{
    if (status != WEIR_OK)
        fail("status %d", status);
}

/* ---- a breaker: three windows in five states ---- */

enum { ACQUIRE, SUCCEED, FAIL };
enum { SPOTLESS, SHAKEN, LATE, OPEN, HALF_OPEN, STATES };

static weir_breaker *breaker;
static uint64_t permits[PARTIES];
static int state, counted, failed; /* records of this generation */
static uint64_t generation;

static weir_breaker_snapshot look(void)
{
    weir_breaker_snapshot snapshot;
    snapshot.size = sizeof snapshot;
    must(weir_breaker_inspect(breaker, &snapshot));
    return snapshot;
}

static void record(int party, int outcome)
{
    int status = weir_breaker_record(breaker, permits[party], outcome, 0);
    if (status == WEIR_OK) {
        counted++;
        failed += outcome == WEIR_TRANSIENT;
    } else if (status != WEIR_ESTALE) {
        fail("record: status %d", status);
    }
}

static void make_breaker(uint32_t window)
{
    weir_breaker_options options;
    weir_breaker_options_init(&options, sizeof options);
    options.window = window;
    options.failure_threshold = 2;
    options.minimum_calls = 2;
    options.window_calls = 4;
    options.window_ns = SECOND;
    options.buckets = 1;
    options.open_ns = SECOND;
    options.probe_successes = 2;
    options.clock = test_clock();
    must(weir_breaker_new(&breaker, &options));
}

static void acquire_all(void)
{
    for (int i = 0; i < PARTIES; i++)
        must(weir_breaker_acquire(breaker, &permits[i]));
}

static void open_breaker(void)
{
    record(0, WEIR_TRANSIENT);
    record(1, WEIR_TRANSIENT);
    if (weir_breaker_state(breaker) != WEIR_OPEN)
        fail("two failures did not open it");
    test_now_ns += 2 * SECOND;
}

/* LATE: the first to come begins the next span, over what was counted in the
 * last. */
static void pass_a_span(int window)
{
    test_now_ns += SECOND;
    if (window == WEIR_WINDOW_TIME)
        counted = failed = 0;
}

static void begin_breaker(int variant, const int *operations)
{
    (void)operations;
    make_breaker((uint32_t)(variant / STATES));
    state = variant % STATES;
    acquire_all();
    counted = failed = 0;
    if (state == SHAKEN || state == LATE)
        record(0, WEIR_TRANSIENT);
    if (state == LATE)
        pass_a_span(variant / STATES);
    if (state >= OPEN)
        open_breaker();
    if (state == HALF_OPEN)
        acquire_all();
    generation = look().generation;
}

static void operate_breaker(int party, int operation)
{
    uint64_t permit;
    int status;
    switch (operation) {
    case ACQUIRE:
        status = weir_breaker_acquire(breaker, &permit);
        if (status != WEIR_OK && status != WEIR_EOPEN)
            fail("acquire: status %d", status);
        break;
    case SUCCEED:
        record(party, WEIR_SUCCESS);
        break;
    case FAIL:
        record(party, WEIR_TRANSIENT);
        break;
    }
}

/* Whatever was done, it closes once time has passed and probes succeed. */
static void recover(void)
{
    uint64_t permit;
    for (int i = 0; i < 4; i++) {
        test_now_ns += 1000 * SECOND;
        must(weir_breaker_acquire(breaker, &permit));
        must(weir_breaker_record(breaker, permit, WEIR_SUCCESS, 0));
    }
    if (weir_breaker_state(breaker) != WEIR_CLOSED)
        fail("it does not close again");
}

static void end_breaker(void)
{
    weir_breaker_snapshot snapshot = look();
    if (state < OPEN && snapshot.generation == generation) {
        if (snapshot.calls != 0 && (snapshot.calls != (uint64_t)counted ||
                                    snapshot.failed != (uint64_t)failed))
            fail("counted %d of which %d failed, not %d and %d",
                 (int)snapshot.calls, (int)snapshot.failed, counted, failed);
        if (counted == failed && failed >= 2)
            fail("two failures did not open it");
    }
    recover();
    weir_breaker_unref(breaker);
}

const world breaker_world = {
    "breaker (acquire, success, failure)", 3 * STATES, 3,
    begin_breaker, operate_breaker, end_breaker
};

/* ---- a bulkhead: with permits out and up to two more; without an era, in
 * an era, and in one with all free permits in stripes ---- */

enum { TRY, RELEASE, MOVE };
enum { FREE_PERMITS = 3, ERAS = 3, LAST_STRIPE = WEIR__PERMIT_STRIPES - 1 };

static weir_bulkhead *bulkhead;
static uint32_t held, limit;
static uint32_t cpu;

/* Permits that are out, or may be: those of the parties on their way. */
static uint32_t out;
static int tries[PARTIES];      /* it is on its way */
static int was_full[PARTIES];   /* at a moment since */

uint32_t weir__cpu_hint(void)
{
    return cpu;
}

static void begin_era(int in_stripes)
{
    uint32_t lie = in_stripes ? limit - held : 0;
    bulkhead->core.word = (bulkhead->core.word + WEIR__ONE_ERA) |
                          WEIR__STRIPED;
    for (uint32_t i = 0; i < lie; i++)
        must(weir_bulkhead_try_acquire(bulkhead));
    for (uint32_t i = 0; i < lie; i++) {
        cpu = LAST_STRIPE - i;
        must(weir_bulkhead_release(bulkhead));
    }
}

static void begin_bulkhead(int variant, const int *operations)
{
    weir_bulkhead_options options;
    held = 0;
    for (int i = 0; i < PARTIES; i++)
        held += operations[i] == RELEASE;
    out = held;
    limit = held + (uint32_t)(variant % FREE_PERMITS);
    if (limit == 0)
        limit = 1;
    weir_bulkhead_options_init(&options, sizeof options);
    options.max_concurrent = limit;
    options.clock = test_clock();
    must(weir_bulkhead_new(&bulkhead, &options));
    for (uint32_t i = 0; i < held; i++)
        must(weir_bulkhead_try_acquire(bulkhead));
    if (variant / FREE_PERMITS > 0)
        begin_era(variant / FREE_PERMITS > 1);
}

static void on_the_way(int party, int operation)
{
    was_full[party] = out >= limit;
    tries[party] = operation == TRY;
    out++;
    for (int i = 0; i < PARTIES; i++)
        if (i != party && out - (uint32_t)tries[i] >= limit)
            was_full[i] = 1;
}

static void try(int party)
{
    on_the_way(party, TRY);
    int granted = weir__bulkhead_take(bulkhead);
    tries[party] = 0;
    if (granted) {
        held++;
        return;
    }
    out--;
    if (!was_full[party])
        fail("turned away, and a permit was free all the time");
}

/* Begins an era, takes from a stripe behind and gives back to one in front. */
static void move(int party)
{
    on_the_way(party, MOVE);
    weir__stripes_begin(&bulkhead->core, 0);
    cpu = LAST_STRIPE - (uint32_t)party % 2;
    if (weir_bulkhead_try_acquire(bulkhead) == WEIR_OK) {
        cpu = (uint32_t)party;
        must(weir_bulkhead_release(bulkhead));
    }
    out--;
}

static void operate_bulkhead(int party, int operation)
{
    cpu = (uint32_t)party;
    switch (operation) {
    case TRY:
        try(party);
        break;
    case RELEASE:
        held--; /* before: who looks later must find it free */
        must(weir_bulkhead_release(bulkhead));
        out--;
        break;
    case MOVE:
        move(party);
        break;
    }
}

static void end_bulkhead(void)
{
    int same = weir_bulkhead_running(bulkhead) == held;
    must(weir_bulkhead_resize(bulkhead, limit)); /* ends an era */
    if (!same || weir_bulkhead_running(bulkhead) != held || held > limit)
        fail("%u permits are out, not %u of %u",
             weir_bulkhead_running(bulkhead), held, limit);
    for (; held < limit; held++)
        must(weir_bulkhead_try_acquire(bulkhead));
    if (weir_bulkhead_try_acquire(bulkhead) == WEIR_OK)
        fail("more permits than the limit");
    for (; held > 0; held--)
        must(weir_bulkhead_release(bulkhead));
    weir_bulkhead_unref(bulkhead);
}

const world bulkhead_world = {
    "bulkhead (try, release, move to another stripe)", FREE_PERMITS *ERAS, 3,
    begin_bulkhead, operate_bulkhead, end_bulkhead
};

/* ---- a budget: with one token or two, and the same where another one has
 * come with time ---- */

enum { RESERVE, DEPOSIT };

static weir_budget *budget;
static int tokens; /* in thousandths */

static void begin_budget(int variant, const int *operations)
{
    weir_budget_options options;
    (void)operations;
    weir_budget_options_init(&options, sizeof options);
    options.capacity = 8;
    options.ratio = 0.5;
    options.per_second = variant / 2;
    options.clock = test_clock();
    must(weir_budget_new(&budget, &options));
    for (tokens = 8000; tokens > (variant % 2 + 1) * 1000; tokens -= 1000)
        must(weir_budget_reserve(budget));
    if (options.per_second > 0) {
        test_now_ns += SECOND + SECOND / 2500; /* whole ticks */
        tokens += 1000;
    }
}

static void operate_budget(int party, int operation)
{
    (void)party;
    if (operation == DEPOSIT) {
        weir_budget_deposit(budget);
        tokens += 500;
    } else if (weir_budget_reserve(budget) == WEIR_OK) {
        tokens -= 1000;
    }
}

static void end_budget(void)
{
    if (weir_budget_tokens(budget) != (uint32_t)tokens)
        fail("%u thousandths, not %d", weir_budget_tokens(budget), tokens);
    weir_budget_unref(budget);
}

const world budget_world = {
    "budget (reserve, deposit)", 4, 2,
    begin_budget, operate_budget, end_budget
};
