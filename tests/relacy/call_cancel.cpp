/* A stepped call is cancelled while its attempt may be finished: by its token,
 * or with DIRECTLY by weir_call_cancel.  The runner of the attempt listens for
 * the cancellation; with FINISHES that is all he does, the owner is who fires
 * the token, and the attempt is finished where the runner is told.
 *
 * Properties: the call ends, by whichever came first, and the finisher hears
 * the same; the listener is told at most once, and once when the attempt was
 * given up and not finished; he may be told of a cancellation that a finish
 * then comes before; permits and memory come back once the last one is
 * through, whoever that is. */
#include "relacy_shim.h"

#include "api.h"

enum { SEEN_FINISHED, SEEN_GIVEN_UP, SEEN_TOLD };
enum { CODE = 7 };
#ifdef FINISHES
enum { THREADS = 2 };
#else
enum { THREADS = 3 };
#endif

struct call_cancel : scenario<call_cancel, THREADS> {
    weir_clock *clock;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline;
    weir_call *call;
    weir_cancel *token;
    passed<weir_attempt> attempt;
    passed<weir_attempt> kept;
    struct signal signal;
    rl::var<int> told_data;
    rl::var<int> cancel_data;
    int told;     /* ghosts */
    int gave_up;
    int finished; /* what the finisher heard, */
    int code;     /* and the owner */

    static void tell(weir_attempt *attempt, void *arg)
    {
        call_cancel *self = (call_cancel *)arg;
        RL_ASSERT(self->told_data($) == 1);
        RL_ASSERT(self->cancel_data($) == 1);
        self->told++;
        happened(SEEN_TOLD);
#ifdef FINISHES
        self->end(attempt);
#endif
    }

    void end(weir_attempt *a)
    {
        finished = weir_attempt_finish(a, CODE, WEIR_NOW);
        if (finished == WEIR_OK)
            happened(SEEN_FINISHED);
        else
            gave_up = 1, happened(SEEN_GIVEN_UP);
    }

    void before()
    {
        weir_call_options o;
        attempt.clear();
        kept.clear();
        signal.clear();
        told_data($) = 0;
        cancel_data($) = 0;
        gave_up = 0;
        told = 0;
        clock = api_clock();
        bulkhead = api_bulkhead(clock, 1, 0);
        weir_bulkhead_ref(bulkhead);
        pipeline = api_pipeline(clock, 0, 0, bulkhead, 0);
        RL_ASSERT(weir_cancel_new(&token) == WEIR_OK);
        weir_call_options_init(&o, sizeof o);
#ifndef DIRECTLY
        o.cancel = token;
#endif
        RL_ASSERT(weir_call_new(&call, pipeline, &o) == WEIR_OK);
        weir_call_on_wake(call, signal::give, &signal, 0);
    }

    void cancel()
    {
        cancel_data($) = 1;
        weir_cancel_fire(token);
    }

    void own()
    {
        weir_step out = {sizeof out, 0, 0, 0};
        weir_result result;
        weir_call_step(call, api_now_ns, &out);
        if (out.action == WEIR_STEP_ATTEMPT) {
#ifndef FINISHES
            weir_attempt_ref(out.attempt);
            kept.pass(out.attempt);
#endif
            attempt.pass(out.attempt);
#ifdef FINISHES
            cancel();
#endif
        } else { /* cancelled before */
            kept.pass((weir_attempt *)this);
            attempt.pass((weir_attempt *)this);
        }
        while (out.action != WEIR_STEP_DONE) {
            weir_call_step(call, api_now_ns, &out);
            if (out.action == WEIR_STEP_WAIT)
                signal.wait();
        }
        result.size = sizeof result;
        RL_ASSERT(weir_call_result(call, &result) == WEIR_OK);
        code = result.code;
        weir_call_unref(call);
    }

    void finish()
    {
        weir_attempt *a = attempt.take();
        finished = WEIR_ECANCELED;
        if ((void *)a == (void *)this)
            return;
        told_data($) = 1;
        RL_ASSERT(weir_attempt_on_cancel(a, tell, this) == WEIR_OK);
#ifndef FINISHES /* else it may be gone */
        weir_attempt_canceled(a);
        end(a);
#endif
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            own();
#ifndef FINISHES
        } else if (index == 1) {
#ifdef DIRECTLY
            weir_attempt *a = kept.take();
            cancel_data($) = 1;
            if ((void *)a != (void *)this) {
                weir_call_cancel(call); /* the attempt keeps it alive */
                weir_attempt_unref(a);
            }
#else
            cancel();
            weir_attempt *a = kept.take();
            if ((void *)a != (void *)this)
                weir_attempt_unref(a);
#endif
#endif
        } else {
            finish();
        }
    }

    void after()
    {
        RL_ASSERT(told == 1 || (told == 0 && !gave_up));
        if (finished == WEIR_OK)
            RL_ASSERT(code == CODE || code == WEIR_ECANCELED);
        else
            RL_ASSERT(finished == WEIR_ECANCELED && code == WEIR_ECANCELED);
        RL_ASSERT(weir_bulkhead_running(bulkhead) == 0);
        weir_bulkhead_unref(bulkhead);
        weir_pipeline_unref(pipeline);
        weir_cancel_unref(token);
        weir_clock_unref(clock);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_FINISHED] = "an attempt that was finished";
    event_names[SEEN_GIVEN_UP] = "an attempt that was given up";
    event_names[SEEN_TOLD] = "a listener that was told";
    return explore<call_cancel>(argc, argv);
}
