#include "scenario.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the trace ---- */

typedef struct line {
    long long ms; /* -1: no time */
    char name[16];
    int order;
    char text[96];
} line;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static line lines[256];
static int line_count;

static void add(long long ms, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    pthread_mutex_lock(&lock);
    line *l = &lines[line_count];
    l->ms = ms;
    l->order = line_count++;
    snprintf(l->name, sizeof l->name, "%s", name);
    vsnprintf(l->text, sizeof l->text, format, args);
    pthread_mutex_unlock(&lock);
    va_end(args);
}

static long long now_ms(scenario *s)
{
    return (long long)(weir_clock_now_ns(s->clock) / MS);
}

void trace_start(scenario *s, const subject *call, uint32_t attempt)
{
    add(now_ms(s), call->name, "start %u", attempt);
}

void trace_stop(scenario *s, subject *call, uint32_t attempt)
{
    call->stopped = 1;
    add(now_ms(s), call->name, "stop %u", attempt);
}

static const char *code_text(int code)
{
    static _Thread_local char number[16];
    const char *name = weir_error_name(code);
    snprintf(number, sizeof number, "%d", code);
    return *name == '?' ? number : name;
}

void trace_done(scenario *s, const subject *call, const weir_result *result)
{
    char last[24] = "";
    if (call->deaf)
        last[0] = 0;
    else if (call->stopped)
        snprintf(last, sizeof last, " last=-");
    else
        snprintf(last, sizeof last, " last=%d", result->last_code);
    add(call->deaf ? -1 : now_ms(s), call->name, "done %s%s attempts=%u by=%d",
        code_text(result->code), last, result->attempts, result->rejected_by);
}

static void on_event(const weir_event *event, void *arg)
{
    static const char *const names[] = {"CLOSED", "OPEN", "HALF_OPEN"};
    flow *f = arg;
    add((long long)(event->at_ns / MS), f->name, "%s %s", names[event->from],
        names[event->to]);
}

static int by_time_and_name(const void *a, const void *b)
{
    const line *x = a, *y = b;
    if (x->ms != y->ms)
        return x->ms < y->ms ? -1 : 1;
    int names = strcmp(x->name, y->name);
    return names ? names : x->order - y->order;
}

static void write_trace(const scenario *s, char *out, size_t size)
{
    size_t used = 0;
    qsort(lines, (size_t)line_count, sizeof *lines, by_time_and_name);
    for (int i = 0; i < line_count; i++) {
        char time[24] = "-";
        if (lines[i].ms >= 0)
            snprintf(time, sizeof time, "%lld", lines[i].ms);
        used += (size_t)snprintf(out + used, size - used, "%s %s %s\n", time,
                                 lines[i].name, lines[i].text);
    }
    for (int i = 0; i < s->flow_count; i++)
        if (s->flows[i].bulkhead)
            used += (size_t)snprintf(
                out + used, size - used, "%s running=%u waiting=%u\n",
                s->flows[i].name, weir_bulkhead_running(s->flows[i].bulkhead),
                weir_bulkhead_waiting(s->flows[i].bulkhead));
}

/* ---- reading the table ---- */

static void fail(const char *what, const char *text)
{
    fprintf(stderr, "table.txt: %s: %s\n", what, text);
    exit(2);
}

static void must(int status, const char *what)
{
    if (status != WEIR_OK)
        fail(weir_error_name(status), what);
}

static flow *find_flow(scenario *s, const char *name)
{
    for (int i = 0; i < s->flow_count; i++)
        if (strcmp(s->flows[i].name, name) == 0)
            return &s->flows[i];
    fail("no such pipeline", name);
    return NULL;
}

static void add_timeout(scenario *s, flow *f, uint64_t ms)
{
    weir_timeout_options o;
    weir_timeout *timeout;
    weir_timeout_options_init(&o, sizeof o);
    o.clock = s->clock;
    o.timeout_ns = ms * MS;
    must(weir_timeout_new(&timeout, &o), "timeout");
    must(weir_pipeline_add_timeout(f->pipeline, timeout), "timeout");
    weir_timeout_unref(timeout);
}

