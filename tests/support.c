#include "support.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* TEST in the environment: runs that test alone. */
__attribute__((constructor)) static void choose_test(void)
{
    const char *name = getenv("TEST");
    if (name)
        cmocka_set_test_filter(name);
}

/* ---- memory ---- */

enum { HEADER = 64 }; /* keeps the alignment of what follows */

int fails_now(unsigned n, unsigned fail_at, int fail_all_after)
{
    return fail_at && (n == fail_at || (fail_all_after && n > fail_at));
}

static void *counting_allocate(void *context, uint64_t bytes,
                               uint64_t alignment)
{
    counting *memory = context;
    unsigned n = atomic_fetch_add(&memory->calls, 1) + 1;
    if (fails_now(n, memory->fail_at, memory->fail_all_after) ||
        alignment > HEADER)
        return NULL;
    unsigned char *block =
        aligned_alloc(HEADER, (size_t)(bytes + 2 * HEADER - 1) / HEADER *
                                  HEADER);
    if (!block)
        return NULL;
    memcpy(block, &bytes, sizeof bytes);
    memset(block + HEADER, 0xa5, (size_t)bytes);
    atomic_fetch_add(&memory->live, 1);
    return block + HEADER;
}

static void counting_release(void *context, void *block, uint64_t bytes)
{
    counting *memory = context;
    unsigned char *start_of_it = (unsigned char *)block - HEADER;
    uint64_t asked;
    memcpy(&asked, start_of_it, sizeof asked);
    if (asked != bytes)
        atomic_fetch_add(&memory->wrong, 1);
    atomic_fetch_sub(&memory->live, 1);
    free(start_of_it);
}

void counting_init(counting *memory)
{
    memset(memory, 0, sizeof *memory);
    memory->table.allocate = counting_allocate;
    memory->table.release = counting_release;
    memory->table.context = memory;
}

/* The names are the linker's: --wrap=f gives f as __wrap_f to all that is
 * linked statically, and the real one as __real_f.  Weak, so that a program
 * linked without the option still links. */
int __real_posix_memalign(void **out, size_t alignment, size_t bytes)
    __attribute__((weak));
int __real_pthread_mutex_init(pthread_mutex_t *mutex,
                              const pthread_mutexattr_t *attributes)
    __attribute__((weak));
int __real_pthread_cond_init(pthread_cond_t *cond,
                             const pthread_condattr_t *attributes)
    __attribute__((weak));
int __real_pthread_condattr_init(pthread_condattr_t *attributes)
    __attribute__((weak));
int __wrap_posix_memalign(void **out, size_t alignment, size_t bytes);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex,
                              const pthread_mutexattr_t *attributes);
int __wrap_pthread_cond_init(pthread_cond_t *cond,
                             const pthread_condattr_t *attributes);
int __wrap_pthread_condattr_init(pthread_condattr_t *attributes);

static struct {
    atomic_uint calls, allocations;
    unsigned fail_at;
    int fail_all_after;
    _Atomic(void (*)(void *)) meanwhile;
    void *meanwhile_arg;
} libc;

void libc_fail_at(unsigned n, int all_after)
{
    libc.fail_at = n;
    libc.fail_all_after = all_after;
    atomic_store(&libc.calls, 0);
    atomic_store(&libc.allocations, 0);
}

unsigned libc_calls(void)
{
    return atomic_load(&libc.calls);
}

unsigned libc_allocations(void)
{
    return atomic_load(&libc.allocations);
}

void libc_meanwhile(void (*fn)(void *arg), void *arg)
{
    libc.meanwhile_arg = arg;
    atomic_store(&libc.meanwhile, fn);
}

int libc_memory_is_wrapped(void)
{
    return __real_posix_memalign != NULL;
}

int libc_is_wrapped(void)
{
    return __real_posix_memalign && __real_pthread_mutex_init &&
           __real_pthread_cond_init && __real_pthread_condattr_init;
}

static int libc_fails(void)
{
    void (*meanwhile)(void *) = atomic_load(&libc.meanwhile);
    if (meanwhile &&
        atomic_compare_exchange_strong(&libc.meanwhile, &meanwhile, NULL))
        meanwhile(libc.meanwhile_arg);
    return fails_now(atomic_fetch_add(&libc.calls, 1) + 1, libc.fail_at,
                     libc.fail_all_after);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t bytes)
{
    atomic_fetch_add(&libc.allocations, 1);
    if (libc_fails()) {
        *out = &libc; /* then it may say anything */
        return ENOMEM;
    }
    return __real_posix_memalign(out, alignment, bytes);
}

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex,
                              const pthread_mutexattr_t *attributes)
{
    return libc_fails() ? EAGAIN
                        : __real_pthread_mutex_init(mutex, attributes);
}

int __wrap_pthread_cond_init(pthread_cond_t *cond,
                             const pthread_condattr_t *attributes)
{
    return libc_fails() ? EAGAIN : __real_pthread_cond_init(cond, attributes);
}

int __wrap_pthread_condattr_init(pthread_condattr_t *attributes)
{
    return libc_fails() ? ENOMEM : __real_pthread_condattr_init(attributes);
}

