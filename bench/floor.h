/* The floor: a call into a shared library that calls a function back, and
 * nothing else.  Its time is F, the unit of all ratios. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "weir.h"

int floor_run(void *handle, weir_fn fn, void *arg);

#endif
