/* Drives a breaker and its model through the same random operations; they must
 * agree after each of them. */
#include "model_breaker.h"

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
} pair;

static uint64_t now_of(pair *p)
{
    return weir_clock_now_ns(p->clock);
}

static void compare(pair *p)
{
    run *r = p->run;
    uint64_t now_ns = now_of(p);
    CHECK(r, weir_breaker_state(p->breaker) == model_state(&p->model, now_ns));
    CHECK(r, weir_breaker_mode(p->breaker) == model_mode(&p->model));
    CHECK(r, weir_breaker_retry_after_ns(p->breaker) ==
                 model_retry_after(&p->model, now_ns));
    CHECK(r, p->chain.state == p->model.state);
    CHECK(r, p->chain.count == p->model.generation - 1);
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
    int status = weir_breaker_record(p->breaker, p->permits[i], outcome,
                                     WEIR_NEVER);
    CHECK(p->run, status == model_record(&p->model, now_of(p),
                                         &p->model_permits[i], outcome));
    run_note(p->run, (uint64_t)(status != WEIR_OK) << 8 | (uint64_t)outcome);
}

static void by_hand(pair *p)
{
    static const int modes[] = {WEIR_AUTOMATIC, WEIR_AUTOMATIC,
                                WEIR_FORCED_OPEN, WEIR_DISABLED};
    p->chain.by_hand = 1;
    if (random_percent(&p->run->random, 30)) {
        weir_breaker_reset(p->breaker);
        model_reset(&p->model);
    } else {
        int mode = modes[random_below(&p->run->random, 4)];
        CHECK(p->run, weir_breaker_set_mode(p->breaker, mode) == WEIR_OK);
        model_set_mode(&p->model, mode);
    }
    p->chain.by_hand = 0;
}

/* Little, much, or to the very nanosecond of a decision, or one before. */
static void pass_time(pair *p)
{
    random_source *random = &p->run->random;
    uint64_t left = model_retry_after(&p->model, now_of(p));
    uint64_t by = random_time(random, 2 * p->model.o.open_ns);
    if (left != 0 && left != WEIR_NEVER && random_percent(random, 60))
        by = left - random_below(random, 2);
    if (random_percent(random, 1))
        by = random_time(random, YEAR);
    weir_clock_advance(p->clock, by);
}

static void operate(pair *p)
{
    uint64_t choice = random_below(&p->run->random, 100);
    if (choice < 45)
        acquire(p);
    else if (choice < 88)
        record(p);
    else if (choice < 98)
        pass_time(p);
    else
        by_hand(p);
}

static void random_options(pair *p, weir_breaker_options *o)
{
    random_source *random = &p->run->random;
    weir_breaker_options_init(o, sizeof *o);
    o->failure_threshold = (uint32_t)random_between(random, 1, 6);
    o->open_ns = random_time(random, 100 * SECOND);
    o->probes = (uint32_t)random_between(random, 1, 16);
    o->probe_successes = (uint32_t)random_between(random, 1, 8);
    if (random_percent(random, 5))
        o->probe_successes = 1000;
    o->lease_ns = random_time(random, 100 * SECOND);
    o->clock = p->clock;
}

void breaker_check_run(run *r)
{
    pair p = {.run = r};
    ledger l;
    weir_breaker_options o;
    int operations = OPERATIONS;
    p.failures = (uint32_t)random_below(&r->random, 101);
    if (random_percent(&r->random, 2)) {
        operations = LONG_RUN;
        p.ignored = 100;
    }
    ledger_init(&l, r);
    CHECK(r, weir_clock_new_virtual(&p.clock, random_time(&r->random, YEAR)) ==
                 WEIR_OK);
    random_options(&p, &o);
    o.allocator = &l.allocator;
    CHECK(r, weir_breaker_new(&p.breaker, &o) == WEIR_OK);
    model_init(&p.model, &o, now_of(&p));
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