/* ---- handles ---- */

weir_clock *new_virtual_clock(void)
{
    weir_clock *clock = NULL;
    assert_int_equal(weir_clock_new_virtual(&clock, START_NS), WEIR_OK);
    return clock;
}

void advance(weir_clock *clock, uint64_t by_ns)
{
    assert_int_equal(weir_clock_advance(clock, by_ns), WEIR_OK);
}

weir_breaker_options breaker_options(weir_clock *clock)
{
    weir_breaker_options o;
    assert_int_equal(weir_breaker_options_init(&o, sizeof o), WEIR_OK);
    o.clock = clock;
    return o;
}

weir_retry_options retry_options(weir_clock *clock)
{
    weir_retry_options o;
    assert_int_equal(weir_retry_options_init(&o, sizeof o), WEIR_OK);
    o.clock = clock;
    return o;
}

weir_bulkhead_options bulkhead_options(weir_clock *clock)
{
    weir_bulkhead_options o;
    assert_int_equal(weir_bulkhead_options_init(&o, sizeof o), WEIR_OK);
    o.clock = clock;
    return o;
}

weir_call_options call_options(void)
{
    weir_call_options o;
    assert_int_equal(weir_call_options_init(&o, sizeof o), WEIR_OK);
    return o;
}

weir_breaker *new_breaker(const weir_breaker_options *options)
{
    weir_breaker *breaker = NULL;
    assert_int_equal(weir_breaker_new(&breaker, options), WEIR_OK);
    return breaker;
}

weir_retry *new_retry(const weir_retry_options *options)
{
    weir_retry *retry = NULL;
    assert_int_equal(weir_retry_new(&retry, options), WEIR_OK);
    return retry;
}

weir_bulkhead *new_bulkhead(weir_clock *clock, uint32_t max_concurrent,
                            uint32_t max_queue)
{
    weir_bulkhead *bulkhead = NULL;
    weir_bulkhead_options o = bulkhead_options(clock);
    o.max_concurrent = max_concurrent;
    o.max_queue = max_queue;
    assert_int_equal(weir_bulkhead_new(&bulkhead, &o), WEIR_OK);
    return bulkhead;
}

weir_timeout *new_timeout(weir_clock *clock, uint64_t timeout_ns)
{
    weir_timeout *timeout = NULL;
    weir_timeout_options o;
    assert_int_equal(weir_timeout_options_init(&o, sizeof o), WEIR_OK);
    o.clock = clock;
    o.timeout_ns = timeout_ns;
    assert_int_equal(weir_timeout_new(&timeout, &o), WEIR_OK);
    return timeout;
}

weir_cancel *new_cancel(void)
{
    weir_cancel *cancel = NULL;
    assert_int_equal(weir_cancel_new(&cancel), WEIR_OK);
    return cancel;
}

weir_pipeline *new_pipeline(weir_clock *clock)
{
    weir_pipeline *pipeline = NULL;
    weir_pipeline_options o;
    assert_int_equal(weir_pipeline_options_init(&o, sizeof o), WEIR_OK);
    o.clock = clock;
    assert_int_equal(weir_pipeline_new(&pipeline, &o), WEIR_OK);
    return pipeline;
}

int retry_next(weir_retry *retry, weir_retry_state *state, int outcome,
               uint64_t hint_ns, uint64_t remaining_ns, uint64_t *out_delay_ns)
{
    if (state) {
        state->outcome = outcome;
        state->hint_ns = hint_ns;
        state->remaining_ns = remaining_ns;
    }
    return weir_retry_next(retry, state, out_delay_ns);
}

void put_breaker(weir_pipeline *pipeline, weir_breaker *breaker)
{
    assert_int_equal(weir_pipeline_add_breaker(pipeline, breaker), WEIR_OK);
    weir_breaker_unref(breaker);
}

void put_retry(weir_pipeline *pipeline, weir_retry *retry)
{
    assert_int_equal(weir_pipeline_add_retry(pipeline, retry), WEIR_OK);
    weir_retry_unref(retry);
}

void put_bulkhead(weir_pipeline *pipeline, weir_bulkhead *bulkhead)
{
    assert_int_equal(weir_pipeline_add_bulkhead(pipeline, bulkhead), WEIR_OK);
    weir_bulkhead_unref(bulkhead);
}

void put_timeout(weir_pipeline *pipeline, weir_timeout *timeout)
{
    assert_int_equal(weir_pipeline_add_timeout(pipeline, timeout), WEIR_OK);
    weir_timeout_unref(timeout);
}

/* ---- callbacks, threads ---- */

/* A test that hangs is a test that failed: the program is killed. */
__attribute__((constructor)) static void give_up_after_minutes(void)
{
    alarm(300);
}


void count_destroy(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

pthread_t start(void *(*fn)(void *), void *arg)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, fn, arg), 0);
    return thread;
}

void join(pthread_t thread)
{
    assert_int_equal(pthread_join(thread, NULL), 0);
}

void until_waiting(weir_clock *clock, uint32_t threads)
{
    while (weir_clock_waiters(clock) != threads)
        sched_yield();
}
