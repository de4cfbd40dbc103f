/* The count window against a plain list: two threads record three outcomes
 * each into a window of four.
 *
 * Property: what is in the window, in its order, are the last four of one
 * order of all records that keeps each thread's own, and its counts are
 * theirs. */
#include "relacy_shim.h"

#include "policy/count_window.h"

#include "explore.h"

enum { CALLS = 4, EACH = 3 };
enum { SEEN_MIXED, SEEN_IN_A_ROW };

static const weir__rates never = {2.0, 2.0, 1};
static const uint32_t outcomes[2][EACH] = {
    {WEIR__FAILED, 0, WEIR__SLOW},
    {WEIR__FAILED | WEIR__SLOW, WEIR__FAILED, 0},
};

struct count_window_order : scenario<count_window_order, 2> {
    weir__count_window window;
    weir__atomic_u64 breaker_word;
    weir__atomic_u64 blocks[1];

    void before()
    {
        window.calls = CALLS;
        window.blocks = blocks;
        weir__init(&window.word, UINT64_C(0));
        weir__init(&breaker_word, weir__word(WEIR_CLOSED, 1, 0));
        weir__init(&blocks[0], UINT64_C(0));
    }

    void thread(unsigned index)
    {
        for (int i = 0; i < EACH; i++) {
            int counted = 0;
            RL_ASSERT(weir__cw_record(&window, &never, &breaker_word, 1,
                                      outcomes[index][i],
                                      &counted) == WEIR__RECORDED);
            RL_ASSERT(counted);
        }
    }

    /* The last four by one order; bit i of mixed: record i is by thread 1. */
    static int list(unsigned mixed, uint32_t *last)
    {
        int done[2] = {0, 0};
        for (int i = 0; i < 2 * EACH; i++) {
            int who = mixed >> i & 1;
            if (done[who] == EACH)
                return 0;
            if (i >= 2 * EACH - CALLS)
                last[i - (2 * EACH - CALLS)] = outcomes[who][done[who]];
            done[who]++;
        }
        return 1;
    }

    void after()
    {
        uint64_t x = weir__load_acquire(&window.word);
        uint32_t cells[CALLS], last[CALLS], failed = 0, slow = 0;
        unsigned mixed;
        RL_ASSERT(weir__cw_calls(&window, x) == CALLS);
        weir__cw_settle(&window, x);
        for (uint32_t i = 0; i < CALLS; i++) {
            cells[i] = weir__cw_cell(&window, (weir__cw_index(x) + i) % CALLS);
            failed += cells[i] & 1;
            slow += cells[i] >> 1;
        }
        RL_ASSERT(failed == weir__cw_failed(x) && slow == weir__cw_slow(x));
        for (mixed = 0; mixed < 1u << 2 * EACH; mixed++)
            if (list(mixed, last) &&
                std::memcmp(cells, last, sizeof cells) == 0)
                break;
        RL_ASSERT(mixed < 1u << 2 * EACH);
        happened(mixed == 0x38 || mixed == 0x07 ? SEEN_IN_A_ROW : SEEN_MIXED);
    }
};

int main(int argc, char **argv)
{
    event_names[SEEN_MIXED] = "records of both in turn";
    event_names[SEEN_IN_A_ROW] = "records of one after the other";
    return explore<count_window_order>(argc, argv);
}
