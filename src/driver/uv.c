/* The libuv driver, on the public stepper alone.
 *
 * Other threads do two things: submit a call and wake one.  Both put the call
 * on the driver's list of calls to drive, under the lock, and signal the
 * loop's async handle, under the same lock, so that it cannot be closed in
 * between.  The loop thread takes the list and drives each call until it
 * waits.  libuv coalesces signals; the list does not.
 *
 * A job is referenced by: the loop (until its timer is closed), the list
 * (while it is on it), and the call's memory (as the argument of the wake
 * signal), which an abandoned attempt may keep for long after the driver was
 * closed.  It holds the driver's memory. */
#include "weir_uv.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/lock.h"
#include "base/ref.h"
#include "base/time.h"

typedef struct job {
    uv_timer_t timer; /* first: the handle's address is the job's */
    weir__ref ref;
    weir_uv *driver;
    weir_call *call; /* loop thread; NULL when done */
    weir_clock *clock;
    weir_uv_start_fn start;
    weir_uv_done_fn done;
    void *arg;
    weir_destroy_fn destroy;
    struct job *next; /* under lock: the list */
    int listed;       /* under lock */
    int begun;        /* loop thread: the timer is open */
    struct job *before, *after; /* loop thread: calls under way */
} job;

struct weir_uv {
    uv_async_t async; /* first */
    weir__ref users;  /* the user's references */
    weir__ref memory; /* the users together, the loop, each job */
    uv_loop_t *loop;
    weir__mutex lock;
    job *first, **end; /* under lock: to be driven */
    int closing;       /* under lock */
    int gone;          /* under lock: the async handle is closed */
    int cancelled;     /* loop thread: the calls were told of closing */
    job *active;       /* loop thread */
    uint32_t timers;   /* loop thread: open ones */
    void (*closed)(void *arg);
    void *closed_arg;
};

/* ---- memory ---- */

/* Not calloc: clang takes it for granted that calloc leaves errno alone, and
 * then does not put it back. */
static void *allocate(size_t bytes)
{
    int saved = errno;
    void *memory = NULL;
    if (posix_memalign(&memory, sizeof(void *), bytes) != 0)
        memory = NULL;
    errno = saved;
    return memory ? memset(memory, 0, bytes) : NULL;
}

static void driver_drop(weir_uv *driver)
{
    if (!weir__ref_drop(&driver->memory))
        return;
    weir__mutex_destroy(&driver->lock);
    free(driver);
}

static void job_drop(job *j)
{
    if (!weir__ref_drop(&j->ref))
        return;
    driver_drop(j->driver);
    free(j);
}

/* As in base/callback.c, which is the other library's. */
static void destroy_arg(weir_destroy_fn destroy, void *arg)
{
    int cancelable;
    if (!destroy)
        return;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    destroy(arg);
    pthread_setcancelstate(cancelable, NULL);
}

/* The call's memory is gone: nobody uses arg any more. */
static void on_call_gone(void *arg)
{
    job *j = arg;
    destroy_arg(j->destroy, j->arg);
    job_drop(j);
}

/* ---- the list ---- */

/* Under lock, which a thread that is cancelled in libuv's write would keep. */
static void signal_loop(weir_uv *driver)
{
    int saved = errno, cancelable;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
    uv_async_send(&driver->async);
    pthread_setcancelstate(cancelable, NULL);
    errno = saved;
}

/* Under lock. */
static void list(job *j)
{
    weir_uv *driver = j->driver;
    if (j->listed || driver->gone)
        return;
    weir__ref_take(&j->ref);
    j->listed = 1;
    j->next = NULL;
    *driver->end = j;
    driver->end = &j->next;
    signal_loop(driver);
}

/* The wake signal, on any thread. */
static void on_wake(void *arg)
{
    job *j = arg;
    weir__mutex_lock(&j->driver->lock);
    list(j);
    weir__mutex_unlock(&j->driver->lock);
}

