#include "policy/timeout.h"

#include "base/options.h"
#include "base/time.h"

static const weir_timeout_options defaults = {
    .size = sizeof(weir_timeout_options),
};

int weir_timeout_options_init(weir_timeout_options *options, uint32_t size)
{
    return weir__options_init(options, size, &defaults, sizeof defaults,
                              sizeof defaults);
}

int weir_timeout_new(weir_timeout **out, const weir_timeout_options *options)
{
    weir_timeout_options o = defaults;
    int status = out ? weir__options_copy(&o, sizeof o, sizeof o, options)
                     : WEIR_EINVAL;
    if (status != WEIR_OK)
        return status;
    if (o.reserved != 0 || o.timeout_ns < 1 || o.timeout_ns > WEIR__YEAR)
        return WEIR_EINVAL;
    weir_timeout *timeout =
        weir__policy_new(WEIR__TIMEOUT, sizeof *timeout, o.clock, o.allocator);
    if (!timeout)
        return WEIR_ENOMEM;
    timeout->timeout_ns = o.timeout_ns;
    *out = timeout;
    return WEIR_OK;
}

void weir_timeout_ref(weir_timeout *timeout)
{
    if (timeout)
        weir__ref_take(&timeout->policy.ref);
}

void weir_timeout_unref(weir_timeout *timeout)
{
    weir__policy_unref((weir__policy *)timeout);
}
