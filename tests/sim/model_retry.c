#include "model_retry.h"

#define TICK (UINT64_C(1) << 20)

/* ---- budget ---- */

static double capacity(const model_budget *m)
{
    return 1000.0 * m->o.capacity;
}

/* What flows over makes up for what was lost. */
static void add(model_budget *m, double tokens)
{
    double over = m->tokens + tokens - capacity(m);
    m->tokens += tokens;
    if (over >= 0) {
        m->tokens = capacity(m);
        m->lost = over < m->lost ? m->lost - over : 0;
    }
}

static void refill(model_budget *m, uint64_t now_ns)
{
    double seconds = (double)(now_ns - m->seen_ns) / 1e9;
    m->seen_ns = now_ns;
    add(m, 1000.0 * m->o.per_second * seconds);
}

void model_budget_init(model_budget *m, const weir_budget_options *o,
                       uint64_t now_ns)
{
    m->o = *o;
    m->tokens = capacity(m);
    m->seen_ns = now_ns;
    m->lost = 0;
}

void model_budget_deposit(model_budget *m, uint64_t now_ns)
{
    refill(m, now_ns);
    add(m, (double)(uint64_t)(1000.0 * m->o.ratio + 0.5));
}

/* Each time a refill is cut to whole thousandths. */
void model_budget_take(model_budget *m, uint64_t now_ns)
{
    refill(m, now_ns);
    m->tokens -= 1000.0;
    m->lost += 1.0;
}

/* A step of the refill behind, and what a full bucket forgets of a step. */
double model_budget_least(model_budget *m, uint64_t now_ns)
{
    double step = 1000.0 * m->o.per_second * (double)TICK / 1e9;
    refill(m, now_ns);
    return m->tokens - m->lost - 2.0 * step - 2.0;
}

double model_budget_most(model_budget *m, uint64_t now_ns)
{
    double step = 1000.0 * m->o.per_second * (double)TICK / 1e9;
    refill(m, now_ns);
    double most = m->tokens + step + 2.0;
    return most < capacity(m) ? most : capacity(m);
}

/* ---- delay ---- */

static uint64_t capped(const model_retry *m, double ns)
{
    return ns >= (double)m->o.cap_ns ? m->o.cap_ns : (uint64_t)ns;
}

/* Before the jitter. */
static uint64_t plain(const model_retry *m)
{
    double ns = (double)m->o.base_ns;
    if (m->o.backoff == WEIR_BACKOFF_LINEAR)
        ns *= m->attempts;
    for (uint32_t i = 1; m->o.backoff == WEIR_BACKOFF_EXPONENTIAL &&
                         i < m->attempts && ns < (double)m->o.cap_ns &&
                         ns > 0;
         i++)
        ns *= m->o.factor;
    return capped(m, ns);
}

static model_bounds spread(const model_retry *m)
{
    uint64_t v = plain(m), slack = (v >> 40) + 1; /* of the products */
    uint64_t least = v > slack ? v - slack : 0;
    uint64_t before_ns = m->previous_ns;
    switch (m->o.jitter) {
    case WEIR_JITTER_NONE:
        return (model_bounds){least, v + slack};
    case WEIR_JITTER_FULL:
        return (model_bounds){0, v + slack};
    case WEIR_JITTER_EQUAL:
        return (model_bounds){least / 2, v + slack};
    default:
        if (before_ns < m->o.base_ns)
            before_ns = m->o.base_ns;
        return (model_bounds){m->o.base_ns,
                              capped(m, 3.0 * (double)before_ns)};
    }
}

model_bounds model_retry_bounds(const model_retry *m, uint64_t hint_ns)
{
    model_bounds b = spread(m);
    if (hint_ns > m->o.hint_max_ns)
        hint_ns = m->o.hint_max_ns;
    return hint_ns == 0 ? b
                        : (model_bounds){hint_ns,
                                         hint_ns + (b.most_ns - b.least_ns)};
}

/* ---- whether ---- */

static int deadline_allows(const model_ended *e, uint64_t delay_ns)
{
    return delay_ns < e->remaining_ns;
}

static int elapsed_allows(const model_retry *m, const model_ended *e,
                          uint64_t delay_ns)
{
    return m->o.max_elapsed_ns == WEIR_NEVER ||
           (e->elapsed_ns <= m->o.max_elapsed_ns &&
            delay_ns <= m->o.max_elapsed_ns - e->elapsed_ns);
}

static int may_be(const model_retry *m, const model_ended *e, int status,
                  uint64_t delay_ns)
{
    model_bounds b = model_retry_bounds(m, e->hint_ns);
    int again = e->outcome == WEIR_TRANSIENT || e->outcome == WEIR_THROTTLED;
    if (!again || m->attempts >= m->o.max_attempts)
        return status == (again ? WEIR_EATTEMPTS : WEIR_EFINAL);
    switch (status) {
    case WEIR_OK:
        return delay_ns >= b.least_ns && delay_ns <= b.most_ns &&
               deadline_allows(e, delay_ns) && elapsed_allows(m, e, delay_ns) &&
               e->most_tokens >= 1000.0;
    case WEIR_EDEADLINE:
        return !deadline_allows(e, b.most_ns);
    case WEIR_EELAPSED:
        return deadline_allows(e, b.least_ns) &&
               !elapsed_allows(m, e, b.most_ns);
    case WEIR_EBUDGET:
        return deadline_allows(e, b.least_ns) &&
               elapsed_allows(m, e, b.least_ns) && e->least_tokens < 1000.0;
    default:
        return 0;
    }
}

int model_retry_allows(model_retry *m, const model_ended *e, int status,
                       uint64_t delay_ns)
{
    m->attempts++;
    if (!may_be(m, e, status, delay_ns))
        return 0;
    if (status == WEIR_OK)
        m->previous_ns = delay_ns;
    return 1;
}
