/* Blocking runs: one table of cases, run on the straight path, on the general
 * path and as a policy alone. */
#include <errno.h>

#include "world.h"

static int classify(int code, void *arg)
{
    ++*(int *)arg;
    switch (code) {
    case 200:
        return WEIR_SUCCESS;
    case 404:
        return WEIR_DECLINED;
    case 429:
        return WEIR_THROTTLED;
    case 501:
        return WEIR_PERMANENT;
    case 1000:
        return 42; /* none: transient */
    default:
        return WEIR_TRANSIENT; /* 0, too */
    }
}

/* ---- the table ---- */

/* set_outcome's, off by one */
#define SAYS(outcome) ((outcome) + 1)

static const struct sample {
    const char *layers;
    int before;
    play plays[PLAYS];
    int classified; /* with the classifier above */
    /* expected: */
    int code;
    uint32_t attempts;
    int by;
    uint32_t layer;
    uint64_t elapsed_ns;
    int state; /* of the breaker */
} cases[] = {
    /* nothing goes wrong */
    {"", 0, {{0, 0, 0, 0}}, 0, 0, 1, 0, 0, 0, 0},
    {"T", 0, {{5 * SECOND, 0, 0, 0}}, 0, 0, 1, 0, 0, 5 * SECOND, 0},
    {"r", 0, {{0, 0, 0, 0}}, 0, 0, 1, 0, 0, 0, 0},
    {"b", 0, {{0, 0, 0, 0}}, 0, 0, 1, 0, 0, 0, 0},
    {"k", 0, {{0, 0, 0, 0}}, 0, 0, 1, 0, 0, 0, 0},
    {"Trbkt", 0, {{MS, 0, 0, 0}}, 0, 0, 1, 0, 0, MS, 0},
    {"bkbk", 0, {{0, 0, 0, 0}}, 0, WEIR_EQUEUETIME, 0, WEIR_BY_BULKHEAD, 3,
     5 * SECOND, 0}, /* the permit is its own */
    {"bbrtT", 0, {{MS, 0, 0, 0}}, 0, 0, 1, 0, 0, MS, 0},

    /* a failure, and what is not one */
    {"", 0, {{0, 7, 0, 0}}, 0, 7, 1, 0, 0, 0, 0},
    {"b", TWO_FAILURES, {{0, 7, 0, 0}}, 0, 7, 1, 0, 0, 0, WEIR_OPEN},
    {"b", TWO_FAILURES, {{0, 0, 0, 0}}, 0, 0, 1, 0, 0, 0, WEIR_CLOSED},
    {"b", TWO_FAILURES, {{0, 0, SAYS(WEIR_TRANSIENT), 0}}, 0, 0, 1, 0, 0, 0,
     WEIR_OPEN},
    {"b", TWO_FAILURES, {{0, 7, SAYS(WEIR_SUCCESS), 0}}, 0, 7, 1, 0, 0, 0,
     WEIR_CLOSED},
    {"b", TWO_FAILURES, {{0, 7, SAYS(WEIR_IGNORED), 0}}, 0, 7, 1, 0, 0, 0,
     WEIR_CLOSED},
    {"b", TWO_FAILURES, {{0, WEIR_EFULL, 0, 0}}, 0, WEIR_EFULL, 1, 0, 0, 0,
     WEIR_CLOSED}, /* of a nested call */
    {"b", TWO_FAILURES, {{0, WEIR_ETIMEDOUT, 0, 0}}, 0, WEIR_ETIMEDOUT, 1, 0,
     0, 0, WEIR_OPEN}, /* so is this */
    {"kb", TWO_FAILURES, {{0, 7, 0, 0}}, 0, 7, 1, 0, 0, 0, WEIR_OPEN},
    {"b", HALF_OPEN, {{0, 0, 0, 0}}, 0, 0, 1, 0, 0, 0, WEIR_HALF_OPEN},
    {"b", HALF_OPEN, {{0, 7, 0, 0}}, 0, 7, 1, 0, 0, 0, WEIR_OPEN},

    /* retries */
    {"r", 0, {{0, 7, 0, 0}, {0, 0, 0, 0}}, 0, 0, 2, 0, 0, 100 * MS, 0},
    {"r", 0, {{0, 5, 0, 0}, {0, 6, 0, 0}, {0, 7, 0, 0}, {0, 8, 0, 0}}, 0, 8, 4,
     0, 0, 700 * MS, 0},
    {"Trbkt", 0, {{0, 7, 0, 0}, {0, 0, 0, 0}}, 0, 0, 2, 0, 0, 100 * MS, 0},
    {"Trt", 0, ALWAYS(0, 7), 0, 7, 4, 0, 0, 700 * MS, 0},
    {"rr", 0, ALWAYS(0, 7), 0, 7, 16, 0, 0, 3500 * MS, 0},
    {"r", 0, {{0, 7, SAYS(WEIR_PERMANENT), 0}}, 0, 7, 1, 0, 0, 0, 0},
    {"r", 0, {{0, 7, SAYS(WEIR_DECLINED), 0}}, 0, 7, 1, 0, 0, 0, 0},
    {"r", 0, {{0, WEIR_EOPEN, 0, 0}}, 0, WEIR_EOPEN, 1, 0, 0, 0, 0},
    {"r", 0, {{0, 7, SAYS(WEIR_THROTTLED), 2 * SECOND}, {0, 0, 0, 0}}, 0, 0, 2,
     0, 0, 2 * SECOND, 0},
    {"r", 0, {{0, 7, 0, YEAR}, {0, 0, 0, 0}}, 0, 0, 2, 0, 0, 60 * SECOND, 0},
    {"r", 0, {{0, 0, 0, YEAR}}, 0, 0, 1, 0, 0, 0, 0}, /* not retried */
    {"Tr", 0, {{9950 * MS, 7, 0, 0}}, 0, 7, 1, 0, 0, 9950 * MS, 0},
    {"Tr", 0, {{9890 * MS, 7, 0, 0}, {0, 0, 0, 0}}, 0, 0, 2, 0, 0, 9990 * MS,
     0},
    {"Tr", 0, {{0, 7, 0, 20 * SECOND}}, 0, 7, 1, 0, 0, 0, 0},

    /* rejections are not retried */
    {"b", OPEN, {{0, 0, 0, 0}}, 0, WEIR_EOPEN, 0, WEIR_BY_BREAKER, 0, 0,
     WEIR_OPEN},
    {"rb", OPEN, {{0, 0, 0, 0}}, 0, WEIR_EOPEN, 0, WEIR_BY_BREAKER, 1, 0,
     WEIR_OPEN},
    {"Trbkt", OPEN, {{0, 0, 0, 0}}, 0, WEIR_EOPEN, 0, WEIR_BY_BREAKER, 2, 0,
     WEIR_OPEN},
    {"rb", TWO_FAILURES, {{0, 7, 0, 0}}, 0, WEIR_EOPEN, 1, WEIR_BY_BREAKER, 1,
     100 * MS, WEIR_OPEN},
    {"k", TAKEN, {{0, 0, 0, 0}}, 0, WEIR_EQUEUETIME, 0, WEIR_BY_BULKHEAD, 0,
     5 * SECOND, 0},
    {"rk", TAKEN, {{0, 0, 0, 0}}, 0, WEIR_EQUEUETIME, 0, WEIR_BY_BULKHEAD, 1,
     5 * SECOND, 0},
    /* and a breaker outside counts none, and gets its probe back */
    {"bk", HALF_OPEN_AND_TAKEN, {{0, 0, 0, 0}}, 0, WEIR_EQUEUETIME, 0,
     WEIR_BY_BULKHEAD, 1, 5 * SECOND, WEIR_HALF_OPEN},

    /* deadlines */
    {"t", 0, {{2 * SECOND, 0, 0, 0}}, 0, 0, 1, 0, 0, 2 * SECOND, 0},
    {"t", 0, {{2 * SECOND, 7, 0, 0}}, 0, WEIR_ETIMEDOUT, 1, WEIR_BY_TIMEOUT, 0,
     2 * SECOND, 0},
    {"t", 0, {{2 * SECOND, 7, SAYS(WEIR_DECLINED), 0}}, 0, 7, 1, 0, 0,
     2 * SECOND, 0},
    {"t", 0, {{SECOND, 7, 0, 0}}, 0, WEIR_ETIMEDOUT, 1, WEIR_BY_TIMEOUT, 0,
     SECOND, 0},
    {"t", 0, {{SECOND - 1, 7, 0, 0}}, 0, 7, 1, 0, 0, SECOND - 1, 0},
    {"bt", TWO_FAILURES, {{2 * SECOND, 7, 0, 0}}, 0, WEIR_ETIMEDOUT, 1,
     WEIR_BY_TIMEOUT, 1, 2 * SECOND, WEIR_OPEN},
    {"tb", TWO_FAILURES, {{2 * SECOND, 7, 0, 0}}, 0, WEIR_ETIMEDOUT, 1,
     WEIR_BY_TIMEOUT, 0, 2 * SECOND, WEIR_OPEN},
    {"rt", 0, {{2 * SECOND, 7, 0, 0}, {0, 0, 0, 0}}, 0, 0, 2, 0, 0,
     2100 * MS, 0},
    {"rt", 0, {{2 * SECOND, 7, SAYS(WEIR_THROTTLED), 3 * SECOND}}, 0, 0, 2, 0,
     0, 5 * SECOND, 0}, /* late, and yet asked to wait */
    {"tr", 0, {{2 * SECOND, 7, 0, 0}}, 0, WEIR_ETIMEDOUT, 1, WEIR_BY_TIMEOUT,
     0, 2 * SECOND, 0},
    {"Trt", 0, ALWAYS(2 * SECOND, 7), 0, WEIR_ETIMEDOUT, 4, WEIR_BY_TIMEOUT,
     2, 8700 * MS, 0},
    {"Trt", 0, {{20 * SECOND, 7, 0, 0}}, 0, WEIR_ETIMEDOUT, 1, WEIR_BY_TIMEOUT,
     0, 20 * SECOND, 0},
    {"Tt", 0, {{20 * SECOND, 7, 0, 0}}, 0, WEIR_ETIMEDOUT, 1, WEIR_BY_TIMEOUT,
     0, 20 * SECOND, 0}, /* of several the outermost */
    {"tT", 0, {{20 * SECOND, 7, 0, 0}}, 0, WEIR_ETIMEDOUT, 1, WEIR_BY_TIMEOUT,
     0, 20 * SECOND, 0},
    {"Tt", 0, {{5 * SECOND, 7, 0, 0}}, 0, WEIR_ETIMEDOUT, 1, WEIR_BY_TIMEOUT,
     1, 5 * SECOND, 0},
    /* one that ends a wait in a queue counts nowhere */
    {"tk", TAKEN, {{0, 0, 0, 0}}, 0, WEIR_ETIMEDOUT, 0, WEIR_BY_TIMEOUT, 0,
     SECOND, 0},
    {"btk", HALF_OPEN_AND_TAKEN, {{0, 0, 0, 0}}, 0, WEIR_ETIMEDOUT, 0,
     WEIR_BY_TIMEOUT, 1, SECOND, WEIR_HALF_OPEN},
    {"rtk", TAKEN, {{0, 0, 0, 0}}, 0, WEIR_ETIMEDOUT, 0, WEIR_BY_TIMEOUT, 1,
     SECOND, 0},

    /* a classifier */
    {"b", TWO_FAILURES, {{0, 0, 0, 0}}, 1, 0, 1, 0, 0, 0, WEIR_OPEN},
    {"b", TWO_FAILURES, {{0, 200, 0, 0}}, 1, 200, 1, 0, 0, 0, WEIR_CLOSED},
    {"b", TWO_FAILURES, {{0, 404, 0, 0}}, 1, 404, 1, 0, 0, 0, WEIR_CLOSED},
    {"b", TWO_FAILURES, {{0, 429, 0, 0}}, 1, 429, 1, 0, 0, 0, WEIR_CLOSED},
    {"b", TWO_FAILURES, {{0, 501, 0, 0}}, 1, 501, 1, 0, 0, 0, WEIR_OPEN},
    {"b", TWO_FAILURES, {{0, 1000, 0, 0}}, 1, 1000, 1, 0, 0, 0, WEIR_OPEN},
    {"r", 0, {{0, 0, 0, 0}, {0, 200, 0, 0}}, 1, 200, 2, 0, 0, 100 * MS, 0},
    {"r", 0, {{0, 501, 0, 0}}, 1, 501, 1, 0, 0, 0, 0},
    {"t", 0, {{2 * SECOND, 0, 0, 0}}, 1, WEIR_ETIMEDOUT, 1, WEIR_BY_TIMEOUT, 0,
     2 * SECOND, 0},
    {"t", 0, {{2 * SECOND, 200, 0, 0}}, 1, 200, 1, 0, 0, 2 * SECOND, 0},
    {"Trbkt", 0, {{0, 0, 0, 0}, {0, 200, 0, 0}}, 1, 200, 2, 0, 0, 100 * MS,
     0},
    {"b", TWO_FAILURES, {{0, 200, SAYS(WEIR_TRANSIENT), 0}}, 1, 200, 1, 0, 0,
     0, WEIR_OPEN},
};

