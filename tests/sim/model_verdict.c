#include "model_verdict.h"

uint64_t model_deadline(const verdict_case *c, uint32_t outside_of)
{
    uint64_t deadline_ns = c->call_deadline_ns;
    for (uint32_t i = 0; i < outside_of && i < c->entered; i++)
        if (c->layers[i].kind == V_TIMEOUT &&
            c->layers[i].deadline_ns < deadline_ns)
            deadline_ns = c->layers[i].deadline_ns;
    return deadline_ns;
}

static model_verdict by_call(int code, int asked, int outcome)
{
    return (model_verdict){code, WEIR_BY_CALL, 0, asked, outcome, 1};
}

/* Of several expired deadlines the outermost counts; the call's is outside of
 * all. */
static int expired(const verdict_case *c, uint64_t at_ns, model_verdict *v)
{
    if (at_ns >= c->call_deadline_ns) {
        *v = by_call(WEIR_ETIMEDOUT, 1, WEIR_TRANSIENT);
        return 1;
    }
    for (uint32_t i = 0; i < c->entered; i++)
        if (c->layers[i].kind == V_TIMEOUT &&
            at_ns >= c->layers[i].deadline_ns) {
            *v = (model_verdict){WEIR_ETIMEDOUT, WEIR_BY_TIMEOUT, i, 1,
                                 WEIR_TRANSIENT, 0};
            return 1;
        }
    return 0;
}

model_verdict model_given_up(const verdict_case *c, int cancelled,
                             uint64_t now_ns)
{
    model_verdict v = by_call(WEIR_ECANCELED, 1, WEIR_IGNORED);
    if (!cancelled)
        expired(c, now_ns, &v);
    return v;
}

model_verdict model_returned(const verdict_case *c, int code, int outcome,
                             int cancelled, uint64_t ended_ns)
{
    model_verdict v = {code, WEIR_BY_NONE, 0, 1, outcome, 0};
    if (outcome == WEIR_SUCCESS || outcome == WEIR_DECLINED)
        return v;
    if (cancelled)
        return by_call(WEIR_ECANCELED, 1, WEIR_IGNORED);
    if (outcome != WEIR_IGNORED && expired(c, ended_ns, &v))
        v.outcome = outcome;
    return v;
}

model_verdict model_unrun(const verdict_case *c, int status, int cancelled,
                          uint64_t now_ns)
{
    model_verdict v = {status, WEIR_BY_POOL, 0, 0, WEIR_IGNORED, 0};
    if (cancelled)
        return by_call(WEIR_ECANCELED, 0, WEIR_IGNORED);
    if (expired(c, now_ns, &v))
        v.asked = 0;
    return v;
}

model_verdict model_waited(const verdict_case *c, int cancelled, int granted,
                           uint64_t now_ns)
{
    model_verdict v;
    if (cancelled)
        return by_call(WEIR_ECANCELED, 0, WEIR_IGNORED);
    if (expired(c, now_ns, &v)) {
        v.asked = 0;
        return v;
    }
    if (!granted)
        return (model_verdict){WEIR_EQUEUETIME, WEIR_BY_BULKHEAD,
                               c->entered - 1, 0, WEIR_IGNORED, 0};
    for (uint32_t i = 0; i < c->entered; i++)
        if (c->layers[i].kind == V_BREAKER && c->layers[i].rejects)
            return (model_verdict){WEIR_EOPEN, WEIR_BY_BREAKER, i, 0,
                                   WEIR_IGNORED, 0};
    return (model_verdict){0, WEIR_BY_NONE, 0, 0, 0, 0};
}

static int wants(const verdict_case *c, const model_verdict *v)
{
    if (v->final)
        return 0;
    if (v->asked)
        return v->outcome == WEIR_TRANSIENT || v->outcome == WEIR_THROTTLED;
    return (v->code == WEIR_EOPEN && (c->retry_on & WEIR_RETRY_OPEN)) ||
           (v->code == WEIR_EFULL && (c->retry_on & WEIR_RETRY_FULL)) ||
           (v->code == WEIR_EQUEUETIME && (c->retry_on & WEIR_RETRY_QUEUETIME));
}

int model_retried_at(const verdict_case *c, const model_verdict *v,
                     uint64_t now_ns)
{
    for (uint32_t i = c->entered; i-- > 0;) {
        uint64_t deadline_ns = model_deadline(c, i);
        if (c->layers[i].kind != V_RETRY || !wants(c, v))
            continue;
        if (v->by != WEIR_BY_NONE && v->by != WEIR_BY_POOL && v->layer <= i)
            continue; /* it comes from outside of it */
        if (deadline_ns == WEIR_NEVER ||
            (now_ns < deadline_ns && c->backoff_ns < deadline_ns - now_ns))
            return (int)i;
    }
    return -1;
}
