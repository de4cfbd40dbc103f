/* What base/atomic.h, base/lock.h, stdatomic.h and the condition variables of
 * pthread.h become under Relacy.
 *
 * Relacy (a header library) runs a test under many schedules and, for every
 * load, under the values that the C++ memory model lets it see.  Its objects
 * need constructors, and the library's do not call any: here they are plain
 * structs that lead to an object of Relacy, made at the first use, wherever
 * the struct lives: in a frame, in zeroed memory, in a union. */
#ifndef WEIR_RELACY_SHIM_H
#define WEIR_RELACY_SHIM_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <new>
#include <set>
#include <sstream>

/* For the value that an atomic is made with; see shim_make. */
#define private public
#include <relacy/relacy.hpp>
#undef private

/* Relacy replaces these to find leaks in tests; heap.cpp does it here. */
#undef new
#undef delete
#undef malloc
#undef calloc
#undef realloc
#undef free
/* And these by its own, of which only some are there. */
#undef errno
#define errno (*__errno_location())
#undef pthread_t
#undef pthread_condattr_t
#undef pthread_cond_t
#undef pthread_cond_init
#undef pthread_cond_destroy
#undef pthread_cond_broadcast
#undef pthread_cond_signal
#undef pthread_cond_wait
#undef pthread_cond_timedwait

/* ---- where the objects of Relacy are ---- */

enum { SHIM_OBJECTS = 512, SHIM_FREED = 0x5a };

struct shim_object {
    const void *owner; /* the struct that leads here; NULL: none does */
    void (*end)(void *);
    void (*overwrite)(void *); /* as whoever frees the memory does */
    union {
        char bytes[160];
        uint64_t aligned;
    } memory;
};

template <typename unused> struct shim_objects {
    static shim_object all[SHIM_OBJECTS];
    static int used;
};
template <typename unused>
shim_object shim_objects<unused>::all[SHIM_OBJECTS];
template <typename unused> int shim_objects<unused>::used = 0;

/* Everything before is forgotten: a schedule begins. */
static inline void shim_begin()
{
    for (int i = 0; i < shim_objects<void>::used; i++)
        shim_objects<void>::all[i].owner = 0;
    shim_objects<void>::used = 0;
}

/* The memory of those structs has ended; every use from now on is reported. */
static inline void shim_end(void *memory, size_t bytes)
{
    char *from = (char *)memory;
    for (int i = 0; i < shim_objects<void>::used; i++) {
        shim_object *o = &shim_objects<void>::all[i];
        if (!o->owner || (char *)o->owner < from ||
            (char *)o->owner >= from + bytes)
            continue;
        o->overwrite(o->memory.bytes);
        o->end(o->memory.bytes);
        o->owner = 0;
    }
    std::memset(memory, SHIM_FREED, bytes);
}

/* The schedule is over. */
static inline void shim_finish()
{
    for (int i = 0; i < shim_objects<void>::used; i++)
        if (shim_objects<void>::all[i].owner)
            shim_objects<void>::all[i].end(
                shim_objects<void>::all[i].memory.bytes);
    shim_begin();
}

/* An atomic has a first value that everybody may see.  Relacy leaves open who
 * has seen it: nobody has. */
template <int threads> static inline void shim_unseen(rl::atomic_data *data)
{
    rl::atomic_data_impl<threads> *d =
        static_cast<rl::atomic_data_impl<threads> *>(data);
    for (int i = 0; i < threads; i++)
        d->history_[d->current_index_].first_seen_order_[i] =
            (rl::timestamp_t)-1;
}

template <typename T>
static inline void shim_make(rl::generic_atomic<T, true> *o)
{
    ::new (o) rl::generic_atomic<T, true>();
    switch (rl::ctx().get_thread_count()) {
    case 2:
        shim_unseen<2>(o->impl_);
        break;
    case 3:
        shim_unseen<3>(o->impl_);
        break;
    case 4:
        shim_unseen<4>(o->impl_);
        break;
    }
}

template <typename T> static inline void shim_make(rl::var<T> *o)
{
    ::new (o) rl::var<T>();
    o->initialized_ = true; /* zero */
}

static inline void shim_make(rl::mutex *o)
{
    ::new (o) rl::mutex();
}

static inline void shim_make(rl::condition_variable *o)
{
    ::new (o) rl::condition_variable();
}

