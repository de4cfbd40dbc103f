/* report.c - the table, and what it says in words. */
#include "demo.h"

#include <stdio.h>

enum { ALL, GOOD, FAST, SLOW, UNSENT, P50, P99, ENDURED, RECOVERY, ROWS };

static const struct {
    const char *name, *unit;
    double per;
    int decimals;
    int better; /* 1: more, -1: less, 0: neither */
} row[ROWS] = {
    {"calls due", "", 1, 0, 0},
    {"answered", "", 1, 0, 1},
    {"failed fast, within 100 ms", "", 1, 0, 0},
    {"failed slow", "", 1, 0, -1},
    {"never sent, the thread was stuck", "", 1, 0, -1},
    {"latency p50", " ms", 1e6, 0, -1},
    {"latency p99", " ms", 1e6, 0, -1},
    {"requests the sick server endured", "", 1, 0, -1},
    {"time to recover", " s", 1e9, 1, -1},
};

static const double never = (double)WEIR_NEVER;

/* As the table prints it, so that what looks the same counts as the same. */
static int64_t rounded(int i, double value)
{
    return (int64_t)(value / row[i].per * (row[i].decimals ? 10 : 1) + 0.5);
}

static void measure(struct run *run, double value[ROWS])
{
    value[ALL] = THREADS * SLICES;
    value[GOOD] = run_total(run, ANSWERED);
    value[FAST] = run_total(run, FAILED_FAST);
    value[SLOW] = run_total(run, FAILED_SLOW);
    value[UNSENT] = run_total(run, NEVER_SENT);
    value[P50] = (double)run_percentile_ns(run, 50);
    value[P99] = (double)run_percentile_ns(run, 99);
    value[ENDURED] = run->endured;
    value[RECOVERY] = (double)run_recovery_ns(run);
}

static void print_value(int i, double value)
{
    char text[32] = "not at all";
    if (value < never)
        snprintf(text, sizeof text, "%.*f%s", row[i].decimals,
                 value / row[i].per, row[i].unit);
    printf("%12s", text);
}

static void print_table(const double *naked, const double *weir)
{
    int back = script_back();
    printf("%-34s%12s%12s\n", "", "naked", "with weir");
    for (int i = 0; i < ROWS; i++) {
        printf("%-34s", row[i].name);
        print_value(i, naked[i]);
        print_value(i, weir[i]);
        putchar('\n');
    }
    printf("Latency: of the answered calls, from when they were due.  "
           "Time to recover: from\nthe moment the server listens again to "
           "the first second in which 95 %% of the\ncalls due are answered "
           "within %d ms; it needs %.1f s itself to get warm.\n\n", PROMPT_MS,
           (script[back + 1].from_ms - script[back].from_ms) / 1e3);
}

/* Says nothing that the figures of this run do not say. */
static void print_words(const double *naked, const double *weir,
                        const struct run *run)
{
    double up = (double)(RUN_NS / MS) - script[script_back()].from_ms;
    int behind = 0;
    printf("With weir %.0f calls were answered instead of %.0f, and the sick "
           "server had\n%.0f requests to endure instead of %.0f: the breaker "
           "turned %d calls away, the\nbulkhead %d.", weir[GOOD], naked[GOOD],
           weir[ENDURED], naked[ENDURED], run->rejected[WEIR_BY_BREAKER],
           run->rejected[WEIR_BY_BULKHEAD]);
    if (naked[RECOVERY] >= never && weir[RECOVERY] < never)
        printf("  For the last %.1f s the server was up, but the naked "
               "crowd\nkept it down.", up / 1e3);
    putchar('\n');
    for (int i = 0; i < ROWS; i++)
        if (row[i].better != 0 && (rounded(i, weir[i]) - rounded(i, naked[i])) *
                                          row[i].better <= 0)
            printf("%s%s", behind++ ? ", " : "Not better with weir: ",
                   row[i].name);
    puts(behind ? "" : "With weir every row is better.");
}

void report(struct run *naked, struct run *weir)
{
    double a[ROWS], b[ROWS];
    measure(naked, a);
    measure(weir, b);
    print_table(a, b);
    print_words(a, b, weir);
    fflush(stdout);
}
