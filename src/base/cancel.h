/* Who waits for a cancel token. */
#ifndef WEIR_BASE_CANCEL_H
#define WEIR_BASE_CANCEL_H

#include "base/waker.h"
#include "weir/cancel.h"

typedef struct weir__cancel_link weir__cancel_link;

struct weir__cancel_link {
    weir__cancel_link *previous; /* both under the token's lock */
    weir__cancel_link *next;
    weir__waker *waker;
    int linked;
};

/* Has waker fired once when the token is.  1, and nothing linked, when it was
 * fired already. */
int weir__cancel_add(weir_cancel *cancel, weir__cancel_link *link,
                     weir__waker *waker);

/* Afterwards the token holds the waker no more than it does already. */
void weir__cancel_remove(weir_cancel *cancel, weir__cancel_link *link);

#endif
