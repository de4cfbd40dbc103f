/* Blocking runs of one policy alone. */
#include "driver/straight.h"

int weir_breaker_run(weir_breaker *breaker, weir_fn fn, void *arg)
{
    if (weir__unlikely(!breaker || !fn))
        return WEIR_EINVAL;
    if (weir__unlikely(breaker->timed))
        return weir__straight_run(WEIR__GUARDED | WEIR__TIMED, NULL,
                                  &breaker->policy, breaker->policy.clock,
                                  breaker, NULL, NULL, WEIR_NEVER, fn, arg);
    return weir__straight_run(WEIR__GUARDED, NULL, &breaker->policy,
                              breaker->policy.clock, breaker, NULL, NULL, 0,
                              fn, arg);
}

int weir_retry_run(weir_retry *retry, weir_fn fn, void *arg)
{
    if (weir__unlikely(!retry || !fn))
        return WEIR_EINVAL;
    if (weir__unlikely(retry->max_elapsed_ns != WEIR_NEVER))
        return weir__straight_run(WEIR__TIMED, NULL, &retry->policy,
                                  retry->policy.clock, NULL, NULL,
                                  retry->budget, WEIR_NEVER, fn, arg);
    return weir__straight_run(0, NULL, &retry->policy, retry->policy.clock,
                              NULL, NULL, retry->budget, 0, fn, arg);
}

int weir_bulkhead_run(weir_bulkhead *bulkhead, weir_fn fn, void *arg)
{
    if (weir__unlikely(!bulkhead || !fn))
        return WEIR_EINVAL;
    return weir__straight_run(WEIR__LIMITED, NULL, &bulkhead->policy,
                              bulkhead->policy.clock, NULL, bulkhead, NULL, 0,
                              fn, arg);
}

int weir_timeout_run(weir_timeout *timeout, weir_fn fn, void *arg)
{
    if (weir__unlikely(!timeout || !fn))
        return WEIR_EINVAL;
    return weir__straight_run(WEIR__TIMED, NULL, &timeout->policy,
                              timeout->policy.clock, NULL, NULL, NULL,
                              timeout->timeout_ns, fn, arg);
}
