/* Under callgrind: every case, so many calls and then twice as many, each
 * dumped with the case's name; the difference is free of all that is not a
 * call.  Also fails if a blocking run allocates. */
#include <stdio.h>
#include <string.h>

#include "memory.h"

#if defined(__has_include)
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif
#endif

/* Twice, because a rare event (a bucket of a time window ends) may fall into
 * one of them: the lesser counts.  CALLS is a multiple of what the cases fail
 * by. */
enum { CALLS = 1000, REPEATS = 2 };

#ifdef CALLGRIND_TOGGLE_COLLECT

static void count(const bench_case *c, bench_thread *thread, uint64_t calls)
{
    char label[80];
    snprintf(label, sizeof label, "%s|%u|%d", c->name, c->per_call,
             (int)(calls / CALLS));
    CALLGRIND_TOGGLE_COLLECT;
    c->loop(c->handle, thread, calls);
    CALLGRIND_TOGGLE_COLLECT;
    CALLGRIND_DUMP_STATS_AT(label);
}

static int allocates(const bench_case *c)
{
    if (!c->make || (c->flags & BENCH_ON_HEAP) ||
        bench_memory_of(c).allocations == 0)
        return 0;
    fprintf(stderr, "%s: allocates\n", c->name);
    return 1;
}

int main(void)
{
    static bench_list list;
    int wrong = 0;
    bench_add_all(&list);
    for (int i = 0; i < list.n; i++) {
        const bench_case *c = &list.cases[i];
        bench_thread thread = {c->fails_each, c->fails_each, 0};
        if (c->least_threads > 1)
            continue;
        wrong |= allocates(c);
        c->loop(c->handle, &thread, CALLS);
        for (int r = 0; r < REPEATS; r++) {
            count(c, &thread, CALLS);
            count(c, &thread, 2 * CALLS);
        }
    }
    return wrong;
}

#else

int main(void)
{
    fprintf(stderr, "built without valgrind/callgrind.h\n");
    return 1;
}

#endif
