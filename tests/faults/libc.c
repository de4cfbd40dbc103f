/* What the library asks of others: the linker sends its calls of f, and nobody
 * else's, to __wrap_f.  tests/fallible.sh sees to it that none is forgotten. */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static struct {
    atomic_uint calls;
    unsigned first; /* that fails; 0: none */
    int all_after;
    atomic_int calm;
    atomic_int failed;
} faults;

static struct {
    atomic_int blocks, mutexes, conds, condattrs, descriptors, args;
} taken;

void fail_at(unsigned n, int all_after)
{
    faults.first = n;
    faults.all_after = all_after;
    atomic_store(&faults.calls, 0);
    atomic_store(&faults.failed, 0);
}

unsigned fallible_calls(void)
{
    return atomic_load(&faults.calls);
}

void calm(void)
{
    atomic_fetch_add(&faults.calm, 1);
}

void uncalm(void)
{
    atomic_fetch_sub(&faults.calm, 1);
}

int is_calm(void)
{
    return atomic_load(&faults.calm) > 0;
}

int take_failed(void)
{
    return atomic_exchange(&faults.failed, 0);
}

ledger owed(void)
{
    return (ledger){taken.blocks, taken.mutexes, taken.conds, taken.condattrs,
                    taken.descriptors, taken.args};
}

void *take_arg(void)
{
    taken.args++;
    return &taken.args;
}

void may_be_cancelled(void)
{
    pthread_testcancel();
}

void give_arg(void *arg)
{
    may_be_cancelled();
    CHECK(arg == &taken.args && taken.args > 0);
    taken.args--;
}

int fails(int how)
{
    if (is_calm())
        return 0;
    unsigned n = atomic_fetch_add(&faults.calls, 1) + 1;
    if (faults.first == 0 || n < faults.first ||
        (n > faults.first && !faults.all_after))
        return 0;
    atomic_fetch_or(&faults.failed, how);
    return 1;
}

/* As what makes system calls does when it fails. */
static int fails_and_spoils_errno(int how)
{
    int failed = fails(how);
    if (failed)
        errno = EMFILE;
    return failed;
}

/* ---- memory ---- */

int __wrap_posix_memalign(void **out, size_t alignment, size_t bytes);
void __wrap_free(void *block);

int __wrap_posix_memalign(void **out, size_t alignment, size_t bytes)
{
    if (fails_and_spoils_errno(HARD)) {
        *out = &taken; /* then it may say anything */
        return ENOMEM;
    }
    taken.blocks++;
    return posix_memalign(out, alignment, bytes);
}

void __wrap_free(void *block)
{
    taken.blocks -= block != NULL;
    free(block);
}

enum { HEADER = 64 }; /* keeps the alignment of what follows */

static void *allocate(void *context, uint64_t bytes, uint64_t alignment)
{
    void *block = NULL;
    CHECK(context == &taken && alignment <= HEADER);
    if (fails(HARD) ||
        posix_memalign(&block, HEADER, (size_t)bytes + HEADER) != 0)
        return NULL;
    taken.blocks++;
    memcpy(block, &bytes, sizeof bytes);
    memset((char *)block + HEADER, 0xa5, (size_t)bytes);
    return (char *)block + HEADER;
}

static void release(void *context, void *memory, uint64_t bytes)
{
    char *block = (char *)memory - HEADER;
    CHECK(context == &taken && memcmp(block, &bytes, sizeof bytes) == 0);
    taken.blocks--;
    memset(memory, 0x5a, (size_t)bytes);
    free(block);
}

const weir_allocator table = {allocate, release, &taken};

/* ---- pthreads ---- */

#define WRAP_INIT(name, type, second, count, error)                           \
    int __wrap_##name##_init(type *it, const second *how);                    \
    int __wrap_##name##_destroy(type *it);                                    \
    int __wrap_##name##_init(type *it, const second *how)                     \
    {                                                                         \
        if (fails(HARD))                                                      \
            return error;                                                     \
        taken.count++;                                                        \
        return name##_init(it, how);                                 \
    }                                                                         \
    int __wrap_##name##_destroy(type *it)                                     \
    {                                                                         \
        taken.count--;                                                        \
        return name##_destroy(it);                                   \
    }

