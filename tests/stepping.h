/* Short ways to step a call. */
#ifndef STEPPING_H
#define STEPPING_H

#include "support.h"

static inline weir_call *new_call(weir_pipeline *pipeline)
{
    weir_call *call = NULL;
    assert_int_equal(weir_call_new(&call, pipeline, NULL), WEIR_OK);
    return call;
}

static inline weir_step step(weir_call *call)
{
    weir_step s = {.size = sizeof s};
    assert_int_equal(weir_call_step(call, WEIR_NOW, &s), WEIR_OK);
    return s;
}

static inline weir_attempt *step_attempt(weir_call *call)
{
    weir_step s = step(call);
    assert_int_equal(s.action, WEIR_STEP_ATTEMPT);
    return s.attempt;
}

static inline uint64_t step_wait(weir_call *call)
{
    weir_step s = step(call);
    assert_int_equal(s.action, WEIR_STEP_WAIT);
    return s.wake_ns;
}

static inline weir_result step_done(weir_call *call)
{
    weir_result r = {.size = sizeof r};
    assert_int_equal(step(call).action, WEIR_STEP_DONE);
    assert_int_equal(weir_call_result(call, &r), WEIR_OK);
    return r;
}

#endif
