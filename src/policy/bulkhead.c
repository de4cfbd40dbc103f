#include "policy/bulkhead.h"

#include "base/options.h"
#include "base/time.h"

static const weir_bulkhead_options defaults = {
    .size = sizeof(weir_bulkhead_options),
    .max_concurrent = 10,
    .max_queue = 20,
    .queue_ns = 5 * WEIR__SECOND,
    .abandoned_max_ns = WEIR_NEVER,
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
           o->reserved == 0 && o->abandoned_max_ns >= 1 &&
           (o->abandoned_max_ns <= WEIR__YEAR ||
            o->abandoned_max_ns == WEIR_NEVER);
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
    bulkhead->abandoned_max_ns = o.abandoned_max_ns;
    weir__init(&bulkhead->core.limit, o.max_concurrent);
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
                                     bulkhead->max_queue, waiter, waker);
}

static weir__waker *hold_first_waiter(weir_bulkhead *bulkhead);

/* Whoever is first now has to look when abandoned permits fall due. */
static void tell_first_waiter(weir_bulkhead *bulkhead)
{
    if (weir__load_acquire(&bulkhead->abandoned) == 0)
        return;
    weir__mutex_lock(&bulkhead->queue.lock);
    weir__waker *waker = hold_first_waiter(bulkhead);
    weir__mutex_unlock(&bulkhead->queue.lock);
    if (waker)
        weir__waker_fire(waker);
}

int weir__bulkhead_quit(weir_bulkhead *bulkhead, weir__waiter *waiter)
{
    int granted =
        weir__bulkhead_core_quit(&bulkhead->core, &bulkhead->queue, waiter);
    tell_first_waiter(bulkhead);
    return granted;
}

/* Where somebody may wait. */
static int __attribute__((noinline)) release(weir_bulkhead *bulkhead)
{
    int status =
        weir__bulkhead_core_release(&bulkhead->core, &bulkhead->queue);
    tell_first_waiter(bulkhead);
    return status;
}

int weir__bulkhead_release(weir_bulkhead *bulkhead)
{
    weir__bulkhead_core *core = &bulkhead->core;
    uint64_t w = weir__load_acquire(&core->word);
    if (weir__is_striped(w) && weir__stripes_put(core))
        return WEIR_OK;
    if (weir__likely(weir__is_plain(w) && weir__held(w) > 0)) {
        if (weir__likely(weir__cas_acq_rel(&core->word, &w, w - 1)))
            return WEIR_OK;
        weir__stripes_contend(core);
    }
    return release(bulkhead);
}

int weir__bulkhead_try(weir_bulkhead *bulkhead, int contended)
{
    if (contended)
        weir__stripes_contend(&bulkhead->core);
    return weir__bulkhead_core_try(&bulkhead->core);
}

int weir_bulkhead_try_acquire(weir_bulkhead *bulkhead)
{
    if (!bulkhead)
        return WEIR_EINVAL;
    if (weir__bulkhead_take(bulkhead))
        return WEIR_OK;
    weir__bulkhead_reclaim(bulkhead, WEIR_NOW);
    return weir__bulkhead_take(bulkhead) ? WEIR_OK : WEIR_EFULL;
}

int weir_bulkhead_release(weir_bulkhead *bulkhead)
{
    return bulkhead ? weir__bulkhead_release(bulkhead) : WEIR_EINVAL;
}

int weir_bulkhead_resize(weir_bulkhead *bulkhead, uint32_t max_concurrent)
{
    if (!bulkhead || max_concurrent < 1 || max_concurrent > 1000000)
        return WEIR_EINVAL;
    weir__bulkhead_core_resize(&bulkhead->core, &bulkhead->queue,
                               max_concurrent);
    tell_first_waiter(bulkhead);
    return WEIR_OK;
}

/* ---- abandoned work ---- */

/* Under the lock.  Those who give up come here in another order than their
 * times say, and one of them may be wrong about the time. */
static void list(weir_bulkhead *bulkhead, weir__abandoned *permit)
{
    weir__abandoned *older = bulkhead->youngest;
    while (older && older->until_ns > permit->until_ns)
        older = older->older;
    permit->older = older;
    permit->younger = older ? older->younger : bulkhead->oldest;
    if (permit->older)
        permit->older->younger = permit;
    else
        bulkhead->oldest = permit;
    if (permit->younger)
        permit->younger->older = permit;
    else
        bulkhead->youngest = permit;
    permit->listed = 1;
    weir__add_relaxed(&bulkhead->abandoned, 1u);
}

