/* The table on the libuv driver.  The clock is virtual: the loop is run until
 * it is quiet, then time moves to the next thing that is due.  Every attempt
 * is finished from a foreign thread. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "scenario.h"
#include "weir_uv.h"

typedef struct {
    scenario *s;
    subject *call;
    weir_attempt *outer; /* the attempt that waits for this nested call */
} context;

typedef struct {
    uint64_t at_ms;
    enum { NOTHING, START, CANCEL, FINISH } what;
    context *c;
    weir_attempt *attempt;
    int code;
} entry;

static uv_loop_t loop;
static weir_uv *driver;
static entry agenda[64];
static context contexts[MAX_CALLS];
static unsigned activity;

static void at(uint64_t ms, int what, context *c, weir_attempt *attempt,
               int code)
{
    for (size_t i = 0; i < sizeof agenda / sizeof *agenda; i++)
        if (agenda[i].what == NOTHING) {
            agenda[i].at_ms = ms;
            agenda[i].what = what;
            agenda[i].c = c;
            agenda[i].attempt = attempt;
            agenda[i].code = code;
            return;
        }
    abort();
}

/* The work of an attempt that was stopped does not end by itself. */
static void forget(const weir_attempt *attempt)
{
    for (size_t i = 0; i < sizeof agenda / sizeof *agenda; i++)
        if (agenda[i].what == FINISH && agenda[i].attempt == attempt)
            agenda[i].what = NOTHING;
}

static void on_cancel(weir_attempt *attempt, void *arg)
{
    context *c = arg;
    const work *w = scenario_work(c->call, weir_attempt_number(attempt));
    activity++;
    trace_stop(c->s, c->call, weir_attempt_number(attempt));
    if (w->kind == DEAF || w->kind == NEST)
        return;
    forget(attempt);
    weir_attempt_finish(attempt, -1, WEIR_NOW);
}

static void start_call(context *c, weir_attempt *parent);

static void start(weir_attempt *attempt, void *arg)
{
    context *c = arg;
    uint32_t number = weir_attempt_number(attempt);
    const work *w = scenario_work(c->call, number);
    uint64_t now_ms = weir_clock_now_ns(c->s->clock) / MS;
    activity++;
    c->call->stopped = 0;
    trace_start(c->s, c->call, number);
    weir_attempt_on_cancel(attempt, on_cancel, c);
    if (w->kind == NEST) {
        subject *inner = scenario_call(c->s, w->nested);
        start_call(&contexts[inner - c->s->calls], attempt);
    } else if (w->kind != HANG) {
        at(now_ms + w->ms, FINISH, c, attempt, w->kind == OK ? 0 : 500);
    }
}

static void done(const weir_result *result, void *arg)
{
    context *c = arg;
    activity++;
    trace_done(c->s, c->call, result);
    if (c->outer)
        weir_attempt_finish(c->outer, result->code, WEIR_NOW);
}

static void start_call(context *c, weir_attempt *parent)
{
    weir_call_options options;
    weir_call_options_init(&options, sizeof options);
    options.cancel = c->call->cancel;
    options.parent = parent;
    c->outer = parent;
    if (weir_uv_run(driver, c->call->flow->pipeline, &options, start, done, c,
                    NULL) != WEIR_OK)
        abort();
}

static void *finish_elsewhere(void *arg)
{
    entry *e = arg;
    weir_attempt_finish(e->attempt, e->code, WEIR_NOW);
    return NULL;
}

static void act(entry *e)
{
    entry now = *e;
    pthread_t thread;
    e->what = NOTHING;
    if (now.what == START) {
        start_call(now.c, NULL);
    } else if (now.what == CANCEL) {
        weir_cancel_fire(now.c->call->cancel);
    } else if (now.what == FINISH) {
        pthread_create(&thread, NULL, finish_elsewhere, &now);
        pthread_join(thread, NULL);
    }
}

/* A signal takes one turn of the loop to arrive and a step may cause the
 * next: quiet is when nothing was seen for several turns. */
static void run_until_quiet(void)
{
    for (unsigned quiet = 0; quiet < 8; quiet++) {
        unsigned before = activity;
        uv_run(&loop, UV_RUN_NOWAIT);
        if (activity != before)
            quiet = 0;
    }
}

static entry *next_entry(void)
{
    entry *next = NULL;
    for (size_t i = 0; i < sizeof agenda / sizeof *agenda; i++)
        if (agenda[i].what != NOTHING &&
            (!next || agenda[i].at_ms < next->at_ms))
            next = &agenda[i];
    return next;
}

static void drive(scenario *s)
{
    for (int i = 0; i < s->call_count; i++) {
        subject *call = &s->calls[i];
        contexts[i] = (context){s, call, NULL};
        if (!call->is_nested)
            at(call->start_ms, START, &contexts[i], NULL, 0);
        if (call->cancel)
            at(call->cancel_ms, CANCEL, &contexts[i], NULL, 0);
    }
    for (;;) {
        entry *e = next_entry();
        uint64_t now_ns = weir_clock_now_ns(s->clock);
        uint64_t next_ns = weir_clock_next_ns(s->clock);
        if (e && e->at_ms * MS <= next_ns)
            next_ns = e->at_ms * MS;
        else
            e = NULL;
        if (next_ns == WEIR_NEVER)
            break;
        weir_clock_advance(s->clock, next_ns - now_ns);
        if (e)
            act(e);
        run_until_quiet();
    }
}

int main(int argc, char **argv)
{
    if (argc != 2 || uv_loop_init(&loop) != 0 ||
        weir_uv_new(&driver, &loop) != WEIR_OK)
        return 2;
    int failed = scenarios_run("libuv", argv[1], drive);
    weir_uv_unref(driver);
    uv_run(&loop, UV_RUN_DEFAULT);
    return failed || uv_loop_close(&loop) != 0;
}