enum { PLAIN, WITH, WITH_RESULT, ALONE, WAYS };

static int run_alone(world *w, char layer)
{
    switch (layer) {
    case 'T':
        return weir_timeout_run(w->total, play_attempt, w);
    case 't':
        return weir_timeout_run(w->single, play_attempt, w);
    case 'r':
        return weir_retry_run(w->retry, play_attempt, w);
    case 'b':
        return weir_breaker_run(w->breaker, play_attempt, w);
    default:
        return weir_bulkhead_run(w->bulkhead, play_attempt, w);
    }
}

static int run_one_way(world *w, const struct sample *c, int way,
                       weir_result *result)
{
    switch (way) {
    case PLAIN:
        return weir_run(w->pipeline, play_attempt, w);
    case WITH:
        return weir_run_with(w->pipeline, NULL, play_attempt, w, NULL);
    case WITH_RESULT:
        return weir_run_with(w->pipeline, NULL, play_attempt, w, result);
    default:
        return run_alone(w, c->layers[0]);
    }
}

static int last_code(const struct sample *c)
{
    uint32_t last = c->attempts < PLAYS ? c->attempts : PLAYS;
    return last ? c->plays[last - 1].code : 0;
}

/* What is not as expected; NULL: nothing. */
static const char *fault_of_result(const struct sample *c, const world *w,
                                   const weir_result *r)
{
    int open = c->code == WEIR_EOPEN && c->by == WEIR_BY_BREAKER;
    return r->size != sizeof *r                ? "result.size"
           : r->code != c->code                ? "result.code"
           : r->attempts != c->attempts        ? "result.attempts"
           : r->rejected_by != c->by           ? "result.rejected_by"
           : r->rejected_layer != c->layer     ? "result.rejected_layer"
           : r->elapsed_ns != c->elapsed_ns    ? "result.elapsed_ns"
           : r->last_code != last_code(c)      ? "result.last_code"
           : r->retry_after_ns !=
                   (open ? weir_breaker_retry_after_ns(w->breaker) : 0)
               ? "result.retry_after_ns"
               : NULL;
}