/* Under the lock. */
static void unlist(weir_bulkhead *bulkhead, weir__abandoned *permit)
{
    if (permit->older)
        permit->older->younger = permit->younger;
    else
        bulkhead->oldest = permit->younger;
    if (permit->younger)
        permit->younger->older = permit->older;
    else
        bulkhead->youngest = permit->older;
    permit->listed = 0;
    weir__sub_acq_rel(&bulkhead->abandoned, 1u);
}

/* Under the lock: the first waiter, which has to look when the next permit
 * will be taken back. */
static weir__waker *hold_first_waiter(weir_bulkhead *bulkhead)
{
    weir__waiter *first = bulkhead->queue.first;
    if (!first || bulkhead->abandoned_max_ns == WEIR_NEVER)
        return NULL;
    weir__waker_hold(first->waker);
    return first->waker;
}

void weir__bulkhead_abandon(weir_bulkhead *bulkhead, weir__abandoned *permit,
                            uint64_t now_ns)
{
    permit->until_ns = weir__time_add(now_ns, bulkhead->abandoned_max_ns);
    weir__mutex_lock(&bulkhead->queue.lock);
    list(bulkhead, permit);
    weir__waker *waker = hold_first_waiter(bulkhead);
    weir__mutex_unlock(&bulkhead->queue.lock);
    if (waker)
        weir__waker_fire(waker);
}

void weir__bulkhead_release_abandoned(weir_bulkhead *bulkhead,
                                      weir__abandoned *permit)
{
    weir__mutex_lock(&bulkhead->queue.lock);
    int listed = permit->listed;
    if (listed)
        unlist(bulkhead, permit);
    weir__mutex_unlock(&bulkhead->queue.lock);
    if (listed)
        weir__bulkhead_release(bulkhead);
}

static int has_abandoned(weir_bulkhead *bulkhead)
{
    return bulkhead->abandoned_max_ns != WEIR_NEVER &&
           weir__load_acquire(&bulkhead->abandoned) != 0;
}

/* Under the lock. */
static uint64_t due(const weir_bulkhead *bulkhead)
{
    return bulkhead->oldest ? bulkhead->oldest->until_ns : WEIR_NEVER;
}

uint64_t weir__bulkhead_due(weir_bulkhead *bulkhead)
{
    if (!has_abandoned(bulkhead))
        return WEIR_NEVER;
    weir__mutex_lock(&bulkhead->queue.lock);
    uint64_t due_ns = due(bulkhead);
    weir__mutex_unlock(&bulkhead->queue.lock);
    return due_ns;
}

uint64_t weir__bulkhead_reclaim(weir_bulkhead *bulkhead, uint64_t now_ns)
{
    if (!has_abandoned(bulkhead))
        return WEIR_NEVER;
    if (now_ns == WEIR_NOW)
        now_ns = weir_clock_now_ns(bulkhead->policy.clock);
    weir__mutex_lock(&bulkhead->queue.lock);
    while (due(bulkhead) <= now_ns) {
        unlist(bulkhead, bulkhead->oldest);
        weir__mutex_unlock(&bulkhead->queue.lock);
        weir__bulkhead_release(bulkhead);
        weir__mutex_lock(&bulkhead->queue.lock);
    }
    uint64_t due_ns = due(bulkhead);
    weir__mutex_unlock(&bulkhead->queue.lock);
    return due_ns;
}

/* ---- looking ---- */

uint32_t weir_bulkhead_running(const weir_bulkhead *bulkhead)
{
    return bulkhead
               ? weir__stripes_running(&((weir_bulkhead *)bulkhead)->core)
               : 0;
}

uint32_t weir_bulkhead_waiting(const weir_bulkhead *bulkhead)
{
    return bulkhead ? weir__waiting(weir__load_relaxed(
                          &((weir_bulkhead *)bulkhead)->core.word))
                    : 0;
}

uint32_t weir_bulkhead_abandoned(const weir_bulkhead *bulkhead)
{
    return bulkhead
               ? weir__load_relaxed(&((weir_bulkhead *)bulkhead)->abandoned)
               : 0;
}

uint32_t weir_bulkhead_max_concurrent(const weir_bulkhead *bulkhead)
{
    return bulkhead
               ? weir__load_relaxed(&((weir_bulkhead *)bulkhead)->core.limit)
               : 0;
}
