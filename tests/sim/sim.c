/* A deterministic simulation: one thread, virtual time, and every choice
 * drawn from a seed.
 *
 *   sim [first seed [count]]     seeds; FAULTS in the environment: says how
 *                                often each fault struck
 *   sim <seed> 1 <scope>         less of a run, as a failing one prints it
 *
 * Each seed runs twice; both runs must leave the same trace.  One that fails
 * is shrunk. */
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

static run run_once(uint64_t seed, const scope *s)
{
    static void (*const parts[PARTS])(run *) = {
        world_run, breaker_check_run, bulkhead_check_run, retry_check_run,
        verdict_check_run,
    };
    run r = {.seed = seed, .scope = *s, .hash = UINT64_C(0xcbf29ce484222325)};
    random_seed(&r.random, seed);
    for (uint32_t i = 0; i < PARTS; i++)
        if (s->parts & 1u << i)
            parts[i](&r);
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

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 2000;
    scope s;
    if (argc <= 3)
        return run_guarded(first, count);
    if (!scope_read(&s, argv[3])) {
        fprintf(stderr, "usage: sim [first seed [count | 1 scope]]\n");
        return 2;
    }
    run_twice(first, &s);
    return 0;
}
