#include "between.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEN = 32, FIRST = 0, SECOND = 1 };

typedef struct sight {
    int count;
    uint64_t values[SEEN];
} sight;

static const world *where;
static int variant;
static const operation *both[2];
static int place; /* the second runs before this step of the first; 0: after */
static int watched; /* steps are counted */
static sight seen;

/* ---- ends ---- */

void fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("between: ");
    vprintf(format, args);
    va_end(args);
    printf("\nbetween:   %s, variant %d: %s, and before its step %d: %s\n",
           where->name, variant, both[FIRST]->name, place,
           both[SECOND]->name);
    exit(1);
}

void must(int status)
{
    if (status != WEIR_OK)
        fail("status %d", status);
}

void see(uint64_t value)
{
    if (seen.count == SEEN)
        fail("too much to see");
    seen.values[seen.count++] = value;
}

/* ---- two threads that take turns ---- */

static pthread_mutex_t turns = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn = FIRST;
static _Thread_local int self;
static int steps, under_way; /* of the first; of the second */
static uint64_t results[2];

static void pass_turn(void)
{
    pthread_mutex_lock(&turns);
    turn = !self;
    pthread_cond_broadcast(&changed);
    while (turn != self)
        pthread_cond_wait(&changed, &turns);
    pthread_mutex_unlock(&turns);
}

static void *be_second(void *arg)
{
    self = SECOND;
    pthread_mutex_lock(&turns);
    while (turn != SECOND)
        pthread_cond_wait(&changed, &turns);
    pthread_mutex_unlock(&turns);
    for (;;) {
        results[SECOND] = both[SECOND]->run(SECOND);
        under_way = 0;
        pass_turn();
    }
    return arg;
}

void before_step(void)
{
    if (self == FIRST && watched && ++steps == place) {
        under_way = 1;
        pass_turn();
    }
}

static void wait_for_the_other(void)
{
    if (self == FIRST && !under_way)
        fail("it waits for nobody");
    pass_turn();
}

void take_lock(pthread_mutex_t *mutex)
{
    before_step();
    while (pthread_mutex_trylock(mutex) != 0)
        wait_for_the_other();
}

void leave_lock(pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
    if (self == FIRST && under_way)
        pass_turn();
}

/* A signal, or none: who waits looks again. */
int wait_for_signal(pthread_mutex_t *mutex)
{
    pthread_mutex_unlock(mutex);
    wait_for_the_other();
    while (pthread_mutex_trylock(mutex) != 0)
        wait_for_the_other();
    return 0;
}

/* ---- the search ---- */

static void look_back(sight *out)
{
    see(results[FIRST]);
    see(results[SECOND]);
    where->end();
    *out = seen;
    seen.count = 0;
}

static void one_after_the_other(int first, sight *out)
{
    place = 0;
    where->begin(variant);
    results[first] = both[first]->run(first);
    results[!first] = both[!first]->run(!first);
    look_back(out);
}

/* 0: the first has fewer steps. */
static int one_between(sight *out)
{
    where->begin(variant);
    steps = 0;
    watched = 1;
    results[FIRST] = both[FIRST]->run(FIRST);
    watched = 0;
    if (under_way)
        fail("the second waits for ever");
    if (steps < place)
        results[SECOND] = both[SECOND]->run(SECOND);
    look_back(out);
    return steps >= place;
}

static int same(const sight *a, const sight *b)
{
    return a->count == b->count &&
           memcmp(a->values, b->values,
                  (size_t)a->count * sizeof a->values[0]) == 0;
}

static void print(const char *when, const sight *s)
{
    printf("between: %s:", when);
    for (int i = 0; i < s->count; i++)
        printf(" %llx", (unsigned long long)s->values[i]);
    printf("\n");
}

/* How many places there are. */
static int search_pair(void)
{
    sight in_order, in_reverse, between;
    int stopped;
    one_after_the_other(FIRST, &in_order);
    one_after_the_other(SECOND, &in_reverse);
    do {
        place++;
        stopped = one_between(&between);
        if (!same(&between, &in_order) && !same(&between, &in_reverse)) {
            print("seen", &between);
            print("in order", &in_order);
            print("in reverse", &in_reverse);
            fail("as if neither came first");
        }
    } while (stopped);
    return place - 1;
}

static void search(const world *w)
{
    int pairs = 0, places = 0;
    where = w;
    for (variant = 0; variant < w->variants; variant++)
        for (both[0] = w->operations; both[0]->name; both[0]++)
            for (both[1] = w->operations; both[1]->name; both[1]++) {
                if (both[0]->kinds & both[1]->kinds)
                    continue;
                places += search_pair();
                pairs++;
            }
    printf("between: %s: %d pairs of operations, at %d places\n", w->name,
           pairs, places);
}

int main(void)
{
    pthread_t second;
    if (pthread_create(&second, NULL, be_second, NULL) != 0)
        return 1;
    search(&budget_world);
    search(&breaker_world);
    search(&bulkhead_world);
    search(&call_world);
    search(&run_world);
    search(&permit_world);
    search(&window_world);
    return 0;
}
