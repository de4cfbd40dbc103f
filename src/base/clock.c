#include "base/clock.h"

#include <time.h>

#include "base/callback.h"
#include "base/memory.h"
#include "base/time.h"

static weir_clock monotonic = {.kind = WEIR__MONOTONIC};

weir_clock *weir_clock_monotonic(void)
{
    return &monotonic;
}

weir_clock *weir__clock_or_default(weir_clock *clock)
{
    return clock ? clock : &monotonic;
}

weir__mutex *weir__clock_lock(weir_clock *clock)
{
    return &clock->lock;
}

static int new_clock(weir_clock **out, weir__clock_kind kind)
{
    weir_clock *clock = weir__allocate(NULL, sizeof *clock);
    if (!clock)
        return WEIR_ENOMEM;
    if (weir__mutex_init(&clock->lock) != 0) {
        weir__release(NULL, clock, sizeof *clock);
        return WEIR_ENOMEM;
    }
    weir__ref_init(&clock->ref);
    clock->kind = kind;
    *out = clock;
    return WEIR_OK;
}

int weir_clock_new_virtual(weir_clock **out, uint64_t start_ns)
{
    if (!out || start_ns == WEIR_NEVER)
        return WEIR_EINVAL;
    int status = new_clock(out, WEIR__VIRTUAL);
    if (status == WEIR_OK)
        weir__init(&(*out)->now_ns, start_ns);
    return status;
}

int weir_clock_new_custom(weir_clock **out, weir_now_fn now, void *arg,
                          weir_destroy_fn destroy)
{
    int status = out && now ? new_clock(out, WEIR__CUSTOM) : WEIR_EINVAL;
    if (status != WEIR_OK) {
        weir__call_back(destroy, arg);
        return status;
    }
    (*out)->now = now;
    (*out)->arg = arg;
    (*out)->destroy = destroy;
    return WEIR_OK;
}

void weir_clock_ref(weir_clock *clock)
{
    if (clock && clock->kind != WEIR__MONOTONIC)
        weir__ref_take(&clock->ref);
}

void weir_clock_unref(weir_clock *clock)
{
    if (!clock || clock->kind == WEIR__MONOTONIC ||
        !weir__ref_drop(&clock->ref))
        return;
    weir__call_back(clock->destroy, clock->arg);
    weir__mutex_destroy(&clock->lock);
    weir__release(NULL, clock, sizeof *clock);
}

static uint64_t read_machine(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * WEIR__SECOND + (uint64_t)t.tv_nsec;
}

uint64_t weir_clock_now_ns(weir_clock *clock)
{
    if (!clock || clock->kind == WEIR__MONOTONIC)
        return read_machine(CLOCK_MONOTONIC);
    if (clock->kind == WEIR__VIRTUAL)
        return weir__load_acquire(&clock->now_ns);
    return weir__time_min(clock->now(clock->arg), WEIR_NEVER - 1);
}

uint64_t weir__clock_coarse_ns(weir_clock *clock)
{
#ifdef CLOCK_MONOTONIC_COARSE
    if (clock->kind == WEIR__MONOTONIC)
        return read_machine(CLOCK_MONOTONIC_COARSE);
#endif
    return weir_clock_now_ns(clock);
}

/* ---- virtual time: everything below runs under the clock's lock ---- */

static void put_on(weir_clock *clock, weir__timer *timer)
{
    timer->linked = 1;
    timer->previous = NULL;
    timer->next = clock->first;
    if (timer->next)
        timer->next->previous = timer;
    clock->first = timer;
    if (timer->thread)
        clock->waiting++;
}

void weir__clock_take_off(weir_clock *clock, weir__timer *timer)
{
    if (!timer->linked)
        return;
    if (timer->previous)
        timer->previous->next = timer->next;
    else
        clock->first = timer->next;
    if (timer->next)
        timer->next->previous = timer->previous;
    timer->linked = 0;
    if (timer->thread)
        clock->waiting--;
}

static uint64_t earliest(const weir_clock *clock)
{
    uint64_t deadline_ns = WEIR_NEVER;
    for (const weir__timer *t = clock->first; t; t = t->next)
        deadline_ns = weir__time_min(deadline_ns, t->deadline_ns);
    return deadline_ns;
}

