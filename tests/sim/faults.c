/* What goes wrong in a world. */
#include "world.h"

/* Now and then everything fails for a while. */
void maybe_outage(world *w)
{
    random_source *random = &w->run->random;
    if (random_percent(random, 2))
        w->outage_end = weir_clock_now_ns(w->clock) +
                        random_time(random, 100 * SECOND);
}

static void plan_result(world *w, plan *p)
{
    random_source *random = &w->run->random;
    int outage = weir_clock_now_ns(w->clock) < w->outage_end;
    if (outage || random_percent(random, w->fail))
        p->code = (int)random_between(random, 1, 9);
    if (random_percent(random, 10))
        p->outcome = (int)random_between(random, WEIR_SUCCESS, WEIR_IGNORED);
    if (random_percent(random, 5))
        p->hint_ns = random_time(random, 10 * SECOND);
    /* As if a nested call had ended so. */
    if (random_percent(random, 2))
        p->code = WEIR_EOPEN;
    if (random_percent(random, 1))
        p->code = WEIR_ETIMEDOUT;
}

static void plan_time(world *w, plan *p)
{
    random_source *random = &w->run->random;
    p->takes_ns = random_below(random, w->usual_ns);
    if (random_percent(random, 15))
        p->takes_ns = 0;
    if (!random_percent(random, w->slow))
        return;
    p->takes_ns = random_percent(random, 30)
                      ? WEIR_NEVER
                      : random_time(random, 200 * w->usual_ns);
}

void plan_attempt(world *w, plan *p)
{
    *p = (plan){.outcome = -1};
    plan_result(w, p);
    plan_time(w, p);
    p->heeds_cancel = random_percent(&w->run->random, 60);
    p->forgets = random_percent(&w->run->random, 3);
}
