/* weir/outcome.h - what the result of an attempt means to the policies. */
#ifndef WEIR_OUTCOME_H
#define WEIR_OUTCOME_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/*                        breaker        retry            for example        */
enum {
    WEIR_SUCCESS = 0,   /* success       stop             200                */
    WEIR_DECLINED = 1,  /* success       stop             404                */
    WEIR_TRANSIENT = 2, /* failure       again            503, reset by peer */
    WEIR_PERMANENT = 3, /* failure       stop             501                */
    WEIR_THROTTLED = 4, /* not counted   again, hinted    429 + Retry-After  */
    WEIR_IGNORED = 5    /* not counted   stop             the user cancelled */
};

/* Maps the code that your function returned to an outcome.
 * Runs on the thread that runs or steps the call.  A value that is no outcome
 * counts as WEIR_TRANSIENT. */
typedef int (*weir_classify_fn)(int code, void *arg);

/* The classifier used where none is set; call it from yours for what you do
 * not treat.  arg is not used.
 *   0                                     WEIR_SUCCESS
 *   a rejection or cancellation of a      WEIR_IGNORED: the nested pipeline
 *   nested weir call (WEIR_EOPEN,         has counted already
 *   WEIR_EFULL, WEIR_EQUEUETIME,
 *   WEIR_ECANCELED)
 *   anything else                         WEIR_TRANSIENT */
WEIR_API int weir_classify_default(int code, void *arg);

#ifdef __cplusplus
}
#endif
#endif
