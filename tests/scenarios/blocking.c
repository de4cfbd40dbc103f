/* The table on the blocking driver: a thread for each call and one for the
 * cancellations, all participants of the virtual clock. */
#include <pthread.h>

#include "scenario.h"

typedef struct {
    scenario *s;
    subject *call;
    weir_attempt *parent;
} context;

static int run_call(context *c, weir_attempt *parent);

/* Works until it is done, or told to stop: 1. */
static int work_for(context *c, weir_attempt *attempt, uint64_t work_ns)
{
    weir_clock *clock = c->s->clock;
    uint64_t now_ns = weir_clock_now_ns(clock);
    uint64_t left_ns = weir_attempt_remaining_ns(attempt);
    uint64_t end_ns = work_ns == WEIR_NEVER ? WEIR_NEVER : now_ns + work_ns;
    if (left_ns != WEIR_NEVER && now_ns + left_ns < end_ns)
        end_ns = now_ns + left_ns;
    weir_clock_sleep_until(clock, end_ns, c->call->cancel);
    if (!weir_attempt_canceled(attempt))
        return 0;
    trace_stop(c->s, c->call, weir_attempt_number(attempt));
    return 1;
}

static int do_work(weir_attempt *attempt, void *arg)
{
    context *c = arg, inner;
    uint32_t number = weir_attempt_number(attempt);
    const work *w = scenario_work(c->call, number);
    uint64_t end_ns = weir_clock_now_ns(c->s->clock) + w->ms * MS;
    int code;
    c->call->stopped = 0;
    trace_start(c->s, c->call, number);
    switch (w->kind) {
    case NEST:
        inner = *c;
        inner.call = scenario_call(c->s, w->nested);
        code = run_call(&inner, attempt);
        if (weir_attempt_canceled(attempt))
            trace_stop(c->s, c->call, number);
        return code;
    case DEAF:
        work_for(c, attempt, w->ms * MS);
        weir_clock_sleep_until(c->s->clock, end_ns, NULL);
        return 500;
    case HANG:
        work_for(c, attempt, WEIR_NEVER);
        return -1;
    default:
        if (work_for(c, attempt, w->ms * MS))
            return -1;
        return w->kind == OK ? 0 : 500;
    }
}

static int run_call(context *c, weir_attempt *parent)
{
    weir_call_options options;
    weir_result result = {.size = sizeof result};
    weir_call_options_init(&options, sizeof options);
    options.cancel = c->call->cancel;
    options.parent = parent;
    weir_run_with(c->call->flow->pipeline, &options, do_work, c, &result);
    trace_done(c->s, c->call, &result);
    return result.code;
}

static void *caller(void *arg)
{
    context *c = arg;
    weir_clock_sleep_until(c->s->clock, c->call->start_ms * MS, NULL);
    run_call(c, NULL);
    weir_clock_detach(c->s->clock);
    return NULL;
}

static void *canceller(void *arg)
{
    context *c = arg;
    weir_clock_sleep_until(c->s->clock, c->call->cancel_ms * MS, NULL);
    weir_cancel_fire(c->call->cancel);
    weir_clock_detach(c->s->clock);
    return NULL;
}

static void drive(scenario *s)
{
    context contexts[MAX_CALLS];
    pthread_t threads[2 * MAX_CALLS];
    int count = 0;
    for (int i = 0; i < s->call_count; i++) {
        subject *call = &s->calls[i];
        contexts[i] = (context){s, call, NULL};
        for (int n = 0; n < !call->is_nested + (call->cancel != NULL); n++)
            weir_clock_attach(s->clock);
    }
    for (int i = 0; i < s->call_count; i++) {
        if (!s->calls[i].is_nested)
            pthread_create(&threads[count++], NULL, caller, &contexts[i]);
        if (s->calls[i].cancel)
            pthread_create(&threads[count++], NULL, canceller, &contexts[i]);
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    return argc == 2 ? scenarios_run("blocking", argv[1], drive) : 2;
}