/* What came out beside the code; must not depend on the way. */
typedef struct trace {
    int code, state;
    uint32_t runs, number, running, waiting, probes, failures;
    uint64_t elapsed_ns, remaining_ns[PLAYS], retry_after_ns;
    int classified;
} trace;

static const char *fault_of(const struct sample *c, const trace *t)
{
    uint32_t taken = c->before == TAKEN || c->before == HALF_OPEN_AND_TAKEN;
    return t->code != c->code               ? "code"
           : t->runs != c->attempts         ? "runs"
           : t->number != c->attempts       ? "number of the last attempt"
           : t->elapsed_ns != c->elapsed_ns ? "elapsed time"
           : t->state != c->state           ? "state of the breaker"
           : t->running != taken            ? "permits out"
           : t->waiting != 0                ? "waiters"
           : c->before == HALF_OPEN_AND_TAKEN && t->probes != 3
               ? "probes"
               : NULL;
}

/* How many failures more open the breaker: what it has counted. */
static uint32_t failures_left(world *w)
{
    uint32_t failures = 0;
    for (; weir_breaker_state(w->breaker) == WEIR_CLOSED; failures++)
        fail_breaker(w, 1);
    return failures;
}

static const char *run_case(const struct sample *c, int way, trace *t)
{
    const char *fault = NULL;
    world w;
    weir_result result = {.size = sizeof result};
    memset(t, 0, sizeof *t);
    open_world(&w, c->plays);
    if (c->classified)
        weir_pipeline_classify(w.pipeline, classify, &t->classified, NULL);
    build(&w, c->layers);
    prepare(&w, c->before);
    uint64_t started_ns = weir_clock_now_ns(w.clock);
    t->code = run_one_way(&w, c, way, &result);
    t->elapsed_ns = weir_clock_now_ns(w.clock) - started_ns;
    t->runs = w.runs;
    t->number = w.number;
    memcpy(t->remaining_ns, w.remaining_ns, sizeof t->remaining_ns);
    t->running = weir_bulkhead_running(w.bulkhead);
    t->waiting = weir_bulkhead_waiting(w.bulkhead);
    t->state = weir_breaker_state(w.breaker);
    t->retry_after_ns = weir_breaker_retry_after_ns(w.breaker);
    if (way == WITH_RESULT)
        fault = fault_of_result(c, &w, &result);
    if (t->state == WEIR_HALF_OPEN)
        t->probes = free_probes(&w);
    t->failures = failures_left(&w);
    close_world(&w);
    return fault ? fault : fault_of(c, t);
}

