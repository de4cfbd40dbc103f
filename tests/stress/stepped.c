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
    owner *o = arg;
    atomic_store_explicit(&o->woken, 1, memory_order_relaxed);
}

static void owner_gone(void *arg)
{
    owner *o = arg;
    count(o->house, GONE, 1);
    free(o);
}

/* Finishes an attempt on the thread that steps, and steps. */
static void finish_and_step(house *h, const route *r, weir_call *call,
                            weir_step *s, uint64_t *random)
{
    int code = random_code(s->attempt, random);
    go_out(h, r);
    int status = weir_call_finish(call, s->attempt, code, WEIR_NOW, s);
    CHECK(status == WEIR_OK || status == WEIR_ECANCELED);
}

/* 1: it was finished, and the call stepped. */
static int begin_attempt(house *h, const route *r, weir_call *call,
                         weir_step *s, uint64_t *random)
{
    mail m = {s->attempt, r};
    go_in(h, r);
    CHECK(weir_attempt_number(s->attempt) <= r->most_attempts);
    if (random_percent(random, 30))
        weir_attempt_on_cancel(s->attempt, told, h);
    if (random_percent(random, 20)) {
        finish_and_step(h, r, call, s, random);
        return 1;
    }
    if (random_percent(random, 20) || !post(s->attempt, r))
        finish(h, &m, random);
    return 0;
}

static void wait_for_news(house *h, owner *o, uint64_t wake_ns,
                          uint64_t *random)
{
    for (int i = 1; !atomic_load_explicit(&o->woken, memory_order_relaxed) &&
                    weir_clock_now_ns(h->clock) < wake_ns; i++)
        if (!finish_for_another(h, random) && i % 4 == 0)
            sched_yield();
}

/* One trip: 1 at its end, 0 when the interest in it is lost. */
static int make_trip(house *h, const route *r, weir_call *call, owner *o,
                     uint64_t *random)
{
    weir_step s = {.size = sizeof s};
    weir_result result = {.size = sizeof result};
    do {
        atomic_store_explicit(&o->woken, 0, memory_order_relaxed);
        CHECK(weir_call_step(call, WEIR_NOW, &s) == WEIR_OK);
        while (s.action == WEIR_STEP_ATTEMPT &&
               begin_attempt(h, r, call, &s, random))
            ;
        if (s.action == WEIR_STEP_WAIT && random_percent(random, 5))
            return 0;
        if (s.action == WEIR_STEP_WAIT)
            wait_for_news(h, o, s.wake_ns, random);
        if (random_percent(random, 1))
            weir_call_cancel(call);
    } while (s.action != WEIR_STEP_DONE);
    CHECK(weir_call_result(call, &result) == WEIR_OK);
    check_result(h, r, result.code, &result);
    return 1;
}

static int make_another(house *h, weir_call *call, uint64_t *random)
{
    weir_call_options options;
    random_options(h, random, &options);
    int status = weir_call_reset(call, &options);
    weir_cancel_unref(options.cancel);
    CHECK(status == WEIR_OK || status == WEIR_ESTALE);
    return status == WEIR_OK;
}

void run_stepped(house *h, uint64_t *random)
{
    const route *r = any_route(h, random);
    weir_call_options options;
    weir_call *call;
    owner *o = malloc(sizeof *o);
    CHECK(o != NULL);
    o->house = h;
    random_options(h, random, &options);
    CHECK(weir_call_new(&call, r->pipeline, &options) == WEIR_OK);
    weir_cancel_unref(options.cancel);
    count(h, GIVEN, 1);
    CHECK(weir_call_on_wake(call, wake, o, owner_gone) == WEIR_OK);
    while (make_trip(h, r, call, o, random) && random_percent(random, 50))
        if (!make_another(h, call, random))
            break;
    weir_call_unref(call);
}
