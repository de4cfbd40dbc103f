/* A call gives up on an attempt whose time is over and tries again; the first
 * attempt is finished by another thread, before, meanwhile or after; a third
 * one only has references, or with TWICE finishes the second attempt, on
 * which the call gives up as well, and the bulkhead is around it all.
 *
 * Properties: a permit is out while its work runs, and comes back once; the
 * memory of attempts, nodes and call goes when the last one is through. */
#include "relacy_shim.h"

#include "api.h"

enum { SEEN_SECOND, SEEN_ABANDONED, SEEN_IN_TIME };
enum { CODE = 7, LIMIT = 3, TIME = 1000 };

struct call_abandon : scenario<call_abandon, 3> {
    weir_clock *clock;
    weir_bulkhead *bulkhead;
    weir_pipeline *pipeline;
    weir_call *call;
    passed<weir_attempt> attempt;
    passed<weir_attempt> kept;

    weir_retry *new_retry()
    {
        weir_retry_options o;
        weir_retry *retry = 0;
        weir_retry_options_init(&o, sizeof o);
#ifdef TWICE
        o.max_attempts = 3;
#else
        o.max_attempts = 2;
#endif
        o.base_ns = 1;
        o.jitter = WEIR_JITTER_NONE;
        o.clock = clock;
        RL_ASSERT(weir_retry_new(&retry, &o) == WEIR_OK);
        return retry;
    }

    weir_timeout *new_timeout()
    {
        weir_timeout_options o;
        weir_timeout *timeout = 0;
        weir_timeout_options_init(&o, sizeof o);
        o.timeout_ns = TIME;
        o.clock = clock;
        RL_ASSERT(weir_timeout_new(&timeout, &o) == WEIR_OK);
        return timeout;
    }

    void before()
    {
        attempt.clear();
        kept.clear();
        clock = api_clock();
        bulkhead = api_bulkhead(clock, LIMIT, 0);
        weir_bulkhead_ref(bulkhead);
#ifdef TWICE
        pipeline =
            api_pipeline(clock, new_retry(), 0, 0, new_timeout(), bulkhead);
#else
        pipeline =
            api_pipeline(clock, new_retry(), 0, bulkhead, new_timeout());
#endif
        RL_ASSERT(weir_call_new(&call, pipeline, 0) == WEIR_OK);
    }

    void own()
    {
        weir_step out = {sizeof out, 0, 0, 0};
        weir_call_step(call, WEIR_NOW, &out);
        RL_ASSERT(out.action == WEIR_STEP_ATTEMPT);
#ifndef TWICE
        weir_attempt_ref(out.attempt);
        kept.pass(out.attempt);
#endif
        attempt.pass(out.attempt);
        api_now_ns += TIME;
        do {
            weir_call_step(call, WEIR_NOW, &out);
            RL_ASSERT(weir_bulkhead_running(bulkhead) <= LIMIT);
            if (out.action == WEIR_STEP_CANCEL)
                happened(SEEN_ABANDONED);
            if (out.action == WEIR_STEP_ATTEMPT) {
                happened(SEEN_SECOND);
#ifdef TWICE
                if (weir_attempt_number(out.attempt) == 2) {
                    kept.pass(out.attempt);
                    api_now_ns += TIME;
                    continue;
                }
#endif
                RL_ASSERT(weir_attempt_finish(out.attempt, 0, WEIR_NOW) ==
                          WEIR_OK);
            }
            api_now_ns += out.action == WEIR_STEP_WAIT;
        } while (out.action != WEIR_STEP_DONE);
#ifdef TWICE
        if (kept.pointer($).load(rl::mo_relaxed) == 0)
            kept.pass((weir_attempt *)this);
#endif
        weir_call_unref(call);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            own();
        } else if (index == 1) {
            weir_attempt *a = attempt.take();
            weir_attempt_set_outcome(a, WEIR_SUCCESS);
            int status = weir_attempt_finish(a, 0, WEIR_NOW);
            if (status == WEIR_OK)
                happened(SEEN_IN_TIME);
            else
                RL_ASSERT(status == WEIR_ETIMEDOUT);
        } else {
            weir_attempt *a = kept.take();
            if ((void *)a == (void *)this)
                return;
            weir_attempt_ref(a);
            weir_attempt_unref(a);
            weir_attempt_unref(a); /* TWICE: ends it, too */
        }
    }

    void after()
    {
        RL_ASSERT(weir_bulkhead_running(bulkhead) == 0);
        RL_ASSERT(weir_bulkhead_abandoned(bulkhead) == 0);
        weir_bulkhead_unref(bulkhead);
        weir_pipeline_unref(pipeline);
        weir_clock_unref(clock);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_SECOND] = "a second attempt";
    event_names[SEEN_ABANDONED] = "an attempt that was abandoned";
    event_names[SEEN_IN_TIME] = "an attempt that ended in time";
    return explore<call_abandon>(argc, argv);
}
