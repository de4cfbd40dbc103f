/* A deterministic simulation: one thread, virtual time, and every choice
 * drawn from a seed.
 *
 *   sim [first seed [count [faults]]]
 *
 * With a third argument it says how often each fault struck.
 *
 * Each seed runs twice; both runs must leave the same trace. */
#include <inttypes.h>

#include "sim.h"

void run_note(run *r, uint64_t what)
{
    r->hash = (r->hash ^ what) * UINT64_C(0x100000001b3);
    r->hash ^= r->hash >> 29;
    r->events++;
}

void run_fail(const run *r, const char *file, int line, const char *what)
{
    printf("seed %" PRIu64 ", event %" PRIu64 ": %s:%d: %s\n", r->seed,
           r->events, file, line, what);
    printf("to replay: sim %" PRIu64 " 1\n", r->seed);
    fflush(stdout);
    exit(1);
}

static run run_seed(uint64_t seed)
{
    run r = {.seed = seed, .hash = UINT64_C(0xcbf29ce484222325)};
    random_seed(&r.random, seed);
    world_run(&r);
    breaker_check_run(&r);
    bulkhead_check_run(&r);
    retry_check_run(&r);
    verdict_check_run(&r);
    return r;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000;
    uint64_t events = 0, hash = 0;
    for (uint64_t seed = first; seed - first < count; seed++) {
        run once = run_seed(seed), again = run_seed(seed);
        CHECK(&again, once.hash == again.hash && once.events == again.events);
        events += once.events;
        hash ^= once.hash;
    }
    printf("sim: %" PRIu64 " seeds, %" PRIu64 " events, trace %016" PRIx64
           "\n", count, events, hash);
    if (argc > 3)
        faults_report();
    return 0;
}
