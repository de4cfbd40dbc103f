/* The mutex of the slow paths, replaceable by Relacy's like the atomics. */
#ifndef WEIR_BASE_LOCK_H
#define WEIR_BASE_LOCK_H

#ifdef WEIR_RELACY

#include "relacy_shim.h"

#else

#include <pthread.h>

typedef pthread_mutex_t weir__mutex;

/* 0, or an error number where the system has no resources. */
#define weir__mutex_init(m) pthread_mutex_init(m, 0)
#define weir__mutex_destroy(m) pthread_mutex_destroy(m)
#define weir__mutex_lock(m) pthread_mutex_lock(m)
#define weir__mutex_unlock(m) pthread_mutex_unlock(m)

#endif
#endif
