#include "engine/verdict.h"

#include "base/time.h"

/* ---- verdicts ---- */

static uint64_t own_deadline(const weir_call *call, const weir__node *node)
{
    if (call->pipeline->layers[node->layer]->kind != WEIR__TIMEOUT)
        return WEIR_NEVER;
    return node->u.own_deadline_ns;
}

/* Whose time is over at now_ns?  Of several the outermost.  A retry inside of
 * it finds no time left. */
static int expired(weir_call *call, uint64_t now_ns, weir__verdict *v)
{
    if (now_ns < weir__call_deadline(call))
        return 0;
    if (now_ns >= call->deadline_ns) {
        *v = weir__verdict_by_call(WEIR_ETIMEDOUT, WEIR_TRANSIENT);
        return 1;
    }
    for (weir__node *node = call->node; node; node = node->parent)
        if (now_ns >= own_deadline(call, node))
            *v = weir__verdict_by(WEIR_ETIMEDOUT, WEIR_TRANSIENT,
                                  WEIR_BY_TIMEOUT, node->layer);
    return 1;
}

/* Must what runs or waits now be ended? */
int weir__interrupted_how(weir_call *call, weir__verdict *v)
{
    if (weir__call_cancelled(call)) {
        *v = weir__verdict_by_call(WEIR_ECANCELED, WEIR_IGNORED);
        return 1;
    }
    return expired(call, weir__call_now(call), v);
}

/* How long the attempt took that ended at ended_ns. */
uint64_t weir__attempt_timed(weir_call *call, weir_attempt *attempt,
                             uint64_t ended_ns)
{
    uint64_t begun_ns = weir__load_relaxed(&attempt->begun_ns);
    if (begun_ns == WEIR_NOW)
        return WEIR_NEVER;
    if (ended_ns == WEIR_NOW)
        ended_ns = weir__call_now(call);
    return weir__time_since(ended_ns, begun_ns);
}

/* By its origin a rejection of the pipeline: the dependency was not asked. */
static void judge_unrun(weir_call *call, int status, weir__verdict *v)
{
    call->result.attempts--;
    if (!weir__interrupted(call, v))
        *v = weir__verdict_by(status, WEIR_IGNORED, WEIR_BY_POOL, 0);
}

/* What fails after its end was decided, though not acted upon, ends the same
 * way as if it had been. */
static void judge_late(weir_call *call, uint64_t finished_ns,
                       weir__verdict *v)
{
    weir__verdict late;
    if (weir__call_cancelled(call)) {
        late = weir__verdict_by_call(WEIR_ECANCELED, WEIR_IGNORED);
    } else {
        if (finished_ns == WEIR_NOW)
            finished_ns = weir__call_now(call);
        else if (call->now_ns != WEIR_NOW && finished_ns > call->now_ns)
            weir__call_set_now(call, finished_ns);
        if (!expired(call, finished_ns, &late))
            return;
        late.outcome = v->outcome;
    }
    late.asked = 1;
    late.hint_ns = v->hint_ns;
    late.elapsed_ns = v->elapsed_ns;
    *v = late;
}

void weir__judge(weir_call *call, weir_attempt *attempt, int code,
                 uint64_t finished_ns, weir__verdict *v)
{
    if (weir__unlikely((attempt->said & WEIR__SAID_UNRUN) != 0)) {
        judge_unrun(call, code, v);
        return;
    }
    int outcome = attempt->said & WEIR__SAID_OUTCOME
                      ? attempt->outcome
                      : weir__pipeline_classify(call->pipeline, code);
    *v = weir__verdict_by(code, outcome, WEIR_BY_NONE, 0);
    v->asked = 1;
    v->elapsed_ns = weir__attempt_elapsed(call, attempt, finished_ns);
    v->hint_ns = attempt->said & WEIR__SAID_HINT ? attempt->hint_ns : 0;
    call->result.last_code = code;
    if (weir__outcome_healthy(outcome))
        return;
    if (weir__call_cancelled(call) ||
        (outcome != WEIR_IGNORED && weir__call_deadline(call) != WEIR_NEVER))
        judge_late(call, finished_ns, v);
}

