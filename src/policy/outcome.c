#include "policy/outcome.h"

int weir_classify_default(int code, void *arg)
{
    (void)arg;
    switch (code) {
    case 0:
        return WEIR_SUCCESS;
    case WEIR_EOPEN:
    case WEIR_EFULL:
    case WEIR_EQUEUETIME:
    case WEIR_ECANCELED:
        return WEIR_IGNORED;
    default:
        return WEIR_TRANSIENT;
    }
}
