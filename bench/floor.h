/* The floors: what a call through a shared library costs that does what a
 * policy cannot do without, and nothing else: no state is looked at, nothing
 * is decided.  They call back as weir does: with an attempt on the stack, and
 * a look at what the callback has said and returned.
 *
 * floor_run has not even that: its time is F, the unit of all ratios. */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include "weir.h"

int floor_run(void *handle, weir_fn fn, void *arg);

/* Only calls back. */
int floor_attempt(void *handle, weir_fn fn, void *arg);
/* One swap of a word before the callback and one after it.  The word is the
 * thread's own: where threads do not meet, permits need no more. */
int floor_permit(void *handle, weir_fn fn, void *arg);
/* A look at the processor's counter before the callback. */
int floor_counter(void *handle, weir_fn fn, void *arg);
/* Both. */
int floor_counter_permit(void *handle, weir_fn fn, void *arg);
/* The coarse clock and an addition, on the thread's own line, after it. */
int floor_tally(void *handle, weir_fn fn, void *arg);
/* The same, and the counter before and after it. */
int floor_timed_tally(void *handle, weir_fn fn, void *arg);
/* One swap of a word that all threads share, after it. */
int floor_swap(void *handle, weir_fn fn, void *arg);
/* One before and one after it. */
int floor_swaps(void *handle, weir_fn fn, void *arg);

/* Without a callback: loads a word; reads the coarse clock. */
int floor_look(void *handle);
int floor_look_at_clock(void *handle);

#endif