static void every_way_to_run_gives_the_expected_and_the_same(void **state)
{
    static const char *const ways[] = {"weir_run", "weir_run_with",
                                       "weir_run_with, result", "alone"};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct sample *c = &cases[i];
        int alone = strlen(c->layers) == 1 && !c->classified;
        trace first, other;
        for (int way = PLAIN; way < (alone ? WAYS : ALONE); way++) {
            const char *fault = run_case(c, way, way ? &other : &first);
            if (!fault && way && memcmp(&first, &other, sizeof first) != 0)
                fault = "other than by weir_run";
            if (fault)
                fail_msg("case %u, \"%s\", by %s: %s", (unsigned)i, c->layers,
                         ways[way], fault);
        }
    }
}

/* ---- arguments ---- */

static const play success[PLAYS] = {{0, 0, 0, 0}};
static const play failure[PLAYS] = ALWAYS(0, 7);

static void bad_arguments_run_nothing_and_fill_in_nothing(void **state)
{
    world w;
    weir_result result = {.size = sizeof result - 1, .code = 77};
    weir_call_options o = call_options();
    (void)state;
    open_world(&w, success);
    build(&w, "Trbkt");
    assert_int_equal(weir_run(NULL, play_attempt, &w), WEIR_EINVAL);
    assert_int_equal(weir_run(w.pipeline, NULL, &w), WEIR_EINVAL);
    assert_int_equal(weir_run_with(NULL, NULL, play_attempt, &w, NULL),
                     WEIR_EINVAL);
    assert_int_equal(weir_run_with(w.pipeline, NULL, NULL, &w, NULL),
                     WEIR_EINVAL);
    assert_int_equal(weir_run_with(w.pipeline, NULL, play_attempt, &w,
                                   &result),
                     WEIR_EINVAL);
    result.size = sizeof result;
    o.size--;
    assert_int_equal(weir_run_with(w.pipeline, &o, play_attempt, &w, &result),
                     WEIR_EINVAL);
    assert_int_equal(weir_breaker_run(NULL, play_attempt, &w), WEIR_EINVAL);
    assert_int_equal(weir_breaker_run(w.breaker, NULL, &w), WEIR_EINVAL);
    assert_int_equal(weir_retry_run(NULL, play_attempt, &w), WEIR_EINVAL);
    assert_int_equal(weir_retry_run(w.retry, NULL, &w), WEIR_EINVAL);
    assert_int_equal(weir_bulkhead_run(NULL, play_attempt, &w), WEIR_EINVAL);
    assert_int_equal(weir_bulkhead_run(w.bulkhead, NULL, &w), WEIR_EINVAL);
    assert_int_equal(w.runs, 0);
    assert_int_equal(result.code, 77);
    close_world(&w);
}

