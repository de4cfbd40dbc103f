/* Breakers with each kind of window, in each state. */
#include "between.h"

#include <string.h>

#include "policy/breaker.h"

#define SECOND UINT64_C(1000000000)

enum { SPOTLESS, SHAKEN, DUE, PROBED, METRICS, FORCED, STATES };

static weir_clock *vclock;
static weir_breaker *breaker;
static weir_breaker_options options;
static uint64_t permits[2];
static int last_state;

static void on_event(const weir_event *event, void *arg)
{
    (void)arg;
    if (event->from != last_state)
        fail("an event from %d, after one to %d", event->from, last_state);
    last_state = event->to;
}

static void fail_once(void)
{
    uint64_t permit;
    must(weir_breaker_acquire(breaker, &permit));
    must(weir_breaker_record(breaker, permit, WEIR_TRANSIENT, 0));
}

static void bring_to(int state)
{
    if (state == SHAKEN || state == DUE || state == PROBED)
        fail_once();
    if (state == DUE || state == PROBED) {
        fail_once();
        must(weir_clock_advance(vclock, 61 * SECOND));
    }
    if (state == METRICS)
        must(weir_breaker_set_mode(breaker, WEIR_METRICS_ONLY));
    for (int i = 0; i < 2 && state != DUE; i++)
        must(weir_breaker_acquire(breaker, &permits[i]));
    if (state == FORCED)
        must(weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN));
}

static void begin(int variant)
{
    must(weir_clock_new_virtual(&vclock, SECOND));
    must(weir_breaker_options_init(&options, sizeof options));
    options.clock = vclock;
    options.window = WEIR_WINDOW_CONSECUTIVE + variant / STATES;
    options.failure_threshold = 2;
    options.failure_rate = 1;
    options.minimum_calls = 2;
    options.window_calls = 2;
    options.probes = 2;
    options.probe_successes = 2;
    must(weir_breaker_new(&breaker, &options));
    permits[0] = permits[1] = 0;
    bring_to(variant % STATES);
    last_state = weir_breaker_state(breaker);
    if (variant % STATES == DUE)
        last_state = WEIR_OPEN;
    must(weir_breaker_listen(breaker, on_event, 0, 0));
    if (breaker->window == WEIR_WINDOW_TIME) {
        atomic_store(&breaker->u.time.window.contended, 1);
        must(weir_clock_advance(vclock, SECOND)); /* another span */
    }
}

/* An outcome is counted in windows before it moves the state, and what comes
 * between has been let through by the state before.  So of time windows the
 * state alone is seen, and time does not pass; of no window the generation. */
static int is_exact(void)
{
    return breaker->window != WEIR_WINDOW_TIME;
}

static uint64_t record(int who, int outcome)
{
    cpu = (uint32_t)who;
    int status = weir_breaker_record(breaker, permits[who], outcome, 0);
    return is_exact() ? (uint64_t)status : 0;
}

static uint64_t acquire(int who)
{
    uint64_t permit = 0;
    int status = weir_breaker_acquire(breaker, &permit);
    if (status == WEIR_OK)
        permits[who] = permit;
    return (uint64_t)status;
}

static uint64_t succeed(int who)
{
    return record(who, WEIR_SUCCESS);
}

static uint64_t fail_it(int who)
{
    return record(who, WEIR_TRANSIENT);
}

static uint64_t ignore(int who)
{
    return record(who, WEIR_IGNORED);
}

static uint64_t reset(int who)
{
    (void)who;
    weir_breaker_reset(breaker);
    return 0;
}

static uint64_t force(int who)
{
    (void)who;
    return (uint64_t)weir_breaker_set_mode(breaker, WEIR_FORCED_OPEN);
}

static uint64_t automate(int who)
{
    (void)who;
    return (uint64_t)weir_breaker_set_mode(breaker, WEIR_AUTOMATIC);
}

/* Fewer calls than are in the window are enough. */
static uint64_t change(int who)
{
    weir_breaker_options other = options;
    other.failure_threshold = 1;
    other.minimum_calls = 1;
    other.open_ns = (50 + (uint64_t)who) * SECOND;
    return (uint64_t)weir_breaker_set_options(breaker, &other);
}

static uint64_t pass_time(int who)
{
    (void)who;
    return (uint64_t)weir_clock_advance(vclock, is_exact() ? 61 * SECOND : 0);
}

static void end(void)
{
    weir_breaker_snapshot s;
    memset(&s, 0, sizeof s);
    s.size = sizeof s;
    must(weir_breaker_inspect(breaker, &s));
    see((uint64_t)s.state);
    see(is_exact() ? s.calls : 0);
    see(is_exact() ? s.failed : 0);
    see(s.retry_after_ns);
    if (breaker->window == WEIR_WINDOW_CONSECUTIVE)
        see(s.generation);
    for (int i = 0; i < 2; i++)
        see((uint64_t)weir_breaker_record(breaker, permits[i], WEIR_SUCCESS,
                                          0));
    see((uint64_t)weir_breaker_state(breaker));
    weir_breaker_unref(breaker);
    weir_clock_unref(vclock);
}

static const operation operations[] = {
    {"acquire", acquire, 0},
    {"succeed", succeed, 0},
    {"fail", fail_it, 0},
    {"ignore", ignore, 0},
    {"reset", reset, 0},
    {"force open", force, 0},
    {"automate", automate, 0},
    {"set options", change, 0},
    {"pass time", pass_time, 0},
    {0, 0, 0}};

const world breaker_world = {"breaker", 3 * STATES, begin, operations, end};
