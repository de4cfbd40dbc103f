/* Every call that may fail, failing in turn.
 *
 * A story uses the API as a program does.  It is told with nothing failing,
 * then with the first fallible call of the library failing, the second, and
 * so on: each alone, and each with all that come after.  Whatever step of the
 * story that hits must give the code that is documented, have changed
 * nothing, and work when it is made again.
 *
 * It is also told by a clock that goes wrong, in each manner that there is, at
 * the first reading of the library, the second, and so on: nothing else
 * changes, as if time had stood still or been over. */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "weir.h"

#define US UINT64_C(1000)
#define MS (1000 * US)
#define SECOND (1000 * MS)

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Aborts: some stories are told on threads that have no test to leave. */
void fail(const char *file, int line, const char *what);

#define CHECK(x) ((x) ? (void)0 : fail(__FILE__, __LINE__, #x))

/* ---- libc.c: the fallible calls ---- */

/* What the library has taken and not given back. */
typedef struct ledger {
    int blocks, mutexes, conds, condattrs, descriptors;
    int args; /* of callbacks with a destroy function */
} ledger;

/* Call number n from now on fails, and all after it if told so; 0: none. */
void fail_at(unsigned n, int all_after);
unsigned fallible_calls(void); /* since fail_at */

/* For a while nothing fails or counts, and back; they nest. */
void calm(void);
void uncalm(void);
int is_calm(void);

enum {
    HARD = 1, /* the library cannot do what it was asked */
    SOFT = 2  /* it has another way */
};

/* In a fallible call: is this the one that fails, and how? */
int fails(int how);

/* How calls have failed since this was asked last. */
int take_failed(void);

ledger owed(void);

/* For descriptors that are not the library's. */
ssize_t read_own(int fd, void *bytes, size_t count);
void close_own(int fd);

/* An allocator of the user's, in the ledger and failing like the rest. */
extern const weir_allocator table;

/* What a callback may do: a cancellation point, as most of output is. */
void may_be_cancelled(void);

/* An arg and its destroy function. */
void *take_arg(void);
void give_arg(void *arg);

/* What a story is told with; made while nothing fails. */
typedef struct rig {
    const weir_allocator *allocator; /* NULL: the C library's */
    weir_clock *clock;
    int runs; /* of the function */
} rig;

/* ---- clock.c: a clock that goes wrong ---- */

typedef enum manner {
    BACK,
    BACK_FOR_GOOD,
    ZERO,
    STILL,
    AHEAD, /* for good: once would be BACK_FOR_GOOD by a lot */
    END,
    END_FOR_GOOD,
    MANNERS
} manner;

extern const char *const manners[MANNERS];

/* Reading number n from now on, by the library, goes wrong; 0: none. */
void clock_goes_wrong_at(unsigned n, manner how);
unsigned clock_readings(void); /* since then */
int clock_went_wrong(manner how);
int clock_ended(void);

/* Where the clock went wrong, this status may stand for that one. */
int by_the_clock(int status, int instead, int of);

uint64_t ticking(void *arg); /* the clock's function */

/* The time, read by the story. */
uint64_t now_of(rig *r);

/* ---- faults.c: steps ---- */

void step_begins(void);
int step_ends(const char *file, int line, const char *what, int expected,
              int status);

/* Is the call made with the expected code?  If not, something that it needs
 * has failed, it has returned WEIR_ENOMEM and changed nothing; then it will
 * give that code the next time. */
#define GIVES(expected, call)                                                 \
    (step_begins(), step_ends(__FILE__, __LINE__, #call, expected, call))
#define WORKS(call) GIVES(WEIR_OK, call)

#define MUST_GIVE(expected, call)                                             \
    do {                                                                      \
    } while (!GIVES(expected, call))
#define MUST(call) MUST_GIVE(WEIR_OK, call)

/* For what returns nothing. */
#define DO(call)                                                              \
    (step_begins(), call, (void)step_ends(__FILE__, __LINE__, #call, 0, 0))

/* Has a handle made; out is not touched by a call that fails. */
#define MAKE(out, call)                                                       \
    do {                                                                      \
        int made_ = 0;                                                        \
        while (!made_) {                                                      \
            *(void **)(void *)&(out) = NOTHING;                               \
            made_ = WORKS(call);                                              \
            CHECK(made_ == ((void *)(out) != NOTHING));                       \
        }                                                                     \
    } while (0)

/* No handle, and nobody can write there. */
#define NOTHING ((void *)64)

/* While nothing fails: for what is not the matter of the story. */
#define CALMLY(call)                                                          \
    do {                                                                      \
        calm();                                                               \
        CHECK((call) == WEIR_OK);                                             \
        uncalm();                                                             \
    } while (0)

/* Waits until the threads of the story have given back what they use. */
void settle(ledger expected);

typedef struct story {
    const char *name;
    void (*tell)(rig *r);
    unsigned least; /* fallible calls it makes, at least; 0: none at all */
} story;

/* Each ends with a name of NULL. */
extern const story handle_stories[], run_stories[], step_stories[],
    pool_stories[], uv_stories[];

/* ---- make.c: handles, calmly, with the rig's clock and memory ---- */

weir_retry *new_retry(rig *r); /* waits 20 us between its 3 attempts */
weir_breaker *new_breaker(rig *r);
weir_bulkhead *new_bulkhead(rig *r); /* one permit, one place for 20 us */
weir_timeout *new_timeout(rig *r, uint64_t timeout_ns);
weir_cancel *new_cancel(void);

/* Sealed; takes over the references.  NULLs are left out. */
weir_pipeline *new_pipeline(rig *r, weir_retry *retry, weir_breaker *breaker,
                            weir_bulkhead *bulkhead, weir_timeout *timeout);

#endif