static void a_larger_result_is_filled_in_as_far_as_known(void **state)
{
    world w;
    struct {
        weir_result result;
        uint64_t newer;
    } r = {.result = {.size = sizeof r}, .newer = 77};
    (void)state;
    open_world(&w, failure);
    build(&w, "");
    assert_int_equal(weir_run_with(w.pipeline, NULL, play_attempt, &w,
                                   &r.result),
                     7);
    assert_int_equal(r.result.code, 7);
    assert_int_equal(r.result.size, sizeof r);
    assert_int_equal(r.newer, 77);
    close_world(&w);
}

static int look_at_attempt(weir_attempt *attempt, void *arg)
{
    int *wrong = arg;
    *wrong += weir_attempt_set_outcome(attempt, -1) != WEIR_EINVAL;
    *wrong += weir_attempt_set_outcome(attempt, 6) != WEIR_EINVAL;
    *wrong += weir_attempt_on_cancel(attempt, NULL, arg) != WEIR_EINVAL;
    *wrong += weir_attempt_finish(attempt, 0, WEIR_NOW) != WEIR_EINVAL;
    *wrong += weir_attempt_number(attempt) != 1;
    *wrong += weir_attempt_canceled(attempt) != 0;
    weir_attempt_ref(attempt);
    weir_attempt_unref(attempt);
    weir_attempt_unref(attempt);
    return 0;
}

