/* A budget with one token or two, for which time has passed or not. */
#include "between.h"

#define SECOND UINT64_C(1000000000)

static weir_clock *vclock;
static weir_budget *budget;

static void begin(int variant)
{
    weir_budget_options options;
    must(weir_clock_new_virtual(&vclock, SECOND));
    must(weir_budget_options_init(&options, sizeof options));
    options.capacity = 4;
    options.ratio = 0.5;
    options.per_second = variant / 2;
    options.clock = vclock;
    must(weir_budget_new(&budget, &options));
    for (int i = variant % 2; i < 4; i++)
        must(weir_budget_reserve(budget));
    must(weir_clock_advance(vclock, SECOND));
}

static uint64_t reserve(int who)
{
    (void)who;
    return (uint64_t)weir_budget_reserve(budget);
}

static uint64_t deposit(int who)
{
    (void)who;
    weir_budget_deposit(budget);
    return 0;
}

static void end(void)
{
    see(weir_budget_tokens(budget));
    weir_budget_unref(budget);
    weir_clock_unref(vclock);
}

static const operation operations[] = {
    {"reserve", reserve, 0}, {"deposit", deposit, 0}, {0, 0, 0}};

const world budget_world = {"budget", 4, begin, operations, end};
