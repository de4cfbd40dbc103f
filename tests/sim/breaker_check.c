/* Drives a breaker and its model through the same random operations; they must
 * agree after each of them. */
#include "model_breaker.h"

#include <stddef.h>
#include <string.h>

enum { OPERATIONS = 400, PERMITS = 64 };

/* Long enough to use up the numbers of a generation's tickets. */
enum { LONG_RUN = 12000 };

typedef struct pair {
    run *run;
    weir_clock *clock;
    weir_breaker *breaker;
    model_breaker model;
    chain chain;
    uint64_t permits[PERMITS]; /* the latest; recorded ones stay */
    model_permit model_permits[PERMITS];
    uint32_t count;
    uint32_t failures; /* per cent of the results */
    uint32_t ignored;  /* likewise */
    uint32_t slow;     /* likewise */
    uint32_t by_hand;  /* per cent of the operations */
    int grows;         /* the open time */
    weir_breaker_options o;
} pair;

static uint64_t now_of(pair *p)
{
    return weir_clock_now_ns(p->clock);
}

static void compare_counts(pair *p, uint64_t now_ns)
{
    weir_breaker_snapshot s = {.size = sizeof s}, expected = s;
    CHECK(p->run, weir_breaker_inspect(p->breaker, &s) == WEIR_OK);
    model_inspect(&p->model, now_ns, &expected);
    CHECK(p->run, s.state == expected.state);
    CHECK(p->run, s.generation == expected.generation);
    CHECK(p->run, s.calls == expected.calls);
    CHECK(p->run, s.failed == expected.failed);
    CHECK(p->run, s.slow == expected.slow);
    CHECK(p->run, s.retry_after_ns == expected.retry_after_ns);
    run_note(p->run, s.calls << 40 | s.failed << 20 | s.slow);
}

static void compare(pair *p)
{
    run *r = p->run;
    uint64_t now_ns = now_of(p);
    CHECK(r, p->chain.state == p->model.state);
    CHECK(r, p->chain.count == p->model.generation - 1);
    if (p->model.state == WEIR_OPEN &&
        p->model.open_until != p->model.open_last)
        CHECK(r, model_adopt_open_time(
                     &p->model, now_ns,
                     weir_breaker_retry_after_ns(p->breaker)));
    CHECK(r, weir_breaker_state(p->breaker) == model_state(&p->model, now_ns));
    CHECK(r, weir_breaker_mode(p->breaker) == model_mode(&p->model));
    CHECK(r, weir_breaker_retry_after_ns(p->breaker) ==
                 model_retry_after(&p->model, now_ns));
    compare_counts(p, now_ns);
    run_note(r, model_retry_after(&p->model, now_ns));
}

static void acquire(pair *p)
{
    uint64_t permit = 0;
    model_permit expected = {0, 0, 0};
    int status = weir_breaker_acquire(p->breaker, &permit);
    CHECK(p->run, status == model_acquire(&p->model, now_of(p), &expected));
    if (status == WEIR_OK) {
        p->permits[p->count % PERMITS] = permit;
        p->model_permits[p->count++ % PERMITS] = expected;
    }
}

/* To the nanosecond of what is slow, or beyond it. */
static uint64_t random_elapsed(pair *p)
{
    random_source *random = &p->run->random;
    if (random_percent(random, 5))
        return WEIR_NEVER;
    if (p->o.slow_call_ns == WEIR_NEVER)
        return random_time(random, SECOND);
    if (random_percent(random, p->slow))
        return p->o.slow_call_ns + random_time(random, SECOND);
    return p->o.slow_call_ns - random_below(random, 2);
}

/* Mostly of a recent permit, sometimes of an old one or one of before. */
static void record(pair *p)
{
    random_source *random = &p->run->random;
    uint32_t held = p->count < PERMITS ? p->count : PERMITS;
    if (held == 0)
        return;
    uint32_t back = (uint32_t)random_below(
        random, random_percent(random, 70) && held > 4 ? 4 : held);
    uint32_t i = (p->count - 1 - back) % PERMITS;
    int outcome = WEIR_SUCCESS;
    if (p->model.state == WEIR_HALF_OPEN && random_percent(random, p->ignored))
        outcome = WEIR_IGNORED;
    else if (random_percent(random, 20))
        outcome = (int)random_between(random, WEIR_SUCCESS, WEIR_IGNORED);
    else if (random_percent(random, p->failures))
        outcome = WEIR_TRANSIENT;
    uint64_t elapsed_ns = random_elapsed(p);
    int status = weir_breaker_record(p->breaker, p->permits[i], outcome,
                                     elapsed_ns);
    CHECK(p->run, status == model_record(&p->model, now_of(p),
                                         &p->model_permits[i], outcome,
                                         elapsed_ns));
    run_note(p->run, (uint64_t)(status != WEIR_OK) << 8 | (uint64_t)outcome);
}

static void by_hand(pair *p)
{
    static const int modes[] = {WEIR_AUTOMATIC, WEIR_AUTOMATIC,
                                WEIR_FORCED_OPEN, WEIR_DISABLED,
                                WEIR_METRICS_ONLY, WEIR_METRICS_ONLY};
    p->chain.by_hand = 1;
    if (random_percent(&p->run->random, 30)) {
        weir_breaker_reset(p->breaker);
        model_reset(&p->model);
    } else {
        int mode = modes[random_below(&p->run->random, 6)];
        CHECK(p->run, weir_breaker_set_mode(p->breaker, mode) == WEIR_OK);
        model_set_mode(&p->model, mode);
    }
    p->chain.by_hand = 0;
}

