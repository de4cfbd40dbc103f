/* A circuit breaker: the core, its window, its time, its listeners. */
#ifndef WEIR_POLICY_BREAKER_H
#define WEIR_POLICY_BREAKER_H

#include "policy/breaker_core.h"
#include "policy/count_window.h"
#include "policy/events.h"
#include "policy/policy.h"
#include "policy/time_window.h"

struct weir_breaker {
    weir__policy policy;
    uint32_t window; /* WEIR_WINDOW_..., immutable */
    uint32_t timed;  /* calls are timed, immutable */
    uint64_t made_ns;
    weir__events_slot events;
    _Atomic(weir__breaker_limits *) limits; /* the newest of a list */
    weir__breaker_limits first_limits;      /* its end */
    _Alignas(WEIR__LINE) weir__breaker_core core;
    union {
        weir__count_window count;
        struct {
            weir__time_window window;
            _Atomic(unsigned char *) stripes; /* NULL: one is enough */
        } time;
    } u;
    /* behind it: the blocks of a count window, or a stripe of a time one */
};

/* The part of weir_breaker_new that looks at options: checks them, and fills
 * in limits. */
int weir__breaker_limits_from(weir__breaker_limits *limits,
                              weir_breaker_options *copy,
                              const weir_breaker_options *options);

static inline const weir__breaker_limits *
weir__breaker_limits_of(const weir_breaker *breaker)
{
    return atomic_load_explicit(
        &((weir_breaker *)breaker)->limits, memory_order_acquire);
}

/* ---- the window; breaker_window.c ---- */

/* Bytes that it needs behind the breaker. */
size_t weir__breaker_window_bytes(const weir_breaker_options *options);
void weir__breaker_window_init(weir_breaker *breaker,
                               const weir_breaker_options *options);
void weir__breaker_window_free(weir_breaker *breaker);

/* The options were exchanged: successes have to judge, too. */
void weir__breaker_window_watch(weir_breaker *breaker);

/* Counts an outcome (WEIR__FAILED, WEIR__SLOW) of a generation.  *trips: the
 * breaker is to be opened.  0 when a younger generation had begun. */
int weir__breaker_window_record(weir_breaker *breaker,
                                const weir__rates *rates, uint64_t generation,
                                uint32_t outcome, uint64_t age_ns,
                                int *trips);
void weir__breaker_window_totals(const weir_breaker *breaker,
                                 uint64_t generation, uint64_t age_ns,
                                 weir__totals *totals);

/* ---- operations ---- */

/* Would a success, in a call that w has let through, change nothing? */
static inline int weir__breaker_success_is_nothing(weir_breaker *breaker)
{
    uint64_t w = weir__load_acquire(&breaker->core.word);
    if (!weir__word_spotless(w))
        return 0;
    if (weir__likely(breaker->window == WEIR_WINDOW_CONSECUTIVE))
        return 1;
    return breaker->window == WEIR_WINDOW_COUNT && !breaker->timed &&
           weir__cw_clean(weir__load_acquire(&breaker->u.count.word),
                          weir__word_generation(w));
}

/* now_ns may be WEIR_NOW; otherwise as the functions of the API. */
int weir__breaker_acquire(weir_breaker *breaker, uint64_t now_ns,
                          uint64_t *out_permit);
int weir__breaker_record(weir_breaker *breaker, uint64_t permit, int outcome,
                         uint64_t elapsed_ns, uint64_t now_ns);
/* A success of a call that was let through while closed; word is the core's at
 * that moment. */
void weir__breaker_succeed(weir_breaker *breaker, uint64_t word,
                           uint64_t elapsed_ns);
/* Would it reject a call now?  Only looks. */
int weir__breaker_rejects(const weir_breaker *breaker);
uint64_t weir__breaker_retry_after(const weir_breaker *breaker,
                                   uint64_t now_ns);

#endif
