/* The size rule of every options struct.
 *
 * Structs are only ever appended to.  A caller compiled against an older
 * header brings a smaller struct: the rest takes its defaults.  A caller
 * compiled against a newer one brings a larger struct: what this library does
 * not know must be zero.  This is the rule of Linux's copy_struct_from_user. */
#ifndef WEIR_BASE_OPTIONS_H
#define WEIR_BASE_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/* The _options_init functions: writes the defaults into a caller's struct.
 * first     sizeof the struct in its first version
 * current   sizeof it now, and of *defaults */
int weir__options_init(void *options, uint32_t size, const void *defaults,
                       size_t first, size_t current);

/* Copies the caller's struct, unless it is NULL, over *out, which holds the
 * defaults. */
int weir__options_copy(void *out, size_t current, size_t first,
                       const void *options);

#endif
