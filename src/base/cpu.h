/* Where the calling thread runs: a hint for spreading what threads write.
 *
 * The C library keeps the number of the processor at hand for restartable
 * sequences (glibc 2.35); reading it is a load.  Elsewhere threads are told
 * apart by their own identity, as well as hashing does it.  The answer may be
 * out of date as soon as it is given: whoever uses it is correct with any. */
#ifndef WEIR_BASE_CPU_H
#define WEIR_BASE_CPU_H

#include <pthread.h>
#include <stdint.h>

#ifdef WEIR_TEST_CPU

uint32_t weir__cpu_hint(void); /* of the test */

#else

#ifdef __has_include
#if __has_include(<sys/rseq.h>) && defined __has_builtin
#if __has_builtin(__builtin_thread_pointer)
#include <sys/rseq.h>
#define WEIR__HAS_RSEQ 1
#endif
#endif
#endif

static inline uint32_t weir__cpu_by_thread(void)
{
    uint64_t thread = (uint64_t)(uintptr_t)pthread_self();
    return (uint32_t)((thread * UINT64_C(0x9e3779b97f4a7c15)) >> 40);
}

static inline uint32_t weir__cpu_hint(void)
{
#ifdef WEIR__HAS_RSEQ
    const struct rseq *area =
        (const struct rseq *)(const void *)((const char *)
                                                __builtin_thread_pointer() +
                                            __rseq_offset);
    int32_t cpu = (int32_t)*(const volatile uint32_t *)&area->cpu_id;
    if (__builtin_expect(cpu >= 0, 1)) /* else: not registered */
        return (uint32_t)cpu;
#endif
    return weir__cpu_by_thread();
}

#endif
#endif
