/* When something began, for those who may have to know later.
 *
 * Reading the monotonic clock costs several times what the rest of a healthy
 * call does, and after a success nobody asks.  Where the kernel itself trusts
 * the processor's counter, a stamp is the counter's raw value, and becomes a
 * time only when somebody asks: counted back from a fresh reading of the
 * clock, never as a clock of its own.
 *
 * The rate of the counter needs no calibration: a pair of counter and clock
 * was read when the library was first used, another is read when somebody
 * asks, and a stamp lies between the two.  So what it comes to is wrong by no
 * more than the clock's own change of pace, at most 500 ppm of the time since
 * the stamp (NTP's limit).  A rate that is off by more, or a counter that has
 * gone back (the machine slept, or moved), turns the counter off for good; a
 * stamp that was out then counts as taken now: its deadline is late.  What is
 * not noticed is a sleep in which the counter went on and the clock did not,
 * shorter than a thousandth of the time since the first pair; and by
 * weir__stamp_elapsed_ns, which reads no clock, none at all.  To what was under
 * way meanwhile, the sleep is time that has passed.
 *
 * Memory orders: `counted` is a switch, and the rate stands for itself:
 * relaxed.  The first pair is written before the switch is turned on and read
 * by those who hold a counter's stamp, who have seen it on: release and
 * acquire. */
#ifndef WEIR_BASE_STAMP_H
#define WEIR_BASE_STAMP_H

#include "base/clock.h"

typedef struct weir__stamp {
    uint64_t value;   /* nanoseconds of the clock, or the counter's */
    uint32_t counted; /* which */
} weir__stamp;

#if defined __x86_64__ || defined __i386__
static inline uint64_t weir__counter_read(void)
{
    return __builtin_ia32_rdtsc();
}
#elif defined __aarch64__
static inline uint64_t weir__counter_read(void)
{
    uint64_t count;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(count));
    return count;
}
#else
static inline uint64_t weir__counter_read(void)
{
    return 0; /* never counted on */
}
#endif

/* Finds out, once in a process, whether the counter can be counted on.  Any
 * thread; before the first stamp is taken. */
void weir__counter_setup(void);

static inline weir__stamp weir__stamp_take(weir_clock *clock)
{
    weir__stamp stamp;
    stamp.counted = weir__load_acquire(&clock->counted);
    stamp.value = weir__likely(stamp.counted) ? weir__counter_read()
                                              : weir_clock_now_ns(clock);
    return stamp;
}

/* The time of a stamp, by the clock it was taken with. */
uint64_t weir__stamp_ns(const weir__stamp *stamp);

/* How long ago it was. */
uint64_t weir__stamp_elapsed_ns(weir_clock *clock, const weir__stamp *stamp);

#endif
