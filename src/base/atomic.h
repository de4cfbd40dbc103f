/* The one door to atomic operations.
 *
 * Every access to an atomic number is written with these macros, so that the
 * lock-free code can be compiled a second time against Relacy, which explores
 * thread interleavings and weak memory; a test defines WEIR_RELACY and includes
 * the same sources.  (Atomic pointers are C11's own; the test has a header for
 * those.)  They are therefore kept to the common subset of C11 and C++98: no
 * _Generic, no compound literals, no designated initialisers in files that
 * Relacy reads.
 *
 * The memory order is part of the name of each operation.  There are no
 * fences: sanitizers cannot see them. */
#ifndef WEIR_BASE_ATOMIC_H
#define WEIR_BASE_ATOMIC_H

#include <stdint.h>

#ifdef WEIR_RELACY

#include "relacy_shim.h"

#else

#include <stdatomic.h>

typedef _Atomic(uint64_t) weir__atomic_u64;
typedef _Atomic(uint32_t) weir__atomic_u32;

#define weir__init(p, v) atomic_init(p, v)
#define weir__load_relaxed(p) atomic_load_explicit(p, memory_order_relaxed)
#define weir__load_acquire(p) atomic_load_explicit(p, memory_order_acquire)
#define weir__load_seq_cst(p) atomic_load_explicit(p, memory_order_seq_cst)
#define weir__store_relaxed(p, v) \
    atomic_store_explicit(p, v, memory_order_relaxed)
#define weir__store_release(p, v) \
    atomic_store_explicit(p, v, memory_order_release)
#define weir__store_seq_cst(p, v) \
    atomic_store_explicit(p, v, memory_order_seq_cst)
#define weir__exchange_acq_rel(p, v) \
    atomic_exchange_explicit(p, v, memory_order_acq_rel)
#define weir__add_relaxed(p, v) \
    atomic_fetch_add_explicit(p, v, memory_order_relaxed)
#define weir__sub_release(p, v) \
    atomic_fetch_sub_explicit(p, v, memory_order_release)
#define weir__sub_acq_rel(p, v) \
    atomic_fetch_sub_explicit(p, v, memory_order_acq_rel)

/* Compare and swap; on failure *expected is what was found.  The weak ones
 * may fail without reason and belong in a loop. */
#define weir__cas_acq_rel(p, expected, v)                                     \
    atomic_compare_exchange_strong_explicit(p, expected, v,                   \
                                            memory_order_acq_rel,             \
                                            memory_order_acquire)
#define weir__cas_seq_cst(p, expected, v)                                     \
    atomic_compare_exchange_strong_explicit(p, expected, v,                   \
                                            memory_order_seq_cst,             \
                                            memory_order_seq_cst)
#define weir__cas_weak_acq_rel(p, expected, v)                                \
    atomic_compare_exchange_weak_explicit(p, expected, v,                     \
                                          memory_order_acq_rel,               \
                                          memory_order_acquire)

#endif

#define weir__likely(x) __builtin_expect(!!(x), 1)
#define weir__unlikely(x) __builtin_expect(!!(x), 0)

#endif
