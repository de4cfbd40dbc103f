/* A clock of the user's: it ticks with each reading, and may go wrong at
 * one. */
#include "faults.h"

static const uint64_t start_ns = MS, tick_ns = 5 * US, a_little_ns = 100 * US;

static struct {
    unsigned at; /* this reading goes wrong; 0: none does */
    manner how;
    atomic_uint all;     /* readings, those of the story itself included */
    atomic_uint counted; /* by the library, for a step of the story */
} readings;

const char *const manners[MANNERS] = {
    [BACK] = "a clock that goes back once",
    [BACK_FOR_GOOD] = "a clock that is set back",
    [ZERO] = "a clock that says 0 once",
    [STILL] = "a clock that stands still for a while",
    [AHEAD] = "a clock that is set forward",
    [END] = "a clock that is at its end once",
    [END_FOR_GOOD] = "a clock that comes to its end",
};

void clock_goes_wrong_at(unsigned n, manner how)
{
    readings.at = n;
    readings.how = how;
    atomic_store(&readings.counted, 0);
}

unsigned clock_readings(void)
{
    return atomic_load(&readings.counted);
}

int clock_went_wrong(manner how)
{
    return readings.at != 0 && readings.how == how &&
           clock_readings() >= readings.at;
}

int clock_ended(void)
{
    return clock_went_wrong(END) || clock_went_wrong(END_FOR_GOOD);
}

int by_the_clock(int status, int instead, int of)
{
    return status == instead && clock_went_wrong(readings.how) ? of : status;
}

static uint64_t wrong(uint64_t true_ns, unsigned since)
{
    enum { A_WHILE = 20 };
    switch (readings.how) {
    case BACK:
        return since ? true_ns : true_ns - a_little_ns;
    case BACK_FOR_GOOD:
        return true_ns - a_little_ns;
    case ZERO:
        return since ? true_ns : 0;
    case STILL:
        return since < A_WHILE ? true_ns - since * tick_ns : true_ns;
    case AHEAD:
        return true_ns + 86400 * SECOND;
    case END:
        return since ? true_ns : UINT64_MAX;
    default:
        return UINT64_MAX;
    }
}

uint64_t ticking(void *arg)
{
    (void)arg;
    uint64_t true_ns =
        start_ns + tick_ns * atomic_fetch_add(&readings.all, 1);
    unsigned n = is_calm() ? clock_readings()
                           : atomic_fetch_add(&readings.counted, 1) + 1;
    if (readings.at == 0 || n < readings.at)
        return true_ns;
    /* what the story asks for itself is not the one that goes wrong */
    return wrong(true_ns, n - readings.at + (unsigned)is_calm());
}

uint64_t now_of(rig *r)
{
    calm();
    uint64_t now_ns = weir_clock_now_ns(r->clock);
    uncalm();
    return now_ns;
}