static weir__timer *first_due(const weir_clock *clock, uint64_t now_ns)
{
    uint64_t due_ns = earliest(clock);
    weir__timer *due = NULL;
    if (due_ns <= now_ns)
        for (weir__timer *t = clock->first; t; t = t->next)
            if (t->deadline_ns == due_ns)
                due = t;
    return due;
}

/* Sets the time and wakes what is due, in the order of the deadlines and then
 * of arrival; gives the lock up for each. */
static void move_to(weir_clock *clock, uint64_t now_ns)
{
    weir__timer *timer;
    weir__store_release(&clock->now_ns, now_ns);
    while ((timer = first_due(clock, now_ns)) != NULL) {
        weir__waker *waker = timer->waker;
        weir__clock_take_off(clock, timer);
        weir__waker_hold(waker);
        weir__mutex_unlock(&clock->lock);
        weir__waker_fire(waker);
        weir__mutex_lock(&clock->lock);
    }
}

/* Again and again: what was due may have been a stepped call, which is no
 * thread that would go on. */
static void jump_if_all_wait(weir_clock *clock)
{
    uint64_t next_ns;
    while (clock->participants > 0 && clock->waiting >= clock->participants &&
           (next_ns = earliest(clock)) != WEIR_NEVER) {
        uint64_t now_ns = weir_clock_now_ns(clock);
        move_to(clock, next_ns > now_ns ? next_ns : now_ns);
    }
}

void weir__clock_thread_waits(weir_clock *clock, weir__timer *timer)
{
    timer->thread = 1;
    put_on(clock, timer);
    jump_if_all_wait(clock);
}

/* ---- the functions that take the lock ---- */

void weir__clock_set_timer(weir_clock *clock, weir__timer *timer,
                           uint64_t deadline_ns)
{
    weir__mutex_lock(&clock->lock);
    weir__clock_take_off(clock, timer);
    timer->deadline_ns = deadline_ns;
    if (deadline_ns != WEIR_NEVER) {
        put_on(clock, timer);
        jump_if_all_wait(clock); /* they may have had nothing to jump to */
    }
    weir__mutex_unlock(&clock->lock);
}

int weir_clock_advance(weir_clock *clock, uint64_t by_ns)
{
    if (!clock || clock->kind != WEIR__VIRTUAL)
        return WEIR_EINVAL;
    weir__mutex_lock(&clock->lock);
    uint64_t now_ns = weir__time_add(weir_clock_now_ns(clock), by_ns);
    move_to(clock, now_ns == WEIR_NEVER ? WEIR_NEVER - 1 : now_ns);
    weir__mutex_unlock(&clock->lock);
    return WEIR_OK;
}

uint64_t weir_clock_next_ns(weir_clock *clock)
{
    if (!clock || clock->kind != WEIR__VIRTUAL)
        return WEIR_NEVER;
    weir__mutex_lock(&clock->lock);
    uint64_t next_ns = earliest(clock);
    weir__mutex_unlock(&clock->lock);
    return next_ns;
}

uint32_t weir_clock_waiters(weir_clock *clock)
{
    if (!clock || clock->kind != WEIR__VIRTUAL)
        return 0;
    weir__mutex_lock(&clock->lock);
    uint32_t waiting = clock->waiting;
    weir__mutex_unlock(&clock->lock);
    return waiting;
}

int weir_clock_attach(weir_clock *clock)
{
    if (!clock || clock->kind != WEIR__VIRTUAL)
        return WEIR_EINVAL;
    weir__mutex_lock(&clock->lock);
    clock->participants++;
    weir__mutex_unlock(&clock->lock);
    return WEIR_OK;
}

int weir_clock_detach(weir_clock *clock)
{
    if (!clock || clock->kind != WEIR__VIRTUAL)
        return WEIR_EINVAL;
    weir__mutex_lock(&clock->lock);
    int status = clock->participants ? WEIR_OK : WEIR_EINVAL;
    if (status == WEIR_OK) {
        clock->participants--;
        jump_if_all_wait(clock);
    }
    weir__mutex_unlock(&clock->lock);
    return status;
}
