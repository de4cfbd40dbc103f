/* A policy that a call has entered.
 *
 * The nodes from the innermost to the outermost are the path of the call.
 * When an attempt is given up while it still runs, it keeps a hold on every
 * node of the path it was started on; the call leaves those nodes and goes
 * on, perhaps on new nodes of the same layers.  What a node has taken (a
 * permit, a probe) is given back when the call has left it and no attempt
 * holds it any more.
 *
 * refs counts the call (while the node is on its path) and the holds.  The
 * owner of the call adds; anyone drops.  While nothing was given up there is
 * one reference, the owner's, and no read-modify-write is needed. */
#ifndef WEIR_ENGINE_NODE_H
#define WEIR_ENGINE_NODE_H

#include "base/atomic.h"
#include "policy/bulkhead.h"
#include "policy/retry.h"

typedef struct weir__node {
    struct weir__node *parent; /* outside of this one; NULL: outermost */
    uint64_t deadline_ns;      /* the nearest on the path, this one included */
    weir__atomic_u32 refs;
    weir__atomic_u32 used; /* slots: 0 when free for a new node */
    uint8_t layer;
    uint8_t taken; /* breaker, bulkhead: has something to give back */
    uint8_t slot;  /* not allocated on its own */
    uint8_t left;  /* bulkhead: while an attempt inside still ran */
    union {
        uint64_t own_deadline_ns;      /* timeout */
        uint64_t permit;               /* breaker */
        weir__retry_progress progress; /* retry */
        weir__abandoned abandoned;     /* bulkhead: once it was */
    } u;
} weir__node;

struct weir_call;

/* A node inside of call->node, put on the path; NULL: no memory. */
weir__node *weir__node_enter(struct weir_call *call, uint32_t layer);

/* The call leaves the node: gives its reference up. */
void weir__node_leave(struct weir_call *call, weir__node *node);

/* Gives one reference up. */
void weir__node_drop(struct weir_call *call, weir__node *node);

/* For an attempt that is given up: takes, or drops, a hold on each node from
 * this one outward. */
void weir__nodes_hold(weir__node *node);
void weir__nodes_drop(struct weir_call *call, weir__node *node);

#endif
