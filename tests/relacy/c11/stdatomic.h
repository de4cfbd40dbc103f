/* stdatomic.h for sources that are compiled against Relacy. */
#ifndef WEIR_RELACY_STDATOMIC_H
#define WEIR_RELACY_STDATOMIC_H

#include "relacy_shim.h"

#define _Atomic(T) shim_atomic<T>

#define memory_order_relaxed rl::mo_relaxed
#define memory_order_acquire rl::mo_acquire
#define memory_order_release rl::mo_release
#define memory_order_acq_rel rl::mo_acq_rel
#define memory_order_seq_cst rl::mo_seq_cst

/* What an operation of an order is called in orders.txt. */
static inline const char *shim_name(const char *const names[5],
                                    rl::memory_order order)
{
    return order == rl::mo_relaxed   ? names[0]
           : order == rl::mo_acquire ? names[1]
           : order == rl::mo_release ? names[2]
           : order == rl::mo_acq_rel ? names[3]
                                     : names[4];
}

static const char *const shim_loads[] = {"load_relaxed", "load_acquire", "",
                                         "", "load_seq_cst"};
static const char *const shim_stores[] = {
    "store_relaxed", "", "store_release", "", "store_seq_cst"};
static const char *const shim_swaps[] = {"cas_relaxed", "cas_acquire",
                                         "cas_release", "cas_acq_rel",
                                         "cas_seq_cst"};
static const char *const shim_exchanges[] = {
    "exchange_relaxed", "exchange_acquire", "exchange_release",
    "exchange_acq_rel", "exchange_seq_cst"};
static const char *const shim_adds[] = {"add_relaxed", "add_acquire",
                                        "add_release", "add_acq_rel",
                                        "add_seq_cst"};

#define atomic_init(p, v) ((p)->init(v, $))
#define atomic_load_explicit(p, order)                                        \
    ((p)->load(order, SITE(shim_name(shim_loads, order)), $))
#define atomic_load(p) atomic_load_explicit(p, rl::mo_seq_cst)
#define atomic_store_explicit(p, v, order)                                    \
    ((p)->store(v, order, SITE(shim_name(shim_stores, order)), $))
#define atomic_store(p, v) atomic_store_explicit(p, v, rl::mo_seq_cst)
#define atomic_exchange_explicit(p, v, order)                                 \
    ((p)->exchange(v, order, SITE(shim_name(shim_exchanges, order)), $))
#define atomic_fetch_add_explicit(p, v, order)                                \
    ((p)->add(v, order, SITE(shim_name(shim_adds, order)), $))
#define atomic_fetch_sub_explicit(p, v, order)                                \
    ((p)->add(-(v), order, SITE(shim_name(shim_adds, order)), $))
#define atomic_compare_exchange_strong_explicit(p, expected, v, order, failed) \
    ((p)->cas(expected, v, false, order, SITE(shim_name(shim_swaps, order)), $))
#define atomic_compare_exchange_weak_explicit(p, expected, v, order, failed)  \
    ((p)->cas(expected, v, true, order, SITE(shim_name(shim_swaps, order)), $))
#define atomic_compare_exchange_strong(p, expected, v)                        \
    atomic_compare_exchange_strong_explicit(p, expected, v, rl::mo_seq_cst,   \
                                            rl::mo_seq_cst)

#endif
