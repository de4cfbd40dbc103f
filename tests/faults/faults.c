/* Tells the stories.
 *
 *   faults [story] */
#include "faults.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct {
    const char *story;
    const char *way;
    unsigned n, reading; /* that fails, that goes wrong */
} now_told;

void fail(const char *file, int line, const char *what)
{
    printf("%s:%d: %s\n  in the story of %s, %s, call %u failing, "
           "reading %u wrong\n",
           file, line, what, now_told.story, now_told.way, now_told.n,
           now_told.reading);
    fflush(stdout);
    abort();
}

/* ---- steps ---- */

enum { UNUSUAL = EXDEV };

static struct {
    ledger before;
    int again; /* the step was hit, and is made once more */
} step;

void step_begins(void)
{
    step.before = owed();
    take_failed();
    if (step.again)
        calm();
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    errno = UNUSUAL;
}

static int same(ledger a, ledger b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void complain_of(ledger a, ledger b)
{
    char text[200];
    snprintf(text, sizeof text,
             "not given back: %d blocks, %d mutexes, %d conds, %d condattrs, "
             "%d descriptors, %d args",
             a.blocks - b.blocks, a.mutexes - b.mutexes, a.conds - b.conds,
             a.condattrs - b.condattrs,
             a.descriptors - b.descriptors, a.args - b.args);
    fail(__FILE__, __LINE__, text);
}

void settle(ledger expected)
{
    ledger now = owed();
    for (long i = 0; !same(now, expected); i++, now = owed()) {
        if (i == 3000000)
            complain_of(now, expected);
        sched_yield();
    }
}

static void complain(const char *file, int line, const char *what, int status,
                     const char *why)
{
    char text[400];
    snprintf(text, sizeof text, "%s = %s: %s", what, weir_error_name(status),
             why);
    fail(file, line, text);
}

int step_ends(const char *file, int line, const char *what, int expected,
              int status)
{
    int failed = take_failed(), again = step.again;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    if (errno != UNUSUAL)
        complain(file, line, what, status, "errno was touched");
    if (again)
        uncalm();
    step.again = 0;
    if (status == expected) {
        if (failed & HARD)
            complain(file, line, what, status, "it hides a failure");
        return 1;
    }
    if (again || !(failed & HARD) || status != WEIR_ENOMEM)
        complain(file, line, what, status, "another code was expected");
    settle(step.before);
    step.again = 1;
    return 0;
}

/* ---- ways to tell a story ---- */

static void open_rig(rig *r, int ticks, int own_memory)
{
    memset(r, 0, sizeof *r);
    r->allocator = own_memory ? &table : NULL;
    if (ticks)
        CALMLY(weir_clock_new_custom(&r->clock, ticking, NULL, NULL));
    else
        CALMLY(weir_clock_new_virtual(&r->clock, SECOND));
    weir_clock_attach(r->clock); /* refused by one that ticks */
}

static void close_rig(rig *r)
{
    weir_clock_detach(r->clock);
    weir_clock_unref(r->clock);
}

/* Gives how many fallible calls there were. */
static unsigned tell(const story *s, int ticks, int own_memory, unsigned n,
                     int all_after)
{
    rig r;
    ledger before = owed();
    now_told.n = n;
    open_rig(&r, ticks, own_memory);
    fail_at(n, all_after);
    s->tell(&r);
    unsigned calls = fallible_calls();
    fail_at(0, 0);
    close_rig(&r);
    settle(before);
    return calls;
}

static unsigned tell_each_way(const story *s, int ticks, int own_memory)
{
    static const char *const ways[2][2] = {
        {"virtual clock, memory of the C library", "virtual clock, a table"},
        {"ticking clock, memory of the C library", "ticking clock, a table"},
    };
    now_told.story = s->name;
    now_told.way = ways[ticks][own_memory];
    unsigned n, calls = tell(s, ticks, own_memory, 0, 0);
    CHECK(s->least ? calls >= s->least : calls == 0);
    for (n = 1; tell(s, ticks, own_memory, n, 0) >= n; n++)
        tell(s, ticks, own_memory, n, 1);
    return n - 1;
}

/* Gives how many readings went wrong. */
static unsigned tell_by_a_wrong_clock(const story *s)
{
    unsigned hits = 0;
    for (manner how = 0; how < MANNERS; how++) {
        now_told.way = manners[how];
        for (unsigned n = 1;; n++) {
            now_told.reading = n;
            clock_goes_wrong_at(n, how);
            tell(s, 1, 1, 0, 0);
            if (!clock_went_wrong(how))
                break;
            hits++;
        }
    }
    now_told.reading = 0;
    clock_goes_wrong_at(0, 0);
    return hits;
}

/* A thread with a cancellation pending comes back from every step. */
static atomic_uint survived;

static void *tell_on_a_doomed_thread(void *arg)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cancel(pthread_self());
    tell(arg, 0, 0, 0, 0);
    survived++;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    pthread_testcancel();
    return NULL;
}

static void tell_doomed(const story *s)
{
    pthread_t thread;
    void *end;
    unsigned before = survived;
    now_told.way = "on a thread that is to be cancelled";
    calm();
    CHECK(pthread_create(&thread, NULL, tell_on_a_doomed_thread,
                         (void *)(uintptr_t)s) == 0);
    CHECK(pthread_join(thread, &end) == 0 && end == PTHREAD_CANCELED);
    CHECK(survived == before + 1);
    uncalm();
}

static unsigned told, hits, readings;

static void tell_all(const story *stories, const char *only)
{
    for (const story *s = stories; s->name; s++) {
        if (only && strcmp(only, s->name) != 0)
            continue;
        for (int way = 0; way < 4; way++)
            hits += tell_each_way(s, way & 1, way >> 1);
        readings += tell_by_a_wrong_clock(s);
        tell_doomed(s);
        told++;
    }
}

/* What the library does once in a process fails in a process of its own. */
static int in_a_fresh_process(const story *s, unsigned n)
{
    int status = 1;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        now_told.story = s->name;
        now_told.way = "first of all";
        if (n == 0)
            tell_doomed(s);
        _exit(tell(s, 0, 0, n, 0) >= n);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void tell_first_of_all(const story *s)
{
    for (unsigned n = 0; in_a_fresh_process(s, n); n++)
        ;
}

static void hangs(int signal)
{
    (void)signal;
    fail(__FILE__, __LINE__, "it hangs");
}

int main(int argc, char **argv)
{
    static const story *const all[] = {
        handle_stories, run_stories, step_stories, pool_stories,
#ifdef WITH_UV
        uv_stories,
#endif
    };
    const char *only = argc > 1 ? argv[1] : NULL;
    signal(SIGALRM, hangs);
    alarm(280);
    tell_first_of_all(handle_stories);
    for (size_t i = 0; i < COUNT(all); i++)
        tell_all(all[i], only);
    printf("faults: %u stories, %u calls failed, once and for ever, %u "
           "readings went wrong\n",
           told, hits, readings);
    return told == 0;
}
