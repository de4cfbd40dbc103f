/* Stepped calls, whose attempts other threads finish. */
#include "stress.h"

#include <sched.h>

typedef struct mail {
    weir_attempt *attempt;
    const route *route;
} mail;

static pthread_mutex_t mail_lock = PTHREAD_MUTEX_INITIALIZER;
static mail mails[64];
static uint32_t mail_count;

static int post(weir_attempt *attempt, const route *r)
{
    pthread_mutex_lock(&mail_lock);
    int posted = mail_count < COUNT(mails);
    if (posted)
        mails[mail_count++] = (mail){attempt, r};
    pthread_mutex_unlock(&mail_lock);
    return posted;
}

static void finish(house *h, const mail *m, uint64_t *random)
{
    int code = random_code(m->attempt, random);
    go_out(h, m->route);
    if (random_percent(random, 5)) {
        weir_attempt_unref(m->attempt);
        return;
    }
    int status = weir_attempt_finish(m->attempt, code,
                                     random_percent(random, 50)
                                         ? WEIR_NOW
                                         : weir_clock_now_ns(h->clock));
    CHECK(status == WEIR_OK || status == WEIR_ETIMEDOUT ||
          status == WEIR_ECANCELED);
}

int finish_for_another(house *h, uint64_t *random)
{
    mail m = {NULL, NULL};
    pthread_mutex_lock(&mail_lock);
    if (mail_count > 0) {
        uint32_t i = random_below(random, mail_count);
        m = mails[i];
        mails[i] = mails[--mail_count];
    }
    pthread_mutex_unlock(&mail_lock);
    if (m.attempt)
        finish(h, &m, random);
    return m.attempt != NULL;
}

/* Lives as long as its call, which others may wake. */
typedef struct owner {
    house *house;
    atomic_int woken;
} owner;

static void wake(void *arg)
{
    atomic_store(&((owner *)arg)->woken, 1);
}

static void owner_gone(void *arg)
{
    owner *o = arg;
    atomic_fetch_add(&o->house->gone, 1);
    free(o);
}

static void begin_attempt(house *h, const route *r, weir_attempt *attempt,
                          uint64_t *random)
{
    mail m = {attempt, r};
    go_in(h, r);
    CHECK(weir_attempt_number(attempt) <= r->most_attempts);
    if (random_percent(random, 30))
        weir_attempt_on_cancel(attempt, told, h);
    if (random_percent(random, 20) || !post(attempt, r))
        finish(h, &m, random);
}

static void wait_for_news(house *h, owner *o, uint64_t wake_ns,
                          uint64_t *random)
{
    while (!atomic_load(&o->woken) && weir_clock_now_ns(h->clock) < wake_ns)
        if (!finish_for_another(h, random))
            sched_yield();
}

/* The end of a call, or of the interest in it. */
static void end_call(weir_call *call, const route *r, int done)
{
    weir_result result = {.size = sizeof result};
    int status = weir_call_result(call, &result);
    CHECK(status == (done ? WEIR_OK : WEIR_EINVAL));
    if (done)
        check_result(r, result.code, &result);
    weir_call_unref(call);
}

void run_stepped(house *h, uint64_t *random)
{
    const route *r = any_route(h, random);
    weir_step s = {.size = sizeof s};
    weir_call_options options;
    weir_call *call;
    owner *o = malloc(sizeof *o);
    CHECK(o != NULL);
    o->house = h;
    random_options(h, random, &options);
    CHECK(weir_call_new(&call, r->pipeline, &options) == WEIR_OK);
    weir_cancel_unref(options.cancel);
    atomic_fetch_add(&h->given, 1);
    CHECK(weir_call_on_wake(call, wake, o, owner_gone) == WEIR_OK);
    do {
        atomic_store(&o->woken, 0);
        CHECK(weir_call_step(call, WEIR_NOW, &s) == WEIR_OK);
        if (s.action == WEIR_STEP_ATTEMPT)
            begin_attempt(h, r, s.attempt, random);
        else if (s.action == WEIR_STEP_WAIT && random_percent(random, 5))
            break;
        else if (s.action == WEIR_STEP_WAIT)
            wait_for_news(h, o, s.wake_ns, random);
        if (random_percent(random, 1))
            weir_call_cancel(call);
    } while (s.action != WEIR_STEP_DONE);
    end_call(call, r, s.action == WEIR_STEP_DONE);
}
