#include "engine/attempt.h"

#include <pthread.h>

#include "base/time.h"
#include "engine/call.h"
#include "engine/stepped.h"

uint32_t weir_attempt_number(const weir_attempt *attempt)
{
    if (!attempt)
        return 0;
    return attempt->call ? attempt->number
                         : 1 + (attempt->said >> WEIR__SAID_BITS);
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

static void call_on_cancel(weir_attempt *attempt)
{
    int cancelable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    attempt->on_cancel(attempt, attempt->on_cancel_arg);
    pthread_setcancelstate(cancelable, NULL);
}

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
    uint32_t to = weir__call_cancelled(attempt->call) ? WEIR__CANCEL_TOLD
                                                      : WEIR__CANCEL_LISTENS;
    /* a listener may be told, and finish the attempt, as soon as it is one */
    if (!weir__cas_acq_rel(&attempt->cancel_state, &none, to) ||
        to == WEIR__CANCEL_TOLD)
        call_on_cancel(attempt);
    return WEIR_OK;
}

void weir__attempt_tell_cancel(weir_attempt *attempt)
{
    if (weir__exchange_acq_rel(&attempt->cancel_state,
                               (uint32_t)WEIR__CANCEL_TOLD) ==
        WEIR__CANCEL_LISTENS)
        call_on_cancel(attempt);
}

/* ---- stepped attempts ---- */

static int may_have_failed(const weir_attempt *attempt, int code)
{
    return code != 0 || (attempt->said & WEIR__SAID_OUTCOME) ||
           attempt->call->pipeline->classify != weir_classify_default;
}

/* The time of the finish, not of the step that comes after it, where the
 * verdict may depend on it. */
static uint64_t time_of_finish(const weir_attempt *attempt, int code)
{
    if (attempt->call->pipeline->timed ||
        (attempt->deadline_ns != WEIR_NEVER && may_have_failed(attempt, code)))
        return weir_clock_now_ns(attempt->clock);
    return WEIR_NOW;
}

/* 0: no attempt, or one of a blocking run. */
static uint64_t word_of(weir_attempt *attempt)
{
    return attempt && attempt->call ? weir__load_acquire(&attempt->word) : 0;
}

/* The holds come before the swap: as soon as it is made, another thread may
 * finish the attempt and drop them. */
int weir__attempt_give_up(weir_attempt *attempt, int reason)
{
    attempt->reason = reason;
    weir__nodes_hold(attempt->node);
    if (weir__attempt_stop(&attempt->word))
        return 1;
    weir__nodes_drop(attempt->call, attempt->node);
    return 0;
}

/* With the reference, which the swap has left. */
static int finish_the_rest(weir_attempt *attempt, uint64_t word, int apart)
{
    weir_call *call = attempt->call;
    int status = WEIR_OK;
    if (word & WEIR__ATTEMPT_GIVEN_UP) {
        status = attempt->reason;
        weir__nodes_drop(call, attempt->node);
    } else if (apart) {
        weir__stepped_wake(call);
    } else {
        weir__stepped_signal(call);
    }
    if (!weir__attempt_drop(&attempt->word, WEIR__ATTEMPT_ONE_REF))
        weir__stepped_free_attempt(call, attempt);
    return status;
}

int weir_attempt_finish(weir_attempt *attempt, int code, uint64_t now_ns)
{
    uint64_t word = word_of(attempt);
    if (word == 0)
        return WEIR_EINVAL;
    if (word & WEIR__ATTEMPT_FINISHED)
        return WEIR_ESTALE;
    int apart = attempt != attempt->call->own_attempt;
    if (now_ns == WEIR_NOW)
        now_ns = time_of_finish(attempt, code);
    weir__store_relaxed(&attempt->finished_ns, now_ns);
    word = weir__attempt_end(&attempt->word, code, apart);
    if (word & WEIR__ATTEMPT_FINISHED)
        return WEIR_ESTALE;
    if (!apart && !(word & (WEIR__ATTEMPT_GIVEN_UP | WEIR__ATTEMPT_WAITING)))
        return WEIR_OK; /* the attempt may be gone */
    return finish_the_rest(attempt, word, apart);
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
    if (word_of(attempt) != 0)
        weir__add_relaxed(&attempt->word, WEIR__ATTEMPT_ONE_REF);
}

void weir_attempt_unref(weir_attempt *attempt)
{
    uint64_t word = word_of(attempt);
    if (word == 0)
        return;
    weir_call *call = attempt->call;
    do
        if (weir__attempt_refs(word) == 1 &&
            !(word & WEIR__ATTEMPT_FINISHED)) {
            weir_attempt_set_outcome(attempt, WEIR_IGNORED);
            weir_attempt_finish(attempt, WEIR_ECANCELED, WEIR_NOW);
            return;
        }
    while (!weir__cas_weak_acq_rel(&attempt->word, &word,
                                   word - WEIR__ATTEMPT_ONE_REF));
    if (!weir__attempt_needed(word - WEIR__ATTEMPT_ONE_REF))
        weir__stepped_free_attempt(call, attempt);
}