static job *take_first(weir_uv *driver)
{
    weir__mutex_lock(&driver->lock);
    job *j = driver->first;
    driver->first = j->next;
    if (!driver->first)
        driver->end = &driver->first;
    j->listed = 0;
    weir__mutex_unlock(&driver->lock);
    return j;
}

/* ---- driving, on the loop thread ---- */

static void drive(job *j);

static void on_timer(uv_timer_t *timer)
{
    drive((job *)timer);
}

static void close_if_idle(weir_uv *driver);

static void on_timer_closed(uv_handle_t *timer)
{
    job *j = (job *)timer;
    j->driver->timers--;
    close_if_idle(j->driver);
    job_drop(j);
}

static void begin(job *j)
{
    weir_uv *driver = j->driver;
    uv_timer_init(driver->loop, &j->timer);
    driver->timers++;
    weir__ref_take(&j->ref);
    j->begun = 1;
    j->before = NULL;
    j->after = driver->active;
    if (j->after)
        j->after->before = j;
    driver->active = j;
}

static void finish(job *j)
{
    weir_call *call = j->call;
    weir_result result = {.size = sizeof result};
    if (j->before)
        j->before->after = j->after;
    else
        j->driver->active = j->after;
    if (j->after)
        j->after->before = j->before;
    j->call = NULL;
    weir_call_result(call, &result);
    j->done(&result, j->arg);
    uv_close((uv_handle_t *)&j->timer, on_timer_closed);
    weir_call_unref(call);
}

/* Rounded up: never early. */
static void arm(job *j, uint64_t wake_ns)
{
    uint64_t now_ns, wait_ns, most_ns = j->clock == weir_clock_monotonic()
                                            ? WEIR__YEAR
                                            : WEIR__ASK_AGAIN_NS;
    if (wake_ns == WEIR_NEVER) {
        uv_timer_stop(&j->timer);
        return;
    }
    now_ns = weir_clock_now_ns(j->clock);
    wait_ns = weir__time_min(weir__time_since(wake_ns, now_ns), most_ns);
    uv_update_time(j->driver->loop);
    uv_timer_start(&j->timer, on_timer,
                   (wait_ns + WEIR__MS - 1) / WEIR__MS, 0);
}

static void drive(job *j)
{
    weir_step step = {.size = sizeof step};
    while (j->call) {
        weir_call_step(j->call, WEIR_NOW, &step);
        if (step.action == WEIR_STEP_ATTEMPT) {
            j->start(step.attempt, j->arg);
        } else if (step.action == WEIR_STEP_WAIT) {
            arm(j, step.wake_ns);
            return;
        } else if (step.action == WEIR_STEP_DONE) {
            finish(j);
        }
    }
}

/* ---- closing ---- */

static void on_async_closed(uv_handle_t *handle)
{
    weir_uv *driver = (weir_uv *)handle;
    if (driver->closed)
        driver->closed(driver->closed_arg);
    driver_drop(driver);
}

static void close_if_idle(weir_uv *driver)
{
    weir__mutex_lock(&driver->lock);
    if (driver->closing && !driver->first && driver->timers == 0) {
        driver->gone = 1;
        uv_close((uv_handle_t *)&driver->async, on_async_closed);
    }
    weir__mutex_unlock(&driver->lock);
}

static void cancel_all_once(weir_uv *driver)
{
    weir__mutex_lock(&driver->lock);
    int now = driver->closing && !driver->cancelled;
    driver->cancelled |= now;
    weir__mutex_unlock(&driver->lock);
    if (!now)
        return;
    for (job *j = driver->active; j; j = j->after)
        weir_call_cancel(j->call);
}

/* What is listed while the list is worked off has given its signal, and waits
 * for the next turn of the loop, so that timers get theirs. */
static void on_async(uv_async_t *async)
{
    weir_uv *driver = (weir_uv *)async;
    weir__mutex_lock(&driver->lock);
    job **turn_end = driver->end;
    int last = !driver->first;
    weir__mutex_unlock(&driver->lock);
    while (!last) {
        job *j = take_first(driver);
        last = &j->next == turn_end;
        if (!j->begun) {
            begin(j);
            if (driver->cancelled)
                weir_call_cancel(j->call);
        }
        drive(j);
        job_drop(j);
    }
    cancel_all_once(driver);
    close_if_idle(driver);
}

