/* Time is kept in ticks of 2^20 ns since the breaker was made.  A time that
 * something starts at is rounded up, and so is a duration: never early. */
#include "model_breaker.h"

#define TICK (UINT64_C(1) << 20)
#define LAST_TICK ((UINT64_C(1) << 40) - 1)

static uint64_t rounded_up(uint64_t ns)
{
    return ns / TICK + (ns % TICK ? 1 : 0);
}

static uint64_t age(const model_breaker *m, uint64_t now_ns)
{
    return now_ns - m->made_ns;
}

static void go(model_breaker *m, int state)
{
    m->state = state;
    m->generation++;
    m->failures = 0;
    m->out_count = 0;
    m->next_ticket = 0;
    m->window.count = 0;
    if (state != WEIR_HALF_OPEN)
        m->successes = 0;
    if (state != WEIR_HALF_OPEN && state != WEIR_OPEN)
        m->openings = 0;
}

/* Before the jitter. */
static uint64_t open_time(const model_breaker *m)
{
    double ns = (double)m->o.open_ns;
    for (uint32_t i = 0; i < m->openings; i++)
        if (ns < (double)m->o.open_max_ns)
            ns *= m->o.open_factor;
    if (ns >= (double)m->o.open_max_ns)
        return m->o.open_max_ns;
    return ns > (double)m->o.open_ns ? (uint64_t)ns : m->o.open_ns;
}

static uint64_t ends(const model_breaker *m, uint64_t now_ns, uint64_t open_ns)
{
    uint64_t tick = rounded_up(age(m, now_ns) + open_ns);
    return tick < LAST_TICK ? tick : LAST_TICK;
}

static void trip(model_breaker *m, uint64_t now_ns)
{
    uint64_t ns = open_time(m);
    go(m, WEIR_OPEN);
    m->open_until = ends(m, now_ns, ns);
    m->open_last = ends(
        m, now_ns, ns + (uint64_t)((double)ns * m->o.open_jitter));
    m->openings++;
}

int model_adopt_open_time(model_breaker *m, uint64_t now_ns,
                          uint64_t retry_after_ns)
{
    uint64_t tick = rounded_up(age(m, now_ns) + retry_after_ns);
    if (tick < m->open_until || tick > m->open_last)
        return 0;
    m->open_until = m->open_last = tick;
    return 1;
}

static void issue(model_breaker *m, uint64_t now_ns)
{
    m->out[m->out_count++] = m->next_ticket++;
    m->active = rounded_up(age(m, now_ns));
}

/* Only the last 16 tickets are remembered. */
static int has_room(const model_breaker *m)
{
    if (m->out_count >= m->o.probes || m->next_ticket >= MODEL_TICKET_MAX)
        return 0;
    for (uint32_t i = 0; i < m->out_count; i++)
        if (m->next_ticket - m->out[i] >= MODEL_PROBES_MAX)
            return 0;
    return 1;
}

/* 0: over. */
static uint64_t lease_left(const model_breaker *m, uint64_t now_ns)
{
    uint64_t end = m->active + rounded_up(m->o.lease_ns);
    return age(m, now_ns) / TICK >= end ? 0 : end * TICK - age(m, now_ns);
}

static int may_replace(const model_breaker *m, uint64_t now_ns)
{
    return m->out_count == 0 || lease_left(m, now_ns) == 0;
}

static int open_is_over(const model_breaker *m, uint64_t now_ns)
{
    return m->state == WEIR_OPEN && age(m, now_ns) / TICK >= m->open_until;
}

void model_init(model_breaker *m, const weir_breaker_options *o,
                uint64_t now_ns)
{
    m->o = *o;
    m->made_ns = now_ns;
    m->generation = 0;
    m->active = 0;
    go(m, WEIR_CLOSED);
}

int model_acquire(model_breaker *m, uint64_t now_ns, model_permit *out)
{
    uint32_t ticket = 0;
    if (m->state == WEIR_FORCED_OPEN)
        return WEIR_EOPEN;
    if (m->state == WEIR_OPEN && !open_is_over(m, now_ns))
        return WEIR_EOPEN;
    if (m->state == WEIR_OPEN)
        go(m, WEIR_HALF_OPEN);
    if (m->state == WEIR_HALF_OPEN) {
        if (!has_room(m)) {
            if (!may_replace(m, now_ns))
                return WEIR_EOPEN;
            go(m, WEIR_HALF_OPEN);
        }
        ticket = m->next_ticket;
        issue(m, now_ns);
    }
    *out = (model_permit){m->generation, m->state, ticket};
    return WEIR_OK;
}