static void add_retry(scenario *s, flow *f, uint32_t attempts, uint64_t ms)
{
    weir_retry_options o;
    weir_retry *retry;
    weir_retry_options_init(&o, sizeof o);
    o.clock = s->clock;
    o.max_attempts = attempts;
    o.base_ns = ms * MS;
    o.jitter = WEIR_JITTER_NONE;
    must(weir_retry_new(&retry, &o), "retry");
    must(weir_pipeline_add_retry(f->pipeline, retry), "retry");
    weir_retry_unref(retry);
}

static void add_breaker(scenario *s, flow *f, uint32_t failures, uint64_t ms)
{
    weir_breaker_options o;
    weir_breaker *breaker;
    weir_breaker_options_init(&o, sizeof o);
    o.clock = s->clock;
    o.failure_threshold = failures;
    o.open_ns = ms * MS;
    must(weir_breaker_new(&breaker, &o), "breaker");
    must(weir_breaker_listen(breaker, on_event, f, NULL), "breaker");
    must(weir_pipeline_add_breaker(f->pipeline, breaker), "breaker");
    weir_breaker_unref(breaker);
}

static void add_bulkhead(scenario *s, flow *f, uint32_t permits,
                         uint32_t queue, uint64_t ms)
{
    weir_bulkhead_options o;
    weir_bulkhead_options_init(&o, sizeof o);
    o.clock = s->clock;
    o.max_concurrent = permits;
    o.max_queue = queue;
    o.queue_ns = ms * MS;
    must(weir_bulkhead_new(&f->bulkhead, &o), "bulkhead");
    must(weir_pipeline_add_bulkhead(f->pipeline, f->bulkhead), "bulkhead");
    weir_bulkhead_unref(f->bulkhead);
}

static void read_policy(scenario *s, flow *f, const char *text)
{
    unsigned a, b, c;
    char name[16];
    if (sscanf(text, "timeout=%u", &a) == 1)
        add_timeout(s, f, a);
    else if (sscanf(text, "retry=%u,%u", &a, &b) == 2)
        add_retry(s, f, a, b);
    else if (sscanf(text, "breaker=%u,%u", &a, &b) == 2)
        add_breaker(s, f, a, b);
    else if (sscanf(text, "bulkhead=%u,%u,%u", &a, &b, &c) == 3)
        add_bulkhead(s, f, a, b, c);
    else if (sscanf(text, "share=%15s", name) == 1)
        must(weir_pipeline_add_bulkhead(f->pipeline,
                                        find_flow(s, name)->bulkhead),
             text);
    else
        fail("unknown policy", text);
}

static void read_pipeline(scenario *s, char *save)
{
    flow *f = &s->flows[s->flow_count++];
    weir_pipeline_options o;
    memset(f, 0, sizeof *f);
    snprintf(f->name, sizeof f->name, "%s", strtok_r(NULL, " \n", &save));
    weir_pipeline_options_init(&o, sizeof o);
    o.clock = s->clock;
    must(weir_pipeline_new(&f->pipeline, &o), "pipeline");
    for (char *text; (text = strtok_r(NULL, " \n", &save)) != NULL;)
        read_policy(s, f, text);
    must(weir_pipeline_seal(f->pipeline), "seal");
}

static void read_work(subject *call, const char *text)
{
    work *w = &call->works[call->work_count++];
    unsigned ms = 0;
    if (sscanf(text, "ok@%u", &ms) == 1)
        w->kind = OK;
    else if (sscanf(text, "fail@%u", &ms) == 1)
        w->kind = FAIL;
    else if (sscanf(text, "deaf@%u", &ms) == 1)
        w->kind = DEAF;
    else if (strcmp(text, "hang") == 0)
        w->kind = HANG;
    else if (sscanf(text, "nest:%15s", w->nested) == 1)
        w->kind = NEST;
    else
        fail("unknown work", text);
    call->deaf |= w->kind == DEAF;
    w->ms = ms;
}

