#include "policy/policy.h"

#include "base/stamp.h"

void *weir__policy_new(weir__kind kind, size_t bytes, weir_clock *clock,
                       const weir_allocator *allocator)
{
    weir__counter_setup();
    weir__policy *policy = weir__allocate(allocator, bytes);
    if (!policy)
        return NULL;
    weir__ref_init(&policy->ref);
    policy->bytes = (uint32_t)bytes;
    policy->kind = kind;
    policy->clock = weir__clock_or_default(clock);
    policy->allocator = allocator;
    weir_clock_ref(policy->clock);
    return policy;
}

void weir__policy_unref(weir__policy *policy)
{
    if (!policy || !weir__ref_drop(&policy->ref))
        return;
    if (policy->finish)
        policy->finish(policy);
    weir_clock_unref(policy->clock);
    weir__release(policy->allocator, policy, policy->bytes);
}
