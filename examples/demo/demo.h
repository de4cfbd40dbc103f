/* demo.h - the parts of the demo and what they share.
 *
 *   script.c   what goes wrong with the server, and when
 *   server.c   a small HTTP server that follows the script
 *   fetch.c    one HTTP GET within a time limit
 *   naked.c    the client that people write first
 *   client.c   the same client behind weir: the file to copy from
 *   load.c     threads that call at a steady pace
 *   stats.c    what became of every call
 *   view.c     the timeline: redrawn on a terminal, in lines elsewhere
 *   report.c   the table at the end
 *   main.c     the naked run, the run with weir, Ctrl-C */
#ifndef DEMO_H
#define DEMO_H

#include <pthread.h>
#include <stdint.h>

#include <weir.h>

#define MS UINT64_C(1000000)

/* In each slice of time each thread has one call due. */
enum { THREADS = 24, SLICES = 70, SLICE_MS = 150 };
#define SLICE_NS (SLICE_MS * MS)
#define RUN_NS (SLICES * SLICE_NS)

/* script.c */
enum { PHASES = 6 };
struct phase {
    const char *name;
    int from_ms; /* lasts until the next one begins */
    int work_ms; /* what one request costs a worker */
    int status;  /* what it answers; 0: nobody listens */
};
extern const struct phase script[PHASES];
int script_phase(uint64_t start_ns, uint64_t now_ns);
int script_sick(int phase); /* neither healthy before nor after */
int script_back(void);      /* the phase in which it listens again */

/* server.c: so many requests at a time are worked on; so many may wait and be
 * worked on before they get into each other's way. */
enum { WORKERS = 4, ROOMY = 10 };
int server_start(uint64_t start_ns); /* its port, or -1: see errno */
int server_stop(void); /* the requests it received while sick, or -1 when it
                          did not get its port back */

/* fetch.c */
int fetch(int port, uint64_t limit_ns); /* 0, an HTTP status, or -errno */

/* What a client does: returns as fetch does, or a code of weir. */
typedef int (*get_fn)(void *client, weir_result *result);

/* naked.c */
int naked_get(void *port, weir_result *result);

/* client.c */
struct client;
int client_new(struct client **out, int port, weir_cancel *cancel,
               weir_listener_fn listener, void *arg); /* a code of weir */
int client_get(void *arg, weir_result *result); /* a struct client */
void client_free(struct client *client);
const char *client_describe(void);

/* stats.c */
enum { ANSWERED, FAILED_FAST, FAILED_SLOW, NEVER_SENT, OUTCOMES };
enum { FAST_MS = 100, PROMPT_MS = 250 };

struct run {
    pthread_mutex_t lock; /* for all below but start_ns */
    uint64_t start_ns;
    int outcomes[SLICES][OUTCOMES]; /* by the slice in which a call is due */
    int prompt[SLICES];             /* answered within PROMPT_MS */
    int answered;
    uint64_t latency_ns[THREADS * SLICES]; /* of the answered ones */
    int rejected[WEIR_BY_CALL + 1];        /* by WEIR_BY_... */
    int breaker[SLICES], probed[SLICES];   /* its state, was it half-open */
    int endured;                           /* by the sick server */
};
void run_init(struct run *run, uint64_t start_ns);
void run_record(struct run *run, int slice, uint64_t due_ns, int code,
                const weir_result *result);
void run_never_sent(struct run *run, int slice);
void run_listen(const weir_event *event, void *arg); /* a struct run */
int run_total(const struct run *run, int outcome);
uint64_t run_percentile_ns(struct run *run, int percent);
uint64_t run_recovery_ns(const struct run *run); /* WEIR_NEVER: it did not */

/* load.c */
int load_start(struct run *run, get_fn get, void *client, weir_cancel *stop);
int load_busy(void); /* whether a thread still runs */
void load_join(void);

/* view.c */
void view_open(void); /* before any other output */
void view_begin(const char *title, const char *detail, int has_breaker);
void view_tick(struct run *run);
void view_end(struct run *run);

/* report.c */
void report(struct run *naked, struct run *weir);

#endif
