/* Whether to try again, and when. */
#ifndef WEIR_POLICY_RETRY_H
#define WEIR_POLICY_RETRY_H

#include "policy/backoff.h"
#include "policy/budget.h"
#include "policy/policy.h"
#include "weir/retry.h"

struct weir_retry {
    weir__policy policy;
    weir__backoff backoff;
    weir_budget *budget; /* NULL: none */
    uint64_t hint_max_ns;
    uint64_t max_elapsed_ns;
    uint64_t seed;
    uint32_t max_attempts;
    uint32_t retry_on;
    uint32_t seeded;
    uint32_t at_once; /* never waits, and asks neither a clock nor a budget */
    _Alignas(WEIR__LINE) weir__atomic_u64 calls; /* that have failed once */
};

/* How far one call has come. */
typedef struct weir__retry_progress {
    uint64_t ordinal; /* 0: not drawn yet */
    uint64_t previous_ns;
    uint64_t started_ns; /* set where max_elapsed_ns is used */
    uint32_t attempts;
} weir__retry_progress;

/* What has just happened to it. */
typedef struct weir__retry_event {
    int outcome;
    uint64_t hint_ns;
    uint64_t elapsed_ns;
    uint64_t remaining_ns;
} weir__retry_event;

/* As weir_retry_next, after progress->attempts was counted up. */
int weir__retry_next(weir_retry *retry, weir__retry_progress *progress,
                     const weir__retry_event *event, uint64_t *out_delay_ns);

/* The same in short, where that is possible: 1, and counted up, when an attempt
 * that failed without a hint is to be followed by another at once. */
static inline int weir__retry_at_once(const weir_retry *retry,
                                      weir__retry_progress *progress)
{
    if (!retry->at_once || progress->attempts + 1 >= retry->max_attempts)
        return 0;
    progress->attempts++;
    return 1;
}

/* Is a rejection by the pipeline itself worth another attempt? */
int weir__retry_wants(const weir_retry *retry, int rejection);

#endif
