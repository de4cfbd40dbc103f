/* main.c - one outage, lived through twice: naked, then with weir. */
#include "demo.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { TICK_MS = 100, LEAD_MS = 100, DRAIN_MS = 1500 };

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

static void catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
}

static int fail(const char *what, const char *why)
{
    fprintf(stderr, "demo: %s: %s\n", what, why);
    return -1;
}

/* After the last call was due, those under way get a moment to end. */
static void watch(struct run *run)
{
    uint64_t last = run->start_ns + RUN_NS + DRAIN_MS * MS;
    uint64_t now = weir_clock_now_ns(NULL);
    while (!interrupted && load_busy() && now < last) {
        view_tick(run);
        weir_clock_sleep_until(weir_clock_monotonic(), now + TICK_MS * MS,
                               NULL);
        now = weir_clock_now_ns(NULL);
    }
}

/* The server ends before the threads: whoever waits for it is let go. */
static int drive(struct run *run, get_fn get, void *client, weir_cancel *stop)
{
    int rc = load_start(run, get, client, stop);
    if (rc == 0)
        watch(run);
    if (rc != 0 || interrupted)
        weir_cancel_fire(stop);
    run->endured = server_stop();
    load_join();
    view_end(run);
    if (rc != 0)
        return fail("load", "no more threads");
    if (run->endured < 0 && !interrupted)
        return fail("server", "did not get its port back");
    return 0;
}

static int live_through(struct run *run, weir_cancel *stop, int with_weir)
{
    struct client *client;
    int port, rc;
    run_init(run, weir_clock_now_ns(NULL) + LEAD_MS * MS);
    port = server_start(run->start_ns);
    if (port < 0)
        return fail("server", strerror(errno));
    if (!with_weir) {
        view_begin("NAKED", "socket timeout 2 s, up to 4 tries at once", 0);
        return drive(run, naked_get, &port, stop);
    }
    rc = client_new(&client, port, stop, run_listen, run);
    if (rc != WEIR_OK) {
        server_stop();
        return fail("client", weir_strerror(rc));
    }
    view_begin("WITH WEIR", client_describe(), 1);
    rc = drive(run, client_get, client, stop);
    client_free(client);
    return rc;
}

int main(void)
{
    static struct run naked, weir;
    weir_cancel *stop;
    int rc = weir_cancel_new(&stop);
    if (rc != WEIR_OK)
        return 1;
    catch_signals();
    view_open();
    rc = live_through(&naked, stop, 0);
    if (rc == 0 && !interrupted)
        rc = live_through(&weir, stop, 1);
    weir_cancel_unref(stop);
    if (rc == 0 && !interrupted)
        report(&naked, &weir);
    if (interrupted)
        puts("interrupted");
    return interrupted ? 130 : rc != 0;
}
