#include "policy/bulkhead.h"

#include "base/options.h"
#include "base/time.h"

static const weir_bulkhead_options defaults = {
    .size = sizeof(weir_bulkhead_options),
    .max_concurrent = 10,
    .max_queue = 20,
    .queue_ns = 5 * WEIR__SECOND,
};

int weir_bulkhead_options_init(weir_bulkhead_options *options, uint32_t size)
{
    return weir__options_init(options, size, &defaults, sizeof defaults,
                              sizeof defaults);
}

static int valid(const weir_bulkhead_options *o)
{
    return o->max_concurrent >= 1 && o->max_concurrent <= 1000000 &&
           o->max_queue <= 1000000 && o->queue_ns <= WEIR__DAY &&
           o->reserved == 0;
}

static void finish(weir__policy *policy)
{
    weir__mutex_destroy(&((weir_bulkhead *)policy)->queue.lock);
}

int weir_bulkhead_new(weir_bulkhead **out,
                      const weir_bulkhead_options *options)
{
    weir_bulkhead_options o = defaults;
    int status = out ? weir__options_copy(&o, sizeof o, sizeof o, options)
                     : WEIR_EINVAL;
    if (status != WEIR_OK)
        return status;
    if (!valid(&o))
        return WEIR_EINVAL;
    weir_bulkhead *bulkhead = weir__policy_new(
        WEIR__BULKHEAD, sizeof *bulkhead, o.clock, o.allocator);
    if (!bulkhead)
        return WEIR_ENOMEM;
    if (weir__mutex_init(&bulkhead->queue.lock) != 0) {
        weir__policy_unref(&bulkhead->policy);
        return WEIR_ENOMEM;
    }
    bulkhead->policy.finish = finish;
    bulkhead->max_concurrent = o.max_concurrent;
    bulkhead->max_queue = o.max_queue;
    bulkhead->queue_ns = o.queue_ns;
    *out = bulkhead;
    return WEIR_OK;
}

void weir_bulkhead_ref(weir_bulkhead *bulkhead)
{
    if (bulkhead)
        weir__ref_take(&bulkhead->policy.ref);
}

void weir_bulkhead_unref(weir_bulkhead *bulkhead)
{
    weir__policy_unref((weir__policy *)bulkhead);
}

int weir__bulkhead_enter(weir_bulkhead *bulkhead, weir__waiter *waiter,
                         weir__waker *waker)
{
    return weir__bulkhead_core_enter(&bulkhead->core, &bulkhead->queue,
                                     bulkhead->max_concurrent,
                                     bulkhead->max_queue, waiter, waker);
}

int weir__bulkhead_quit(weir_bulkhead *bulkhead, weir__waiter *waiter)
{
    return weir__bulkhead_core_quit(&bulkhead->core, &bulkhead->queue, waiter);
}

int weir__bulkhead_release(weir_bulkhead *bulkhead)
{
    return weir__bulkhead_core_release(&bulkhead->core, &bulkhead->queue);
}

int weir_bulkhead_try_acquire(weir_bulkhead *bulkhead)
{
    if (!bulkhead)
        return WEIR_EINVAL;
    return weir__bulkhead_core_try(&bulkhead->core, bulkhead->max_concurrent)
               ? WEIR_OK
               : WEIR_EFULL;
}

int weir_bulkhead_release(weir_bulkhead *bulkhead)
{
    return bulkhead ? weir__bulkhead_release(bulkhead) : WEIR_EINVAL;
}

static uint64_t word_of(const weir_bulkhead *bulkhead)
{
    return weir__load_relaxed(&((weir_bulkhead *)bulkhead)->core.word);
}

uint32_t weir_bulkhead_running(const weir_bulkhead *bulkhead)
{
    return bulkhead ? weir__held(word_of(bulkhead)) : 0;
}

uint32_t weir_bulkhead_waiting(const weir_bulkhead *bulkhead)
{
    return bulkhead ? weir__waiting(word_of(bulkhead)) : 0;
}
