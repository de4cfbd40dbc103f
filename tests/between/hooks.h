/* Included before each source of the library: a call before each atomic
 * operation, and instead of what may block. */
#ifndef TESTS_BETWEEN_HOOKS_H
#define TESTS_BETWEEN_HOOKS_H

#include "base/atomic.h"
#include "base/lock.h"

void before_step(void);
void take_lock(pthread_mutex_t *mutex);
void leave_lock(pthread_mutex_t *mutex);
int wait_for_signal(pthread_mutex_t *mutex);

#undef weir__load_relaxed
#undef weir__load_acquire
#undef weir__load_seq_cst
#undef weir__store_relaxed
#undef weir__store_release
#undef weir__store_seq_cst
#undef weir__exchange_acq_rel
#undef weir__add_relaxed
#undef weir__sub_release
#undef weir__sub_acq_rel
#undef weir__cas_acq_rel
#undef weir__cas_seq_cst
#undef weir__cas_weak_acq_rel
#undef weir__mutex_lock
#undef weir__mutex_unlock
#undef atomic_load
#undef atomic_store
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_weak_explicit

#define weir__load_relaxed(p) atomic_load(p)
#define weir__load_acquire(p) atomic_load(p)
#define weir__load_seq_cst(p) atomic_load(p)
#define weir__store_relaxed(p, v) atomic_store(p, v)
#define weir__store_release(p, v) atomic_store(p, v)
#define weir__store_seq_cst(p, v) atomic_store(p, v)
#define weir__exchange_acq_rel(p, v) (before_step(), atomic_exchange(p, v))
#define weir__add_relaxed(p, v) (before_step(), atomic_fetch_add(p, v))
#define weir__sub_release(p, v) (before_step(), atomic_fetch_sub(p, v))
#define weir__sub_acq_rel(p, v) (before_step(), atomic_fetch_sub(p, v))
#define weir__cas_acq_rel(p, expected, v) \
    atomic_compare_exchange_strong(p, expected, v)
#define weir__cas_seq_cst(p, expected, v) \
    atomic_compare_exchange_strong(p, expected, v)
#define weir__cas_weak_acq_rel(p, expected, v) \
    atomic_compare_exchange_strong(p, expected, v)

/* Of pointers; and by mutants that tear an update. */
#define atomic_load(p) \
    (before_step(), atomic_load_explicit(p, memory_order_seq_cst))
#define atomic_store(p, v) \
    (before_step(), atomic_store_explicit(p, v, memory_order_seq_cst))
#define atomic_compare_exchange_strong(p, expected, v)                        \
    (before_step(), atomic_compare_exchange_strong_explicit(                  \
                        p, expected, v, memory_order_seq_cst,                 \
                        memory_order_seq_cst))
#define atomic_compare_exchange_weak_explicit(p, expected, v, order, failed)  \
    (before_step(), atomic_compare_exchange_strong_explicit(                  \
                        p, expected, v, order, failed))

#define weir__mutex_lock(m) take_lock(m)
#define weir__mutex_unlock(m) leave_lock(m)
#define pthread_cond_wait(cond, m) wait_for_signal(m)

#endif
