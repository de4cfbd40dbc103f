/* All four policies at once, by real threads, and what must hold whatever the
 * schedule.  Nothing is said about when things happen.
 *
 *   stress [operations [seed [threads [rounds]]]]
 *
 * Each round has a house and threads of its own, and after it nothing is left:
 * the memory does not grow from the first quarter of the rounds on. */
#include "stress.h"

#include <inttypes.h>
#include <string.h>

#ifdef __linux__
#include <sys/prctl.h>
#endif

static house the_house;
static atomic_llong left; /* operations */

/* Of all rounds. */
static long long in_all[COUNTERS];
static uint64_t events[BREAKERS], gaps[BREAKERS];

typedef struct worker {
    pthread_t thread;
    uint64_t random;
    long long blows; /* of the hammer, in the end */
} worker;

void fail(const char *file, int line, const char *what)
{
    printf("%s:%d: %s\n", file, line, what);
    fflush(stdout);
    abort();
}

/* ---- operations ---- */

/* Of those that are left: 0 when none is. */
static long long take_some(void)
{
    enum { SOME = 16 };
    long long all = atomic_fetch_sub_explicit(&left, SOME,
                                              memory_order_relaxed);
    return all < SOME ? all : SOME;
}

static void operation(house *h, uint64_t *random)
{
    uint32_t choice = random_below(random, 100);
    if (choice < 84)
        call_once(h, random);
    else if (choice < 88)
        hammer(h, random);
    else if (choice < 97)
        finish_for_another(h, random);
    else
        operate(h, random);
}

static void *work(void *arg)
{
    worker *w = arg;
    long long mine;
    while ((mine = take_some()) > 0)
        while (mine-- > 0)
            operation(&the_house, &w->random);
    for (long long i = 0; i < w->blows; i++) /* all at once */
        hammer(&the_house, &w->random);
    for (long long i = 0; i < w->blows / 40; i++) /* more than the pool can */
        run_isolated(&the_house, &w->random);
    return NULL;
}

/* A house, as many operations, and everything given back. */
static void round_of(long long operations, uint64_t seed, int count)
{
    worker workers[THREADS_MAX];
    memset(&the_house, 0, sizeof the_house);
    atomic_store(&left, operations);
    open_house(&the_house, count);
    for (int i = 0; i < count; i++) {
        worker *w = &workers[i];
        w->random = seed * 1000 + (uint64_t)i;
        w->blows = operations / count / 50;
        CHECK(pthread_create(&w->thread, NULL, work, w) == 0);
    }
    for (int i = 0; i < count; i++)
        pthread_join(workers[i].thread, NULL);
    while (finish_for_another(&the_house, &seed))
        ;
    close_house(&the_house);
    for (int i = 0; i < COUNTERS; i++)
        in_all[i] += counted(&the_house, i);
    for (int i = 0; i < BREAKERS; i++) {
        events[i] += the_house.chains[i].events;
        gaps[i] += the_house.chains[i].gaps;
    }
}

#ifndef __has_feature
#define __has_feature(x) 0
#endif

/* Resident pages; 0 where there is no /proc, and where the shadow memory of a
 * sanitizer is most of it. */
static long resident(void)
{
    long pages = 0;
    if (__has_feature(thread_sanitizer) || __has_feature(address_sanitizer))
        return 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        CHECK(fscanf(file, "%*s %ld", &pages) == 1);
        fclose(file);
    }
    return pages;
}

static void tell(long long operations)
{
    static const char *const names[] = {"themselves", "a breaker",
                                        "a bulkhead", "a timeout",
                                        "the caller", "the pool"};
    printf("stress: %lld operations, %lld calls, %lld attempts, %lld told to "
           "stop\n", operations, in_all[ENDED], in_all[ATTEMPTS], in_all[TOLD]);
    printf("  ended by");
    for (int i = WEIR_BY_NONE; i <= WEIR_BY_POOL; i++)
        printf(" %s %lld%s", names[i], in_all[ENDED_BY + i],
               i < WEIR_BY_POOL ? "," : "\n");
    printf("  %lld threads of the pool ended in functions\n",
           in_all[THREADS_ENDED]);
    for (int i = 0; i < BREAKERS; i++)
        printf("  breaker %d: %" PRIu64 " events, %" PRIu64 " gaps\n", i,
               events[i], gaps[i]);
}

/* Waits of microseconds would take 50 of them more, all idle. */
static void do_not_oversleep(void)
{
#ifdef __linux__
    prctl(PR_SET_TIMERSLACK, 1ul, 0ul, 0ul, 0ul);
#endif
}

static long long number(int argc, char **argv, int i, long long otherwise)
{
    return argc > i ? strtoll(argv[i], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    long long operations = number(argc, argv, 1, 1000000);
    uint64_t seed = (uint64_t)number(argc, argv, 2, 1);
    int threads = (int)number(argc, argv, 3, 6);
    long long rounds = number(argc, argv, 4, 1);
    long warm = 0, most = 0;
    do_not_oversleep();
    CHECK(threads >= 1 && threads <= THREADS_MAX && rounds >= 1);
    for (long long i = 0; i < rounds; i++) {
        round_of(operations / rounds, seed + (uint64_t)i, threads);
        long pages = resident();
        if (i <= rounds / 4)
            warm = pages > warm ? pages : warm;
        most = pages > most ? pages : most;
    }
    tell(operations);
    if (rounds > 1)
        printf("  %d threads, %lld rounds: %ld pages when warm, %ld at most\n",
               threads, rounds, warm, most);
    CHECK(rounds < 8 || most <= warm + warm / 20);
    return 0;
}
