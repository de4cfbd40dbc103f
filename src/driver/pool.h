/* Worker threads and the attempts that wait for them.
 *
 * A pool is held by its users, by each run, and by each of its threads:
 * whoever comes last frees it.  The thread that ended last is joined by who
 * waits for the close, or else detached; it has joined the others.  One that
 * ends in a function is replaced.  Jobs are allocated with the pool, one for
 * each worker and each place in the queue; a job is free or in the queue.  All
 * of it is under one lock, which is not held while a function or anything of a
 * call runs. */
#ifndef WEIR_DRIVER_POOL_H
#define WEIR_DRIVER_POOL_H

#include <pthread.h>

#include "base/lock.h"
#include "base/ref.h"
#include "weir/pool.h"

/* Where a worker waits, alone: a signal of a condition that has several
 * waiters may be lost in glibc (bug 25847). */
typedef struct weir__seat {
    struct weir__seat *next; /* of the taken ones or of the free ones */
    pthread_cond_t cond;
    int called;
} weir__seat;

typedef struct weir__job {
    struct weir__job *next; /* of the queue or of the free ones */
    weir_attempt *attempt;
    weir_fn fn;
    void *arg;
} weir__job;

struct weir_pool {
    weir__ref users; /* the user's references; together one of ref */
    weir__ref ref;
    const weir_allocator *allocator;
    uint32_t threads;
    uint32_t places; /* jobs there are */
    weir__mutex lock;
    pthread_cond_t ended; /* a thread has */
    weir__job *first, **end;    /* all under the lock: the queue */
    weir__job *free;
    weir__seat *idle; /* workers that wait, the last to come first */
    weir__seat *free_seats;
    uint32_t alive;   /* threads that have not ended */
    uint32_t serving; /* threads that come for the next job */
    uint32_t running;
    uint32_t waiting;
    uint64_t late;
    int closing;
    int has_ended; /* a thread that nobody has joined */
    int joining;
    pthread_t ended_thread;
    weir__job jobs[]; /* and behind them a seat for each thread */
};

/* The pool for one run, and back. */
void weir__pool_hold(weir_pool *pool);
void weir__pool_drop(weir_pool *pool);

/* WEIR_OK, or why no worker will run the attempt: WEIR_EFULL or
 * WEIR_ECANCELED. */
int weir__pool_submit(weir_pool *pool, weir_attempt *attempt, weir_fn fn,
                      void *arg);

/* 1 when no worker had begun the attempt, and none will. */
int weir__pool_take_out(weir_pool *pool, const weir_attempt *attempt);

#endif