/* ---- leaving ---- */

/* Has the verdict something that this retry would try again for?  What a
 * breaker outside of it has rejected is out of its hands. */
static int worth_retrying(const weir_retry *retry, const weir__node *node,
                          const weir__verdict *v)
{
    if (v->final || (v->by == WEIR_BY_BREAKER && v->layer < node->layer))
        return 0;
    return v->asked ? weir__outcome_retryable(v->outcome)
                    : weir__retry_wants(retry, v->code);
}

static int try_again(weir_call *call, weir__node *node,
                     const weir__verdict *v)
{
    weir_retry *retry = (weir_retry *)call->pipeline->layers[node->layer];
    weir__retry_event event = {0, v->hint_ns, 0, WEIR_NEVER};
    uint64_t delay_ns;
    if (!worth_retrying(retry, node, v))
        return 0;
    event.outcome = v->asked ? v->outcome : WEIR_TRANSIENT;
    node->u.progress.attempts++;
    if (node->deadline_ns != WEIR_NEVER)
        event.remaining_ns =
            weir__time_since(node->deadline_ns, weir__call_now(call));
    if (retry->max_elapsed_ns != WEIR_NEVER)
        event.elapsed_ns = weir__time_since(weir__call_now(call),
                                            node->u.progress.started_ns);
    if (weir__retry_next(retry, &node->u.progress, &event, &delay_ns) !=
        WEIR_OK)
        return 0;
    if (delay_ns == 0) {
        if (!v->asked) /* time must pass somewhere */
            weir__call_set_now(call, WEIR_NOW);
        weir__call_enter_inside(call, node);
    } else {
        call->wake_ns = weir__time_wait_end(weir__call_now(call), delay_ns);
        call->state = WEIR__BACKOFF;
    }
    return 1;
}

/* A breaker counts at once.  What it does not count, it gets back when the
 * node is dropped: a probe that was cancelled is out while its work runs. */
static void tell_breaker(weir_call *call, weir__node *node,
                         const weir__verdict *v)
{
    weir_breaker *breaker =
        (weir_breaker *)call->pipeline->layers[node->layer];
    if (!node->taken || !v->asked ||
        (!weir__outcome_healthy(v->outcome) &&
         !weir__outcome_failed(v->outcome)))
        return;
    node->taken = 0;
    weir__breaker_record(breaker, node->u.permit, v->outcome, v->elapsed_ns,
                         call->now_ns);
}

static void done(weir_call *call, const weir__verdict *v)
{
    if (v->by != WEIR_BY_BREAKER)
        call->result.retry_after_ns = 0;
    call->result.rejected_by = v->by;
    call->result.rejected_layer = v->layer;
    weir__call_end(call, v->code);
}

/* Tells the policies from the inside out; the node of a retry that wants to
 * try again, or NULL. */
static weir__node *tell(weir_call *call, weir__verdict *v)
{
    weir__node *node = call->node;
    for (; node; node = node->parent)
        switch (call->pipeline->layers[node->layer]->kind) {
        case WEIR__RETRY:
            if (try_again(call, node, v))
                return node;
            break;
        case WEIR__BREAKER:
            tell_breaker(call, node, v);
            break;
        default:
            break;
        }
    return NULL;
}

/* First every breaker is told, then permits go back: whoever is handed one
 * must find the breaker that this call has tripped. */
void weir__leave(weir_call *call, weir__verdict *v)
{
    weir__node *left = call->node;
    call->node = tell(call, v);
    while (left != call->node) {
        weir__node *parent = left->parent;
        weir__node_leave(call, left);
        left = parent;
    }
    if (!call->node)
        done(call, v);
}
