/* How cost grows: points of a plot, measured as cases. */
#ifndef BENCH_GROWTH_H
#define BENCH_GROWTH_H

#include "cases.h"

enum { GROWTH_MAX_POINTS = 400 };

typedef struct growth_point {
    const char *plot; /* such as "threads": what x is */
    char series[40];
    double x;
    bench_case c;
    int threads;
    uint64_t bytes; /* of the handle, or of each of several; 0: not asked */
} growth_point;

typedef struct growth {
    growth_point points[GROWTH_MAX_POINTS];
    int n;
} growth;

/* Adds a point, for one thread, whose handle make gives; errors end the
 * program. */
growth_point *growth_add(growth *g, const char *plot, const char *series,
                         double x, bench_loop loop,
                         void *(*make)(const void *, const weir_allocator *),
                         const void *how);

void growth_of_threads(growth *g);
void growth_of_handles(growth *g);
void growth_of_depth(growth *g);
void growth_of_windows(growth *g);

/* What it takes to build and to free handles, so many at a time; these are
 * measured at once, not in rounds. */
typedef struct growth_built {
    const char *kind;
    uint32_t handles;
    double build_ns, free_ns, bytes;
} growth_built;

enum { GROWTH_MAX_BUILT = 64 };
int growth_of_building(growth_built *built);

#endif
