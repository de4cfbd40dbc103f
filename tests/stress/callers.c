/* Calls of every kind: blocking, with options, nested, of one policy, by
 * permits, isolated; those that are stepped: stepped.c. */
#include "stress.h"

#include <sched.h>

/* ---- what an attempt does ---- */

typedef struct job {
    house *house;
    const route *route;
    atomic_ullong random; /* attempts of one call may overlap */
    int nests;
} job;

void told(weir_attempt *attempt, void *arg)
{
    house *h = arg;
    (void)attempt;
    count(h, TOLD, 1);
}

int random_code(weir_attempt *attempt, uint64_t *random)
{
    if (random_percent(random, 5))
        weir_attempt_set_outcome(attempt, (int)random_below(random, 6));
    if (random_percent(random, 5))
        weir_attempt_retry_after(attempt, random_below(random, 50) * US);
    return random_percent(random, 25) ? (int)random_below(random, 9) : 0;
}

static void run_nested(weir_attempt *attempt, house *h, uint64_t *random);

static int do_work(weir_attempt *attempt, void *arg)
{
    job *j = arg;
    uint64_t random = 0x9e37 * atomic_fetch_add_explicit(&j->random, 1,
                                                        memory_order_relaxed);
    uint32_t number = weir_attempt_number(attempt);
    CHECK(number >= 1 && number <= j->route->most_attempts);
    go_in(j->house, j->route);
    if (random_percent(&random, 20))
        CHECK(weir_attempt_on_cancel(attempt, told, j->house) == WEIR_OK);
    if (random_percent(&random, 1)) /* hangs until it is told */
        for (int i = 1; i < 200 && !weir_attempt_canceled(attempt); i++)
            if (i % 25 == 0)
                sched_yield();
    if (j->nests && random_percent(&random, 5))
        run_nested(attempt, j->house, &random);
    int code = random_code(attempt, &random);
    go_out(j->house, j->route);
    return code;
}

/* ---- blocking ---- */

void check_result(house *h, const route *r, int status,
                  const weir_result *result)
{
    CHECK(result->code == status);
    CHECK(result->attempts <= r->most_attempts);
    CHECK(result->rejected_by >= WEIR_BY_NONE &&
          result->rejected_by <= WEIR_BY_POOL);
    if (result->rejected_by == WEIR_BY_NONE)
        CHECK(result->attempts >= 1 && result->code == result->last_code);
    else
        CHECK(result->code < 0);
    count(h, ENDED_BY + (counter)result->rejected_by, 1);
}

const route *any_route(house *h, uint64_t *random)
{
    return &h->routes[random_below(random, PIPELINES)];
}

static void run_nested(weir_attempt *attempt, house *h, uint64_t *random)
{
    job j = {h, any_route(h, random), random_next(random), 0};
    weir_call_options o;
    weir_result result = {.size = sizeof result};
    weir_call_options_init(&o, sizeof o);
    o.parent = attempt;
    count(h, STARTED, 1);
    int status = weir_run_with(j.route->pipeline, &o, do_work, &j, &result);
    check_result(h, j.route, status, &result);
    count(h, ENDED, 1);
}

void random_options(house *h, uint64_t *random, weir_call_options *o)
{
    weir_call_options_init(o, sizeof *o);
    if (random_percent(random, 50))
        o->cancel = borrow_token(h, random);
    if (random_percent(random, 30))
        o->deadline_ns = weir_clock_now_ns(h->clock) +
                         random_below(random, 300) * US;
}

static void run_blocking(house *h, uint64_t *random, int pool)
{
    job j = {h, any_route(h, random), random_next(random), !pool};
    weir_call_options o;
    weir_result result = {.size = sizeof result};
    random_options(h, random, &o);
    int status = weir_run_with(j.route->pipeline, &o, do_work, &j, &result);
    check_result(h, j.route, status, &result);
    weir_cancel_unref(o.cancel);
}

