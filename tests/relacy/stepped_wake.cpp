/* The wake-up protocol of stepped calls: an owner that steps, waits for the
 * wake signal and may step without one; a thread that hands him a permit; a
 * thread that finishes his attempt.
 *
 * Properties: the owner gets to the end (a lost wake would leave him waiting);
 * at most one signal comes for each WAIT; what a waker wrote before, the owner
 * reads after.
 *
 * stepped_extract.h holds the functions of src/engine/stepped.c, cut out by
 * run.sh; around them stands the little that they need. */
#include "relacy_shim.h"

#include "weir/call.h"

#include "explore.h"

enum weir__state { WEIR__ENTERING, WEIR__QUEUEING, WEIR__RUNNING, WEIR__DONE };
enum { SEEN_SIGNAL, SEEN_NO_SIGNAL, SEEN_SECOND_LOOK };

struct flag {
    weir__atomic_u32 set;
};

struct weir_attempt {
    flag word;
};

struct weir_pipeline {
    weir_clock *clock;
};

struct weir_call {
    int state;
    flag waiter;
    weir_attempt *attempt;
    weir_pipeline *pipeline;
    uint64_t started_ns;
    weir__atomic_u32 cancelled;
};

struct stepped {
    weir_call call; /* first */
    weir__atomic_u32 waiting;
    int stepping; /* of no matter here: callbacks do not step */
    int released;
    weir__atomic_u32 signalled;
    weir_attempt attempt;
    int signals; /* ghosts */
    int waits;
    rl::var<int> permit_data;
    rl::var<int> attempt_data;
};

static stepped *stepped_of(weir_call *call)
{
    return (stepped *)call;
}

static void release_now(stepped *, weir_step *) {}

static void signal_owner(stepped *s)
{
    s->signals++;
    RL_ASSERT(s->signals <= s->waits);
    s->signalled($).store(1u, rl::mo_release);
}

static int weir__waiter_granted(flag *waiter)
{
    return weir__load_acquire(&waiter->set) != 0;
}

static int weir__attempt_finished(weir_attempt *attempt)
{
    return weir__load_acquire(&attempt->word.set) != 0;
}

static int weir__call_cancelled(weir_call *call)
{
    return weir__load_acquire(&call->cancelled) != 0;
}

/* The engine: first the permit, then the end of the attempt. */
static int weir__step(weir_call *call, uint64_t *, weir_attempt **)
{
    stepped *s = stepped_of(call);
    if (call->state == WEIR__QUEUEING && weir__waiter_granted(&call->waiter)) {
        RL_ASSERT(s->permit_data($) == 1);
        call->state = WEIR__RUNNING;
    }
    if (call->state == WEIR__RUNNING &&
        weir__attempt_finished(call->attempt)) {
        RL_ASSERT(s->attempt_data($) == 1);
        call->state = WEIR__DONE;
    }
    if (call->state == WEIR__DONE)
        return WEIR_STEP_DONE;
    s->waits++;
    return WEIR_STEP_WAIT;
}

/* For seed 62. */
static uint32_t read_then_clear(stepped *s)
{
    uint32_t was = weir__load_acquire(&s->waiting);
    weir__store_release(&s->waiting, 0u);
    return was;
}

/* The protocol is the same on a real clock and on a virtual one. */
#define weir__clock_is_virtual(clock) 0
#define weir_clock_now_ns(clock) UINT64_C(0)
#define set_timer(s, wake_ns) ((void)0)
#define weir__call_set_now(call, now_ns) ((void)0)
#define weir__call_now(call) UINT64_C(0)
#define weir__call_unwatch_tokens(call) ((void)0)

#include "stepped_extract.h"

struct wake : rl::test_suite<wake, 3> {
    stepped s;
    weir_pipeline pipeline;

    void before()
    {
        pipeline.clock = 0;
        s.call.state = WEIR__QUEUEING;
        s.call.attempt = &s.attempt;
        s.call.pipeline = &pipeline;
        s.call.started_ns = 0;
        s.signals = s.waits = 0;
        weir__init(&s.call.waiter.set, 0u);
        weir__init(&s.call.cancelled, 0u);
        weir__init(&s.attempt.word.set, 0u);
        weir__init(&s.waiting, 0u);
        s.stepping = s.released = 0;
        weir__init(&s.signalled, 0u);
        s.permit_data($) = 0;
        s.attempt_data($) = 0;
    }

    int step()
    {
        weir_step out = {sizeof out, 0, 0, 0};
        int before = s.waits;
        RL_ASSERT(weir_call_step(&s.call, 0, &out) == WEIR_OK);
        if (s.waits - before > (out.action == WEIR_STEP_WAIT))
            happened(SEEN_SECOND_LOOK);
        return out.action;
    }

    void own()
    {
        rl::linear_backoff backoff;
        int early = rl::rand(2); /* a step that nobody asked for */
        while (step() != WEIR_STEP_DONE) {
            if (early-- > 0)
                continue;
            while (!s.signalled($).exchange(0u, rl::mo_acq_rel))
                backoff.yield($);
            happened(SEEN_SIGNAL);
        }
        if (s.signals == 0)
            happened(SEEN_NO_SIGNAL);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            own();
        } else if (index == 1) {
            s.permit_data($) = 1;
            weir__store_release(&s.call.waiter.set, 1u);
            weir__stepped_wake(&s.call);
        } else {
            s.attempt_data($) = 1;
            weir__store_release(&s.attempt.word.set, 1u);
            weir__stepped_wake(&s.call);
        }
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_SIGNAL] = "a signal";
    event_names[SEEN_NO_SIGNAL] = "no signal needed";
    event_names[SEEN_SECOND_LOOK] = "news at the second look";
    return explore<wake>(argc, argv);
}
