/* A bulkhead beside its model: stepped calls of a pipeline of this one policy,
 * and permits without a call.  Every step of a call is one of the model, and
 * they must agree on what it says and on all that can be seen. */
#include "model_bulkhead.h"

#include <string.h>

enum { ROUNDS = 300 };

typedef struct client {
    struct check *check;
    weir_call *call;       /* NULL: done */
    weir_attempt *attempt; /* NULL: its work has ended */
    uint64_t wake_ns;
    int woken;
    int waits;
} client;

typedef struct check {
    run *run;
    weir_clock *clock;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline;
    model_bulkhead model;
    client clients[MODEL_CLIENTS];
    uint32_t by_hand; /* permits that are out without a call */
} check;

static uint64_t now_of(check *k)
{
    return weir_clock_now_ns(k->clock);
}

static void wake(void *arg)
{
    client *c = arg;
    CHECK(c->check->run, c->waits && !c->woken);
    c->woken = 1;
}

static uint32_t number_of(const client *c)
{
    return (uint32_t)(c - c->check->clients);
}

static void close_call(client *c, int code)
{
    run *r = c->check->run;
    weir_result result = {.size = sizeof result};
    CHECK(r, weir_call_result(c->call, &result) == WEIR_OK);
    CHECK(r, result.code == code);
    CHECK(r, result.rejected_by == (code == WEIR_EFULL ||
                                            code == WEIR_EQUEUETIME
                                        ? WEIR_BY_BULKHEAD
                                    : code == WEIR_ECANCELED ? WEIR_BY_CALL
                                                             : WEIR_BY_NONE));
    run_note(r, (uint64_t)(unsigned)result.code);
    weir_call_unref(c->call);
    c->call = NULL;
    c->woken = c->waits = 0;
}

static int step(client *c, weir_step *s)
{
    *s = (weir_step){.size = sizeof *s};
    c->waits = c->woken = 0;
    CHECK(c->check->run, weir_call_step(c->call, WEIR_NOW, s) == WEIR_OK);
    c->waits = s->action == WEIR_STEP_WAIT;
    c->wake_ns = s->wake_ns;
    return s->action;
}

/* expected: of the model, for somebody who wants a permit. */
static void follow(client *c, int expected)
{
    check *k = c->check;
    weir_step s;
    int action = step(c, &s);
    run_note(k->run, (uint64_t)action << 8 | number_of(c));
    if (expected == WEIR_OK) {
        CHECK(k->run, action == WEIR_STEP_ATTEMPT);
        c->attempt = s.attempt;
        CHECK(k->run, step(c, &s) == WEIR_STEP_WAIT);
    } else if (expected == 1) {
        CHECK(k->run, action == WEIR_STEP_WAIT);
        CHECK(k->run,
              c->wake_ns <= k->model.clients[number_of(c)].until_ns);
    } else {
        CHECK(k->run, action == WEIR_STEP_DONE);
        close_call(c, expected);
    }
}

static void look(client *c)
{
    model_standing standing = c->check->model.clients[number_of(c)].standing;
    if (standing == STANDS_WAITING || standing == STANDS_GRANTED)
        follow(c, model_bulkhead_look(&c->check->model, number_of(c),
                                      now_of(c->check)));
}

/* ---- what clients do ---- */

static void enter(client *c)
{
    check *k = c->check;
    if (c->call || c->attempt)
        return;
    CHECK(k->run, weir_call_new(&c->call, k->pipeline, NULL) == WEIR_OK);
    CHECK(k->run, weir_call_on_wake(c->call, wake, c, NULL) == WEIR_OK);
    follow(c, model_bulkhead_enter(&k->model, number_of(c), now_of(k)));
}

/* Its attempt goes on, and keeps the permit. */
static void cancel(client *c)
{
    check *k = c->check;
    weir_step s;
    int works = c->attempt != NULL;
    if (!c->call)
        return;
    weir_call_cancel(c->call);
    CHECK(k->run, c->woken);
    CHECK(k->run,
          step(c, &s) == (works ? WEIR_STEP_CANCEL : WEIR_STEP_DONE));
    if (works)
        CHECK(k->run, step(c, &s) == WEIR_STEP_DONE);
    close_call(c, WEIR_ECANCELED);
    if (works)
        model_bulkhead_abandon(&k->model, number_of(c), now_of(k));
    else
        model_bulkhead_quit(&k->model, number_of(c));
}

static void end_work(client *c)
{
    check *k = c->check;
    weir_step s;
    weir_attempt *attempt = c->attempt;
    if (!attempt)
        return;
    c->attempt = NULL;
    CHECK(k->run, weir_attempt_finish(attempt, 0, WEIR_NOW) ==
                      (c->call ? WEIR_OK : WEIR_ECANCELED));
    if (c->call) {
        CHECK(k->run, c->woken && step(c, &s) == WEIR_STEP_DONE);
        close_call(c, 0);
    }
    model_bulkhead_end(&k->model, number_of(c));
}

static void permit_by_hand(check *k)
{
    int status;
    if (random_percent(&k->run->random, 50)) {
        status = weir_bulkhead_try_acquire(k->bulkhead);
        CHECK(k->run, status == model_bulkhead_try(&k->model, now_of(k)));
        k->by_hand += status == WEIR_OK;
    } else if (k->by_hand || k->model.held == 0) {
        status = weir_bulkhead_release(k->bulkhead);
        CHECK(k->run, status == model_bulkhead_release(&k->model));
        k->by_hand -= status == WEIR_OK;
    }
}

