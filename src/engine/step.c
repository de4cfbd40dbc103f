#include "engine/step.h"

#include "base/time.h"
#include "engine/direct.h"
#include "engine/stepped.h"

static void leave_with(weir_call *call, weir__verdict v)
{
    weir__leave(call, &v);
}

/* ---- entering ---- */

static void reject_by_breaker(weir_call *call, weir__node *node,
                              weir_breaker *breaker)
{
    call->result.retry_after_ns =
        weir__breaker_retry_after(breaker, call->now_ns);
    leave_with(call, weir__verdict_by(WEIR_EOPEN, WEIR_IGNORED, WEIR_BY_BREAKER,
                             node->layer));
}

static void reject_by_bulkhead(weir_call *call, int code)
{
    leave_with(call, weir__verdict_by(code, WEIR_IGNORED, WEIR_BY_BULKHEAD,
                             call->node->layer));
}

static void enter_breaker(weir_call *call, weir__node *node,
                          weir_breaker *breaker)
{
    if (weir__breaker_acquire(breaker, call->now_ns, &node->u.permit) ==
        WEIR_OK)
        node->taken = 1;
    else
        reject_by_breaker(call, node, breaker);
}

static void out_of_memory(weir_call *call)
{
    leave_with(call, weir__verdict_by_call(WEIR_ENOMEM, WEIR_IGNORED));
}

static void enter_bulkhead(weir_call *call, weir__node *node,
                           weir_bulkhead *bulkhead)
{
    if (weir_bulkhead_try_acquire(bulkhead) == WEIR_OK) {
        node->taken = 1;
        return;
    }
    if (call->type->prepare_wait &&
        call->type->prepare_wait(call) != WEIR_OK) {
        out_of_memory(call);
        return;
    }
    switch (weir__bulkhead_enter(bulkhead, &call->waiter, &call->waker)) {
    case WEIR_OK:
        node->taken = 1;
        break;
    case WEIR__QUEUED:
        call->wake_ns =
            weir__time_wait_end(weir__call_now(call), bulkhead->queue_ns);
        call->state = WEIR__QUEUEING;
        break;
    default:
        reject_by_bulkhead(call, WEIR_EFULL);
    }
}

/* A retry inside of another one is entered again for the same call. */
static void enter_retry(weir_call *call, weir__node *node, weir_retry *retry,
                        int again)
{
    node->u.progress = (weir__retry_progress){0, 0, 0, 0};
    if (retry->max_elapsed_ns != WEIR_NEVER)
        node->u.progress.started_ns = weir__call_now(call);
    if (!again)
        weir_budget_deposit(retry->budget);
}

/* Enters one layer; the state says whether to go on. */
static void enter(weir_call *call, uint32_t layer)
{
    weir__policy *policy = call->pipeline->layers[layer];
    int again = layer < call->slots_used;
    weir__node *node = weir__node_enter(call, layer);
    if (!node) {
        out_of_memory(call);
        return;
    }
    switch (policy->kind) {
    case WEIR__TIMEOUT:
        node->u.own_deadline_ns = weir__time_add(
            weir__call_now(call), ((weir_timeout *)policy)->timeout_ns);
        node->deadline_ns =
            weir__time_min(node->deadline_ns, node->u.own_deadline_ns);
        break;
    case WEIR__RETRY:
        enter_retry(call, node, (weir_retry *)policy, again);
        break;
    case WEIR__BREAKER:
        enter_breaker(call, node, (weir_breaker *)policy);
        break;
    default: /* a bulkhead; a budget is no layer */
        enter_bulkhead(call, node, (weir_bulkhead *)policy);
        break;
    }
}

static int start_attempt(weir_call *call)
{
    weir_attempt *attempt = call->type->new_attempt(call);
    if (!attempt) {
        out_of_memory(call);
        return 0;
    }
    weir__call_start(call, attempt, weir__call_deadline(call));
    call->state = WEIR__RUNNING;
    attempt->node = call->node;
    return WEIR_STEP_ATTEMPT;
}

static int step_entering(weir_call *call)
{
    weir__verdict v;
    if (weir__interrupted(call, &v)) {
        leave_with(call, v);
        return 0;
    }
    while (call->entering < call->pipeline->count) {
        uint32_t layer = call->entering++;
        enter(call, layer);
        if (call->state != WEIR__ENTERING)
            return 0;
        if (call->entering <= layer) /* rejected, and tried again at once */
            return 0;
    }
    return start_attempt(call);
}

/* ---- the other states; each returns an action, or 0 to look again ---- */

static int wait_until(weir_call *call, uint64_t wait_ns, uint64_t *wake_ns)
{
    *wake_ns = weir__time_min(wait_ns, weir__call_deadline(call));
    return WEIR_STEP_WAIT;
}

/* The breakers outside may have changed while the call waited: it asks again
 * with those whose permit is stale, outermost first, for twenty waiters must
 * not march into a dependency that was found to be down.  The node of the one
 * that rejects, or NULL. */
static weir__node *ask_again(weir_call *call, weir__node *node)
{
    if (!node)
        return NULL;
    weir__node *rejecting = ask_again(call, node->parent);
    weir_breaker *breaker =
        (weir_breaker *)call->pipeline->layers[node->layer];
    if (rejecting || breaker->policy.kind != WEIR__BREAKER ||
        weir__breaker_core_valid(&breaker->core, node->u.permit))
        return rejecting;
    node->taken = weir__breaker_acquire(breaker, call->now_ns,
                                        &node->u.permit) == WEIR_OK;
    return node->taken ? NULL : node;
}

