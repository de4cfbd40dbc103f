/* What the fuzz targets share.  The bytes of an input are the choices of a
 * random_source; when they are used up, it goes on with a fixed seed. */
#ifndef WEIR_FUZZ_H
#define WEIR_FUZZ_H

#include "sim/sim.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As CHECK, where there is no run. */
#define FUZZ_CHECK(x)                                                         \
    ((x) ? (void)0                                                            \
         : (printf("%s:%d: %s\n", __FILE__, __LINE__, #x), fflush(stdout),    \
            abort()))

#endif
