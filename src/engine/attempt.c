#include "engine/attempt.h"

#include <pthread.h>

#include "base/time.h"
#include "engine/call.h"
#include "engine/stepped.h"

uint32_t weir_attempt_number(const weir_attempt *attempt)
{
    if (!attempt)
        return 0;
    return attempt->call ? attempt->number : 1;
}

uint64_t weir__attempt_deadline(const weir_attempt *attempt)
{
    if (attempt->call || attempt->deadline_ns == WEIR_NEVER)
        return attempt->deadline_ns;
    return weir__time_add(weir__stamp_ns(&attempt->began),
                          attempt->deadline_ns);
}

uint64_t weir_attempt_remaining_ns(const weir_attempt *attempt)
{
    if (!attempt || attempt->deadline_ns == WEIR_NEVER)
        return WEIR_NEVER;
    return weir__time_since(
        attempt->deadline_ns,
        attempt->call ? weir_clock_now_ns(attempt->clock)
                      : weir__stamp_elapsed_ns(attempt->clock,
                                               &attempt->began));
}

int weir_attempt_canceled(const weir_attempt *attempt)
{
    if (!attempt)
        return 0;
    if (attempt->call) {
        weir_attempt *a = (weir_attempt *)attempt;
        if ((weir__load_acquire(&a->word) & WEIR__ATTEMPT_GIVEN_UP) ||
            weir__call_cancelled(attempt->call))
            return 1;
    }
    return weir_attempt_remaining_ns(attempt) == 0;
}

void weir_attempt_retry_after(weir_attempt *attempt, uint64_t delay_ns)
{
    if (!attempt)
        return;
    attempt->hint_ns = delay_ns;
    attempt->said |= WEIR__SAID_HINT;
}

int weir_attempt_set_outcome(weir_attempt *attempt, int outcome)
{
    if (!attempt || !weir__outcome_valid(outcome))
        return WEIR_EINVAL;
    attempt->outcome = outcome;
    attempt->said |= WEIR__SAID_OUTCOME;
    return WEIR_OK;
}

/* ---- cancellation ---- */

int weir_attempt_on_cancel(weir_attempt *attempt, weir_attempt_cancel_fn fn,
                           void *arg)
{
    if (!attempt || !fn || (attempt->said & WEIR__SAID_CANCEL))
        return WEIR_EINVAL;
    attempt->said |= WEIR__SAID_CANCEL;
    if (!attempt->call)
        return WEIR_OK; /* the straight path: nobody can cancel it */
    attempt->on_cancel = fn;
    attempt->on_cancel_arg = arg;
    uint32_t none = WEIR__CANCEL_NONE;
    if (!weir__cas_acq_rel(&attempt->cancel_state, &none,
                             (uint32_t)WEIR__CANCEL_LISTENS))
        fn(attempt, arg);
    return WEIR_OK;
}

void weir__attempt_tell_cancel(weir_attempt *attempt)
{
    int cancelable;
    if (weir__exchange_acq_rel(&attempt->cancel_state,
                               (uint32_t)WEIR__CANCEL_TOLD) !=
        WEIR__CANCEL_LISTENS)
        return;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    attempt->on_cancel(attempt, attempt->on_cancel_arg);
    pthread_setcancelstate(cancelable, NULL);
}

/* ---- stepped attempts ---- */

/* The time of the finish, not of the step that comes after it, where the
 * verdict may depend on it. */
static uint64_t time_of_finish(const weir_attempt *attempt, int code)
{
    if (attempt->call->pipeline->timed ||
        (code != 0 && attempt->deadline_ns != WEIR_NEVER))
        return weir_clock_now_ns(attempt->clock);
    return WEIR_NOW;
}

static int is_stepped(weir_attempt *attempt)
{
    return attempt && attempt->call &&
           weir__load_relaxed(&attempt->word) != 0;
}

/* Nobody needs it when neither references nor the engine's bit are left. */
static void free_if_unused(weir_attempt *attempt, uint64_t word)
{
    if ((word & 0xffffffffu) < WEIR__ATTEMPT_ENGINE)
        weir__stepped_free_attempt(attempt);
}

