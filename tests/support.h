/* What the tests share: time, memory that fails on demand, short ways to make
 * things.  cmocka leaves a failed test by longjmp, so asserts belong on the
 * main thread; threads record in atomics, and the main thread asserts after
 * the join. */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "weir.h"

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)
#define DAY (86400 * SECOND)
#define YEAR (365 * DAY)

/* Times in a breaker are kept in steps of 2^20 ns, rounded up. */
#define TICK (UINT64_C(1) << 20)

/* First reading of the virtual clocks: not zero, not round. */
#define START_NS (UINT64_C(12345) * SECOND + 678)

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- memory ---- */

/* An allocator that counts and fails on demand; give &memory.table to the
 * options.  It checks that what comes back has the size it was asked for. */
typedef struct counting {
    weir_allocator table;
    atomic_uint calls;
    atomic_uint live;
    atomic_uint wrong;    /* releases with another size */
    unsigned fail_at;     /* this call fails, 1 is the first; 0: none */
    int fail_all_after;   /* and so do those after it */
} counting;

void counting_init(counting *memory);

/* Is call number n one that fails? */
int fails_now(unsigned n, unsigned fail_at, int fail_all_after);

/* What weir asks of the C library: memory, locks and conditions.  Call number
 * n from now on fails, and all after it if told so; 0: none does.  Needs
 *   -Wl,--wrap=posix_memalign,--wrap=pthread_mutex_init
 *   -Wl,--wrap=pthread_cond_init,--wrap=pthread_condattr_init
 * Calls of other libraries do not count. */
void libc_fail_at(unsigned n, int all_after);
unsigned libc_calls(void); /* since libc_fail_at */
unsigned libc_allocations(void);
int libc_memory_is_wrapped(void);
/* Runs fn once, in the next of these calls: as another thread may in between.
 */
void libc_meanwhile(void (*fn)(void *arg), void *arg);
int libc_is_wrapped(void); /* all of it */

/* ---- handles; all assert success ---- */

weir_clock *new_virtual_clock(void);
void advance(weir_clock *clock, uint64_t by_ns);

/* The defaults, on a clock. */
weir_breaker_options breaker_options(weir_clock *clock);
weir_retry_options retry_options(weir_clock *clock);
weir_bulkhead_options bulkhead_options(weir_clock *clock);
weir_call_options call_options(void);

weir_breaker *new_breaker(const weir_breaker_options *options);
weir_retry *new_retry(const weir_retry_options *options);
weir_bulkhead *new_bulkhead(weir_clock *clock, uint32_t max_concurrent,
                            uint32_t max_queue);
weir_timeout *new_timeout(weir_clock *clock, uint64_t timeout_ns);
weir_cancel *new_cancel(void);
weir_pipeline *new_pipeline(weir_clock *clock); /* empty, not sealed */

/* weir_retry_next, with what is said of the attempt as arguments. */
int retry_next(weir_retry *retry, weir_retry_state *state, int outcome,
               uint64_t hint_ns, uint64_t remaining_ns, uint64_t *out_delay_ns);

/* Add a policy and give up the reference on it. */
void put_breaker(weir_pipeline *pipeline, weir_breaker *breaker);
void put_retry(weir_pipeline *pipeline, weir_retry *retry);
void put_bulkhead(weir_pipeline *pipeline, weir_bulkhead *bulkhead);
void put_timeout(weir_pipeline *pipeline, weir_timeout *timeout);

/* ---- callbacks ---- */

/* A weir_destroy_fn: counts its runs in the atomic_int that arg points to. */
void count_destroy(void *arg);

/* ---- threads ---- */

pthread_t start(void *(*fn)(void *), void *arg);
void join(pthread_t thread);

/* Gives way until as many threads wait on a virtual clock. */
void until_waiting(weir_clock *clock, uint32_t threads);

#endif
