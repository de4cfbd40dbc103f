#include "weir/run.h"

#include "driver/straight.h"

#define RUNNER(shape)                                                         \
    static int run_##shape(weir_pipeline *pipeline, weir_fn fn, void *arg)    \
    {                                                                         \
        return weir__straight_run(shape, pipeline, pipeline->budget,          \
                                  pipeline->shortest_ns, fn, arg);            \
    }

RUNNER(0)
RUNNER(1)
RUNNER(2)
RUNNER(3)
RUNNER(4)
RUNNER(5)
RUNNER(6)
RUNNER(7)

static int run_general(weir_pipeline *pipeline, weir_fn fn, void *arg)
{
    return weir__turn_off_before(WEIR__GENERAL, pipeline, fn, arg);
}

static int run_unsealed(weir_pipeline *pipeline, weir_fn fn, void *arg)
{
    (void)pipeline;
    (void)fn;
    (void)arg;
    return WEIR_EINVAL;
}

int weir_run(weir_pipeline *pipeline, weir_fn fn, void *arg)
{
    static int (*const runners[])(weir_pipeline *, weir_fn, void *) = {
        run_0, run_1, run_2, run_3, run_4,
        run_5, run_6, run_7, run_general, run_unsealed,
    };
    if (weir__unlikely(!pipeline || !fn))
        return WEIR_EINVAL;
    return runners[pipeline->shape](pipeline, fn, arg);
}

int weir_run_with(weir_pipeline *pipeline, const weir_call_options *options,
                  weir_fn fn, void *arg, weir_result *out)
{
    weir_call_options o;
    if (!pipeline || !fn || pipeline->shape == WEIR__UNSEALED ||
        (out && out->size < sizeof *out))
        return WEIR_EINVAL;
    int status = weir__call_options(&o, pipeline, options);
    if (status != WEIR_OK)
        return status;
    return weir__blocking_run(pipeline, &o, fn, arg, out);
}
