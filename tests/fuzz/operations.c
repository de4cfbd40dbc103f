/* The simulator, its choices made by the input: callers on their way through a
 * random pipeline while all sorts of things go wrong, and each policy beside
 * its reference model.  The first byte says which of these, the second how
 * many callers. */
#include "fuzz.h"

enum { CALLERS_MAX = 16, EVENTS_MAX = 100 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    run r = {.scope = {data[1] % CALLERS_MAX + 1u, EVENTS_MAX, UINT64_MAX,
                       1u << data[0] % PARTS}};
    random_bytes(&r.random, data + 2, size - 2);
    run_parts(&r);
    return 0;
}
