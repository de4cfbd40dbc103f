#define _GNU_SOURCE
#include "harness.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    WARM_UP = 1,           /* first rounds of a cell, which are forgotten */
    FEW = 3,               /* kept rounds that do not make a median */
    WINDOW_NS = 1000000,   /* a round, where each thread has a core */
    WINDOW_OVER_NS = 20000000, /* several time slices, where not */
    WINDOW_BLOCKS_NS = 20000000,
    START_NS = 60000,      /* a thread's time to start and warm up */
    CHUNK_NS = 10000,      /* between two looks at the clock */
    FIRST_CHUNK = 100,     /* in calls, as long as their time is not known */
    TRIES = 3              /* rounds tried for one kept, at most */
};

/* A thread may lose so much of a round to others. */
static const double LOST = 0.01, LOST_OVER = 0.03;

/* ---- processors ---- */

static int cpus[CPU_SETSIZE], cores;

static void find_cpus(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int i = 0; i < CPU_SETSIZE; i++)
            if (CPU_ISSET(i, &set))
                cpus[cores++] = i;
    if (cores == 0)
        cores = 1;
}

int bench_cores(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_cpus);
    return cores;
}

static void pin(int index)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpus[index % bench_cores()], &set);
    pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

/* ---- time ---- */

static uint64_t read_clock(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t bench_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* How long the calling thread has waited for a processor so far. */
static uint64_t run_delay_ns(int schedstat)
{
    char text[96];
    uint64_t delay_ns = 0;
    ssize_t n = pread(schedstat, text, sizeof text - 1, 0);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    sscanf(text, "%*u %" SCNu64, &delay_ns);
    return delay_ns;
}

int bench_sees_disturbance(void)
{
    return access("/proc/thread-self/schedstat", R_OK) == 0;
}

/* ---- a round ---- */

typedef struct worker {
    bench_thread thread;
    const bench_case *c;
    int index, threads;
    uint64_t chunk, start_ns, window_ns;
    uint64_t calls, failed, wall_ns, cpu_ns, delay_ns, late_ns;
} worker;

static int is_over(int threads)
{
    return threads > bench_cores();
}

static void run_chunks(worker *w, uint64_t end_ns)
{
    uint64_t began_ns = bench_now_ns(), now_ns;
    do {
        w->failed += w->c->loop(w->c->handle, &w->thread, w->chunk);
        w->calls += w->chunk;
        now_ns = bench_now_ns();
    } while (now_ns < end_ns);
    w->wall_ns = now_ns - began_ns;
}

/* Threads that have a core each begin at one time, which they await awake;
 * others come when it is their turn. */
static void warm_up(worker *w)
{
    uint64_t calls = w->c->warm_up > w->chunk ? w->c->warm_up : w->chunk;
    w->c->loop(w->c->handle, &w->thread, calls);
    if (w->threads == 1)
        w->start_ns = bench_now_ns();
    if (!is_over(w->threads))
        while (bench_now_ns() < w->start_ns)
            ;
}

static void *work(void *arg)
{
    worker *w = arg;
    int schedstat = open("/proc/thread-self/schedstat", O_RDONLY);
    pin(w->index);
    warm_up(w);
    uint64_t cpu_ns = read_clock(CLOCK_THREAD_CPUTIME_ID);
    w->delay_ns = run_delay_ns(schedstat);
    uint64_t now_ns = bench_now_ns();
    w->late_ns = now_ns > w->start_ns ? now_ns - w->start_ns : 0;
    run_chunks(w, w->start_ns + w->window_ns);
    w->delay_ns = run_delay_ns(schedstat) - w->delay_ns;
    w->cpu_ns = read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu_ns;
    close(schedstat);
    return NULL;
}

static void run_threads(worker *workers, const bench_cell *cell)
{
    pthread_t ids[BENCH_MAX_THREADS];
    const bench_case *c = cell->c;
    uint64_t window_ns = c->flags & BENCH_BLOCKS ? WINDOW_BLOCKS_NS
                         : is_over(cell->threads) ? WINDOW_OVER_NS
                                                  : WINDOW_NS;
    uint64_t start_ns =
        bench_now_ns() + START_NS * (uint64_t)(cell->threads + 1);
    for (int i = 0; i < cell->threads; i++) {
        uint32_t each = c->fails_each;
        workers[i] = (worker){{each, each ? 1 + (uint32_t)i * 37 % each : 0,
                               (uint64_t)i * 7919},
                              c, i, cell->threads, cell->chunk, start_ns,
                              window_ns, 0, 0, 0, 0, 0, 0};
        if (pthread_create(&ids[i], NULL, work, &workers[i]) != 0)
            abort();
    }
    for (int i = 0; i < cell->threads; i++)
        pthread_join(ids[i], NULL);
}

static void check(const bench_case *c, uint64_t calls, uint64_t failed)
{
    double share = (double)failed / (double)calls;
    double expected = c->fails_each ? 1.0 / c->fails_each : 0;
    double slack = c->fails_each > 1 ? expected : 0;
    if (c->flags & BENCH_LOOSE)
        return;
    if (share >= expected - slack && share <= expected + slack)
        return;
    if (c->fails_each > 1 && calls < 4 * (uint64_t)c->fails_each)
        return;
    fprintf(stderr, "bench: %s: of %" PRIu64 " calls %" PRIu64 " failed\n",
            c->name, calls, failed);
    exit(1);
}

static int was_disturbed(const worker *w, const bench_cell *cell)
{
    uint64_t cpu_ns = 0;
    int blocks = (cell->c->flags & BENCH_BLOCKS) != 0;
    if (is_over(cell->threads)) {
        for (int i = 0; i < cell->threads; i++)
            cpu_ns += w[i].cpu_ns;
        return !blocks && (double)cpu_ns < (1 - LOST_OVER) * WINDOW_OVER_NS *
                                               bench_cores();
    }
    for (int i = 0; i < cell->threads; i++)
        if ((double)w[i].late_ns > LOST * WINDOW_NS ||
            (!blocks && (double)w[i].delay_ns > LOST * WINDOW_NS))
            return 1;
    return 0;
}

static void keep(bench_cell *cell, double ns, int disturbed)
{
    cell->ns = realloc(cell->ns, (size_t)(cell->tried + 1) * sizeof(double));
    if (!cell->ns)
        abort();
    cell->ns[cell->tried++] = ns;
    if (!disturbed) {
        cell->ns[cell->tried - 1] = cell->ns[cell->kept];
        cell->ns[cell->kept++] = ns;
    }
}

static void run_round(bench_cell *cell, int warm_up)
{
    worker workers[BENCH_MAX_THREADS];
    uint64_t calls = 0, failed = 0, ns = 0;
    run_threads(workers, cell);
    for (int i = 0; i < cell->threads; i++) {
        calls += workers[i].calls;
        failed += workers[i].failed;
        ns += is_over(cell->threads) && !(cell->c->flags & BENCH_BLOCKS)
                  ? workers[i].cpu_ns
                  : workers[i].wall_ns;
    }
    check(cell->c, calls, failed);
    double per_call = (double)ns / (double)calls;
    cell->chunk = 1 + (uint64_t)(CHUNK_NS / per_call);
    if (!warm_up)
        keep(cell, per_call / cell->c->per_call,
             was_disturbed(workers, cell));
}

/* ---- all rounds ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sum_up(bench_cell *cell)
{
    cell->doubtful = cell->kept < FEW;
    int n = cell->doubtful ? cell->tried : cell->kept;
    if (n == 0)
        return;
    qsort(cell->ns, (size_t)n, sizeof(double), ascending);
    cell->median = (cell->ns[(n - 1) / 2] + cell->ns[n / 2]) / 2;
    cell->min = cell->ns[0];
    cell->p90 = cell->ns[(n - 1) * 9 / 10];
}

static int wants_more(const bench_cell *cell, const bench_plan *plan)
{
    int rounds = is_over(cell->threads) ? plan->rounds_over : plan->rounds;
    return cell->kept < rounds && cell->tried < TRIES * rounds;
}

void bench_cell_init(bench_cell *cell, const bench_case *c, int threads)
{
    *cell = (bench_cell){c, threads, FIRST_CHUNK, NULL, 0, 0, 0, 0, 0, 0};
}

void bench_measure(bench_cell *cells, int n, const bench_plan *plan)
{
    uint64_t end_ns = bench_now_ns() + (uint64_t)(plan->seconds * 1e9);
    int more = 1;
    for (int i = 0; i < n * WARM_UP; i++)
        run_round(&cells[i % n], 1);
    while (more && bench_now_ns() < end_ns) {
        more = 0;
        for (int i = 0; i < n; i++)
            if (wants_more(&cells[i], plan)) {
                run_round(&cells[i], 0);
                more = 1;
            }
    }
    for (int i = 0; i < n; i++)
        sum_up(&cells[i]);
}
