/* Retry and its budget. */
#include "cases.h"

enum { ATTEMPTS = 4, MANY = 100 };

static const uint32_t four = ATTEMPTS, hundred = MANY;

static void *make_budget(const void *how, const weir_allocator *allocator)
{
    weir_budget_options o;
    weir_budget *budget;
    (void)how;
    bench_must(weir_budget_options_init(&o, sizeof o));
    o.allocator = allocator;
    bench_must(weir_budget_new(&budget, &o));
    return budget;
}

static weir_retry *make(uint32_t attempts, weir_budget *budget,
                        const weir_allocator *allocator)
{
    weir_retry_options o;
    weir_retry *retry;
    bench_must(weir_retry_options_init(&o, sizeof o));
    o.base_ns = 0;
    o.cap_ns = 0;
    o.max_attempts = attempts;
    o.budget = budget;
    o.allocator = allocator;
    bench_must(weir_retry_new(&retry, &o));
    return retry;
}

static void *make_retry(const void *attempts, const weir_allocator *allocator)
{
    return make(*(const uint32_t *)attempts, NULL, allocator);
}

static void *make_budgeted(const void *how, const weir_allocator *allocator)
{
    weir_budget *budget = make_budget(how, allocator);
    weir_retry *retry = make(ATTEMPTS, budget, allocator);
    weir_budget_unref(budget);
    return retry;
}

static int fail(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
    return 1;
}

static int deposit(weir_budget *budget)
{
    weir_budget_deposit(budget);
    return 0;
}

BENCH_LOOP(run, weir_retry_run(handle, bench_nothing, NULL))
BENCH_LOOP(run_failing, weir_retry_run(handle, fail, NULL))
BENCH_LOOP(deposit_loop, deposit(handle))

void bench_add_retries(bench_list *list)
{
    bench_case *c = bench_add(list, "retry: success", run, make_retry, &four);
    c->flags = BENCH_HEADLINE;
    c->floor = BENCH_ATTEMPT;
    c = bench_add(list, "retry: 4 fail at once, per attempt", run_failing,
                  make_retry, &four);
    c->fails_each = 1;
    c->per_call = ATTEMPTS;
    c->floor = BENCH_INDIRECT;
    c = bench_add(list, "retry: 100 fail at once, per attempt", run_failing,
                  make_retry, &hundred);
    c->fails_each = 1;
    c->per_call = MANY;
    c->floor = BENCH_INDIRECT;
    c->flags = BENCH_HEADLINE;
    bench_add(list, "retry, budget full: success", run, make_budgeted, NULL)
        ->floor = BENCH_ATTEMPT;
    bench_add(list, "budget, full: deposit", deposit_loop, make_budget, NULL)
        ->floor = BENCH_LOOK;
}
