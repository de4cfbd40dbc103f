/* naked.c - the client that people write first: a generous socket timeout,
 * and a loop that tries again at once. */
#include "demo.h"

enum { TRIES = 4, TIMEOUT_MS = 2000 };

int naked_get(void *port, weir_result *result)
{
    int code = -1;
    (void)result;
    for (int i = 0; i < TRIES && code != 0; i++)
        code = fetch(*(int *)port, TIMEOUT_MS * MS);
    return code;
}
