#include "engine/node.h"

#include "engine/call.h"

weir__node *weir__node_enter(weir_call *call, uint32_t layer)
{
    weir__node *node = &call->slots[layer];
    if (layer >= call->slots_used) { /* one more: layers come in order */
        call->slots_used = layer + 1;
        node->slot = 1;
    } else if (weir__load_acquire(&node->used) != 0) {
        node = weir__allocate_plain(call->pipeline->allocator, sizeof *node);
        if (!node)
            return NULL;
        node->slot = 0;
    } else {
        node->slot = 1;
    }
    weir__store_relaxed(&node->used, 1u);
    weir__store_relaxed(&node->refs, 1u);
    node->layer = (uint8_t)layer;
    node->taken = 0;
    node->left = 0;
    node->parent = call->node;
    node->deadline_ns = weir__call_deadline(call);
    call->node = node;
    return node;
}

static void give_back(weir_call *call, weir__node *node)
{
    weir__policy *policy = call->pipeline->layers[node->layer];
    if (policy->kind == WEIR__BREAKER)
        weir__breaker_record((weir_breaker *)policy, node->u.permit,
                             WEIR_IGNORED, WEIR_NEVER, WEIR_NOW);
    else if (node->left)
        weir__bulkhead_release_abandoned((weir_bulkhead *)policy,
                                         &node->u.abandoned);
    else
        weir__bulkhead_release((weir_bulkhead *)policy);
}

void weir__node_drop(weir_call *call, weir__node *node)
{
    if (weir__load_acquire(&node->refs) != 1u &&
        weir__sub_acq_rel(&node->refs, 1u) != 1u)
        return;
    if (node->taken)
        give_back(call, node);
    if (node->slot)
        weir__store_release(&node->used, 0u);
    else
        weir__release(call->pipeline->allocator, node, sizeof *node);
}

/* Held by attempts that were given up, which had its permit: that is abandoned
 * from here. */
void weir__node_leave(weir_call *call, weir__node *node)
{
    weir__policy *policy = call->pipeline->layers[node->layer];
    if (policy->kind == WEIR__BULKHEAD &&
        weir__load_acquire(&node->refs) != 1u) {
        node->left = 1;
        weir__bulkhead_abandon((weir_bulkhead *)policy, &node->u.abandoned,
                               weir__call_now(call));
    }
    weir__node_drop(call, node);
}

void weir__nodes_hold(weir__node *node)
{
    for (; node; node = node->parent)
        weir__add_relaxed(&node->refs, 1u);
}

void weir__nodes_drop(weir_call *call, weir__node *node)
{
    while (node) {
        weir__node *parent = node->parent;
        weir__node_drop(call, node);
        node = parent;
    }
}
