#include "base/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"

#if defined __x86_64__ || defined __i386__
#include <cpuid.h>
#define SOURCE "tsc\n"
#elif defined __aarch64__
#define SOURCE "arch_sys_counter\n"
#else
#define SOURCE "none\n"
#endif

/* Ticks and nanoseconds of the same moment. */
typedef struct pair {
    uint64_t ticks;
    uint64_t ns;
} pair;

/* Below this long a span tells nothing about the rate. */
static const uint64_t enough_ns = 100 * WEIR__MS;

static pair first;
static weir__atomic_u64 rate; /* bits of a double, ns a tick; 0: not known */

/* The best of a few tries: a thread may be taken off between its readings. */
static pair read_pair(void)
{
    enum { TRIES = 4, GOOD_TICKS = 2000 };
    uint64_t least = UINT64_MAX;
    pair best = {0, 0};
    for (int i = 0; i < TRIES && least > GOOD_TICKS; i++) {
        uint64_t before = weir__counter_read();
        uint64_t ns = weir_clock_now_ns(NULL);
        uint64_t took = weir__counter_read() - before;
        if (took < least) {
            least = took;
            best.ticks = before + took / 2;
            best.ns = ns;
        }
    }
    return best;
}

/* ---- setting up ---- */

static int counter_is_steady(void)
{
#if defined __x86_64__ || defined __i386__
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 0x100) != 0;
#else
    return 1;
#endif
}

/* The kernel has compared the counter with other clocks and between
 * processors, and gives it up when it is not to be trusted. */
static int kernel_counts_on_it(void)
{
    char name[32] = "";
    int file = open("/sys/devices/system/clocksource/clocksource0/"
                    "current_clocksource",
                    O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return 0;
    ssize_t got = read(file, name, sizeof name - 1);
    close(file);
    return got > 0 && strcmp(name, SOURCE) == 0;
}

/* Reading a file is a cancellation point, and a thread unwound here would
 * take a half made handle with it. */
static void setup(void)
{
    int saved = errno, cancelable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    if (counter_is_steady() && kernel_counts_on_it()) {
        first = read_pair();
        weir__store_release(&weir_clock_monotonic()->counted, 1u);
    }
    pthread_setcancelstate(cancelable, NULL);
    errno = saved;
}

void weir__counter_setup(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, setup);
}

/* ---- asking ---- */

static double known_rate(void)
{
    uint64_t bits = weir__load_relaxed(&rate);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void remember_rate(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    weir__store_relaxed(&rate, bits);
}

static void turn_off(void)
{
    weir__store_relaxed(&weir_clock_monotonic()->counted, 0u);
}

/* The rate from the first pair to now; 0 when the counter is off.  Not below
 * the known one: who was told by that one that his time is over is late. */
static double rate_until(pair now)
{
    uint64_t span_ns = weir__time_since(now.ns, first.ns);
    if (now.ticks < first.ticks) /* it began anew while the machine slept */
        turn_off();
    if (now.ticks <= first.ticks)
        return 0;
    double value = (double)span_ns / (double)(now.ticks - first.ticks);
    double known = known_rate();
    if (known == 0 && span_ns >= enough_ns)
        remember_rate(value);
    if (known != 0 && (value < known * 0.999 || value > known * 1.001)) {
        turn_off();
        return 0;
    }
    return value > known ? value : known;
}

static uint64_t ns_since(uint64_t ticks_now, uint64_t ticks, double ns_a_tick)
{
    return (uint64_t)((double)weir__time_since(ticks_now, ticks) * ns_a_tick);
}

uint64_t weir__stamp_ns(const weir__stamp *stamp)
{
    if (!stamp->counted)
        return stamp->value;
    pair now = read_pair();
    return weir__time_since(now.ns,
                            ns_since(now.ticks, stamp->value, rate_until(now)));
}

uint64_t weir__stamp_elapsed_ns(weir_clock *clock, const weir__stamp *stamp)
{
    double known = known_rate();
    if (!stamp->counted)
        return weir__time_since(weir_clock_now_ns(clock), stamp->value);
    if (known != 0 && weir__load_relaxed(&clock->counted))
        return ns_since(weir__counter_read(), stamp->value, known);
    pair now = read_pair();
    return ns_since(now.ticks, stamp->value, rate_until(now));
}
