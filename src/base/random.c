#include "base/random.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/random.h>
#endif

/* The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t weir__random(uint64_t seed, uint64_t stream, uint64_t index)
{
    return mix(mix(mix(seed) ^ stream) ^ index);
}

/* 0 where there is none to be had.  getrandom may be a cancellation point: a
 * thread unwound here would take a half made handle with it. */
static uint64_t system_entropy(void)
{
    uint64_t entropy = 0;
#if defined(__linux__)
    int saved = errno, cancelable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    if (getrandom(&entropy, sizeof entropy, GRND_NONBLOCK) < 0)
        entropy = 0;
    pthread_setcancelstate(cancelable, NULL);
    errno = saved;
#endif
    return entropy;
}

/* Where the system has no entropy to give, time and address at least tell
 * handles and processes apart. */
uint64_t weir__random_seed(const void *handle)
{
    uint64_t entropy = system_entropy();
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    entropy ^= mix((uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    return mix(entropy ^ (uint64_t)(uintptr_t)handle);
}

uint64_t weir__random_in_process(uint64_t seed)
{
    return mix(seed ^ (uint64_t)getpid());
}

/* The high half of a 64 by 64 bit product: maps random to 0..span without
 * division.  Its bias is below span / 2^64. */
static uint64_t scale(uint64_t random, uint64_t values)
{
    uint64_t a = random >> 32, b = random & 0xffffffffu;
    uint64_t c = values >> 32, d = values & 0xffffffffu;
    uint64_t middle = a * d + ((b * d) >> 32);
    uint64_t low = (middle & 0xffffffffu) + b * c;
    return a * c + (middle >> 32) + (low >> 32);
}

uint64_t weir__random_between(uint64_t random, uint64_t low, uint64_t high)
{
    if (high <= low)
        return low;
    if (high - low == UINT64_MAX)
        return random;
    return low + scale(random, high - low + 1);
}
