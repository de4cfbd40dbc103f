/* Random numbers as a hash: the same seed, stream and index give the same
 * number, so that a run can be replayed, and nothing is shared or stored. */
#ifndef WEIR_BASE_RANDOM_H
#define WEIR_BASE_RANDOM_H

#include <stdint.h>

/* A seed that no other handle, process or forked child has. */
uint64_t weir__random_seed(const void *handle);

/* Mixes the id of the process into a seed, so that a forked child does not
 * repeat its parent. */
uint64_t weir__random_in_process(uint64_t seed);

uint64_t weir__random(uint64_t seed, uint64_t stream, uint64_t index);

/* Uniform in low..high, both included; low when high is not above it. */
uint64_t weir__random_between(uint64_t random, uint64_t low, uint64_t high);

#endif
