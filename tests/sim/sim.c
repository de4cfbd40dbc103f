/* One run of the simulation. */
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
    fflush(stdout);
    exit(1);
}

void run_parts(run *r)
{
    static void (*const parts[PARTS])(run *) = {
        world_run, breaker_check_run, bulkhead_check_run, retry_check_run,
        verdict_check_run,
    };
    for (uint32_t i = 0; i < PARTS; i++)
        if (r->scope.parts & 1u << i)
            parts[i](r);
}

static run run_once(uint64_t seed, const scope *s)
{
    run r = {.seed = seed, .scope = *s, .hash = UINT64_C(0xcbf29ce484222325)};
    random_seed(&r.random, seed);
    run_parts(&r);
    return r;
}

static uint64_t all_events, all_traces;

run run_twice(uint64_t seed, const scope *s)
{
    run once = run_once(seed, s), again = run_once(seed, s);
    CHECK(&again, once.hash == again.hash && once.events == again.events);
    all_events += once.events;
    all_traces ^= once.hash;
    return once;
}

/* With that many seeds, a fault that never struck is one that cannot. */
enum { MANY_SEEDS = 1000 };

int run_report(uint64_t count)
{
    int dead = count >= MANY_SEEDS && !faults_all_struck();
    printf("sim: %" PRIu64 " seeds, %" PRIu64 " events, trace %016" PRIx64
           "\n", count, all_events, all_traces);
    if (dead || getenv("FAULTS"))
        faults_report();
    if (dead)
        printf("sim: a fault never struck\n");
    fflush(stdout);
    return dead;
}
