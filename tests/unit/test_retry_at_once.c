/* Blocking runs of a retry that never waits: the short way from an attempt to
 * the next. */
#include "support.h"

typedef struct fixture {
    weir_clock *clock;
    weir_pipeline *pipeline; /* breaker > retry of 4, no delay */
    weir_breaker *breaker;
    weir_budget *budget; /* of the retry; NULL: none */
    weir_cancel *cancel;
    int codes[8]; /* what the attempts return */
    int runs, classified, told;
    int fire_at;      /* this attempt fires the token; 0: none */
    int permanent_at; /* this attempt says so */
    uint64_t hint_ns; /* of the first attempt */
} fixture;

static int classify(int code, void *arg)
{
    ((fixture *)arg)->classified++;
    return code == 0 ? WEIR_SUCCESS
           : code == 429 ? WEIR_THROTTLED
           : code == 501 ? WEIR_PERMANENT
                         : WEIR_TRANSIENT;
}

static void tell(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    ((fixture *)arg)->told++;
}

static int work(weir_attempt *attempt, void *arg)
{
    fixture *f = arg;
    int number = ++f->runs;
    assert_int_equal(weir_attempt_number(attempt), number);
    assert_int_equal(weir_attempt_remaining_ns(attempt), WEIR_NEVER);
    assert_int_equal(weir_attempt_on_cancel(attempt, tell, f), WEIR_OK);
    if (number == 1 && f->hint_ns)
        weir_attempt_retry_after(attempt, f->hint_ns);
    if (number == f->permanent_at)
        weir_attempt_set_outcome(attempt, WEIR_PERMANENT);
    if (number == f->fire_at)
        weir_cancel_fire(f->cancel);
    return f->codes[number - 1];
}

/* As above, where nothing is said: the way stays short. */
static int quiet_work(weir_attempt *attempt, void *arg)
{
    fixture *f = arg;
    int number = ++f->runs;
    assert_int_equal(weir_attempt_number(attempt), number);
    if (number == f->fire_at)
        weir_cancel_fire(f->cancel);
    return f->codes[number - 1];
}

static void make(fixture *f, uint32_t tokens)
{
    weir_retry_options r;
    *f = (fixture){.codes = {500, 502, 429, 503}};
    f->clock = new_virtual_clock();
    weir_clock_attach(f->clock);
    f->cancel = new_cancel();
    weir_breaker_options b = breaker_options(f->clock);
    f->breaker = new_breaker(&b);
    r = retry_options(f->clock);
    r.base_ns = 0;
    if (tokens) {
        weir_budget_options o;
        weir_budget_options_init(&o, sizeof o);
        o.clock = f->clock;
        o.capacity = tokens;
        o.ratio = 0;
        o.per_second = 0;
        assert_int_equal(weir_budget_new(&f->budget, &o), WEIR_OK);
        r.budget = f->budget;
    }
    f->pipeline = new_pipeline(f->clock);
    weir_pipeline_add_breaker(f->pipeline, f->breaker);
    put_retry(f->pipeline, new_retry(&r));
    weir_pipeline_classify(f->pipeline, classify, f, NULL);
    weir_pipeline_seal(f->pipeline);
}

static void unmake(fixture *f)
{
    weir_pipeline_unref(f->pipeline);
    weir_breaker_unref(f->breaker);
    weir_budget_unref(f->budget);
    weir_cancel_unref(f->cancel);
    weir_clock_unref(f->clock);
}

static weir_result run(fixture *f, weir_fn fn, int code)
{
    weir_result r = {.size = sizeof r};
    weir_call_options o = call_options();
    o.cancel = f->cancel;
    assert_int_equal(weir_run_with(f->pipeline, &o, fn, f, &r), code);
    assert_int_equal(r.code, code);
    assert_int_equal(r.attempts, f->runs);
    return r;
}

static uint64_t failures(const fixture *f)
{
    weir_breaker_snapshot s = {.size = sizeof s};
    weir_breaker_inspect(f->breaker, &s);
    return s.failed;
}

static void every_attempt_counts_once_and_the_call_once(void **state)
{
    (void)state;
    fixture f;
    for (int plain = 0; plain < 2; plain++) {
        make(&f, 0);
        weir_result r = run(&f, plain ? quiet_work : work, 503);
        assert_int_equal(r.last_code, 503);
        assert_int_equal(f.runs, 4);
        assert_int_equal(f.classified, 4);
        assert_int_equal(failures(&f), 1);
        assert_int_equal(weir_clock_now_ns(f.clock), START_NS);
        unmake(&f);
    }
}

static void success_ends_it(void **state)
{
    (void)state;
    fixture f;
    make(&f, 0);
    f.codes[2] = 0;
    run(&f, quiet_work, 0);
    assert_int_equal(f.runs, 3);
    assert_int_equal(f.classified, 3);
    assert_int_equal(failures(&f), 0);
    unmake(&f);
}

static void what_is_permanent_ends_it(void **state)
{
    (void)state;
    fixture f;
    make(&f, 0);
    f.codes[1] = 501;
    run(&f, quiet_work, 501);
    assert_int_equal(f.runs, 2);
    assert_int_equal(f.classified, 2);
    unmake(&f);
    make(&f, 0);
    f.permanent_at = 3;
    run(&f, work, 429);
    assert_int_equal(f.runs, 3);
    assert_int_equal(f.classified, 2);
    assert_int_equal(failures(&f), 1);
    unmake(&f);
}

static void cancelled_call_tries_no_more(void **state)
{
    (void)state;
    fixture f;
    for (int at = 1; at <= 3; at++) {
        make(&f, 0);
        f.fire_at = at;
        weir_result r = run(&f, quiet_work, WEIR_ECANCELED);
        assert_int_equal(f.runs, at);
        assert_int_equal(r.last_code, f.codes[at - 1]);
        assert_int_equal(failures(&f), 0);
        unmake(&f);
    }
}

