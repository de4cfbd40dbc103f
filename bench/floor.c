#include "floor.h"

int floor_run(void *handle, weir_fn fn, void *arg)
{
    (void)handle;
    return fn(0, arg);
}