template <typename object> static void shim_unmake(void *memory)
{
    ((object *)memory)->~object();
}

template <typename object> static void shim_overwrite(object *)
{
}

/* A race with the last use of plain data is reported. */
template <typename T> static void shim_overwrite(rl::var<T> *o)
{
    o->store(T(), $);
}

template <typename object> static void shim_overwritten(void *memory)
{
    shim_overwrite((object *)memory);
}

template <typename object> struct shim {
    mutable shim_object *place;

    bool made() const
    {
        return place >= shim_objects<void>::all &&
               place < shim_objects<void>::all + shim_objects<void>::used &&
               place->owner == this;
    }

    object &it() const
    {
        if (!made())
            make();
        return *(object *)(void *)place->memory.bytes;
    }

    void make() const
    {
        char freed[sizeof place];
        std::memset(freed, SHIM_FREED, sizeof freed);
        RL_ASSERT(std::memcmp(freed, &place, sizeof freed) != 0);
        RL_ASSERT(shim_objects<void>::used < SHIM_OBJECTS);
        RL_ASSERT(sizeof(object) <= sizeof place->memory);
        place = &shim_objects<void>::all[shim_objects<void>::used++];
        shim_make((object *)(void *)place->memory.bytes);
        place->end = shim_unmake<object>;
        place->overwrite = shim_overwritten<object>;
        place->owner = this;
    }

    /* A new one is to be made. */
    void reset() const
    {
        if (made())
            unmake();
        place = 0;
    }

    /* None may be used from now on. */
    void finish() const
    {
        if (made())
            unmake();
        std::memset((void *)&place, SHIM_FREED, sizeof place);
    }

    void unmake() const
    {
        place->end(place->memory.bytes);
        place->owner = 0;
    }
};

/* ---- sites ----
 *
 * A seeded test can weaken each use of an atomic or a mutex in src/ on its
 * own.  $SITE is <mutation>:<line>:<function>; with $SITES set, the uses that
 * were met are listed at the end. */

enum { AS_IT_IS, NO_ACQUIRE, NO_RELEASE, NO_SEQ_CST, TORN, NO_LOCK };

#ifdef WITH_SEEDS

struct shim_site {
    const char *function;
    const char *operation;
    int line;
};

template <typename unused> struct shim_sites {
    enum { MAX = 512 };
    static shim_site met[MAX];
    static int count;
    static int wanted;   /* the sites are to be listed */
    static int mutation; /* at a site */
    static int line;     /* of it */
    static char function[128];
    static int seed; /* $SEED: of the edits of seeds.sed */

    static int from_environment()
    {
        static const char *const names[] = {"",        "acquire", "release",
                                            "seq_cst", "torn",    "lock"};
        const char *site = std::getenv("SITE");
        char name[16];
        wanted = std::getenv("SITES") != 0;
        if (site && std::sscanf(site, "%15[^:]:%d:%127s", name, &line,
                                function) == 3)
            for (int i = 1; i <= NO_LOCK; i++)
                if (std::strcmp(name, names[i]) == 0)
                    mutation = i;
        return std::getenv("SEED") ? std::atoi(std::getenv("SEED")) : 0;
    }
};
template <typename unused>
shim_site shim_sites<unused>::met[shim_sites<unused>::MAX];
template <typename unused> int shim_sites<unused>::count = 0;
template <typename unused> int shim_sites<unused>::wanted = 0;
template <typename unused> int shim_sites<unused>::mutation = 0;
template <typename unused> int shim_sites<unused>::line = 0;
template <typename unused> char shim_sites<unused>::function[128];
template <typename unused>
int shim_sites<unused>::seed = shim_sites<unused>::from_environment();

#define SEEDED(n) (shim_sites<void>::seed == (n))

/* The tests use the doors, too; only src/ is to be mutated. */
static inline void shim_meet(const char *file, const char *function,
                             const char *operation, int line)
{
    typedef shim_sites<void> s;
    if (!std::strstr(file, "/seeds/src/"))
        return;
    for (int i = 0; i < s::count; i++)
        if (s::met[i].line == line &&
            std::strcmp(s::met[i].function, function) == 0 &&
            std::strcmp(s::met[i].operation, operation) == 0)
            return;
    if (s::count < s::MAX) {
        shim_site met = {function, operation, line};
        s::met[s::count++] = met;
    }
}

