#include "engine/direct.h"

static void enter_as_done(weir_call *call, uint32_t layer)
{
    weir__policy *policy = call->pipeline->layers[layer];
    weir__node *node = weir__node_enter(call, layer);
    switch (policy->kind) {
    case WEIR__TIMEOUT:
        node->u.own_deadline_ns = weir__time_add(
            call->passed_ns, ((weir_timeout *)policy)->timeout_ns);
        node->deadline_ns =
            weir__time_min(node->deadline_ns, node->u.own_deadline_ns);
        break;
    case WEIR__RETRY:
        node->u.progress = (weir__retry_progress){0, 0, 0, 0};
        if (((weir_retry *)policy)->max_elapsed_ns != WEIR_NEVER)
            node->u.progress.started_ns = call->passed_ns;
        break;
    case WEIR__BREAKER:
        node->u.permit = weir__permit(call->passed_word, 0);
        node->taken = 1;
        break;
    default: /* a bulkhead; a budget is no layer */
        node->taken = 1;
        break;
    }
}

void weir__direct_spread(weir_call *call)
{
    call->state = WEIR__RUNNING;
    for (uint32_t i = 0; i < call->pipeline->count; i++)
        enter_as_done(call, i);
    call->attempt->node = call->node;
}
