/* Stories of the libuv driver. */
#include <errno.h>
#include <uv.h>

#include "faults.h"
#include "weir_uv.h"

int __wrap_uv_async_init(uv_loop_t *loop, uv_async_t *async, uv_async_cb fn);

int __wrap_uv_async_init(uv_loop_t *loop, uv_async_t *async, uv_async_cb fn)
{
    if (!fails(HARD))
        return uv_async_init(loop, async, fn);
    errno = EMFILE;
    return UV_EMFILE;
}

typedef struct record {
    int starts, dones, destroyed, code;
} record;

static void start(weir_attempt *attempt, void *arg)
{
    ((record *)arg)->starts++;
    weir_attempt_finish(attempt, weir_attempt_number(attempt) == 1 ? 7 : 0,
                        WEIR_NOW);
}

static void done(const weir_result *result, void *arg)
{
    ((record *)arg)->dones++;
    ((record *)arg)->code = result->code;
}

static void destroy(void *arg)
{
    ((record *)arg)->destroyed++;
}

static void count(void *arg)
{
    ++*(int *)arg;
}

/* A call is taken on or not; what is taken on runs, whatever fails. */
static void tell_uv(rig *r)
{
    uv_loop_t loop;
    weir_uv *driver;
    record records[3] = {{0, 0, 0, 0}};
    int closed = 0;
    weir_pipeline *pipeline = new_pipeline(r, new_retry(r), NULL, NULL, NULL);
    CHECK(uv_loop_init(&loop) == 0);
    MAKE(driver, weir_uv_new(&driver, &loop));
    for (int i = 0; i < 3; i++)
        while (!WORKS(weir_uv_run(driver, pipeline, NULL, start, done,
                                  &records[i], destroy)))
            CHECK(records[i].destroyed-- == 1);
    CHECK(records[0].starts == 0 && records[0].destroyed == 0);
    while (records[0].dones + records[1].dones + records[2].dones < 3) {
        weir_clock_advance(r->clock, 20 * US); /* refused by one that ticks */
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    CHECK(records[0].code == 0 && records[0].starts == 2);
    MUST(weir_uv_close(driver, count, &closed));
    MUST_GIVE(WEIR_ECANCELED, weir_uv_run(driver, pipeline, NULL, start, done,
                                          take_arg(), give_arg));
    weir_uv_unref(driver);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(records[0].destroyed == 1 && records[2].destroyed == 1);
    CHECK(closed == 1 && uv_loop_close(&loop) == 0);
    weir_pipeline_unref(pipeline);
}

/* ---- attempts that hang, and outlive the loop ---- */

enum { HANGING = 2 };

static struct {
    weir_attempt *attempts[HANGING];
    int count;
} hanging;

static weir_retry *new_retry_at_once(rig *r)
{
    weir_retry *retry;
    weir_retry_options o;
    weir_retry_options_init(&o, sizeof o);
    o.max_attempts = HANGING;
    o.base_ns = 0;
    o.clock = r->clock;
    o.allocator = r->allocator;
    CALMLY(weir_retry_new(&retry, &o));
    return retry;
}

static void start_and_hang(weir_attempt *attempt, void *arg)
{
    (void)arg;
    CHECK(hanging.count < HANGING);
    hanging.attempts[hanging.count++] = attempt;
}

static void beat(uv_timer_t *timer)
{
    (void)timer;
}

/* The loop has something to wait for also when the clock ends on its way to
 * wait. */
static void run_hanging(rig *r, uv_loop_t *loop, record *told)
{
    uv_timer_t timer;
    CHECK(uv_timer_init(loop, &timer) == 0);
    CHECK(uv_timer_start(&timer, beat, 1, 1) == 0);
    while (told->dones == 0) {
        weir_clock_advance(r->clock, 20 * US); /* refused by one that ticks */
        uv_run(loop, UV_RUN_ONCE);
        if (clock_ended() && hanging.count > 0 && told->dones == 0)
            /* no deadline comes */
            weir_attempt_finish(hanging.attempts[--hanging.count], 0,
                                WEIR_NOW);
    }
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(loop, UV_RUN_NOWAIT);
}

/* A call that runs out of memory for another attempt ends with that. */
static void tell_hanging(rig *r)
{
    uv_loop_t loop;
    weir_uv *driver;
    record told = {0, 0, 0, 0};
    weir_pipeline *pipeline = new_pipeline(r, new_retry_at_once(r), NULL,
                                           NULL, new_timeout(r, 50 * US));
    hanging.count = 0;
    CHECK(uv_loop_init(&loop) == 0);
    CALMLY(weir_uv_new(&driver, &loop));
    CALMLY(weir_uv_run(driver, pipeline, NULL, start_and_hang, done, &told,
                       destroy));
    take_failed();
    run_hanging(r, &loop, &told);
    int failed = take_failed() & HARD;
    CHECK(told.code == (failed ? WEIR_ENOMEM : WEIR_ETIMEDOUT) ||
          clock_ended());
    weir_uv_unref(driver);
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
    weir_pipeline_unref(pipeline);
    CHECK(told.destroyed == (hanging.count == 0));
    while (hanging.count > 0)
        CHECK(weir_attempt_finish(hanging.attempts[--hanging.count], 0,
                                  WEIR_NOW) == WEIR_ETIMEDOUT);
    CHECK(told.dones == 1 && told.destroyed == 1);
}

const story uv_stories[] = {
    {"the libuv driver", tell_uv, 9},
    {"attempts that hang on libuv", tell_hanging, 1},
    {NULL, NULL, 0},
};
