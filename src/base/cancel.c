#include "base/cancel.h"

#include "base/atomic.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/ref.h"

struct weir_cancel {
    weir__ref ref;
    weir__atomic_u32 fired; /* set under lock, read anywhere */
    weir__mutex lock;
    weir__cancel_link *first; /* under lock; fired in this order, so that a
                                 call is told before the calls nested in it */
    weir__cancel_link *last;
};

int weir_cancel_new(weir_cancel **out)
{
    if (!out)
        return WEIR_EINVAL;
    weir_cancel *cancel = weir__allocate(NULL, sizeof *cancel);
    if (!cancel)
        return WEIR_ENOMEM;
    if (weir__mutex_init(&cancel->lock) != 0) {
        weir__release(NULL, cancel, sizeof *cancel);
        return WEIR_ENOMEM;
    }
    weir__ref_init(&cancel->ref);
    *out = cancel;
    return WEIR_OK;
}

void weir_cancel_ref(weir_cancel *cancel)
{
    if (cancel)
        weir__ref_take(&cancel->ref);
}

void weir_cancel_unref(weir_cancel *cancel)
{
    if (!cancel || !weir__ref_drop(&cancel->ref))
        return;
    weir__mutex_destroy(&cancel->lock);
    weir__release(NULL, cancel, sizeof *cancel);
}

int weir_cancel_fired(const weir_cancel *cancel)
{
    return cancel && weir__load_acquire(&cancel->fired) != 0;
}

static void unlink_it(weir_cancel *cancel, weir__cancel_link *link)
{
    if (link->previous)
        link->previous->next = link->next;
    else
        cancel->first = link->next;
    if (link->next)
        link->next->previous = link->previous;
    else
        cancel->last = link->previous;
    link->linked = 0;
}

void weir_cancel_fire(weir_cancel *cancel)
{
    if (!cancel)
        return;
    weir__mutex_lock(&cancel->lock);
    weir__store_release(&cancel->fired, 1u);
    while (cancel->first) {
        weir__waker *waker = cancel->first->waker;
        unlink_it(cancel, cancel->first);
        weir__waker_hold(waker);
        weir__mutex_unlock(&cancel->lock);
        weir__waker_fire(waker);
        weir__mutex_lock(&cancel->lock);
    }
    weir__mutex_unlock(&cancel->lock);
}

int weir__cancel_add(weir_cancel *cancel, weir__cancel_link *link,
                     weir__waker *waker)
{
    weir__mutex_lock(&cancel->lock);
    int fired = weir_cancel_fired(cancel);
    if (!fired) {
        link->waker = waker;
        link->linked = 1;
        link->next = NULL;
        link->previous = cancel->last;
        if (link->previous)
            link->previous->next = link;
        else
            cancel->first = link;
        cancel->last = link;
    }
    weir__mutex_unlock(&cancel->lock);
    return fired;
}

void weir__cancel_remove(weir_cancel *cancel, weir__cancel_link *link)
{
    weir__mutex_lock(&cancel->lock);
    if (link->linked)
        unlink_it(cancel, link);
    weir__mutex_unlock(&cancel->lock);
}