void weir__attempt_let_go(weir_attempt *attempt)
{
    uint64_t word =
        weir__sub_acq_rel(&attempt->word, (uint64_t)WEIR__ATTEMPT_ENGINE);
    free_if_unused(attempt, word - WEIR__ATTEMPT_ENGINE);
}

/* The holds come before the swap: as soon as it is made, another thread may
 * finish the attempt and drop them. */
int weir__attempt_give_up(weir_attempt *attempt, int reason)
{
    uint64_t word = weir__load_acquire(&attempt->word);
    attempt->reason = reason;
    weir__nodes_hold(attempt->node);
    while (!(word & WEIR__ATTEMPT_FINISHED))
        if (weir__cas_acq_rel(&attempt->word, &word,
                              word | WEIR__ATTEMPT_GIVEN_UP))
            return 1;
    weir__nodes_drop(attempt->call, attempt->node);
    return 0;
}

static void drop_ref(weir_attempt *attempt)
{
    uint64_t word =
        weir__sub_acq_rel(&attempt->word, (uint64_t)WEIR__ATTEMPT_ONE_REF);
    free_if_unused(attempt, word - WEIR__ATTEMPT_ONE_REF);
}

int weir_attempt_finish(weir_attempt *attempt, int code, uint64_t now_ns)
{
    int status = WEIR_OK;
    if (!is_stepped(attempt))
        return WEIR_EINVAL;
    uint64_t word = weir__load_acquire(&attempt->word);
    if (word & WEIR__ATTEMPT_FINISHED)
        return WEIR_ESTALE;
    if (now_ns == WEIR_NOW)
        now_ns = time_of_finish(attempt, code);
    weir__store_relaxed(&attempt->finished_ns, now_ns);
    do {
        if (word & WEIR__ATTEMPT_FINISHED)
            return WEIR_ESTALE;
    } while (!weir__cas_acq_rel(&attempt->word, &word,
                                (uint64_t)(uint32_t)code << 32 |
                                    (word & 0xffffffffu) |
                                    WEIR__ATTEMPT_FINISHED));
    if (word & WEIR__ATTEMPT_GIVEN_UP) {
        status = attempt->reason;
        weir__nodes_drop(attempt->call, attempt->node);
    } else {
        weir__stepped_wake(attempt->call);
    }
    drop_ref(attempt);
    return status;
}

/* ---- for pools ---- */

void weir__attempt_wait(weir_attempt *attempt)
{
    weir__store_relaxed(&attempt->begun_ns, WEIR_NOW);
}

void weir__attempt_begin(weir_attempt *attempt)
{
    weir__store_relaxed(&attempt->begun_ns,
                        attempt->call->pipeline->timed
                            ? weir_clock_now_ns(attempt->clock)
                            : UINT64_C(0));
}

void weir__attempt_finish_unrun(weir_attempt *attempt, int status)
{
    attempt->said |= WEIR__SAID_UNRUN;
    weir_attempt_finish(attempt, status, WEIR_NOW);
}

/* ---- references ---- */

void weir_attempt_ref(weir_attempt *attempt)
{
    if (is_stepped(attempt))
        weir__add_relaxed(&attempt->word, (uint64_t)WEIR__ATTEMPT_ONE_REF);
}

void weir_attempt_unref(weir_attempt *attempt)
{
    if (!is_stepped(attempt))
        return;
    uint64_t word = weir__load_acquire(&attempt->word);
    do {
        int last = (uint32_t)word / WEIR__ATTEMPT_ONE_REF == 1;
        if (last && !(word & WEIR__ATTEMPT_FINISHED)) {
            weir_attempt_set_outcome(attempt, WEIR_IGNORED);
            weir_attempt_finish(attempt, WEIR_ECANCELED, WEIR_NOW);
            return;
        }
    } while (!weir__cas_weak_acq_rel(&attempt->word, &word,
                                     word - WEIR__ATTEMPT_ONE_REF));
    free_if_unused(attempt, word - WEIR__ATTEMPT_ONE_REF);
}
