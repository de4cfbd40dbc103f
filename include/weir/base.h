/* weir/base.h - status codes, version, memory. */
#ifndef WEIR_BASE_H
#define WEIR_BASE_H

#include <stdint.h>

#ifndef WEIR_API
#if defined(__GNUC__)
#define WEIR_API __attribute__((visibility("default")))
#else
#define WEIR_API
#endif
#endif

#define WEIR_VERSION_MAJOR 0
#define WEIR_VERSION_MINOR 1
#define WEIR_VERSION_PATCH 0

#ifdef __cplusplus
extern "C" {
#endif

/* No struct of weir has padding: where pointers take 32 bits, those with an
 * odd number of them are filled up.  Must be 0. */
#if UINTPTR_MAX == UINT32_MAX
#define WEIR_FILL_32 uint32_t fill_32;
#else
#define WEIR_FILL_32
#endif

/* Status codes.  The numbers are pinned and lie in -7999..-7000, apart from
 * -errno, libuv's codes and small codes of your own. */
enum {
    WEIR_OK = 0,
    WEIR_EINVAL = -7000,     /* an argument or option is out of its range */
    WEIR_ENOMEM = -7001,     /* no memory, or no other resource */
    WEIR_EVERSION = -7002,   /* the struct is newer than this library */
    WEIR_EOPEN = -7010,      /* the breaker is open, or half-open with no
                                place for another probe */
    WEIR_EFULL = -7011,      /* the bulkhead and its queue are full */
    WEIR_EQUEUETIME = -7012, /* waited the whole queue time for a permit */
    WEIR_ETIMEDOUT = -7013,  /* an attempt or the call ran out of time */
    WEIR_ECANCELED = -7014,  /* the call was cancelled */
    WEIR_ESTALE = -7015,     /* permit or attempt of an earlier state:
                                nothing was counted */
    WEIR_EFINAL = -7020,     /* no retry: the outcome is not worth one */
    WEIR_EATTEMPTS = -7021,  /* no retry: all attempts are used */
    WEIR_EDEADLINE = -7022,  /* no retry: its delay would pass the deadline */
    WEIR_EELAPSED = -7023,   /* no retry: its delay would pass max_elapsed_ns */
    WEIR_EBUDGET = -7024     /* no retry: the budget is used up */
};

/* As a now_ns argument: read the clock, and only if an answer needs it.
 * As a deadline or a duration in an answer: none, or not known.
 * Both are 2^64 - 1, for languages that see no macros. */
#define WEIR_NOW UINT64_MAX
#define WEIR_NEVER UINT64_MAX

/* A sentence about a status, for people; "unknown status" for a code that is
 * none.  Static text. */
WEIR_API const char *weir_strerror(int status);

/* The name of a status, such as "WEIR_EOPEN"; "?" for a code that is none.
 * Static text. */
WEIR_API const char *weir_error_name(int status);

/* The version of the library that runs: major * 10000 + minor * 100 + patch. */
WEIR_API uint32_t weir_version(void);

/* Runs exactly once, when the library has used arg for the last time, also
 * when the registration it came with failed. */
typedef void (*weir_destroy_fn)(void *arg);

/* A source of memory.  The table and its context must outlive every handle
 * made with it.  Both functions may be called from any thread.
 * allocate   returns bytes of memory aligned to alignment (a power of two, at
 *            most 64), or NULL
 * release    takes back what allocate returned, with the same bytes */
typedef struct weir_allocator {
    void *(*allocate)(void *context, uint64_t bytes, uint64_t alignment);
    void (*release)(void *context, void *memory, uint64_t bytes);
    void *context;
} weir_allocator;

#ifdef __cplusplus
}
#endif
#endif
