/* What goes wrong in a world. */
#include "world.h"

#include <inttypes.h>

/* Per mille of the occasions that there are for it; of FAILURE, SLOW and HANGS
 * each world has its own share, and what happens to the world as a whole is
 * drawn by world.c. */
static const struct {
    const char *name;
    uint32_t per_mille;
} faults[FAULTS] = {
    [OUTAGE] = {"outage", 20},
    [FAILURE] = {"failure", 0},
    [ODD_OUTCOME] = {"odd outcome", 100},
    [ASKS_FOR_TIME] = {"asks for time", 50},
    [REJECTED_BELOW] = {"rejected below", 20},
    [TIMED_OUT_BELOW] = {"timed out below", 10},
    [INSTANT] = {"instant", 150},
    [SLOW] = {"slow", 0},
    [HANGS] = {"hangs", 300}, /* of those that are slow */
    [DEAF] = {"deaf", 400},
    [FORGOTTEN] = {"forgotten", 30},
    [FINISHED_TWICE] = {"finished twice", 50},
    [LATE_CLOCK] = {"late clock", 100},
    [ENDS_WHEN_TOLD] = {"ends when told", 300},
    [CANCELS_WHEN_TOLD] = {"cancels when told", 200},
    [FIRES_WHEN_TOLD] = {"fires when told", 50},
    [NESTED] = {"nested", 60},
    [NO_WORKER] = {"no worker", 30},
    [LEAP] = {"leap", 10},
    [NO_MEMORY] = {"no memory", 200}, /* of the worlds */
    [SPURIOUS_STEP] = {"spurious step", 1000},
    [CANCELLED] = {"cancelled", 1000},
    [CALLER_GONE] = {"caller gone", 1000},
    [BREAKER_BY_HAND] = {"breaker by hand", 1000},
    [RECONFIGURED] = {"reconfigured", 1000},
    [RESIZED] = {"resized", 1000},
    [PERMIT_TAKEN] = {"permit taken", 1000},
    [PERMIT_RETURNED] = {"permit returned", 1000},
    [BUDGET_DRAINED] = {"budget drained", 1000},
};

static uint64_t struck[FAULTS]; /* in all worlds */

void faults_report(void)
{
    for (int f = 0; f < FAULTS; f++)
        printf("  %-18s %" PRIu64 "\n", faults[f].name, struck[f]);
}

int faults_all_struck(void)
{
    int all = 1;
    for (int f = 0; f < FAULTS; f++)
        all &= struck[f] > 0;
    return all;
}

static int note(world *w, fault f, int happens)
{
    happens &= (int)(w->run->scope.faults >> f & 1);
    if (happens) {
        struck[f]++;
        run_note(w->run, UINT64_C(0xfa) << 56 | (uint64_t)f);
    }
    return happens;
}

int strikes(world *w, fault f)
{
    return note(w, f, random_below(&w->run->random, 1000) <
                          faults[f].per_mille);
}

void maybe_outage(world *w)
{
    if (strikes(w, OUTAGE))
        w->outage_end = weir_clock_now_ns(w->clock) +
                        random_time(&w->run->random, 100 * SECOND);
}

static void plan_result(world *w, plan *p)
{
    random_source *random = &w->run->random;
    int outage = weir_clock_now_ns(w->clock) < w->outage_end;
    if (outage || note(w, FAILURE, random_percent(random, w->fail)))
        p->code = (int)random_between(random, 1, 9);
    if (strikes(w, ODD_OUTCOME))
        p->outcome = (int)random_between(random, WEIR_SUCCESS, WEIR_IGNORED);
    if (strikes(w, ASKS_FOR_TIME))
        p->hint_ns = random_time(random, 10 * SECOND);
    if (strikes(w, REJECTED_BELOW))
        p->code = WEIR_EOPEN;
    if (strikes(w, TIMED_OUT_BELOW))
        p->code = WEIR_ETIMEDOUT;
}

static void plan_time(world *w, plan *p)
{
    random_source *random = &w->run->random;
    p->takes_ns = random_below(random, w->usual_ns);
    if (strikes(w, INSTANT))
        p->takes_ns = 0;
    if (note(w, SLOW, random_percent(random, w->slow)))
        p->takes_ns = strikes(w, HANGS)
                          ? WEIR_NEVER
                          : random_time(random, 200 * w->usual_ns);
}

void plan_attempt(world *w, plan *p)
{
    *p = (plan){.outcome = -1};
    plan_result(w, p);
    plan_time(w, p);
    p->heeds_cancel = !strikes(w, DEAF);
    p->forgets = strikes(w, FORGOTTEN);
    p->twice = strikes(w, FINISHED_TWICE);
    p->late_clock = strikes(w, LATE_CLOCK);
    p->ends = strikes(w, ENDS_WHEN_TOLD);
    p->cancels = strikes(w, CANCELS_WHEN_TOLD);
    p->fires = strikes(w, FIRES_WHEN_TOLD);
    p->listens = p->ends || p->cancels || p->fires;
}
