/* A bulkhead with two permits out, with and without waiters, with and without
 * an era, with abandoned work. */
#include "between.h"

#include "policy/bulkhead.h"

#define SECOND UINT64_C(1000000000)

enum {
    FULL, ONE_PLACE, WAITING, ONE_FREE, /* without an era */
    ERA, IN_STRIPES, HALF_GATHERED,
    ABANDONED, STATES
};
enum { ROOMY = 4 };
enum { NONE, HELD, LEFT };

typedef struct guest {
    int permit; /* NONE, HELD, or LEFT with work that was abandoned */
    uint32_t more; /* permits */
    int queued;
    weir__waiter waiter;
    weir__abandoned abandoned;
} guest;

static const uint32_t limits[STATES] = {2, 2, 2, 3, ROOMY, ROOMY, ROOMY, 2};
static weir_clock *vclock;
static weir_bulkhead *bulkhead;
static weir__bulkhead_core *core;
static guest guests[2];
static int holds, fires;

uint32_t cpu;

uint32_t weir__cpu_hint(void)
{
    return cpu;
}

static void hold(weir__waker *waker)
{
    (void)waker;
    holds++;
}

static void fire(weir__waker *waker)
{
    (void)waker;
    fires++;
}

static const weir__waker_type type = {hold, fire};
static weir__waker waker = {&type};

/* ---- operations ---- */

static uint64_t try(int who)
{
    cpu = (uint32_t)who;
    int status = weir_bulkhead_try_acquire(bulkhead);
    guests[who].more += status == WEIR_OK;
    return (uint64_t)status;
}

static uint64_t release(int who)
{
    guest *g = &guests[who];
    cpu = (uint32_t)who;
    if (g->permit == HELD)
        must(weir_bulkhead_release(bulkhead));
    else if (g->permit == LEFT)
        weir__bulkhead_release_abandoned(bulkhead, &g->abandoned);
    g->permit = NONE;
    return 0;
}

static uint64_t abandon(int who)
{
    guest *g = &guests[who];
    if (g->permit == HELD) {
        weir__bulkhead_abandon(bulkhead, &g->abandoned,
                               weir_clock_now_ns(vclock));
        g->permit = LEFT;
    }
    return 0;
}

static uint64_t enter(int who)
{
    guest *g = &guests[who];
    if (g->queued)
        return 0;
    int status = weir__bulkhead_enter(bulkhead, &g->waiter, &waker);
    g->queued = status == WEIR__QUEUED;
    g->more += status == WEIR_OK;
    return status == WEIR_EFULL;
}

/* Its time is over when it joins the queue, but for a moment it is there. */
static uint64_t look_in(int who)
{
    if (bulkhead->max_queue == 1)
        return 0;
    int status = weir_bulkhead_acquire_until(bulkhead, 0, 0);
    guests[who].more += status == WEIR_OK;
    return (uint64_t)status;
}

static uint64_t quit(int who)
{
    guest *g = &guests[who];
    if (g->queued && weir__bulkhead_quit(bulkhead, &g->waiter))
        g->more++;
    g->queued = 0;
    return 0;
}

static uint64_t widen(int who)
{
    (void)who;
    return (uint64_t)weir_bulkhead_resize(bulkhead, 3);
}

static uint64_t narrow(int who)
{
    (void)who;
    return (uint64_t)weir_bulkhead_resize(bulkhead, 1);
}

static uint64_t reclaim(int who)
{
    (void)who;
    weir__bulkhead_reclaim(bulkhead, WEIR_NOW);
    return 0;
}

static uint64_t begin_era(int who)
{
    (void)who;
    weir__stripes_begin(core, 0);
    return 0;
}

/* With a permit in a stripe, where enough are free. */
static uint64_t renew_era(int who)
{
    cpu = (uint32_t)who;
    weir__stripes_gather(core);
    weir__stripes_begin(core, 0);
    if (weir_bulkhead_max_concurrent(bulkhead) == ROOMY &&
        weir__bulkhead_take(bulkhead))
        must(weir_bulkhead_release(bulkhead));
    return 0;
}