#define WRAP_ATTRIBUTES(name, type, count)                                    \
    int __wrap_##name##_init(type *it);                                       \
    int __wrap_##name##_destroy(type *it);                                    \
    int __wrap_##name##_init(type *it)                                        \
    {                                                                         \
        if (fails(HARD))                                                      \
            return ENOMEM;                                                    \
        taken.count++;                                                        \
        return name##_init(it);                                      \
    }                                                                         \
    int __wrap_##name##_destroy(type *it)                                     \
    {                                                                         \
        taken.count--;                                                        \
        return name##_destroy(it);                                   \
    }

WRAP_INIT(pthread_mutex, pthread_mutex_t, pthread_mutexattr_t, mutexes, EAGAIN)
WRAP_INIT(pthread_cond, pthread_cond_t, pthread_condattr_t, conds, EAGAIN)
WRAP_ATTRIBUTES(pthread_condattr, pthread_condattr_t, condattrs)

int __wrap_pthread_condattr_setclock(pthread_condattr_t *it, clockid_t clock);
int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *how,
                          void *(*fn)(void *), void *arg);

int __wrap_pthread_condattr_setclock(pthread_condattr_t *it, clockid_t clock)
{
    CHECK(clock == CLOCK_MONOTONIC); /* C8.83 rocksdb#3735 */
    return fails(HARD) ? EINVAL : pthread_condattr_setclock(it, clock);
}

int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *how,
                          void *(*fn)(void *), void *arg)
{
    return fails_and_spoils_errno(HARD)
               ? EAGAIN
               : pthread_create(out, how, fn, arg);
}

/* A wait may return for no reason at all. */
static int wakes_for_nothing(pthread_mutex_t *mutex)
{
    int wakes = fails(SOFT);
    if (wakes) {
        pthread_mutex_unlock(mutex);
        sched_yield();
        pthread_mutex_lock(mutex);
    }
    return wakes;
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until);

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    return wakes_for_nothing(mutex) ? 0 : pthread_cond_wait(cond, mutex);
}

/* C8.83 libfabric#9614: of another clock it would be years away. */
static int is_of_this_clock(const struct timespec *until)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return until->tv_sec <= now.tv_sec + 86400 + 1 &&
           until->tv_sec >= now.tv_sec - 3600;
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    CHECK(is_of_this_clock(until));
    return wakes_for_nothing(mutex)
               ? 0
               : pthread_cond_timedwait(cond, mutex, until);
}

/* ---- descriptors, entropy ---- */

int __wrap_fcntl(int fd, int command, ...);
int __wrap_open(const char *path, int how, ...);
ssize_t __wrap_read(int fd, void *bytes, size_t count);
int __wrap_close(int fd);
ssize_t __wrap_write(int fd, const void *bytes, size_t count);
ssize_t __wrap_getrandom(void *out, size_t bytes, unsigned flags);

int __wrap_fcntl(int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    int argument = va_arg(arguments, int);
    va_end(arguments);
    if (fails_and_spoils_errno(HARD))
        return -1;
    taken.descriptors++;
    return fcntl(fd, command, argument);
}

int __wrap_open(const char *path, int how, ...)
{
    if (fails_and_spoils_errno(SOFT))
        return -1;
    int fd = open(path, how); /* to read */
    taken.descriptors += fd >= 0;
    return fd;
}

ssize_t __wrap_read(int fd, void *bytes, size_t count)
{
    return fails_and_spoils_errno(SOFT) ? -1 : read(fd, bytes, count);
}

int __wrap_close(int fd)
{
    taken.descriptors--;
    return close(fd);
}

ssize_t read_own(int fd, void *bytes, size_t count)
{
    return read(fd, bytes, count);
}

void close_own(int fd)
{
    close(fd);
}

/* A signal interrupts it once; what fails for ever is not retried. */
ssize_t __wrap_write(int fd, const void *bytes, size_t count)
{
    if (!fails(SOFT))
        return write(fd, bytes, count);
    errno = faults.all_after ? EIO : EINTR;
    return -1;
}

ssize_t __wrap_getrandom(void *out, size_t bytes, unsigned flags)
{
    return fails_and_spoils_errno(SOFT)
               ? -1
               : getrandom(out, bytes, flags);
}
