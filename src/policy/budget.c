#include "policy/budget.h"

#include "base/clock.h"
#include "base/options.h"
#include "base/time.h"

static const weir_budget_options defaults = {
    .size = sizeof(weir_budget_options),
    .capacity = 100,
    .ratio = 0.1,
    .per_second = 10.0,
};

int weir_budget_options_init(weir_budget_options *options, uint32_t size)
{
    return weir__options_init(options, size, &defaults, sizeof defaults,
                              sizeof defaults);
}

/* Written so that what is not a number is out of range. */
static int valid(const weir_budget_options *o)
{
    return o->capacity >= 1 && o->capacity <= 10000 && o->ratio >= 0.0 &&
           o->ratio <= 1.0 && o->per_second >= 0.0 &&
           o->per_second <= 10000.0;
}

static uint64_t thousandths(double tokens)
{
    return (uint64_t)(tokens * 1000.0 + 0.5);
}

int weir_budget_new(weir_budget **out, const weir_budget_options *options)
{
    weir_budget_options o = defaults;
    int status = out ? weir__options_copy(&o, sizeof o, sizeof o, options)
                     : WEIR_EINVAL;
    if (status != WEIR_OK)
        return status;
    if (!valid(&o))
        return WEIR_EINVAL;
    weir_budget *budget =
        weir__policy_new(WEIR__BUDGET, sizeof *budget, o.clock, o.allocator);
    if (!budget)
        return WEIR_ENOMEM;
    budget->limits.capacity = o.capacity * WEIR__TOKEN;
    budget->limits.deposit = thousandths(o.ratio);
    budget->limits.per_second = thousandths(o.per_second);
    budget->made_ns = weir_clock_now_ns(budget->policy.clock);
    weir__budget_core_init(&budget->core, &budget->limits);
    *out = budget;
    return WEIR_OK;
}

void weir_budget_ref(weir_budget *budget)
{
    if (budget)
        weir__ref_take(&budget->policy.ref);
}

void weir_budget_unref(weir_budget *budget)
{
    weir__policy_unref((weir__policy *)budget);
}

/* A refill may come some milliseconds late: a third of the cost. */
static uint64_t age(const weir_budget *budget)
{
    return weir__time_since(weir__clock_coarse_ns(budget->policy.clock),
                            budget->made_ns);
}

void weir_budget_deposit(weir_budget *budget)
{
    if (budget)
        weir__budget_core_deposit(&budget->core, &budget->limits);
}

int weir_budget_reserve(weir_budget *budget)
{
    if (!budget)
        return WEIR_EINVAL;
    return weir__budget_core_reserve(&budget->core, &budget->limits,
                                     age(budget))
               ? WEIR_OK
               : WEIR_EBUDGET;
}

uint32_t weir_budget_tokens(weir_budget *budget)
{
    if (!budget)
        return 0;
    return (uint32_t)weir__budget_tokens(
        weir__budget_refilled(weir__load_relaxed(&budget->core.word),
                              &budget->limits, age(budget)));
}