static inline int shim_mutation(const char *file, const char *function,
                                const char *operation, int line)
{
    typedef shim_sites<void> s;
    if (s::wanted)
        shim_meet(file, function, operation, line);
    return s::mutation && (s::line == line || s::mutation == NO_LOCK) &&
                   std::strcmp(s::function, function) == 0 &&
                   std::strstr(file, "/seeds/src/")
               ? s::mutation
               : AS_IT_IS;
}

static inline void shim_list_sites()
{
    for (int i = 0; i < shim_sites<void>::count; i++)
        std::printf("site %s %s %d\n", shim_sites<void>::met[i].function,
                    shim_sites<void>::met[i].operation,
                    shim_sites<void>::met[i].line);
}

#define SITE(operation)                                                       \
    shim_mutation(__FILE__, __FUNCTION__, operation, __LINE__)

#else

#define SEEDED(n) 0
#define SITE(operation) AS_IT_IS
static inline void shim_list_sites() {}

#endif

enum shim_kind { SHIM_LOAD, SHIM_STORE, SHIM_UPDATE };

static inline rl::memory_order weakened(rl::memory_order order, int mutation,
                                        shim_kind kind)
{
    if (mutation == NO_ACQUIRE)
        return order == rl::mo_acq_rel ? rl::mo_release : rl::mo_relaxed;
    if (mutation == NO_RELEASE)
        return order == rl::mo_acq_rel ? rl::mo_acquire : rl::mo_relaxed;
    if (mutation == NO_SEQ_CST)
        return kind == SHIM_LOAD    ? rl::mo_acquire
               : kind == SHIM_STORE ? rl::mo_release
                                    : rl::mo_acq_rel;
    return order;
}

/* The order of a compare and swap that fails. */
static inline rl::memory_order failing(rl::memory_order order)
{
    return order == rl::mo_acq_rel   ? rl::mo_acquire
           : order == rl::mo_release ? rl::mo_relaxed
                                     : order;
}

/* ---- atomics ---- */

template <typename T>
struct shim_atomic : shim<rl::generic_atomic<T, true> > {
    void init(T v, rl::debug_info_param info) const
    {
        this->reset();
        this->it().store(v, rl::mo_relaxed, info);
    }

    T load(rl::memory_order order, int mutation,
           rl::debug_info_param info) const
    {
        return this->it().load(weakened(order, mutation, SHIM_LOAD), info);
    }

    void store(T v, rl::memory_order order, int mutation,
               rl::debug_info_param info) const
    {
        this->it().store(v, weakened(order, mutation, SHIM_STORE), info);
    }

    T exchange(T v, rl::memory_order order, int mutation,
               rl::debug_info_param info) const
    {
        if (mutation == TORN) {
            T found = this->it().load(rl::mo_seq_cst, info);
            this->it().store(v, rl::mo_seq_cst, info);
            return found;
        }
        return this->it().exchange(v, weakened(order, mutation, SHIM_UPDATE),
                                   info);
    }

    T add(T v, rl::memory_order order, int mutation,
          rl::debug_info_param info) const
    {
        if (mutation == TORN) {
            T found = this->it().load(rl::mo_seq_cst, info);
            this->it().store(found + v, rl::mo_seq_cst, info);
            return found;
        }
        return this->it().fetch_add(v, weakened(order, mutation, SHIM_UPDATE),
                                    info);
    }

    bool cas(T *expected, T v, bool weak, rl::memory_order order, int mutation,
             rl::debug_info_param info) const
    {
        rl::memory_order o = weakened(order, mutation, SHIM_UPDATE);
        if (mutation == TORN) {
            T found = this->it().load(rl::mo_seq_cst, info);
            if (found != *expected) {
                *expected = found;
                return false;
            }
            this->it().store(v, rl::mo_seq_cst, info);
            return true;
        }
        return weak ? this->it().compare_exchange_weak(*expected, v, o, info,
                                                       failing(o), info)
                    : this->it().compare_exchange_strong(*expected, v, o, info,
                                                         failing(o), info);
    }

    /* For invariants. */
    T debug_value() const
    {
        return this->made() ? this->it().debug_value() : T();
    }
};

typedef shim_atomic<uint64_t> weir__atomic_u64;
typedef shim_atomic<uint32_t> weir__atomic_u32;

