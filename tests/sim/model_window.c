#include "model_window.h"

#include <string.h>

static uint64_t span_at(const weir_breaker_options *o, uint64_t age_ns)
{
    return age_ns / (o->window_ns / o->buckets);
}

void model_window_add(model_window *w, const weir_breaker_options *o,
                      uint64_t age_ns, int failed, int slow)
{
    model_outcome new = {span_at(o, age_ns), failed, slow};
    if (w->count == MODEL_OUTCOMES_MAX) {
        w->count /= 2;
        memmove(w->outcomes, w->outcomes + w->count,
                w->count * sizeof w->outcomes[0]);
    }
    w->outcomes[w->count++] = new;
}

/* The number i of all that were recorded. */
static int is_in_window(const model_window *w, const weir_breaker_options *o,
                        uint64_t age_ns, uint32_t i)
{
    if (o->window == WEIR_WINDOW_COUNT)
        return w->count - i <= o->window_calls;
    return w->outcomes[i].span + o->buckets > span_at(o, age_ns);
}

model_sums model_window_sums(const model_window *w,
                             const weir_breaker_options *o, uint64_t age_ns)
{
    model_sums s = {0, 0, 0};
    for (uint32_t i = w->count; i > 0; i--)
        if (is_in_window(w, o, age_ns, i - 1)) {
            s.calls++;
            s.failed += (uint64_t)w->outcomes[i - 1].failed;
            s.slow += (uint64_t)w->outcomes[i - 1].slow;
        } else {
            break; /* and all before it */
        }
    return s;
}

/* In memory, where every processor keeps as many digits as the option has. */
static int reaches(uint64_t part, uint64_t calls, double rate)
{
    volatile double share = (double)part / (double)calls;
    return part > 0 && share >= rate;
}

int model_window_trips(const model_sums *s, const weir_breaker_options *o)
{
    if (s->calls == 0 || s->calls < o->minimum_calls)
        return 0;
    return reaches(s->failed, s->calls, o->failure_rate) ||
           reaches(s->slow, s->calls, o->slow_rate);
}
