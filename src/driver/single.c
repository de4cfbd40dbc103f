/* Blocking runs of one policy alone. */
#include "driver/straight.h"

/* Apart from the others, so that those save no registers for it. */
static __attribute__((noinline)) int run_timed_breaker(weir_breaker *breaker,
                                                       weir_fn fn, void *arg)
{
    return weir__straight_run(WEIR__ALONE | WEIR__GUARDED | WEIR__TIMED,
                              breaker, NULL, WEIR_NEVER, fn, arg);
}

int weir_breaker_run(weir_breaker *breaker, weir_fn fn, void *arg)
{
    if (weir__unlikely(!breaker || !fn))
        return WEIR_EINVAL;
    if (weir__unlikely(breaker->timed))
        return run_timed_breaker(breaker, fn, arg);
    return weir__straight_run(WEIR__ALONE | WEIR__GUARDED, breaker, NULL,
                              WEIR_NEVER, fn, arg);
}

static __attribute__((noinline)) int run_timed_retry(weir_retry *retry,
                                                     weir_fn fn, void *arg)
{
    return weir__straight_run(WEIR__ALONE | WEIR__TIMED, retry, retry->budget,
                              WEIR_NEVER, fn, arg);
}

int weir_retry_run(weir_retry *retry, weir_fn fn, void *arg)
{
    if (weir__unlikely(!retry || !fn))
        return WEIR_EINVAL;
    if (weir__unlikely(retry->max_elapsed_ns != WEIR_NEVER))
        return run_timed_retry(retry, fn, arg);
    return weir__straight_run(WEIR__ALONE, retry, retry->budget, WEIR_NEVER,
                              fn, arg);
}

int weir_bulkhead_run(weir_bulkhead *bulkhead, weir_fn fn, void *arg)
{
    if (weir__unlikely(!bulkhead || !fn))
        return WEIR_EINVAL;
    return weir__straight_run(WEIR__ALONE | WEIR__LIMITED, bulkhead, NULL,
                              WEIR_NEVER, fn, arg);
}

int weir_timeout_run(weir_timeout *timeout, weir_fn fn, void *arg)
{
    if (weir__unlikely(!timeout || !fn))
        return WEIR_EINVAL;
    return weir__straight_run(WEIR__ALONE | WEIR__TIMED, timeout, NULL,
                              timeout->timeout_ns, fn, arg);
}