static void resize(check *k)
{
    uint32_t limit = (uint32_t)random_between(&k->run->random, 1, 8);
    CHECK(k->run, weir_bulkhead_resize(k->bulkhead, limit) == WEIR_OK);
    CHECK(k->run, weir_bulkhead_resize(k->bulkhead, 0) == WEIR_EINVAL);
    model_bulkhead_resize(&k->model, limit);
}

/* To the next thing that happens, a little before, or beyond. */
static void pass_time(check *k)
{
    random_source *random = &k->run->random;
    uint64_t next_ns = weir_clock_next_ns(k->clock), now_ns = now_of(k);
    uint64_t due_ns = model_bulkhead_due(&k->model);
    uint64_t by = random_time(random, 2 * SECOND);
    if (due_ns < next_ns)
        next_ns = due_ns;
    if (next_ns != WEIR_NEVER && next_ns > now_ns && random_percent(random, 70))
        by = next_ns - now_ns - random_below(random, 2);
    weir_clock_advance(k->clock, by);
}

/* ---- after each of them ---- */

static void settle(check *k)
{
    for (int found = 1; found;) {
        uint32_t first =
            (uint32_t)random_below(&k->run->random, MODEL_CLIENTS);
        found = 0;
        for (uint32_t i = 0; i < MODEL_CLIENTS; i++) {
            client *c = &k->clients[(first + i) % MODEL_CLIENTS];
            if (!c->woken)
                continue;
            found = 1;
            look(c);
        }
    }
}

static void compare(check *k)
{
    const model_bulkhead *m = &k->model;
    uint64_t now_ns = now_of(k);
    CHECK(k->run, weir_bulkhead_running(k->bulkhead) == m->held);
    CHECK(k->run, weir_bulkhead_waiting(k->bulkhead) == m->queue_count);
    CHECK(k->run, weir_bulkhead_abandoned(k->bulkhead) == m->abandoned_count);
    CHECK(k->run, weir_bulkhead_max_concurrent(k->bulkhead) == m->limit);
    for (uint32_t i = 0; i < MODEL_CLIENTS; i++) {
        CHECK(k->run, m->clients[i].standing != STANDS_GRANTED);
        if (m->clients[i].standing == STANDS_WAITING)
            CHECK(k->run, m->clients[i].until_ns > now_ns);
    }
    /* Nobody waits for a permit that is to be taken back. */
    CHECK(k->run, m->queue_count == 0 || model_bulkhead_due(m) > now_ns);
    run_note(k->run, (uint64_t)m->held << 32 | m->queue_count);
}

static void operate(check *k)
{
    random_source *random = &k->run->random;
    uint64_t choice = random_below(random, 100);
    client *c = &k->clients[random_below(random, MODEL_CLIENTS)];
    if (choice < 35)
        enter(c);
    else if (choice < 55)
        end_work(c);
    else if (choice < 65)
        cancel(c);
    else if (choice < 75)
        permit_by_hand(k);
    else if (choice < 80)
        resize(k);
    else if (choice < 85 && c->call)
        look(c); /* unasked */
    else
        pass_time(k);
}

static void open_check(check *k, run *r, ledger *l)
{
    weir_bulkhead_options o;
    weir_pipeline_options p;
    random_source *random = &r->random;
    memset(k, 0, sizeof *k);
    k->run = r;
    CHECK(r, weir_clock_new_virtual(&k->clock, random_time(random, YEAR)) ==
                 WEIR_OK);
    weir_bulkhead_options_init(&o, sizeof o);
    o.max_concurrent = (uint32_t)random_between(random, 1, 6);
    o.max_queue = (uint32_t)random_below(random, 20);
    o.queue_ns = random_percent(random, 5) ? 0 : random_time(random, SECOND);
    if (random_percent(random, 70))
        o.abandoned_max_ns = random_time(random, SECOND);
    o.clock = k->clock;
    o.allocator = &l->allocator;
    CHECK(r, weir_bulkhead_new(&k->bulkhead, &o) == WEIR_OK);
    model_bulkhead_init(&k->model, &o);
    weir_pipeline_options_init(&p, sizeof p);
    p.clock = k->clock;
    p.allocator = &l->allocator;
    CHECK(r, weir_pipeline_new(&k->pipeline, &p) == WEIR_OK);
    CHECK(r, weir_pipeline_add_bulkhead(k->pipeline, k->bulkhead) == WEIR_OK);
    CHECK(r, weir_pipeline_seal(k->pipeline) == WEIR_OK);
    for (uint32_t i = 0; i < MODEL_CLIENTS; i++)
        k->clients[i].check = k;
}

void bulkhead_check_run(run *r)
{
    static check k;
    ledger l;
    ledger_init(&l, r);
    open_check(&k, r, &l);
    for (int i = 0; i < ROUNDS; i++) {
        operate(&k);
        settle(&k);
        compare(&k);
    }
    for (uint32_t i = 0; i < MODEL_CLIENTS; i++) {
        cancel(&k.clients[i]);
        end_work(&k.clients[i]);
        settle(&k);
        compare(&k);
    }
    CHECK(r, weir_bulkhead_running(k.bulkhead) == k.by_hand);
    weir_pipeline_unref(k.pipeline);
    weir_bulkhead_unref(k.bulkhead);
    CHECK(r, l.blocks == 0 && l.bytes == 0);
    weir_clock_unref(k.clock);
}
