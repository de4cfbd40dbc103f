/* client.c - an HTTP client behind the recommended pipeline:
 *
 *   total timeout > retry > breaker > bulkhead > attempt timeout
 *
 * Made once and used by all threads. */
#include "demo.h"

#include <stdio.h>
#include <stdlib.h>

/* The timeouts have no defaults.  Open for its 60 s, the breaker would outlast
 * the demo; 5 s in the queue are longer than anybody here waits. */
enum { TOTAL_MS = 1000, ATTEMPT_MS = 250, OPEN_MS = 1000, QUEUE_MS = 50 };

struct client {
    weir_pipeline *pipeline;
    weir_cancel *cancel;
    int port;
};

/* What an answer says about the server.  A 4xx is our fault and no reason to
 * doubt it; a 5xx, and everything that goes wrong with a socket, is worth
 * another attempt and counts against it. */
static int classify(int code, void *arg)
{
    if (code <= 0)
        return weir_classify_default(code, arg);
    if (code == 429)
        return WEIR_THROTTLED;
    if (code == 501)
        return WEIR_PERMANENT;
    if (code >= 500)
        return WEIR_TRANSIENT;
    return code >= 400 ? WEIR_DECLINED : WEIR_SUCCESS;
}

/* A breaker that tells when it changes its state. */
static int new_breaker(weir_breaker **out, weir_listener_fn listener,
                       void *arg)
{
    weir_breaker_options options;
    int rc;
    weir_breaker_options_init(&options, sizeof options);
    options.open_ns = OPEN_MS * MS;
    rc = weir_breaker_new(out, &options);
    if (rc == WEIR_OK)
        rc = weir_breaker_listen(*out, listener, arg, NULL);
    return rc;
}

static int new_bulkhead(weir_bulkhead **out)
{
    weir_bulkhead_options options;
    weir_bulkhead_options_init(&options, sizeof options);
    options.queue_ns = QUEUE_MS * MS;
    return weir_bulkhead_new(out, &options);
}

/* Retries may add a tenth to the load, and a few a second in any case. */
static int new_retry(weir_retry **out)
{
    weir_retry_options options;
    weir_budget *budget = NULL;
    int rc = weir_budget_new(&budget, NULL);
    weir_retry_options_init(&options, sizeof options);
    options.budget = budget;
    if (rc == WEIR_OK)
        rc = weir_retry_new(out, &options);
    weir_budget_unref(budget);
    return rc;
}

/* The pipeline holds what is added to it; our own references go back, also
 * when something failed. */
static int build(weir_pipeline **out, weir_listener_fn listener, void *arg)
{
    weir_retry *retry = NULL;
    weir_breaker *breaker = NULL;
    weir_bulkhead *bulkhead = NULL;
    int rc = weir_pipeline_new(out, NULL);
    if (rc == WEIR_OK)
        rc = weir_pipeline_classify(*out, classify, NULL, NULL);
    if (rc == WEIR_OK)
        rc = new_retry(&retry);
    if (rc == WEIR_OK)
        rc = new_breaker(&breaker, listener, arg);
    if (rc == WEIR_OK)
        rc = new_bulkhead(&bulkhead);
    if (rc == WEIR_OK)
        rc = weir_pipeline_add_recommended(*out, TOTAL_MS * MS,
                                           ATTEMPT_MS * MS, retry, breaker,
                                           bulkhead);
    if (rc == WEIR_OK)
        rc = weir_pipeline_seal(*out);
    weir_retry_unref(retry);
    weir_breaker_unref(breaker);
    weir_bulkhead_unref(bulkhead);
    return rc;
}

int client_new(struct client **out, int port, weir_cancel *cancel,
               weir_listener_fn listener, void *arg)
{
    struct client *client = calloc(1, sizeof *client);
    int rc = client ? build(&client->pipeline, listener, arg) : WEIR_ENOMEM;
    if (rc != WEIR_OK) {
        client_free(client);
        return rc;
    }
    weir_cancel_ref(cancel);
    client->cancel = cancel;
    client->port = port;
    *out = client;
    return WEIR_OK;
}

void client_free(struct client *client)
{
    if (!client)
        return;
    weir_pipeline_unref(client->pipeline);
    weir_cancel_unref(client->cancel);
    free(client);
}

/* One attempt: the time that is left is the limit of the socket. */
static int attempt(weir_attempt *attempt, void *arg)
{
    struct client *client = arg;
    return fetch(client->port, weir_attempt_remaining_ns(attempt));
}

/* 0, an HTTP status, -errno, or a code of weir: WEIR_EOPEN and so on. */
int client_get(void *arg, weir_result *result)
{
    struct client *client = arg;
    weir_call_options options;
    weir_call_options_init(&options, sizeof options);
    options.cancel = client->cancel;
    return weir_run_with(client->pipeline, &options, attempt, client, result);
}

const char *client_describe(void)
{
    static char text[200];
    snprintf(text, sizeof text,
             "call %d ms, attempt %d ms; all else is the default, but\n"
             "breaker open %d ms (60 s), queue %d ms (5 s), to suit an outage "
             "of seconds", TOTAL_MS, ATTEMPT_MS, OPEN_MS, QUEUE_MS);
    return text;
}