static int take_back(model_breaker *m, uint32_t ticket)
{
    for (uint32_t i = 0; i < m->out_count; i++)
        if (m->out[i] == ticket) {
            m->out[i] = m->out[--m->out_count];
            return 1;
        }
    return 0;
}

static int failed(int outcome)
{
    return outcome == WEIR_TRANSIENT || outcome == WEIR_PERMANENT;
}

static int healthy(int outcome)
{
    return outcome == WEIR_SUCCESS || outcome == WEIR_DECLINED;
}

static void record_in_window(model_breaker *m, uint64_t now_ns, int outcome,
                             int slow)
{
    if (!failed(outcome) && !healthy(outcome))
        return;
    model_window_add(&m->window, &m->o, age(m, now_ns), failed(outcome), slow);
    model_sums sums = model_window_sums(&m->window, &m->o, age(m, now_ns));
    if (m->state == WEIR_CLOSED && model_window_trips(&sums, &m->o))
        trip(m, now_ns);
}

static void record_in_a_row(model_breaker *m, uint64_t now_ns, int outcome)
{
    if (healthy(outcome))
        m->failures = 0;
    if (!failed(outcome))
        return;
    m->failures++;
    if (m->state == WEIR_CLOSED && m->failures >= m->o.failure_threshold)
        trip(m, now_ns);
}

static void record_probe(model_breaker *m, uint64_t now_ns, int outcome,
                         int slow)
{
    m->active = rounded_up(age(m, now_ns));
    if (failed(outcome) || (healthy(outcome) && slow))
        trip(m, now_ns);
    else if (healthy(outcome) && ++m->successes >= m->o.probe_successes)
        go(m, WEIR_CLOSED);
}

int model_record(model_breaker *m, uint64_t now_ns, const model_permit *p,
                 int outcome, uint64_t elapsed_ns)
{
    int slow = elapsed_ns != WEIR_NEVER && elapsed_ns > m->o.slow_call_ns;
    if (p->generation != m->generation)
        return WEIR_ESTALE;
    if (m->state == WEIR_HALF_OPEN) {
        if (!take_back(m, p->ticket))
            return WEIR_ESTALE;
        record_probe(m, now_ns, outcome, slow);
    } else if (m->state == WEIR_CLOSED || m->state == WEIR_METRICS_ONLY) {
        if (m->o.window == WEIR_WINDOW_CONSECUTIVE)
            record_in_a_row(m, now_ns, outcome);
        else
            record_in_window(m, now_ns, outcome, slow);
    }
    return WEIR_OK;
}

void model_set_options(model_breaker *m, const weir_breaker_options *o)
{
    m->o = *o;
}

void model_inspect(const model_breaker *m, uint64_t now_ns,
                   weir_breaker_snapshot *out)
{
    model_sums sums = {0, 0, 0};
    if (m->o.window == WEIR_WINDOW_CONSECUTIVE)
        sums.failed = m->failures;
    else
        sums = model_window_sums(&m->window, &m->o, age(m, now_ns));
    out->state = model_state(m, now_ns);
    out->generation = m->generation;
    out->calls = sums.calls;
    out->failed = sums.failed;
    out->slow = sums.slow;
    out->retry_after_ns = model_retry_after(m, now_ns);
}

int model_mode(const model_breaker *m)
{
    return m->state == WEIR_FORCED_OPEN || m->state == WEIR_DISABLED ||
                   m->state == WEIR_METRICS_ONLY
               ? m->state
               : WEIR_AUTOMATIC;
}

void model_set_mode(model_breaker *m, int mode)
{
    if (mode != model_mode(m))
        go(m, mode == WEIR_AUTOMATIC ? WEIR_CLOSED : mode);
}

void model_reset(model_breaker *m)
{
    if (model_mode(m) == WEIR_AUTOMATIC)
        go(m, WEIR_CLOSED);
}

int model_state(const model_breaker *m, uint64_t now_ns)
{
    return open_is_over(m, now_ns) ? WEIR_HALF_OPEN : m->state;
}

uint64_t model_retry_after(const model_breaker *m, uint64_t now_ns)
{
    switch (m->state) {
    case WEIR_OPEN:
        return open_is_over(m, now_ns)
                   ? 0
                   : m->open_until * TICK - age(m, now_ns);
    case WEIR_HALF_OPEN:
        return has_room(m) || may_replace(m, now_ns) ? 0
                                                     : lease_left(m, now_ns);
    case WEIR_FORCED_OPEN:
        return WEIR_NEVER;
    default:
        return 0;
    }
}
