/* weir/budget.h - a bound on retries as a share of the traffic.
 *
 * Four attempts of each call are fine while few calls fail, and four times
 * the load when all do, which keeps a sick dependency down.  A budget shared
 * by the retries that lead to one dependency bounds what they add together:
 * each call deposits ratio of a token, each retry takes a whole one (a call
 * with several retries that share a budget deposits for each), and
 * per_second tokens come by themselves, so that little traffic may still
 * retry.  (Beyer et al., "Site Reliability Engineering", chapter 21; Huang et
 * al., "Metastable Failures in the Wild", OSDI 2022: with a budget of 10 %
 * the modelled service recovers, without one it does not.) */
#ifndef WEIR_BUDGET_H
#define WEIR_BUDGET_H

#include "clock.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_budget weir_budget;

typedef struct weir_budget_options {
    uint32_t size;     /* set by weir_budget_options_init */
    uint32_t capacity; /* most tokens it holds, and those it begins with:
                          retries in a burst; 1..10,000, default 100 */
    double ratio;      /* tokens that each call deposits, to a thousandth;
                          0..1, default 0.1.  The share of retries in a steady
                          state; keep capacity of the dependency above
                          traffic * (1 + ratio). */
    double per_second; /* tokens that come with time, to a thousandth;
                          0..10,000, default 10 */
    weir_clock *clock; /* default NULL: monotonic; retained */
    const weir_allocator *allocator; /* default NULL: the C library's */
} weir_budget_options;

/* As weir_breaker_options_init. */
WEIR_API int weir_budget_options_init(weir_budget_options *options,
                                      uint32_t size);

/* As weir_breaker_new. */
WEIR_API int weir_budget_new(weir_budget **out,
                             const weir_budget_options *options);
WEIR_API void weir_budget_ref(weir_budget *budget);
WEIR_API void weir_budget_unref(weir_budget *budget);

/* Notes one call.  A full budget is only read.  Retries do it by themselves.
 * NULL is allowed.  Lock-free. */
WEIR_API void weir_budget_deposit(weir_budget *budget);

/* Takes one token.
 * WEIR_EBUDGET  there is none
 * WEIR_EINVAL   budget is NULL
 * Lock-free. */
WEIR_API int weir_budget_reserve(weir_budget *budget);

/* Thousandths of a token that it holds now; 0 for NULL. */
WEIR_API uint32_t weir_budget_tokens(weir_budget *budget);

#ifdef __cplusplus
}
#endif
#endif
