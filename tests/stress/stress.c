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

static house the_house;
static atomic_llong left;

void fail(const char *file, int line, const char *what)
{
    printf("%s:%d: %s\n", file, line, what);
    fflush(stdout);
    abort();
}

uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint32_t random_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)(random_next(state) % limit);
}

int random_percent(uint64_t *state, uint32_t percent)
{
    return random_below(state, 100) < percent;
}

static void *work(void *arg)
{
    uint64_t random = *(uint64_t *)arg;
    while (atomic_fetch_sub(&left, 1) > 0) {
        uint32_t choice = random_below(&random, 100);
        if (choice < 84)
            call_once(&the_house, &random);
        else if (choice < 88)
            hammer(&the_house, &random);
        else if (choice < 97)
            finish_for_another(&the_house, &random);
        else
            operate(&the_house, &random);
    }
    for (int i = 0; i < 4000; i++) /* all at once */
        hammer(&the_house, &random);
    return NULL;
}

/* A house, as many operations, and everything given back. */
static void round_of(long long operations, uint64_t seed, int count)
{
    pthread_t threads[THREADS_MAX];
    uint64_t seeds[THREADS_MAX];
    memset(&the_house, 0, sizeof the_house);
    atomic_store(&left, operations);
    open_house(&the_house);
    for (int i = 0; i < count; i++) {
        seeds[i] = seed * 1000 + (uint64_t)i;
        CHECK(pthread_create(&threads[i], NULL, work, &seeds[i]) == 0);
    }
    for (int i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    while (finish_for_another(&the_house, &seed))
        ;
    close_house(&the_house);
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
    printf("stress: %lld operations, %llu calls, %llu attempts, %llu told to "
           "stop\n", operations, atomic_load(&the_house.ended),
           atomic_load(&the_house.attempts), atomic_load(&the_house.told));
    for (int i = 0; i < BREAKERS; i++)
        printf("  breaker %d: %" PRIu64 " events, %" PRIu64 " gaps\n", i,
               the_house.chains[i].events, the_house.chains[i].gaps);
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