static void run_plain(house *h, uint64_t *random)
{
    job j = {h, any_route(h, random), random_next(random), 1};
    weir_run(j.route->pipeline, do_work, &j);
}

static void gone(void *arg)
{
    job *j = arg;
    count(j->house, GONE, 1);
    free(j);
}

/* Ends its thread now and then, instead of returning. */
static int do_isolated_work(weir_attempt *attempt, void *arg)
{
    job *j = arg;
    int code = do_work(attempt, arg);
    uint64_t random = atomic_load(&j->random);
    if (random_percent(&random, 2)) {
        count(j->house, THREADS_ENDED, 1);
        pthread_exit(NULL);
    }
    return code;
}

/* The job outlives the run when the work does. */
void run_isolated(house *h, uint64_t *random)
{
    job *j = malloc(sizeof *j);
    weir_call_options o;
    weir_result result = {.size = sizeof result};
    const route *r = any_route(h, random);
    CHECK(j != NULL);
    j->house = h;
    j->route = r;
    j->nests = 0;
    atomic_init(&j->random, random_next(random));
    random_options(h, random, &o);
    count(h, GIVEN, 1);
    int status = weir_pool_run(h->pool, r->pipeline, &o, do_isolated_work, j,
                               gone, &result);
    check_result(h, r, status, &result);
    CHECK(result.rejected_by != WEIR_BY_POOL || status == WEIR_EFULL);
    weir_cancel_unref(o.cancel);
}

/* ---- one policy, and permits ---- */

static void run_single(house *h, uint64_t *random)
{
    static const route none = {NULL, ATTEMPTS_MAX, 0};
    static const route first = {NULL, 1, 1};
    job j = {h, &none, random_next(random), 0};
    switch (random_below(random, 4)) {
    case 0:
        weir_breaker_run(h->breakers[random_below(random, BREAKERS)], do_work,
                         &j);
        break;
    case 1:
        j.route = &first;
        weir_bulkhead_run(h->bulkheads[0], do_work, &j);
        break;
    case 2:
        weir_retry_run(h->retries[random_below(random, 2)], do_work, &j);
        break;
    default:
        weir_timeout_run(h->timeouts[random_below(random, 2)], do_work, &j);
    }
}

static void use_probe(house *h, uint64_t *random)
{
    weir_breaker *b = h->breakers[random_below(random, BREAKERS)];
    uint64_t permit;
    if (weir_breaker_acquire(b, &permit) != WEIR_OK)
        return;
    int status = weir_breaker_record(b, permit, (int)random_below(random, 6),
                                     random_below(random, 800) * US);
    CHECK(status == WEIR_OK || status == WEIR_ESTALE);
}

static void use_permit(house *h, uint64_t *random)
{
    static const route first = {NULL, 1, 1};
    weir_bulkhead *b = h->bulkheads[0];
    weir_cancel *token = borrow_token(h, random);
    int status = random_percent(random, 50)
                     ? weir_bulkhead_try_acquire(b)
                     : weir_bulkhead_acquire_until(
                           b, weir_clock_now_ns(h->clock) + 80 * US, token);
    if (status == WEIR_OK) {
        go_in(h, &first);
        go_out(h, &first);
        CHECK(weir_bulkhead_release(b) == WEIR_OK);
    } else {
        CHECK(status == WEIR_EFULL || status == WEIR_EQUEUETIME ||
              status == WEIR_ETIMEDOUT || status == WEIR_ECANCELED);
    }
    weir_cancel_unref(token);
}

void call_once(house *h, uint64_t *random)
{
    uint32_t choice = random_below(random, 100);
    count(h, STARTED, 1);
    if (choice < 20)
        run_plain(h, random);
    else if (choice < 40)
        run_blocking(h, random, 0);
    else if (choice < 63)
        run_stepped(h, random);
    else if (choice < 65)
        run_isolated(h, random);
    else if (choice < 75)
        run_single(h, random);
    else if (choice < 88)
        use_probe(h, random);
    else
        use_permit(h, random);
    count(h, ENDED, 1);
}
