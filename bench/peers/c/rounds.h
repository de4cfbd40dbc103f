/* Rows of the table, and the rounds that the driver asks for (../README.md
 * says what is spoken on stdin and stdout). */
#ifndef BENCH_PEERS_ROUNDS_H
#define BENCH_PEERS_ROUNDS_H

#include "weir.h"

enum { CALLS = 200 }; /* calls in a chunk */

typedef struct bodies {
    weir_fn ok;
    weir_fn fail;
} bodies;

/* Makes CALLS calls; returns how many gave a wrong result. */
typedef int (*chunk_fn)(void *handle, const bodies *bodies);

typedef struct row {
    const char *scene;
    const char *library;
    chunk_fn chunk;
    void *handle;
    const bodies *bodies;
} row;

void rounds_add(const row *row);

/* Answers the driver until it hangs up.  Returns the exit status. */
int rounds_serve(void);

#endif