static void the_attempt_of_a_blocking_run_checks_its_arguments(void **state)
{
    world w;
    int wrong = 0;
    (void)state;
    open_world(&w, success);
    build(&w, "Trbkt");
    assert_int_equal(weir_run(w.pipeline, look_at_attempt, &wrong), 0);
    assert_int_equal(
        weir_run_with(w.pipeline, NULL, look_at_attempt, &wrong, NULL), 0);
    assert_int_equal(wrong, 0);
    assert_int_equal(weir_attempt_number(NULL), 0);
    assert_int_equal(weir_attempt_canceled(NULL), 0);
    assert_int_equal(weir_attempt_set_outcome(NULL, 0), WEIR_EINVAL);
    assert_int_equal(weir_attempt_finish(NULL, 0, WEIR_NOW), WEIR_EINVAL);
    weir_attempt_retry_after(NULL, 5);
    weir_attempt_ref(NULL);
    weir_attempt_unref(NULL);
    close_world(&w);
}

static void the_classifier_is_asked_once_for_each_attempt(void **state)
{
    for (int way = PLAIN; way <= WITH; way++) {
        world w;
        int asked = 0;
        (void)state;
        open_world(&w, failure);
        weir_pipeline_classify(w.pipeline, classify, &asked, NULL);
        build(&w, "r");
        run_one_way(&w, NULL, way, NULL);
        assert_int_equal(w.runs, 4);
        assert_int_equal(asked, 4);
        close_world(&w);
    }
}

/* ---- what a run leaves alone ---- */

static int disturb_nothing(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    return errno == 12345 ? *(int *)arg : 99;
}

static void errno_is_left_alone(void **state)
{
    world w;
    int code = 7;
    (void)state;
    open_world(&w, success);
    build(&w, "Trbkt");
    errno = 12345;
    assert_int_equal(weir_run(w.pipeline, disturb_nothing, &code),
                     WEIR_EOPEN); /* after three failures */
    assert_int_equal(errno, 12345);
    weir_retry *retry = new_retry(NULL);
    assert_int_equal(errno, 12345);
    weir_retry_unref(retry);
    close_world(&w);
}

/* Waits, cancel tokens, retries, results: all on the stack. */
static void no_blocking_run_allocates(void **state)
{
    weir_cancel *cancel = new_cancel();
    weir_call_options o = call_options();
    (void)state;
    o.cancel = cancel;
    if (!libc_memory_is_wrapped())
        skip();
    for (size_t i = 0; i < COUNT(cases); i++) {
        world w;
        weir_result result = {.size = sizeof result};
        open_world(&w, cases[i].plays);
        build(&w, cases[i].layers);
        prepare(&w, cases[i].before);
        libc_fail_at(0, 0);
        for (int way = PLAIN; way < ALONE; way++)
            run_one_way(&w, &cases[i], way, &result);
        weir_run_with(w.pipeline, &o, play_attempt, &w, &result);
        assert_int_equal(libc_allocations(), 0);
        close_world(&w);
    }
    weir_cancel_unref(cancel);
}

/* ---- the call's own deadline ---- */

static void a_call_has_a_deadline_of_its_own(void **state)
{
    static const play slow[PLAYS] = {{3 * SECOND, 7, 0, 0}};
    weir_call_options o = call_options();
    weir_result r = {.size = sizeof r};
    world w;
    (void)state;
    open_world(&w, slow);
    build(&w, "Trbkt");
    o.deadline_ns = START_NS + 500 * MS;
    assert_int_equal(weir_run_with(w.pipeline, &o, play_attempt, &w, &r),
                     WEIR_ETIMEDOUT);
    assert_int_equal(w.remaining_ns[0], 500 * MS);
    assert_int_equal(r.rejected_by, WEIR_BY_CALL);
    assert_int_equal(r.attempts, 1);
    assert_int_equal(r.last_code, 7);
    /* It has passed now, and nothing is asked any more. */
    assert_int_equal(weir_run_with(w.pipeline, &o, play_attempt, &w, &r),
                     WEIR_ETIMEDOUT);
    assert_int_equal(w.runs, 1);
    assert_int_equal(r.attempts, 0);
    assert_int_equal(r.last_code, 0);
    close_world(&w);
}

