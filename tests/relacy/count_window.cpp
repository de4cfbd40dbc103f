/* The count window: threads record into a window of two or three outcomes.
 *
 * Properties: the counts in the word are those of the cells whenever nobody
 * is at work; as many outcomes are in the window as fit; a record that trips
 * is the only one, and after it nothing is counted; an older generation does
 * not replace a younger one. */
#include "relacy_shim.h"

#include "policy/count_window.h"

#include "explore.h"

/* Six variants: two generations at once; STALE: the younger one leaves a cell
 * as it was, which the older one is about to write; TRIP: a limit is reached;
 * LAP: one thread records a whole lap that leads to the same counts, while
 * another is between its look at the oldest outcome and its swap; VERSION: laps
 * that lead to the same block, while another is about to write into it; MOVES:
 * successes take the place of a success and of a failure, after MOVES. */
#if defined(LAP)
enum { CALLS = 3, THREADS = 2 };
#elif defined(VERSION) || defined(STALE)
enum { CALLS = 2, THREADS = 2 };
#elif defined(MOVES)
enum { CALLS = 5, THREADS = 2 };
#else
enum { CALLS = 2, THREADS = 3 };
#endif

enum { SEEN_FULL, SEEN_LAST };

#ifdef TRIP
#define LAST_NAME "a trip"
#elif !defined(LAP) && !defined(VERSION) && !defined(MOVES)
#define LAST_NAME "a record of an older generation"
#else
#define LAST_NAME NULL
#endif

static const weir__rates never = {2.0, 2.0, 1};
static const weir__rates half = {1.0, 2.0, 2};

struct count_window : scenario<count_window, THREADS> {
    weir__count_window window;
    weir__atomic_u64 breaker_word;
    weir__atomic_u64 blocks[1];
    int counted; /* ghost */
    int trips;

    void before()
    {
        counted = trips = 0;
        window.calls = CALLS;
        window.blocks = blocks;
        weir__init(&window.word, UINT64_C(0));
        weir__init(&breaker_word, weir__word(WEIR_CLOSED, 1, 0));
        weir__init(&blocks[0], UINT64_C(0));
#ifdef LAP
        record(&never, 1, WEIR__FAILED);
        record(&never, 1, 0);
        record(&never, 1, 0);
#elif defined(VERSION)
        record(&never, 1, 0);
        record(&never, 1, 0);
#elif defined(MOVES)
        record(&never, 1, 0);
        record(&never, 1, 0);
        record(&never, 1, WEIR__FAILED);
        record(&never, 1, 0);
        record(&never, 1, WEIR__FAILED);
        record(&never, 1, MOVES);
#endif
    }

    void record(const weir__rates *rates, uint64_t generation,
                uint32_t outcome)
    {
        int mine = 0;
        int status =
            weir__cw_record(&window, rates, &breaker_word, generation,
                            outcome, &mine);
        counted += mine;
        if (status == WEIR__TRIPPED && mine)
            trips++;
        if (status == WEIR__OUTDATED)
            happened(SEEN_LAST);
        RL_ASSERT(mine || status != WEIR__RECORDED);
    }

    void thread(unsigned index)
    {
#if defined(LAP)
        if (index == 0) {
            record(&never, 1, 0);
        } else {
            record(&never, 1, 0);
            record(&never, 1, WEIR__FAILED);
            record(&never, 1, 0);
        }
#elif defined(VERSION)
        record(&never, 1, WEIR__FAILED);
        if (index == 1) {
            record(&never, 1, 0);
            record(&never, 1, 0);
            record(&never, 1, WEIR__FAILED);
        }
#elif defined(MOVES)
        record(&never, 1, 0);
        if (index == 0)
            record(&never, 1, 0);
#elif defined(STALE)
        if (index == 0) {
            record(&never, 1, WEIR__FAILED);
            record(&never, 1, WEIR__FAILED);
        } else {
            weir__store_release(&breaker_word, weir__word(WEIR_CLOSED, 2, 0));
            record(&never, 2, 0);
            record(&never, 2, WEIR__SLOW);
        }
#elif defined(TRIP)
        record(&half, 1, index == 2 ? 0 : WEIR__FAILED);
        record(&half, 1, WEIR__FAILED);
#else
        if (index == 2) {
            /* the breaker goes on to the next generation */
            weir__store_release(&breaker_word, weir__word(WEIR_CLOSED, 2, 0));
            record(&never, 2, WEIR__FAILED);
            record(&never, 2, WEIR__SLOW);
            record(&never, 2, 0);
        } else {
            record(&never, 1, WEIR__SLOW | WEIR__FAILED);
            record(&never, 1, WEIR__FAILED);
        }
#endif
    }

    void after()
    {
        uint64_t x = weir__load_acquire(&window.word);
        uint32_t failed = 0, slow = 0, calls = weir__cw_calls(&window, x);
        weir__cw_settle(&window, x);
        for (uint32_t i = 0; i < calls; i++) {
            failed += weir__cw_cell(&window, i) & 1;
            slow += weir__cw_cell(&window, i) >> 1;
        }
        RL_ASSERT(failed == weir__cw_failed(x));
        RL_ASSERT(slow == weir__cw_slow(x));
#ifdef TRIP
        /* two failures in a row come in any order: it trips, once, and what
           comes later is not counted */
        RL_ASSERT(trips == 1);
        RL_ASSERT(x & WEIR__CW_TRIPPED);
        happened(SEEN_LAST);
#elif defined(MOVES)
        RL_ASSERT(weir__cw_cell(&window, 0) == MOVES);
        RL_ASSERT(weir__cw_cell(&window, 4) == WEIR__FAILED);
        RL_ASSERT(failed == (MOVES ? 2 : 1) && weir__cw_index(x) == 4);
#elif !defined(LAP) && !defined(VERSION)
        RL_ASSERT(weir__cw_generation(x) == 2);
#endif
        if (calls == CALLS)
            happened(SEEN_FULL);
    }
};

int main(int argc, char **argv)
{
    int n = 0;
    event_names[n++] = "a full window";
    event_names[n] = LAST_NAME;
    return explore<count_window>(argc, argv);
}
