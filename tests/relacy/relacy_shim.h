/* What base/atomic.h and base/lock.h become under Relacy.
 *
 * Relacy (a header library) runs a test under many schedules and, for every
 * load, under the values that the C++ memory model lets it see.  The orders
 * below are those of base/atomic.h. */
#ifndef WEIR_RELACY_SHIM_H
#define WEIR_RELACY_SHIM_H

#include <stdint.h>

#include <cstdlib>

#include <relacy/relacy_std.hpp>

/* Relacy replaces these to find leaks in tests; ours own no memory. */
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free

typedef rl::atomic<uint64_t> weir__atomic_u64;
typedef rl::atomic<uint32_t> weir__atomic_u32;

/* Bugs that a test must find, one at a time: $SEED is the number of one.  The
 * first few weaken what is defined here; the rest are edits that seeds.sed
 * makes in a copy of the headers under test. */
#ifdef WITH_SEEDS
static const char *const seed_text = std::getenv("SEED");
static const int seed = seed_text ? std::atoi(seed_text) : 0;
#define SEEDED(n) (seed == (n))
#else
#define SEEDED(n) 0
#endif

#define SHIM_ACQUIRE (SEEDED(1) ? rl::mo_relaxed : rl::mo_acquire)
#define SHIM_RELEASE (SEEDED(2) ? rl::mo_relaxed : rl::mo_release)
#define SHIM_ACQ_REL (SEEDED(3) ? rl::mo_relaxed : rl::mo_acq_rel)
#define SHIM_FAILED (SEEDED(3) ? rl::mo_relaxed : rl::mo_acquire)
#define SHIM_SEQ_CST (SEEDED(3) ? rl::mo_relaxed : rl::mo_seq_cst)

#define weir__init(p, v) (*(p))($).store(v, rl::mo_relaxed)
#define weir__load_relaxed(p) (*(p))($).load(rl::mo_relaxed)
#define weir__load_acquire(p) (*(p))($).load(SHIM_ACQUIRE)
#define weir__load_seq_cst(p) (*(p))($).load(rl::mo_seq_cst)
#define weir__store_relaxed(p, v) (*(p))($).store(v, rl::mo_relaxed)
#define weir__store_release(p, v) (*(p))($).store(v, SHIM_RELEASE)
#define weir__store_seq_cst(p, v) (*(p))($).store(v, rl::mo_seq_cst)
#define weir__add_relaxed(p, v) (*(p))($).fetch_add(v, rl::mo_relaxed)
#define weir__sub_release(p, v) (*(p))($).fetch_sub(v, SHIM_RELEASE)
#define weir__sub_acq_rel(p, v) (*(p))($).fetch_sub(v, SHIM_ACQ_REL)
#define weir__exchange_acq_rel(p, v) (*(p))($).exchange(v, SHIM_ACQ_REL)

/* Seed 4: a load and a store instead of a compare and swap. */
template <typename T>
static bool torn_swap(rl::atomic<T> *p, T *expected, T v)
{
    T found = (*p)($).load(rl::mo_seq_cst);
    if (found != *expected) {
        *expected = found;
        return false;
    }
    (*p)($).store(v, rl::mo_seq_cst);
    return true;
}

#define weir__cas_acq_rel(p, expected, v)                                     \
    (SEEDED(4) ? torn_swap(p, expected, v)                                    \
               : (*(p))($).compare_exchange_strong(*(expected), v,            \
                                                   SHIM_ACQ_REL, SHIM_FAILED))
#define weir__cas_seq_cst(p, expected, v)                                     \
    (SEEDED(4) ? torn_swap(p, expected, v)                                    \
               : (*(p))($).compare_exchange_strong(*(expected), v,            \
                                                   SHIM_SEQ_CST,              \
                                                   SHIM_SEQ_CST))
#define weir__cas_weak_acq_rel(p, expected, v)                                \
    (SEEDED(4) ? torn_swap(p, expected, v)                                    \
               : (*(p))($).compare_exchange_weak(*(expected), v,              \
                                                 SHIM_ACQ_REL, SHIM_FAILED))

typedef rl::mutex weir__mutex;

/* Seed 5: no lock. */
#define weir__mutex_lock(m) (SEEDED(5) ? (void)0 : (m)->lock($))
#define weir__mutex_unlock(m) (SEEDED(5) ? (void)0 : (m)->unlock($))

/* A plain pointer whose races and whose use after its end are reported.
 * run.sh puts it in the place of the pointers of the waiters' list. */
template <typename T> class watched {
public:
    watched() : value(T()) {}
    T operator=(T v) { value($) = v; return v; }
    T operator=(watched const &other) { return *this = (T)other; }
    operator T() const { return value($).load(); }
    T operator->() const
    {
        T v = value($).load();
        RL_ASSERT(v != 0);
        return v;
    }

private:
    rl::var<T> value;
};

#endif
