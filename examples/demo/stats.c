/* stats.c - what became of every call of a run. */
#include "demo.h"

#include <stdlib.h>
#include <string.h>

void run_init(struct run *run, uint64_t start_ns)
{
    memset(run, 0, sizeof *run);
    pthread_mutex_init(&run->lock, NULL);
    run->start_ns = start_ns;
}

void run_record(struct run *run, int slice, uint64_t due_ns, int code,
                const weir_result *result)
{
    uint64_t took = weir_clock_now_ns(NULL) - due_ns;
    int outcome = took < FAST_MS * MS ? FAILED_FAST : FAILED_SLOW;
    pthread_mutex_lock(&run->lock);
    if (code == 0) {
        outcome = ANSWERED;
        run->prompt[slice] += took < PROMPT_MS * MS;
        run->latency_ns[run->answered++] = took;
    }
    run->outcomes[slice][outcome]++;
    run->rejected[result->rejected_by]++;
    pthread_mutex_unlock(&run->lock);
}

void run_never_sent(struct run *run, int slice)
{
    pthread_mutex_lock(&run->lock);
    run->outcomes[slice][NEVER_SENT]++;
    pthread_mutex_unlock(&run->lock);
}

/* Listens to the breaker.  Transitions that needed no time come without one,
 * so it asks the clock. */
void run_listen(const weir_event *event, void *arg)
{
    struct run *run = arg;
    uint64_t slice = (weir_clock_now_ns(NULL) - run->start_ns) / SLICE_NS;
    pthread_mutex_lock(&run->lock);
    if (slice < SLICES)
        run->probed[slice] |= event->to == WEIR_HALF_OPEN;
    for (; slice < SLICES; slice++)
        run->breaker[slice] = event->to;
    pthread_mutex_unlock(&run->lock);
}

int run_total(const struct run *run, int outcome)
{
    int total = 0;
    for (int i = 0; i < SLICES; i++)
        total += run->outcomes[i][outcome];
    return total;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t run_percentile_ns(struct run *run, int percent)
{
    if (run->answered == 0)
        return WEIR_NEVER;
    qsort(run->latency_ns, (size_t)run->answered, sizeof run->latency_ns[0],
          compare);
    return run->latency_ns[(run->answered - 1) * percent / 100];
}

/* Recovered is the first second that goes well: 95 of 100 calls that are due
 * in it are answered promptly. */
uint64_t run_recovery_ns(const struct run *run)
{
    enum { SECOND = (1000 + SLICE_MS - 1) / SLICE_MS };
    int back = script[script_back()].from_ms / SLICE_MS;
    for (int i = back; i + SECOND <= SLICES; i++) {
        int prompt = 0;
        for (int j = i; j < i + SECOND; j++)
            prompt += run->prompt[j];
        if (prompt * 100 >= SECOND * THREADS * 95)
            return (uint64_t)(i - back) * SLICE_NS;
    }
    return WEIR_NEVER;
}
