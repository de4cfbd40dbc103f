/* A stepped call waits for a permit and then for the end of its attempt: its
 * owner steps when the wake signal comes, and now and then without one; one
 * thread gives the permit back, another one finishes the attempt.
 *
 * Properties: the owner gets to the end (a lost wake would leave him waiting);
 * what the finisher wrote before, the owner reads after; all memory and all
 * permits come back. */
#include "relacy_shim.h"

#include "api.h"

enum { SEEN_SIGNAL, SEEN_NO_SIGNAL };
enum { CODE = 7 };

struct call_wake : scenario<call_wake, 3> {
    weir_clock *clock;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline;
    weir_call *call;
    passed<weir_attempt> attempt;
    struct signal signal;
    rl::var<int> permit_data;
    rl::var<int> attempt_data;

    void before()
    {
        attempt.clear();
        signal.clear();
        permit_data($) = 0;
        attempt_data($) = 0;
        clock = api_clock();
        bulkhead = api_bulkhead(clock, 1, 1);
        weir_bulkhead_ref(bulkhead);
        pipeline = api_pipeline(clock, 0, 0, bulkhead, 0);
        RL_ASSERT(weir_bulkhead_try_acquire(bulkhead) == WEIR_OK);
        RL_ASSERT(weir_call_new(&call, pipeline, 0) == WEIR_OK);
        weir_call_on_wake(call, signal::give, &signal, 0);
    }

    int step()
    {
        weir_step out = {sizeof out, 0, 0, 0};
        RL_ASSERT(weir_call_step(call, api_now_ns, &out) == WEIR_OK);
        if (out.action == WEIR_STEP_ATTEMPT) {
            RL_ASSERT(permit_data($) == 1);
            attempt.pass(out.attempt);
        }
        return out.action;
    }

    void own()
    {
        int early = rl::rand(2); /* a step that nobody asked for */
        int action;
        while ((action = step()) != WEIR_STEP_DONE) {
            if (action != WEIR_STEP_WAIT || early-- > 0)
                continue;
            signal.wait();
            happened(SEEN_SIGNAL);
        }
        if (signal.count == 0)
            happened(SEEN_NO_SIGNAL);
        weir_result result;
        result.size = sizeof result;
        RL_ASSERT(weir_call_result(call, &result) == WEIR_OK);
        RL_ASSERT(result.code == CODE);
        RL_ASSERT(attempt_data($) == 1);
        weir_call_unref(call);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            own();
        } else if (index == 1) {
            permit_data($) = 1;
            RL_ASSERT(weir_bulkhead_release(bulkhead) == WEIR_OK);
        } else {
            weir_attempt *a = attempt.take();
            attempt_data($) = 1;
            weir_attempt_retry_after(a, 5);
            RL_ASSERT(weir_attempt_finish(a, CODE, WEIR_NOW) == WEIR_OK);
        }
    }

    void after()
    {
        RL_ASSERT(weir_bulkhead_running(bulkhead) == 0);
        weir_bulkhead_unref(bulkhead);
        weir_pipeline_unref(pipeline);
        weir_clock_unref(clock);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_SIGNAL] = "a signal";
    event_names[SEEN_NO_SIGNAL] = "no signal needed";
    return explore<call_wake>(argc, argv);
}
