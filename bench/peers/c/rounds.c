#include "rounds.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MAX_ROWS = 32, MAX_THREADS = 64 };

static row rows[MAX_ROWS];
static int row_count;

void rounds_add(const row *row)
{
    if (row_count == MAX_ROWS)
        abort();
    rows[row_count++] = *row;
}

static pthread_barrier_t barrier;
static atomic_int stop;

typedef struct worker {
    const row *row;
    pthread_t id;
    double ns;
    double calls;
    long wrong;
} worker;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *work(void *arg)
{
    worker *w = arg;
    row row = *w->row;
    long chunks = 0, wrong = 0;
    pthread_barrier_wait(&barrier);
    double began = now_ns();
    do {
        wrong += row.chunk(row.handle, row.bodies);
        chunks++;
    } while (!atomic_load_explicit(&stop, memory_order_relaxed));
    w->ns = now_ns() - began;
    w->calls = (double)chunks * CALLS;
    w->wrong = wrong;
    return NULL;
}

/* Runs a row on all threads at once; prints ns per call of a thread. */
static void run_round(const row *row, int threads, int ms)
{
    worker workers[MAX_THREADS];
    double ns = 0, calls = 0;
    long wrong = 0;
    atomic_store(&stop, 0);
    pthread_barrier_init(&barrier, NULL, (unsigned)threads + 1);
    for (int i = 0; i < threads; i++) {
        workers[i] = (worker){.row = row};
        pthread_create(&workers[i].id, NULL, work, &workers[i]);
    }
    pthread_barrier_wait(&barrier);
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000L}, NULL);
    atomic_store(&stop, 1);
    for (int i = 0; i < threads; i++) {
        pthread_join(workers[i].id, NULL);
        ns += workers[i].ns;
        calls += workers[i].calls;
        wrong += workers[i].wrong;
    }
    pthread_barrier_destroy(&barrier);
    if (wrong != 0)
        printf("%ld wrong results\n", wrong);
    else
        printf("%.3f\n", ns / calls);
}

int rounds_serve(void)
{
    int index, threads, ms;
    for (int i = 0; i < row_count; i++)
        printf("%s\t%s\t%d\n", rows[i].scene, rows[i].library, MAX_THREADS);
    printf("ready " __VERSION__ "\n");
    fflush(stdout);
    while (scanf(" run %d %d %d", &index, &threads, &ms) == 3) {
        if (index >= row_count || threads > MAX_THREADS)
            return 1;
        run_round(&rows[index], threads, ms);
        fflush(stdout);
    }
    return 0;
}