/* ---- whose permits, whose counts ---- */

typedef struct inner {
    weir_pipeline *pipeline;
    weir_bulkhead *bulkhead;
    uint32_t running;
    int code_inside;
} inner;

static int return_it(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    return *(const int *)arg;
}

static int run_inside(weir_attempt *attempt, void *arg)
{
    inner *in = arg;
    int code = 0;
    (void)attempt;
    in->running = weir_bulkhead_running(in->bulkhead);
    in->code_inside = in->pipeline
                          ? weir_run(in->pipeline, return_it, &code)
                          : weir_bulkhead_run(in->bulkhead, return_it, &code);
    return 0;
}

/* On the short way, too, that a pipeline of these is run on. */
static void a_permit_is_one_of_the_bulkhead_in_the_pipeline(void **state)
{
    weir_clock *clock = new_virtual_clock();
    (void)state;
    for (int with = 0; with < 9; with++) {
        inner in = {.bulkhead = new_bulkhead(clock, 1, 0)};
        weir_retry_options r = retry_options(clock);
        weir_breaker_options b = breaker_options(clock);
        if (with < 8) {
            in.pipeline = new_pipeline(clock);
            if (with & 1)
                put_timeout(in.pipeline, new_timeout(clock, SECOND));
            if (with & 2)
                put_retry(in.pipeline, new_retry(&r));
            if (with & 4)
                put_breaker(in.pipeline, new_breaker(&b));
            weir_bulkhead_ref(in.bulkhead);
            put_bulkhead(in.pipeline, in.bulkhead);
            assert_int_equal(weir_pipeline_seal(in.pipeline), WEIR_OK);
        }
        for (int i = 0; i < 3; i++) {
            in.running = 0;
            in.code_inside = 0;
            assert_int_equal(
                in.pipeline ? weir_run(in.pipeline, run_inside, &in)
                            : weir_bulkhead_run(in.bulkhead, run_inside, &in),
                WEIR_OK);
            assert_int_equal(in.running, 1);
            assert_int_equal(in.code_inside, WEIR_EFULL);
            assert_int_equal(weir_bulkhead_running(in.bulkhead), 0);
        }
        weir_pipeline_unref(in.pipeline);
        weir_bulkhead_unref(in.bulkhead);
    }
    weir_clock_unref(clock);
}

/* However few they were. */
static void a_success_takes_back_the_failures_before_it(void **state)
{
    (void)state;
    for (uint32_t threshold = 2; threshold < 5; threshold++)
        for (int alone = 0; alone < 2; alone++) {
            weir_breaker_options b = breaker_options(NULL);
            b.failure_threshold = threshold;
            weir_breaker *breaker = new_breaker(&b);
            weir_pipeline *pipeline = new_pipeline(NULL);
            weir_breaker_ref(breaker);
            put_breaker(pipeline, breaker);
            assert_int_equal(weir_pipeline_seal(pipeline), WEIR_OK);
            for (uint32_t i = 0; i < 20; i++) {
                int code = i % threshold == threshold - 1 ? 0 : 7;
                assert_int_equal(
                    alone ? weir_breaker_run(breaker, return_it, &code)
                          : weir_run(pipeline, return_it, &code),
                    code);
            }
            assert_int_equal(weir_breaker_state(breaker), WEIR_CLOSED);
            weir_pipeline_unref(pipeline);
            weir_breaker_unref(breaker);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_run_gives_the_expected_and_the_same),
        cmocka_unit_test(bad_arguments_run_nothing_and_fill_in_nothing),
        cmocka_unit_test(a_larger_result_is_filled_in_as_far_as_known),
        cmocka_unit_test(the_attempt_of_a_blocking_run_checks_its_arguments),
        cmocka_unit_test(the_classifier_is_asked_once_for_each_attempt),
        cmocka_unit_test(errno_is_left_alone),
        cmocka_unit_test(no_blocking_run_allocates),
        cmocka_unit_test(a_call_has_a_deadline_of_its_own),
        cmocka_unit_test(a_permit_is_one_of_the_bulkhead_in_the_pipeline),
        cmocka_unit_test(a_success_takes_back_the_failures_before_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
