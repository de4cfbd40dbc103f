/* A seed that fails, in the smallest scope in which it still does. */
#define _GNU_SOURCE
#include "sim.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

/* A seed that takes longer is stuck. */
enum { SECONDS = 60, SHRINK_SECONDS = 10, CROWD_EACH = 200 };

scope scope_of(uint64_t seed)
{
    scope s = {200, 400, UINT64_MAX, UINT32_MAX};
    if (seed % CROWD_EACH == 0) {
        s.callers = CALLERS;
        s.events = 20 * s.events;
    }
    return s;
}

int scope_read(scope *s, const char *text)
{
    return sscanf(text,
                  "callers=%" SCNu32 " events=%" SCNu32 " faults=%" SCNx64
                  " parts=%" SCNx32,
                  &s->callers, &s->events, &s->faults, &s->parts) == 4 &&
           s->callers >= 1 && s->callers <= CALLERS;
}

static void be_quiet(void)
{
    int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
}

static int fails(uint64_t seed, const scope *s, int quietly)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (quietly)
            be_quiet();
        alarm(SHRINK_SECONDS);
        run_twice(seed, s);
        _exit(0);
    }
    waitpid(child, &status, 0);
    return status != 0;
}

static int shrink_number(uint64_t seed, scope *s, uint32_t *number)
{
    int shrunk = 0;
    for (uint32_t by = *number / 2; by > 0; by /= 2) {
        uint32_t was = *number;
        if (was <= by)
            continue;
        *number = was - by;
        if (fails(seed, s, 1))
            shrunk = 1;
        else
            *number = was;
    }
    return shrunk;
}

static int shrink_bits(uint64_t seed, scope *s)
{
    int shrunk = 0;
    for (int i = 0; i < FAULTS + 32; i++) {
        scope less = *s;
        if (i < FAULTS)
            less.faults &= ~(UINT64_C(1) << i);
        else
            less.parts &= ~(UINT32_C(1) << (i - FAULTS));
        if ((less.faults == s->faults && less.parts == s->parts) ||
            !fails(seed, &less, 1))
            continue;
        *s = less;
        shrunk = 1;
    }
    return shrunk;
}

static void shrink(uint64_t seed)
{
    scope s = scope_of(seed);
    s.faults &= (UINT64_C(1) << FAULTS) - 1;
    s.parts &= (1u << PARTS) - 1;
    while (fails(seed, &s, 1) &&
           (shrink_bits(seed, &s) | shrink_number(seed, &s, &s.events) |
            shrink_number(seed, &s, &s.callers)))
        ;
    printf("the smallest scope in which it fails:\n");
    fails(seed, &s, 0);
    printf("to replay: sim %" PRIu64 " 1 \"callers=%" PRIu32 " events=%" PRIu32
           " faults=0x%" PRIx64 " parts=0x%" PRIx32 "\"\n",
           seed, s.callers, s.events, s.faults, s.parts);
}

int run_guarded(uint64_t first, uint64_t count)
{
    int status = 0;
    uint64_t *seed = mmap(NULL, sizeof *seed, PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(stdout);
    pid_t child = seed == MAP_FAILED ? -1 : fork();
    if (child < 0)
        return 1;
    if (child == 0) {
        for (*seed = first; *seed - first < count; ++*seed) {
            scope s = scope_of(*seed);
            alarm(SECONDS);
            run_twice(*seed, &s);
        }
        _exit(run_report(count));
    }
    waitpid(child, &status, 0);
    if (status != 0 && *seed - first < count) {
        printf("seed %" PRIu64 " fails\n", *seed);
        shrink(*seed);
    }
    munmap(seed, sizeof *seed);
    return status != 0;
}
