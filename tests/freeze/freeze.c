/* usage: freeze [spin|torn]
 *
 * The lock-free operations finish while others are stopped anywhere.
 *
 * Of three parties the first is stopped before its i-th step, the second
 * before its j-th, for all i and j; the third then has to finish, and so has
 * the second with the first still stopped; at last the first goes on, and the
 * world is checked.  So for each choice of three operations, in each variant
 * of each world.  With a bug seeded, "spin" or "torn", it must end with 3 or
 * 4. */
#define _GNU_SOURCE
#include "freeze.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#ifdef __linux__
#include <sched.h>
#endif

#include "weir.h"

enum { EXIT_BLOCKED = 3, EXIT_WRONG = 4, STACK = 64 * 1024 };

typedef struct party {
    ucontext_t context;
    ucontext_t back;
    int operation;
    int steps;
    int stop; /* before this one */
    int finished;
    char stack[STACK];
} party;

static party parties[PARTIES];
static int running = -1; /* else nothing is counted */
static const world *where;
static int variant;
static unsigned long stops;
static int longest[8]; /* steps of each operation */

/* ---- ends ---- */

static void tell(FILE *out)
{
    fprintf(out, "%s, variant %d", where->name, variant);
    for (int i = 0; i < PARTIES; i++)
        fprintf(out, ", operation %d %s step %d", parties[i].operation,
                i == running ? "runs at" : "stopped at", parties[i].steps);
}

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("freeze: ");
    vprintf(format, args);
    va_end(args);
    printf("\nfreeze:   in ");
    tell(stdout);
    printf("\n");
    exit(EXIT_WRONG);
}

void blocked(void)
{
    printf("freeze: an operation waits for one that is stopped\nfreeze:   in ");
    tell(stdout);
    printf("\n");
    exit(EXIT_BLOCKED);
}

/* ---- parties ---- */

void step(void)
{
    if (running < 0)
        return;
    party *self = &parties[running];
    if (++self->steps > STEPS_MAX)
        blocked();
    if (self->steps == self->stop) {
        stops++;
        swapcontext(&self->context, &self->back);
    }
}

static void run(int number)
{
    party *self = &parties[number];
    where->operate(number, self->operation);
    self->finished = 1;
    if (self->steps > longest[self->operation])
        longest[self->operation] = self->steps;
}

static void go_on(int number)
{
    running = number;
    swapcontext(&parties[number].back, &parties[number].context);
    running = -1;
}

static void start(int number, int operation, int stop)
{
    party *self = &parties[number];
    self->operation = operation;
    self->steps = 0;
    self->stop = stop;
    self->finished = 0;
    getcontext(&self->context);
    self->context.uc_stack.ss_sp = self->stack;
    self->context.uc_stack.ss_size = sizeof self->stack;
    self->context.uc_link = &self->back;
    makecontext(&self->context, (void (*)(void))run, 1, number);
    go_on(number);
}

/* ---- the search ---- */

/* 1: the second party was stopped; *first says whether the first was. */
static int freeze(const int *operations, int i, int j, int *first)
{
    where->begin(variant, operations);
    for (int n = 0; n < PARTIES; n++)
        parties[n].operation = operations[n], parties[n].steps = 0;
    start(0, operations[0], i);
    start(1, operations[1], j);
    int second = !parties[1].finished;
    *first = !parties[0].finished;
    start(2, operations[2], 0);
    if (second)
        go_on(1);
    if (*first)
        go_on(0);
    for (int n = 0; n < PARTIES; n++)
        if (!parties[n].finished)
            fail("a party did not finish");
    where->end();
    return second;
}

static void all_stops(const int *operations)
{
    int first = 1;
    for (int i = 1; first; i++)
        for (int j = 1; freeze(operations, i, j, &first); j++)
            ;
}

static void all_operations(void)
{
    int n = where->operations, o[PARTIES];
    for (o[0] = 0; o[0] < n; o[0]++)
        for (o[1] = 0; o[1] < n; o[1]++)
            for (o[2] = 0; o[2] < n; o[2]++)
                all_stops(o);
}

static void search(const world *w)
{
    where = w;
    stops = 0;
    memset(longest, 0, sizeof longest);
    for (variant = 0; variant < w->variants; variant++)
        all_operations();
    printf("freeze: %s: %lu stops, longest operations:", w->name, stops);
    for (int i = 0; i < w->operations; i++) {
        printf(" %d", longest[i]);
        if (longest[i] == 0)
            fail("operation %d has no steps: nothing is proved", i);
    }
    printf(" steps\n");
}

/* ---- time ---- */

uint64_t test_now_ns;

static uint64_t now(void *arg)
{
    (void)arg;
    return test_now_ns;
}

weir_clock *test_clock(void)
{
    static weir_clock *clock;
    if (!clock && weir_clock_new_custom(&clock, now, NULL, NULL) != WEIR_OK)
        abort();
    return clock;
}

#ifdef __linux__
/* The first one: stripes are chosen by its number. */
static void stay_on_one_processor(void)
{
    cpu_set_t all, one;
    int first = 0;
    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return;
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    sched_setaffinity(0, sizeof one, &one);
}
#endif

int main(int argc, char **argv)
{
#ifdef __linux__
    stay_on_one_processor();
#endif
    if (argc > 1)
        seeded = strcmp(argv[1], "spin") == 0 ? SPIN : TORN;
    search(&breaker_world);
    search(&bulkhead_world);
    search(&budget_world);
    weir_clock_unref(test_clock());
    return 0;
}
