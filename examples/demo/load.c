/* load.c - threads that call at a steady pace, whatever becomes of the calls.
 *
 * Calls are due by the clock, so that both clients are offered the same load
 * and waiting counts from when a call was due.  A thread that is stuck in one
 * call misses others: what is a whole slice late is never sent. */
#include "demo.h"

#include <stdatomic.h>
#include <string.h>

static struct {
    struct run *run;
    get_fn get;
    void *client;
    weir_cancel *stop;
    pthread_t thread[THREADS];
    int threads;
    atomic_int numbered, ended;
} load;

static void call_when_due(int slice, uint64_t due_ns)
{
    weir_result result;
    int rc = weir_clock_sleep_until(weir_clock_monotonic(), due_ns, load.stop);
    if (rc != WEIR_OK || weir_clock_now_ns(NULL) > due_ns + SLICE_NS) {
        run_never_sent(load.run, slice);
        return;
    }
    memset(&result, 0, sizeof result);
    result.size = sizeof result;
    rc = load.get(load.client, &result);
    run_record(load.run, slice, due_ns, rc, &result);
}

/* The threads take turns within a slice. */
static void *call_loop(void *arg)
{
    int number = atomic_fetch_add(&load.numbered, 1);
    uint64_t first = load.run->start_ns +
                     (uint64_t)number * SLICE_NS / THREADS;
    (void)arg;
    for (int i = 0; i < SLICES; i++)
        call_when_due(i, first + (uint64_t)i * SLICE_NS);
    atomic_fetch_add(&load.ended, 1);
    return NULL;
}

int load_start(struct run *run, get_fn get, void *client, weir_cancel *stop)
{
    memset(&load, 0, sizeof load);
    load.run = run;
    load.get = get;
    load.client = client;
    load.stop = stop;
    for (; load.threads < THREADS; load.threads++)
        if (pthread_create(&load.thread[load.threads], NULL, call_loop,
                           NULL) != 0)
            return -1;
    return 0;
}

int load_busy(void)
{
    return atomic_load(&load.ended) < load.threads;
}

void load_join(void)
{
    for (int i = 0; i < load.threads; i++)
        pthread_join(load.thread[i], NULL);
}