static int step_granted(weir_call *call)
{
    call->node->taken = 1;
    weir__node *rejecting = ask_again(call, call->node->parent);
    if (rejecting)
        reject_by_breaker(
            call, rejecting,
            (weir_breaker *)call->pipeline->layers[rejecting->layer]);
    else
        weir__call_enter_inside(call, call->node);
    return 0;
}

static int step_queueing(weir_call *call, uint64_t *wake_ns)
{
    weir_bulkhead *bulkhead =
        (weir_bulkhead *)call->pipeline->layers[call->node->layer];
    weir__verdict v;
    if (weir__interrupted(call, &v)) {
        call->node->taken =
            (uint8_t)weir__bulkhead_quit(bulkhead, &call->waiter);
        leave_with(call, v);
        return 0;
    }
    if (weir__waiter_granted(&call->waiter))
        return step_granted(call);
    uint64_t reclaim_ns =
        weir__bulkhead_reclaim(bulkhead, weir__call_now(call));
    if (weir__waiter_granted(&call->waiter))
        return step_granted(call);
    if (weir__call_now(call) < call->wake_ns)
        return wait_until(call, weir__time_min(call->wake_ns, reclaim_ns),
                          wake_ns);
    if (weir__bulkhead_quit(bulkhead, &call->waiter))
        return step_granted(call);
    reject_by_bulkhead(call, WEIR_EQUEUETIME);
    return 0;
}

static int step_backoff(weir_call *call, uint64_t *wake_ns)
{
    weir__verdict v;
    if (weir__interrupted(call, &v))
        leave_with(call, v);
    else if (weir__call_now(call) < call->wake_ns)
        return wait_until(call, call->wake_ns, wake_ns);
    else
        weir__call_enter_inside(call, call->node);
    return 0;
}

static int give_up(weir_call *call, weir__verdict *v,
                   weir_attempt **cancelled)
{
    weir_attempt *attempt = call->attempt;
    if (!weir__attempt_give_up(attempt, v->code))
        return 0;
    v->asked = weir__load_relaxed(&attempt->begun_ns) != WEIR_NOW;
    call->result.attempts -= (uint32_t)!v->asked;
    v->elapsed_ns = weir__attempt_elapsed(call, attempt, WEIR_NOW);
    weir__attempt_tell_cancel(attempt);
    int finished = weir__attempt_finished(attempt);
    *cancelled = attempt;
    call->attempt = NULL;
    weir__leave(call, v);
    weir__stepped_let_go(attempt);
    return finished ? 0 : WEIR_STEP_CANCEL;
}

static void attempt_ended(weir_call *call, int code, uint64_t finished_ns)
{
    weir_attempt *attempt = call->attempt;
    weir__verdict v;
    if (call->state == WEIR__DIRECT) {
        if (weir__direct_leave(call, attempt, code, finished_ns))
            return;
        weir__direct_spread(call);
    }
    weir__judge(call, attempt, code, finished_ns, &v);
    call->attempt = NULL;
    weir__leave(call, &v);
}

static int step_running(weir_call *call, uint64_t *wake_ns,
                        weir_attempt **cancelled)
{
    weir_attempt *attempt = call->attempt;
    weir__verdict v;
    if (weir__attempt_finished(attempt)) {
        attempt_ended(call, weir__attempt_code(attempt),
                      weir__load_relaxed(&attempt->finished_ns));
        weir__stepped_let_go(attempt);
        return 0;
    }
    if (call->state == WEIR__DIRECT) {
        if (weir__direct_goes_on(call)) {
            *wake_ns = attempt->deadline_ns;
            return WEIR_STEP_WAIT;
        }
        weir__direct_spread(call);
    }
    if (weir__interrupted(call, &v))
        return give_up(call, &v, cancelled);
    return wait_until(call, WEIR_NEVER, wake_ns);
}

int weir__step(weir_call *call, uint64_t *wake_ns, weir_attempt **cancelled)
{
    int action = 0;
    while (action == 0)
        switch (call->state) {
        case WEIR__FRESH:
            if (weir__direct_enter(call))
                return WEIR_STEP_ATTEMPT;
            call->state = WEIR__ENTERING;
            break;
        case WEIR__ENTERING:
            action = step_entering(call);
            break;
        case WEIR__QUEUEING:
            action = step_queueing(call, wake_ns);
            break;
        case WEIR__DIRECT:
        case WEIR__RUNNING:
            action = step_running(call, wake_ns, cancelled);
            break;
        case WEIR__BACKOFF:
            action = step_backoff(call, wake_ns);
            break;
        default: /* WEIR__DONE */
            action = WEIR_STEP_DONE;
            break;
        }
    return action;
}

void weir__step_returned(weir_call *call, int code)
{
    attempt_ended(call, code, WEIR_NOW);
}

/* What is not tried again is noted, so that the classifier is asked once. */
int weir__step_again(weir_call *call, int code)
{
    weir__node *node = call->node;
    weir_attempt *attempt = call->attempt;
    if (attempt->said != 0 || !node || node->deadline_ns != WEIR_NEVER ||
        weir__call_cancelled(call))
        return 0;
    weir_retry *retry = (weir_retry *)call->pipeline->layers[node->layer];
    if (retry->policy.kind != WEIR__RETRY)
        return 0;
    int outcome = weir__pipeline_classify(call->pipeline, code);
    if (!weir__outcome_retryable(outcome) || weir__call_cancelled(call) ||
        !weir__retry_at_once(retry, &node->u.progress)) {
        weir_attempt_set_outcome(attempt, outcome);
        return 0;
    }
    weir__call_start(call, attempt, WEIR_NEVER);
    return 1;
}