/* ---- the world ---- */

static void begin(int variant)
{
    weir_bulkhead_options options;
    must(weir_clock_new_virtual(&vclock, SECOND));
    must(weir_bulkhead_options_init(&options, sizeof options));
    options.clock = vclock;
    options.max_concurrent = limits[variant];
    options.max_queue = variant == ONE_PLACE ? 1 : 2;
    if (variant == ABANDONED)
        options.abandoned_max_ns = SECOND;
    must(weir_bulkhead_new(&bulkhead, &options));
    core = &bulkhead->core;
    for (int i = 0; i < 2; i++) {
        guests[i].more = 0;
        guests[i].queued = 0;
        guests[i].permit = HELD;
        must(weir_bulkhead_try_acquire(bulkhead));
    }
    if (variant == WAITING)
        for (int i = 0; i < 2; i++)
            enter(i);
    if (variant >= ERA && variant <= HALF_GATHERED)
        begin_era(0);
    for (int i = 0; i < 2 && variant == IN_STRIPES; i++)
        must(weir_bulkhead_try_acquire(bulkhead));
    for (cpu = 0; cpu < 2 && variant == IN_STRIPES; cpu++)
        must(weir_bulkhead_release(bulkhead));
    if (variant == HALF_GATHERED) {
        uint64_t w = atomic_load(&core->word), lie;
        weir__stripe_close(core, &core->stripes[0], w, &lie);
    }
    if (variant == ABANDONED) {
        abandon(0);
        must(weir_clock_advance(vclock, SECOND));
        abandon(1);
        enter(1);
    }
    atomic_store(&core->contended, WEIR__CONTENTION - 1);
    holds = fires = 0;
}

static uint32_t held(void)
{
    uint32_t n = 0;
    for (int i = 0; i < 2; i++) {
        const guest *g = &guests[i];
        n += g->permit == HELD || (g->permit == LEFT && g->abandoned.listed);
        n += g->more;
        n += g->queued && weir__waiter_granted(&guests[i].waiter);
    }
    return n;
}

static void end(void)
{
    uint32_t out = held(), limit = weir_bulkhead_max_concurrent(bulkhead);
    if (weir_bulkhead_running(bulkhead) != out)
        fail("%u permits are out, not %u", weir_bulkhead_running(bulkhead),
             out);
    if (holds != fires)
        fail("%d wakers were held, %d fired", holds, fires);
    see(out);
    see(weir_bulkhead_waiting(bulkhead));
    see(weir_bulkhead_abandoned(bulkhead));
    for (; out < limit && weir_bulkhead_waiting(bulkhead) == 0; out++)
        must(weir_bulkhead_try_acquire(bulkhead));
    if (weir__bulkhead_take(bulkhead))
        fail("more permits than the limit");
    for (uint32_t n = held(); n < out; out--)
        must(weir_bulkhead_release(bulkhead));
    for (int i = 0; i < 2; i++)
        quit(i);
    for (int i = 0; i < 2; i++) {
        release(i);
        for (; guests[i].more > 0; guests[i].more--)
            must(weir_bulkhead_release(bulkhead));
    }
    if (weir_bulkhead_running(bulkhead) != 0)
        fail("a permit was lost");
    weir_bulkhead_unref(bulkhead);
    weir_clock_unref(vclock);
}

static const operation operations[] = {
    {"try", try, 0},
    {"release", release, 0},
    {"abandon", abandon, 0},
    {"enter the queue", enter, 0},
    {"look in", look_in, 0},
    {"leave the queue", quit, 0},
    {"widen", widen, 0},
    {"narrow", narrow, 0},
    {"reclaim", reclaim, 0},
    {"begin an era", begin_era, 0},
    {"renew the era", renew_era, 0},
    {0, 0, 0}};

const world bulkhead_world = {"bulkhead", STATES, begin, operations, end};
