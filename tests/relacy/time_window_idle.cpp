/* The time window after a silence in which its two buckets came round: one
 * thread counts into the span that follows, the other one, whose clock is
 * ahead, into the next.
 *
 * Properties, against a plain list of the calls: both are in the window while
 * it covers both spans; a call counts in its own span or in the younger one
 * that had begun, and once; the newest span does not go back; nothing of
 * before the silence comes back. */
#include "relacy_shim.h"

#include "policy/breaker.h"

#include "api.h"

#define SPAN UINT64_C(1000000)
enum { SEEN_OWN_SPAN, SEEN_MOVED };

struct time_window_idle : scenario<time_window_idle, 2> {
    weir_clock *clock;
    weir_breaker *breaker;
    uint64_t permit;
    int started;
    uint64_t now_ns;

    static uint64_t now(void *arg)
    {
        time_window_idle *self = (time_window_idle *)arg;
        return self->now_ns + (self->started ? rl::thread_index() * SPAN : 0);
    }

    void record(int outcome)
    {
        RL_ASSERT(weir_breaker_record(breaker, permit, outcome, WEIR_NEVER) ==
                  WEIR_OK);
    }

    void before()
    {
        weir_breaker_options o;
        started = 0;
        now_ns = SPAN;
        RL_ASSERT(weir_clock_new_custom(&clock, now, this, 0) == WEIR_OK);
        weir_breaker_options_init(&o, sizeof o);
        o.window = WEIR_WINDOW_TIME;
        o.window_ns = 2 * SPAN;
        o.buckets = 2;
        o.minimum_calls = 100;
        o.clock = clock;
        RL_ASSERT(weir_breaker_new(&breaker, &o) == WEIR_OK);
        RL_ASSERT(weir_breaker_acquire(breaker, &permit) == WEIR_OK);
        record(WEIR_TRANSIENT);
        now_ns += SPAN;
        record(WEIR_TRANSIENT);
        now_ns += 10 * SPAN;
        started = 1;
    }

    void thread(unsigned index)
    {
        record(index == 0 ? WEIR_TRANSIENT : WEIR_SUCCESS);
    }

    weir_breaker_snapshot look(uint64_t spans)
    {
        weir_breaker_snapshot s;
        s.size = sizeof s;
        now_ns += spans * SPAN;
        RL_ASSERT(weir_breaker_inspect(breaker, &s) == WEIR_OK);
        return s;
    }

    void after()
    {
        started = 0;
        uint64_t place = weir__load_relaxed(&breaker->u.time.window.newest);
        RL_ASSERT(place >> 6 == now_ns / SPAN);
        weir_breaker_snapshot s = look(1);
        RL_ASSERT(s.calls == 2 && s.failed == 1);
        s = look(1);
        RL_ASSERT(s.calls == s.failed + 1 && s.failed <= 1);
        happened(s.failed ? SEEN_MOVED : SEEN_OWN_SPAN);
        s = look(1);
        RL_ASSERT(s.calls == 0 && s.failed == 0);
        weir_breaker_unref(breaker);
        weir_clock_unref(clock);
        RL_ASSERT(heap_is_empty());
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_OWN_SPAN] = "a call in its own span";
    event_names[SEEN_MOVED] = "a call moved to the newer span";
    return explore<time_window_idle>(argc, argv);
}
