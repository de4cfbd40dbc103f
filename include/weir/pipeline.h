/* weir/pipeline.h - an ordered list of policies, outermost first.
 *
 * Any order is allowed.  The recommended one:
 *   total timeout > retry > breaker > bulkhead > attempt timeout
 * so that a call is bounded as a whole, every attempt is seen by the breaker,
 * a rejection takes no permit, and a permit is not held while a retry waits.
 *
 * By origin: a rejection that the pipeline makes itself (open, full, queue
 * time) is not classified, not retried and not counted by breakers outside of
 * the policy that made it, since the dependency was not asked. */
#ifndef WEIR_PIPELINE_H
#define WEIR_PIPELINE_H

#include "breaker.h"
#include "bulkhead.h"
#include "outcome.h"
#include "retry.h"
#include "timeout.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Built by one thread, then sealed; afterwards immutable and usable by any
 * number of threads.  Holds a reference on each of its policies. */
typedef struct weir_pipeline weir_pipeline;

enum { WEIR_PIPELINE_MAX = 16 }; /* policies in one pipeline */

typedef struct weir_pipeline_options {
    uint32_t size;     /* set by weir_pipeline_options_init */
    uint32_t reserved; /* 0 */
    weir_clock *clock; /* default NULL: monotonic; retained */
    const weir_allocator *allocator; /* default NULL: the C library's; also
                                        for the calls of the pipeline */
} weir_pipeline_options;

/* As weir_breaker_options_init. */
WEIR_API int weir_pipeline_options_init(weir_pipeline_options *options,
                                        uint32_t size);

/* Makes an empty pipeline; errors as weir_breaker_new. */
WEIR_API int weir_pipeline_new(weir_pipeline **out,
                               const weir_pipeline_options *options);
WEIR_API void weir_pipeline_ref(weir_pipeline *pipeline);
WEIR_API void weir_pipeline_unref(weir_pipeline *pipeline);

/* Sets the classifier; without one it is weir_classify_default.
 * destroy (NULL: none) runs with arg when the pipeline is gone or the
 * classifier is replaced, or before an error is returned.
 * WEIR_EINVAL  pipeline or fn is NULL, or the pipeline is sealed */
WEIR_API int weir_pipeline_classify(weir_pipeline *pipeline,
                                    weir_classify_fn fn, void *arg,
                                    weir_destroy_fn destroy);

/* Adds a policy inside of those added before and takes a reference on it.  One
 * that a call meets twice, here or in a run inside of it, is asked twice: of a
 * bulkhead it takes two permits, of a half-open breaker two probes, and where
 * there is but one it is rejected.
 * WEIR_EINVAL  an argument is NULL, the pipeline is sealed or holds
 *              WEIR_PIPELINE_MAX policies, or the clocks differ */
WEIR_API int weir_pipeline_add_timeout(weir_pipeline *pipeline,
                                       weir_timeout *timeout);
WEIR_API int weir_pipeline_add_retry(weir_pipeline *pipeline,
                                     weir_retry *retry);
WEIR_API int weir_pipeline_add_breaker(weir_pipeline *pipeline,
                                       weir_breaker *breaker);
WEIR_API int weir_pipeline_add_bulkhead(weir_pipeline *pipeline,
                                        weir_bulkhead *bulkhead);

/* Makes the pipeline ready to run and closed to change.  An empty pipeline
 * may be sealed: it runs the function and nothing else.
 * WEIR_EINVAL  pipeline is NULL or sealed already */
WEIR_API int weir_pipeline_seal(weir_pipeline *pipeline);

/* Adds the recommended five: the policies given, or new ones with their
 * defaults, between two timeouts, which have none.
 * total_ns     for the whole call, 1 ns..1 year
 * attempt_ns   for each attempt, 1 ns..total_ns
 * retry, breaker, bulkhead   NULL: made with the defaults
 * WEIR_EINVAL  pipeline is NULL or sealed, has no room for five, a time is out
 *              of its range, or a clock differs
 * WEIR_ENOMEM  no memory */
WEIR_API int weir_pipeline_add_recommended(weir_pipeline *pipeline,
                                           uint64_t total_ns,
                                           uint64_t attempt_ns,
                                           weir_retry *retry,
                                           weir_breaker *breaker,
                                           weir_bulkhead *bulkhead);

/* Makes a pipeline of the recommended five with their defaults, sealed; times
 * and errors as weir_pipeline_add_recommended. */
WEIR_API int weir_pipeline_new_recommended(weir_pipeline **out,
                                           uint64_t total_ns,
                                           uint64_t attempt_ns);

/* The clock of a pipeline, borrowed; NULL for NULL. */
WEIR_API weir_clock *weir_pipeline_clock(const weir_pipeline *pipeline);

#ifdef __cplusplus
}
#endif
#endif
