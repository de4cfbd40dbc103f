#include "base/options.h"

#include <string.h>

#include "weir/base.h"

/* A size that was never set must not be believed. */
enum { SIZE_MAX_SENSIBLE = 4096 };

int weir__options_init(void *options, uint32_t size, const void *defaults,
                       size_t first, size_t current)
{
    if (!options || size < first)
        return WEIR_EINVAL;
    if (size > current)
        return WEIR_EVERSION;
    memcpy(options, defaults, size);
    memcpy(options, &size, sizeof size);
    return WEIR_OK;
}

int weir__options_copy(void *out, size_t current, size_t first,
                       const void *options)
{
    const unsigned char *bytes = options;
    uint32_t size;
    if (!options)
        return WEIR_OK;
    memcpy(&size, options, sizeof size);
    if (size < first)
        return WEIR_EINVAL;
    if (size > SIZE_MAX_SENSIBLE)
        return WEIR_EVERSION;
    for (size_t i = current; i < size; i++)
        if (bytes[i])
            return WEIR_EVERSION;
    memcpy(out, options, size < current ? size : current);
    return WEIR_OK;
}
