/* What instrumented code calls (the interface of ThreadSanitizer's runtime),
 * for parties that take turns on one thread: plain memory does. */
#include "freeze.h"

#include <pthread.h>
#include <stddef.h>
#include <string.h>

enum seeded seeded;
static int spin_lock;

static void before_swap(void)
{
    step();
    if (seeded != SPIN)
        return;
    while (spin_lock)
        step();
    spin_lock = 1;
    step();
}

static void after_swap(void)
{
    if (seeded == SPIN)
        step();
    spin_lock = 0;
}

static void before_store(void)
{
    if (seeded == TORN)
        step();
}

#define UPDATE(bits, name, expression)                                        \
    uint##bits##_t __tsan_atomic##bits##_##name(                              \
        volatile uint##bits##_t *p, uint##bits##_t v, int order)              \
    {                                                                         \
        (void)order;                                                          \
        step();                                                               \
        uint##bits##_t old = *p;                                              \
        *p = (uint##bits##_t)(expression);                                    \
        return old;                                                           \
    }

#define ATOMICS(bits)                                                         \
    uint##bits##_t __tsan_atomic##bits##_load(                                \
        const volatile uint##bits##_t *p, int order)                          \
    {                                                                         \
        (void)order;                                                          \
        step();                                                               \
        return *p;                                                            \
    }                                                                         \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *p,              \
                                     uint##bits##_t v, int order)             \
    {                                                                         \
        (void)order;                                                          \
        step();                                                               \
        *p = v;                                                               \
    }                                                                         \
    UPDATE(bits, exchange, v)                                                 \
    UPDATE(bits, fetch_add, old + v)                                          \
    UPDATE(bits, fetch_sub, old - v)                                          \
    UPDATE(bits, fetch_and, old & v)                                          \
    UPDATE(bits, fetch_or, old | v)                                           \
    UPDATE(bits, fetch_xor, old ^ v)                                          \
    uint##bits##_t __tsan_atomic##bits##_compare_exchange_val(                \
        volatile uint##bits##_t *p, uint##bits##_t expected,                  \
        uint##bits##_t v, int order, int failed)                              \
    {                                                                         \
        (void)order;                                                          \
        (void)failed;                                                         \
        before_swap();                                                        \
        uint##bits##_t old = *p;                                              \
        if (old == expected) {                                                \
            before_store();                                                   \
            *p = v;                                                           \
        }                                                                     \
        after_swap();                                                         \
        return old;                                                           \
    }                                                                         \
    int __tsan_atomic##bits##_compare_exchange_strong(                        \
        volatile uint##bits##_t *p, uint##bits##_t *expected,                 \
        uint##bits##_t v, int order, int failed)                              \
    {                                                                         \
        uint##bits##_t wanted = *expected;                                    \
        *expected = __tsan_atomic##bits##_compare_exchange_val(               \
            p, wanted, v, order, failed);                                     \
        return *expected == wanted;                                           \
    }                                                                         \
    int __tsan_atomic##bits##_compare_exchange_weak(                          \
        volatile uint##bits##_t *p, uint##bits##_t *expected,                 \
        uint##bits##_t v, int order, int failed)                              \
    {                                                                         \
        return __tsan_atomic##bits##_compare_exchange_strong(p, expected, v,  \
                                                             order, failed);  \
    }

ATOMICS(8)
ATOMICS(16)
ATOMICS(32)
ATOMICS(64)

/* ---- plain accesses are no steps ---- */

#define IGNORED(name)                                                         \
    void __tsan_##name(void *p) { (void)p; }

IGNORED(read1)
IGNORED(read2)
IGNORED(read4)
IGNORED(read8)
IGNORED(read16)
IGNORED(write1)
IGNORED(write2)
IGNORED(write4)
IGNORED(write8)
IGNORED(write16)
IGNORED(unaligned_read2)
IGNORED(unaligned_read4)
IGNORED(unaligned_read8)
IGNORED(unaligned_read16)
IGNORED(unaligned_write2)
IGNORED(unaligned_write4)
IGNORED(unaligned_write8)
IGNORED(unaligned_write16)
IGNORED(func_entry)

void __tsan_read_range(void *p, size_t size) { (void)p; (void)size; }
void __tsan_write_range(void *p, size_t size) { (void)p; (void)size; }
void __tsan_func_exit(void) {}
void __tsan_init(void) {}

void *__tsan_memset(void *p, int c, size_t n) { return memset(p, c, n); }
void *__tsan_memcpy(void *to, const void *from, size_t n)
{
    return memcpy(to, from, n);
}

/* ---- mutexes ---- */

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    step();
    if (pthread_mutex_trylock(mutex) != 0)
        blocked();
    return 0;
}

int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    step();
    return __real_pthread_mutex_unlock(mutex);
}