static void each_attempt_listens_for_itself(void **state)
{
    (void)state;
    fixture f;
    for (int at = 1; at <= 3; at++) {
        make(&f, 0);
        f.fire_at = at;
        run(&f, work, WEIR_ECANCELED);
        assert_int_equal(f.told, 1);
        unmake(&f);
    }
}

static void hint_is_waited_for(void **state)
{
    (void)state;
    fixture f;
    make(&f, 0);
    f.hint_ns = 70 * MS;
    run(&f, work, 503);
    assert_int_equal(f.runs, 4);
    assert_int_equal(weir_clock_now_ns(f.clock), START_NS + 70 * MS);
    unmake(&f);
}

static void budget_is_asked(void **state)
{
    (void)state;
    fixture f;
    make(&f, 2);
    run(&f, quiet_work, 429);
    assert_int_equal(f.runs, 3);
    assert_int_equal(weir_budget_tokens(f.budget), 0);
    unmake(&f);
}

static void retry_alone_does_the_same(void **state)
{
    (void)state;
    fixture f;
    make(&f, 0);
    weir_retry_options o = retry_options(f.clock);
    o.base_ns = 0;
    o.max_attempts = 3;
    weir_retry *retry = new_retry(&o);
    assert_int_equal(weir_retry_run(retry, quiet_work, &f), 429);
    assert_int_equal(f.runs, 3);
    f.runs = 0;
    f.codes[1] = 0;
    assert_int_equal(weir_retry_run(retry, quiet_work, &f), 0);
    assert_int_equal(f.runs, 2);
    weir_retry_unref(retry);
    unmake(&f);
}

/* ---- the straight way and the general one ---- */

enum { SAY_NOTHING, SAY_HINT, SAY_PERMANENT, LISTEN, SAID };

typedef struct talk {
    int at;    /* the attempt that says it */
    int what;
    int ends;  /* the attempt that succeeds */
    int runs;
    int ignored; /* what fails is one of weir's own rejections */
} talk;

static void ignore_cancel(weir_attempt *attempt, void *arg)
{
    (void)attempt;
    (void)arg;
}

static int talk_work(weir_attempt *attempt, void *arg)
{
    talk *t = arg;
    int number = ++t->runs;
    assert_int_equal(weir_attempt_number(attempt), number);
    assert_int_equal(weir_attempt_remaining_ns(attempt), WEIR_NEVER);
    assert_false(weir_attempt_canceled(attempt));
    if (number == t->at && t->what == SAY_HINT)
        weir_attempt_retry_after(attempt, 70 * MS);
    if (number == t->at && t->what == SAY_PERMANENT)
        weir_attempt_set_outcome(attempt, WEIR_PERMANENT);
    if (number == t->at && t->what == LISTEN)
        weir_attempt_on_cancel(attempt, ignore_cancel, NULL);
    return number == t->ends ? 0 : t->ignored ? WEIR_EOPEN : 500 + number;
}

/* Of two ways the first is the short one. */
static void both_ways(weir_clock *clock, weir_retry *alone,
                      weir_pipeline *pipeline, const talk *what)
{
    talk a = *what, b = *what;
    weir_result r = {.size = sizeof r};
    uint64_t start_ns = weir_clock_now_ns(clock);
    int code = alone ? weir_retry_run(alone, talk_work, &a)
                     : weir_run(pipeline, talk_work, &a);
    uint64_t short_ns = weir_clock_now_ns(clock) - start_ns;
    assert_int_equal(
        weir_run_with(pipeline, NULL, talk_work, &b, &r), code);
    assert_int_equal(a.runs, b.runs);
    assert_int_equal(r.attempts, b.runs);
    assert_int_equal(short_ns, weir_clock_now_ns(clock) - start_ns - short_ns);
}

static void straight_and_general_way_do_the_same(void **state)
{
    (void)state;
    weir_clock *clock = new_virtual_clock();
    weir_clock_attach(clock);
    weir_retry_options o = retry_options(clock);
    o.base_ns = 0;
    o.max_attempts = 4;
    weir_retry *inner = new_retry(&o), *outer = new_retry(&o);
    weir_pipeline *one = new_pipeline(clock), *two = new_pipeline(clock);
    weir_pipeline_add_retry(one, inner);
    weir_pipeline_add_retry(two, outer);
    weir_pipeline_add_retry(two, inner);
    weir_pipeline_seal(one);
    weir_pipeline_seal(two);
    for (int n = 0; n < 18 * 18 * SAID * 2; n++) {
        talk t = {n % 18, n / 18 % SAID, n / 18 / SAID % 18, 0,
                  n / 18 / SAID / 18};
        both_ways(clock, inner, one, &t);
        both_ways(clock, NULL, one, &t);
        both_ways(clock, NULL, two, &t);
    }
    weir_pipeline_unref(one);
    weir_pipeline_unref(two);
    weir_retry_unref(inner);
    weir_retry_unref(outer);
    weir_clock_unref(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_attempt_counts_once_and_the_call_once),
        cmocka_unit_test(success_ends_it),
        cmocka_unit_test(what_is_permanent_ends_it),
        cmocka_unit_test(cancelled_call_tries_no_more),
        cmocka_unit_test(each_attempt_listens_for_itself),
        cmocka_unit_test(hint_is_waited_for),
        cmocka_unit_test(budget_is_asked),
        cmocka_unit_test(retry_alone_does_the_same),
        cmocka_unit_test(straight_and_general_way_do_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
