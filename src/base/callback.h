/* Calling back what must return.  A thread that is to be cancelled returns as
 * well: unwound here, it would take with it what the library holds. */
#ifndef WEIR_BASE_CALLBACK_H
#define WEIR_BASE_CALLBACK_H

void weir__call_back_now(void (*fn)(void *arg), void *arg);

/* fn may be NULL. */
static inline void weir__call_back(void (*fn)(void *arg), void *arg)
{
    if (fn)
        weir__call_back_now(fn, arg);
}

#endif
