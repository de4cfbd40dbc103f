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