static void read_call(scenario *s, char *save)
{
    subject *call = &s->calls[s->call_count++];
    memset(call, 0, sizeof *call);
    snprintf(call->name, sizeof call->name, "%s",
             strtok_r(NULL, " \n", &save));
    call->flow = find_flow(s, strtok_r(NULL, " \n", &save));
    const char *start = strtok_r(NULL, " \n", &save);
    call->is_nested = strcmp(start, "nested") == 0;
    call->start_ms = strtoull(start, NULL, 10);
    call->cancel_ms = UINT64_MAX;
    for (char *text; (text = strtok_r(NULL, " \n", &save)) != NULL;)
        read_work(call, text);
}

static void read_cancel(scenario *s, char *save)
{
    subject *call = scenario_call(s, strtok_r(NULL, " \n", &save));
    call->cancel_ms = strtoull(strtok_r(NULL, " \n", &save), NULL, 10);
    must(weir_cancel_new(&call->cancel), "cancel");
}

/* 0 at the end of the file. */
static int read_scenario(FILE *file, scenario *s)
{
    char text[256], copy[256];
    int expecting = 0;
    memset(s, 0, sizeof *s);
    must(weir_clock_new_virtual(&s->clock, 0), "clock");
    while (fgets(text, sizeof text, file)) {
        char *save;
        strcpy(copy, text);
        const char *word = strtok_r(copy, " \n", &save);
        if (!word || *word == '#')
            continue;
        if (strcmp(word, "end") == 0)
            return 1;
        if (expecting)
            strcat(s->expected, text);
        else if (strcmp(word, "scenario") == 0)
            snprintf(s->name, sizeof s->name, "%s",
                     strtok_r(NULL, " \n", &save));
        else if (strcmp(word, "pipeline") == 0)
            read_pipeline(s, save);
        else if (strcmp(word, "call") == 0)
            read_call(s, save);
        else if (strcmp(word, "cancel") == 0)
            read_cancel(s, save);
        else if (strcmp(word, "expect") == 0)
            expecting = 1;
        else
            fail("unknown line", text);
    }
    weir_clock_unref(s->clock);
    return 0;
}

static void free_scenario(scenario *s)
{
    for (int i = 0; i < s->call_count; i++)
        weir_cancel_unref(s->calls[i].cancel);
    for (int i = 0; i < s->flow_count; i++)
        weir_pipeline_unref(s->flows[i].pipeline);
    weir_clock_unref(s->clock);
}

/* ---- running it ---- */

subject *scenario_call(scenario *s, const char *name)
{
    for (int i = 0; i < s->call_count; i++)
        if (strcmp(s->calls[i].name, name) == 0)
            return &s->calls[i];
    fail("no such call", name);
    return NULL;
}

const work *scenario_work(const subject *call, uint32_t attempt)
{
    if (attempt > (uint32_t)call->work_count)
        fail("more attempts than work", call->name);
    return &call->works[attempt - 1];
}

static int run_one(const char *driver, scenario *s, drive_fn drive)
{
    char trace[4096] = "";
    line_count = 0;
    drive(s);
    write_trace(s, trace, sizeof trace);
    printf("scenario %s\n%s", s->name, trace);
    if (strcmp(trace, s->expected) == 0)
        return 0;
    fprintf(stderr, "%s: %s differs\n--- expected\n%s--- got\n%s", driver,
            s->name, s->expected, trace);
    return 1;
}

int scenarios_run(const char *driver, const char *path, drive_fn drive)
{
    static scenario s;
    FILE *file = fopen(path, "r");
    int count = 0, failed = 0;
    if (!file)
        fail("cannot be opened", path);
    while (read_scenario(file, &s)) {
        failed += run_one(driver, &s, drive);
        free_scenario(&s);
        count++;
    }
    fclose(file);
    fprintf(stderr, "%s: %d passed, %d failed\n", driver, count - failed,
            failed);
    return failed != 0 || count == 0;
}