#define weir__init(p, v) ((p)->init(v, $))
#define weir__load_relaxed(p) ((p)->load(rl::mo_relaxed, AS_IT_IS, $))
#define weir__load_acquire(p)                                                 \
    ((p)->load(rl::mo_acquire, SITE("load_acquire"), $))
#define weir__load_seq_cst(p)                                                 \
    ((p)->load(rl::mo_seq_cst, SITE("load_seq_cst"), $))
#define weir__store_relaxed(p, v) ((p)->store(v, rl::mo_relaxed, AS_IT_IS, $))
#define weir__store_release(p, v)                                             \
    ((p)->store(v, rl::mo_release, SITE("store_release"), $))
#define weir__store_seq_cst(p, v)                                             \
    ((p)->store(v, rl::mo_seq_cst, SITE("store_seq_cst"), $))
#define weir__exchange_acq_rel(p, v)                                          \
    ((p)->exchange(v, rl::mo_acq_rel, SITE("exchange_acq_rel"), $))
#define weir__add_relaxed(p, v)                                               \
    ((p)->add(v, rl::mo_relaxed, SITE("add_relaxed"), $))
#define weir__sub_release(p, v)                                               \
    ((p)->add(-(v), rl::mo_release, SITE("sub_release"), $))
#define weir__sub_acq_rel(p, v)                                               \
    ((p)->add(-(v), rl::mo_acq_rel, SITE("sub_acq_rel"), $))
#define weir__cas_acq_rel(p, expected, v)                                     \
    ((p)->cas(expected, v, false, rl::mo_acq_rel, SITE("cas_acq_rel"), $))
#define weir__cas_seq_cst(p, expected, v)                                     \
    ((p)->cas(expected, v, false, rl::mo_seq_cst, SITE("cas_seq_cst"), $))
#define weir__cas_weak_acq_rel(p, expected, v)                                \
    ((p)->cas(expected, v, true, rl::mo_acq_rel, SITE("cas_acq_rel"), $))

/* ---- locks ---- */

typedef shim<rl::mutex> weir__mutex;
typedef shim<rl::condition_variable> shim_cond;

#define weir__mutex_init(m) ((m)->reset(), 0)
#define weir__mutex_destroy(m) ((m)->finish())
#define weir__mutex_lock(m)                                                   \
    (SITE("lock") == NO_LOCK ? (void)0 : (m)->it().lock($))
#define weir__mutex_unlock(m)                                                 \
    (SITE("lock") == NO_LOCK ? (void)0 : (m)->it().unlock($))

#define pthread_cond_t shim_cond
#define pthread_cond_init(c, attributes) ((c)->reset(), 0)
#define pthread_cond_destroy(c) ((c)->finish())
#define pthread_cond_broadcast(c) ((c)->it().notify_all($))
#define pthread_cond_signal(c) ((c)->it().notify_one($))
#define pthread_cond_wait(c, m) ((c)->it().wait((m)->it(), $))
#define pthread_cond_timedwait(c, m, until)                                   \
    ((c)->it().wait_until((m)->it(), until, $))

/* All threads of a test are one to the system. */
#define pthread_self() ((pthread_t)rl::thread_index())

/* ---- plain data whose races and whose use after its end are reported ----
 * copy.sed puts it in the place of some members of the library's structs. */

template <typename T> struct watched : shim<rl::var<T> > {
    mutable T value; /* also before there are threads, and in copies */

    rl::var<T> &var() const
    {
        if (!this->made()) {
            this->make();
            ((rl::var<T> *)(void *)this->place->memory.bytes)->value_ = value;
        }
        return this->it();
    }

    T get() const { return rl::is_ctx() ? var().load($) : value; }
    T operator=(T v)
    {
        if (rl::is_ctx())
            var().store(v, $);
        return value = v;
    }
    T operator=(watched const &other) { return *this = other.get(); }
    operator T() const { return get(); }
    T operator->() const
    {
        T v = get();
        RL_ASSERT(v != 0);
        return v;
    }
    T operator|=(T v) { return *this = (T)(get() | v); }
    T operator&=(T v) { return *this = (T)(get() & v); }
    T operator++(int)
    {
        T v = get();
        *this = (T)(v + 1);
        return v;
    }
    T operator--(int)
    {
        T v = get();
        *this = (T)(v - 1);
        return v;
    }
};

#endif