int weir_uv_close(weir_uv *driver, void (*closed)(void *), void *arg)
{
    if (!driver)
        return WEIR_EINVAL;
    weir__mutex_lock(&driver->lock);
    int status = driver->closing ? WEIR_ESTALE : WEIR_OK;
    if (status == WEIR_OK) {
        driver->closing = 1;
        driver->closed = closed;
        driver->closed_arg = arg;
        signal_loop(driver);
    }
    weir__mutex_unlock(&driver->lock);
    return status;
}

/* ---- life ---- */

static int open_async(weir_uv *driver)
{
    int saved = errno;
    int error = uv_async_init(driver->loop, &driver->async, on_async);
    errno = saved;
    return error;
}

int weir_uv_new(weir_uv **out, struct uv_loop_s *loop)
{
    if (!out || !loop)
        return WEIR_EINVAL;
    weir_uv *driver = allocate(sizeof *driver);
    if (!driver)
        return WEIR_ENOMEM;
    weir__ref_init(&driver->users);
    weir__ref_init(&driver->memory);
    weir__ref_take(&driver->memory); /* the loop's */
    driver->loop = loop;
    driver->end = &driver->first;
    if (weir__mutex_init(&driver->lock) != 0) {
        free(driver);
        return WEIR_ENOMEM;
    }
    if (open_async(driver) != 0) {
        weir__mutex_destroy(&driver->lock);
        free(driver);
        return WEIR_ENOMEM;
    }
    *out = driver;
    return WEIR_OK;
}

void weir_uv_ref(weir_uv *driver)
{
    if (driver)
        weir__ref_take(&driver->users);
}

void weir_uv_unref(weir_uv *driver)
{
    if (!driver || !weir__ref_drop(&driver->users))
        return;
    weir_uv_close(driver, NULL, NULL);
    driver_drop(driver);
}

/* ---- submitting ---- */

static job *new_job(weir_uv *driver, weir_call *call)
{
    job *j = allocate(sizeof *j);
    if (!j)
        return NULL;
    weir__ref_init(&j->ref); /* the call's */
    weir__ref_take(&driver->memory);
    j->driver = driver;
    j->call = call;
    return j;
}

static int refuse(int status, void *arg, weir_destroy_fn destroy)
{
    destroy_arg(destroy, arg);
    return status;
}

static int submit(job *j)
{
    weir_uv *driver = j->driver;
    weir__mutex_lock(&driver->lock);
    int status = driver->closing ? WEIR_ECANCELED : WEIR_OK;
    if (status == WEIR_OK)
        list(j);
    weir__mutex_unlock(&driver->lock);
    return status;
}

int weir_uv_run(weir_uv *driver, weir_pipeline *pipeline,
                const weir_call_options *options, weir_uv_start_fn start,
                weir_uv_done_fn done, void *arg, weir_destroy_fn destroy)
{
    weir_call *call;
    if (!driver || !pipeline || !start || !done)
        return refuse(WEIR_EINVAL, arg, destroy);
    int status = weir_call_new(&call, pipeline, options);
    if (status != WEIR_OK)
        return refuse(status, arg, destroy);
    job *j = new_job(driver, call);
    if (!j) {
        weir_call_unref(call);
        return refuse(WEIR_ENOMEM, arg, destroy);
    }
    j->clock = weir_pipeline_clock(pipeline);
    j->start = start;
    j->done = done;
    j->arg = arg;
    j->destroy = destroy;
    weir_call_on_wake(call, on_wake, j, on_call_gone);
    status = submit(j);
    if (status == WEIR_OK)
        return WEIR_OK;
    j->destroy = NULL; /* whoever fires a token may hold the call for longer */
    weir_call_unref(call);
    return refuse(status, arg, destroy);
}
