/* A thread runs a call of two attempts, one after the other on its stack, while
 * the token is fired.  Each listens for it.
 *
 * Properties: whoever fires tells the attempt that is at work, the second one,
 * too; a listener is told at most once, and where the token has been fired it
 * was; the frame is not touched afterwards. */
#include "relacy_shim.h"

#include "api.h"

enum { SEEN_FIRST_TOLD, SEEN_SECOND_TOLD, SEEN_CANCELLED, SEEN_SUCCESS };

struct run_cancel : scenario<run_cancel, 2> {
    weir_clock *clock;
    weir_pipeline *pipeline;
    weir_cancel *token;
    rl::atomic<int> fired;
    uint32_t told[2]; /* ghosts: by attempt */
    uint32_t now;     /* the one at work */

    static void tell(weir_attempt *, void *arg)
    {
        run_cancel *self = (run_cancel *)arg;
        self->told[self->now]++;
    }

    static int work(weir_attempt *attempt, void *arg)
    {
        run_cancel *self = (run_cancel *)arg;
        self->now = weir_attempt_number(attempt) - 1;
        RL_ASSERT(weir_attempt_on_cancel(attempt, tell, self) == WEIR_OK);
        if (self->fired($).load(rl::mo_acquire))
            RL_ASSERT(self->told[self->now] == 1);
        return self->now == 0 ? 7 : 0;
    }

    void before()
    {
        weir_retry_options o;
        weir_retry *retry;
        clock = api_clock();
        weir_retry_options_init(&o, sizeof o);
        o.max_attempts = 2;
        o.base_ns = 0;
        o.clock = clock;
        RL_ASSERT(weir_retry_new(&retry, &o) == WEIR_OK);
        pipeline = api_pipeline(clock, retry, 0, 0, 0);
        RL_ASSERT(weir_cancel_new(&token) == WEIR_OK);
        fired($).store(0, rl::mo_relaxed);
        told[0] = told[1] = 0;
    }

    void run()
    {
        weir_call_options o;
        weir_call_options_init(&o, sizeof o);
        o.cancel = token;
        int code = weir_run_with(pipeline, &o, work, this, 0);
        RL_ASSERT(code == 0 || code == WEIR_ECANCELED);
        RL_ASSERT(code == 0 || weir_cancel_fired(token));
        happened(code == 0 ? SEEN_SUCCESS : SEEN_CANCELLED);
    }

    void thread(unsigned index)
    {
        if (index == 0) {
            run();
        } else {
            weir_cancel_fire(token);
            fired($).store(1, rl::mo_release);
        }
    }

    void after()
    {
        RL_ASSERT(told[0] <= 1 && told[1] <= 1);
        if (told[0])
            happened(SEEN_FIRST_TOLD);
        if (told[1])
            happened(SEEN_SECOND_TOLD);
        weir_pipeline_unref(pipeline);
        weir_cancel_unref(token);
        weir_clock_unref(clock);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_FIRST_TOLD] = "a first attempt that was told";
    event_names[SEEN_SECOND_TOLD] = "a second attempt that was told";
    event_names[SEEN_CANCELLED] = "a call that was cancelled";
    event_names[SEEN_SUCCESS] = "a call that was not";
    return explore<run_cancel>(argc, argv);
}
