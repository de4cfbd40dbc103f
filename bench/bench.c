/* What a healthy call costs, as a ratio to a bare call through a shared
 * library, measured side by side: short rounds of all cases in turn, the
 * median of each.  A figure in ns is of this machine and this minute; the
 * ratio is what to compare. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "floor.h"

enum { ROUNDS = 61, CALLS = 200000, MAX_THREADS = 2 };

typedef int (*run_fn)(void *handle, weir_fn fn, void *arg);

typedef struct bench_case {
    const char *name;
    run_fn run;
    void *handle;
    int code;           /* what each call must return */
    double ns[ROUNDS];
} bench_case;

static int nothing(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 0;
}

/* ---- the cases ---- */

static int run_pipeline(void *h, weir_fn fn, void *arg)
{
    return weir_run(h, fn, arg);
}

static int run_breaker(void *h, weir_fn fn, void *arg)
{
    return weir_breaker_run(h, fn, arg);
}

static int run_retry(void *h, weir_fn fn, void *arg)
{
    return weir_retry_run(h, fn, arg);
}

static int run_bulkhead(void *h, weir_fn fn, void *arg)
{
    return weir_bulkhead_run(h, fn, arg);
}

static int run_timeout(void *h, weir_fn fn, void *arg)
{
    return weir_timeout_run(h, fn, arg);
}

static int run_stepper(void *h, weir_fn fn, void *arg)
{
    weir_call *call;
    weir_step step = {.size = sizeof step};
    weir_call_new(&call, h, NULL);
    for (;;) {
        weir_call_step(call, WEIR_NOW, &step);
        if (step.action != WEIR_STEP_ATTEMPT)
            break;
        weir_attempt_finish(step.attempt, fn(step.attempt, arg), WEIR_NOW);
    }
    weir_call_unref(call);
    return 0;
}

static void must(int status)
{
    if (status == WEIR_OK)
        return;
    fprintf(stderr, "bench: %s\n", weir_strerror(status));
    exit(1);
}

static int make_cases(bench_case *c)
{
    weir_breaker *breaker, *open;
    weir_retry *retry;
    weir_bulkhead *bulkhead;
    weir_timeout *timeout;
    weir_timeout_options t;
    weir_pipeline *five, *three;
    int n = 0;
    must(weir_breaker_new(&breaker, NULL));
    must(weir_breaker_new(&open, NULL));
    must(weir_breaker_set_mode(open, WEIR_FORCED_OPEN));
    must(weir_retry_new(&retry, NULL));
    must(weir_bulkhead_new(&bulkhead, NULL));
    must(weir_timeout_options_init(&t, sizeof t));
    t.timeout_ns = 1000000000;
    must(weir_timeout_new(&timeout, &t));
    must(weir_pipeline_new(&three, NULL));
    must(weir_pipeline_add_timeout(three, timeout));
    must(weir_pipeline_add_retry(three, retry));
    must(weir_pipeline_add_breaker(three, breaker));
    must(weir_pipeline_seal(three));
    must(weir_pipeline_new_recommended(&five, 2000000000, 1000000000));
    c[n++] = (bench_case){"floor: shared-library call", floor_run, NULL, 0, {0}};
    c[n++] = (bench_case){"retry, success", run_retry, retry, 0, {0}};
    c[n++] = (bench_case){"breaker, closed", run_breaker, breaker, 0, {0}};
    c[n++] = (bench_case){"breaker, rejects", run_breaker, open, WEIR_EOPEN,
                          {0}};
    c[n++] = (bench_case){"bulkhead, free", run_bulkhead, bulkhead, 0, {0}};
    c[n++] = (bench_case){"timeout", run_timeout, timeout, 0, {0}};
    c[n++] = (bench_case){"3 policies", run_pipeline, three, 0, {0}};
    c[n++] = (bench_case){"5 policies, recommended", run_pipeline, five, 0,
                          {0}};
    c[n++] = (bench_case){"5 policies, stepper", run_stepper, five, 0, {0}};
    return n;
}

/* ---- measuring ---- */

typedef struct worker {
    const bench_case *c;
    atomic_int *ready;
    int threads;
    double ns;
} worker;

static void *work(void *arg)
{
    worker *w = arg;
    int wrong = 0;
    atomic_fetch_add(w->ready, 1);
    while (atomic_load(w->ready) < w->threads)
        ;
    uint64_t began_ns = weir_clock_now_ns(NULL);
    for (int i = 0; i < CALLS; i++)
        wrong |= w->c->run(w->c->handle, nothing, NULL) != w->c->code;
    w->ns = (double)(weir_clock_now_ns(NULL) - began_ns) / CALLS;
    if (wrong) {
        fprintf(stderr, "bench: %s: wrong result\n", w->c->name);
        exit(1);
    }
    return NULL;
}

static double measure(const bench_case *c, int threads)
{
    worker workers[MAX_THREADS];
    pthread_t ids[MAX_THREADS];
    atomic_int ready = 0;
    double sum = 0;
    for (int i = 0; i < threads; i++) {
        workers[i] = (worker){c, &ready, threads, 0};
        pthread_create(&ids[i], NULL, work, &workers[i]);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        sum += workers[i].ns;
    }
    return sum / threads;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    static bench_case cases[16];
    double median[16][MAX_THREADS];
    int n = make_cases(cases);
    for (int threads = 1; threads <= MAX_THREADS; threads++) {
        for (int round = 0; round < ROUNDS; round++)
            for (int i = 0; i < n; i++)
                cases[i].ns[round] = measure(&cases[i], threads);
        for (int i = 0; i < n; i++) {
            qsort(cases[i].ns, ROUNDS, sizeof(double), ascending);
            median[i][threads - 1] = cases[i].ns[ROUNDS / 2];
        }
    }
    printf("%-28s %18s %18s\n", "median of 61 rounds", "1 thread",
           "2 threads, shared");
    printf("%-28s %9s %8s %9s %8s\n", "", "ns/call", "x floor", "ns/call",
           "x floor");
    for (int i = 0; i < n; i++)
        printf("%-28s %9.1f %8.1f %9.1f %8.1f\n", cases[i].name, median[i][0],
               median[i][0] / median[0][0], median[i][1],
               median[i][1] / median[0][1]);
    return 0;
}
