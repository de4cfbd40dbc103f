/* All four policies at once, by real threads, and what must hold whatever the
 * schedule.  Nothing is said about when things happen.
 *
 *   stress [operations [seed]] */
#include "stress.h"

#include <inttypes.h>

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

int main(int argc, char **argv)
{
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    long long operations = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000000;
    pthread_t threads[THREADS];
    uint64_t seeds[THREADS];
    atomic_store(&left, operations);
    open_house(&the_house);
    for (int i = 0; i < THREADS; i++) {
        seeds[i] = seed * 1000 + (uint64_t)i;
        CHECK(pthread_create(&threads[i], NULL, work, &seeds[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    while (finish_for_another(&the_house, &seed))
        ;
    close_house(&the_house);
    printf("stress: %lld operations, %llu calls, %llu attempts, %llu told to "
           "stop\n", operations, atomic_load(&the_house.ended),
           atomic_load(&the_house.attempts), atomic_load(&the_house.told));
    for (int i = 0; i < BREAKERS; i++)
        printf("  breaker %d: %" PRIu64 " events, %" PRIu64 " gaps\n", i,
               the_house.chains[i].events, the_house.chains[i].gaps);
    return 0;
}
