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

/* The pipeline holds what is added to it, so each of the following gives its
 * own reference back, also when something failed. */
static int add_timeout(weir_pipeline *pipeline, uint64_t timeout_ns)
{
    weir_timeout *timeout = NULL;
    weir_timeout_options options;
    int rc;
    weir_timeout_options_init(&options, sizeof options);
    options.timeout_ns = timeout_ns;
    rc = weir_timeout_new(&timeout, &options);
    if (rc == WEIR_OK)
        rc = weir_pipeline_add_timeout(pipeline, timeout);
    weir_timeout_unref(timeout);
    return rc;
}

static int add_retry(weir_pipeline *pipeline)
{
    weir_retry *retry = NULL;
    int rc = weir_retry_new(&retry, NULL);
    if (rc == WEIR_OK)
        rc = weir_pipeline_add_retry(pipeline, retry);
    weir_retry_unref(retry);
    return rc;
}

static int add_breaker(weir_pipeline *pipeline, weir_listener_fn listener,
                       void *arg)
{
    weir_breaker *breaker = NULL;
    weir_breaker_options options;
    int rc;
    weir_breaker_options_init(&options, sizeof options);
    options.open_ns = OPEN_MS * MS;
    rc = weir_breaker_new(&breaker, &options);
    if (rc == WEIR_OK)
        rc = weir_breaker_listen(breaker, listener, arg, NULL);
    if (rc == WEIR_OK)
        rc = weir_pipeline_add_breaker(pipeline, breaker);
    weir_breaker_unref(breaker);
    return rc;
}

static int add_bulkhead(weir_pipeline *pipeline)
{
    weir_bulkhead *bulkhead = NULL;
    weir_bulkhead_options options;
    int rc;
    weir_bulkhead_options_init(&options, sizeof options);
    options.queue_ns = QUEUE_MS * MS;
    rc = weir_bulkhead_new(&bulkhead, &options);
    if (rc == WEIR_OK)
        rc = weir_pipeline_add_bulkhead(pipeline, bulkhead);
    weir_bulkhead_unref(bulkhead);
    return rc;
}

static int build(weir_pipeline **out, weir_listener_fn listener, void *arg)
{
    int rc = weir_pipeline_new(out, NULL);
    if (rc == WEIR_OK)
        rc = weir_pipeline_classify(*out, classify, NULL, NULL);
    if (rc == WEIR_OK)
        rc = add_timeout(*out, TOTAL_MS * MS);
    if (rc == WEIR_OK)
        rc = add_retry(*out);
    if (rc == WEIR_OK)
        rc = add_breaker(*out, listener, arg);
    if (rc == WEIR_OK)
        rc = add_bulkhead(*out);
    if (rc == WEIR_OK)
        rc = add_timeout(*out, ATTEMPT_MS * MS);
    if (rc == WEIR_OK)
        rc = weir_pipeline_seal(*out);
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