static void random_limits(pair *p, weir_breaker_options *o);

/* What may not change does not. */
static void set_options(pair *p)
{
    weir_breaker_options o = p->o, wrong;
    random_limits(p, &o);
    wrong = o;
    wrong.window = (wrong.window + 1) % 3;
    CHECK(p->run, weir_breaker_set_options(p->breaker, &wrong) == WEIR_EINVAL);
    CHECK(p->run, weir_breaker_set_options(p->breaker, &o) == WEIR_OK);
    model_set_options(&p->model, &o);
    p->o = o;
}

/* Little, much, or to the very nanosecond of a decision, or one before. */
static void pass_time(pair *p)
{
    random_source *random = &p->run->random;
    uint64_t left = model_retry_after(&p->model, now_of(p));
    uint64_t by = random_time(random, 2 * p->model.o.open_ns);
    if (p->o.window == WEIR_WINDOW_TIME && p->model.state == WEIR_CLOSED)
        by = random_below(random, 2 * p->o.window_ns / p->o.buckets);
    if (random_percent(random, 10)) /* better days, or worse */
        p->failures = (uint32_t)random_below(random, 101);
    if (left != 0 && left != WEIR_NEVER && random_percent(random, 60))
        by = left - random_below(random, 2);
    if (random_percent(random, 1))
        by = random_time(random, YEAR);
    weir_clock_advance(p->clock, by);
}

static void operate(pair *p)
{
    uint64_t choice = random_below(&p->run->random, 1000);
    if (choice < p->by_hand * 10)
        by_hand(p);
    else if (choice < p->by_hand * 15)
        set_options(p);
    else if (choice < 480)
        acquire(p);
    else if (choice < 930)
        record(p);
    else
        pass_time(p);
}

/* What may change on a live breaker. */
static void random_limits(pair *p, weir_breaker_options *o)
{
    static const double rates[] = {0.1, 0.25, 0.3, 0.5, 0.75, 1.0};
    random_source *random = &p->run->random;
    o->failure_threshold = (uint32_t)random_between(random, 1, 6);
    o->minimum_calls = (uint32_t)random_between(
        random, 1,
        o->window == WEIR_WINDOW_COUNT ? o->window_calls
                                       : random_between(random, 1, 40));
    o->failure_rate = rates[random_below(random, 6)];
    o->slow_rate = rates[random_below(random, 6)];
    if (o->slow_call_ns != WEIR_NEVER)
        o->slow_call_ns = random_time(random, 10 * SECOND);
    o->open_ns = random_time(random, 100 * SECOND);
    if (p->grows) {
        o->open_max_ns = o->open_ns * random_between(random, 1, 64);
        o->open_factor = 1.0 + 0.5 * (double)random_below(random, 6);
    }
    if (random_percent(random, 50))
        o->open_jitter = (double)random_below(random, 101) / 100.0;
    o->probes = (uint32_t)random_between(random, 1, 16);
    o->probe_successes = (uint32_t)random_between(random, 1, 8);
    if (random_percent(random, 5))
        o->probe_successes = 1000;
    o->lease_ns = random_time(random, 100 * SECOND);
}

static void random_options(pair *p)
{
    random_source *random = &p->run->random;
    weir_breaker_options *o = &p->o;
    weir_breaker_options_init(o, sizeof *o);
    o->window = (uint32_t)random_below(random, 3);
    o->window_calls = (uint32_t)random_between(
        random, 1, random_percent(random, 80) ? 40 : 1024);
    o->buckets = (uint32_t)random_between(random, 1, 64);
    o->window_ns = o->buckets * MS + random_time(random, 100 * SECOND);
    if (o->window != WEIR_WINDOW_CONSECUTIVE && random_percent(random, 70))
        o->slow_call_ns = 1;
    random_limits(p, o);
    o->seed = random_next(random);
    o->seeded = 1;
    o->clock = p->clock;
}

void breaker_check_run(run *r)
{
    static pair p;
    ledger l;
    int operations = OPERATIONS;
    memset(&p, 0, offsetof(pair, model));
    p.count = 0;
    p.run = r;
    p.failures = (uint32_t)random_below(&r->random, 101);
    p.slow = (uint32_t)random_below(&r->random, 101);
    p.by_hand = (uint32_t)random_below(&r->random, 5);
    p.grows = random_percent(&r->random, 50);
    p.ignored = 0;
    if (random_percent(&r->random, 2)) {
        operations = LONG_RUN;
        p.ignored = 100;
    }
    ledger_init(&l, r);
    CHECK(r, weir_clock_new_virtual(&p.clock, random_time(&r->random, YEAR)) ==
                 WEIR_OK);
    random_options(&p);
    p.o.allocator = &l.allocator;
    CHECK(r, weir_breaker_new(&p.breaker, &p.o) == WEIR_OK);
    model_init(&p.model, &p.o, now_of(&p));
    chain_listen(&p.chain, r, p.breaker);
    compare(&p);
    for (int i = 0; i < operations; i++) {
        operate(&p);
        compare(&p);
    }
    weir_breaker_unref(p.breaker);
    weir_clock_unref(p.clock);
    CHECK(r, p.chain.ended == 1);
    CHECK(r, l.blocks == 0 && l.bytes == 0);
}
