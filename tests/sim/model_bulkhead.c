#include "model_bulkhead.h"

#include <string.h>

void model_bulkhead_init(model_bulkhead *m, const weir_bulkhead_options *o)
{
    memset(m, 0, sizeof *m);
    m->o = *o;
    m->limit = o->max_concurrent;
}

/* ---- lists ---- */

static void append(uint32_t *list, uint32_t *count, uint32_t client)
{
    list[(*count)++] = client;
}

static void strike(uint32_t *list, uint32_t *count, uint32_t client)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++)
        if (list[i] != client)
            list[kept++] = list[i];
    *count = kept;
}

/* ---- permits ---- */

static void grant_what_is_free(model_bulkhead *m)
{
    while (m->queue_count > 0 && m->held < m->limit) {
        uint32_t first = m->queue[0];
        strike(m->queue, &m->queue_count, first);
        m->clients[first].standing = STANDS_GRANTED;
        m->held++;
    }
}

static void give_back(model_bulkhead *m)
{
    m->held--;
    grant_what_is_free(m);
}

/* Only somebody who wants a permit has others taken back. */
static void take_back(model_bulkhead *m, uint64_t now_ns)
{
    while (m->abandoned_count > 0 &&
           m->clients[m->abandoned[0]].until_ns <= now_ns) {
        uint32_t oldest = m->abandoned[0];
        strike(m->abandoned, &m->abandoned_count, oldest);
        m->clients[oldest].standing = STANDS_ROBBED;
        give_back(m);
    }
}

static int is_free(const model_bulkhead *m)
{
    return m->held < m->limit && m->queue_count == 0;
}

int model_bulkhead_try(model_bulkhead *m, uint64_t now_ns)
{
    if (!is_free(m))
        take_back(m, now_ns);
    if (!is_free(m))
        return WEIR_EFULL;
    m->held++;
    return WEIR_OK;
}

int model_bulkhead_enter(model_bulkhead *m, uint32_t client, uint64_t now_ns)
{
    model_client *c = &m->clients[client];
    if (model_bulkhead_try(m, now_ns) == WEIR_OK) {
        c->standing = STANDS_RUNNING;
        return WEIR_OK;
    }
    if (m->queue_count >= m->o.max_queue)
        return WEIR_EFULL;
    c->standing = STANDS_WAITING;
    c->until_ns = now_ns + m->o.queue_ns;
    append(m->queue, &m->queue_count, client);
    return model_bulkhead_look(m, client, now_ns);
}

int model_bulkhead_look(model_bulkhead *m, uint32_t client, uint64_t now_ns)
{
    model_client *c = &m->clients[client];
    if (c->standing == STANDS_WAITING)
        take_back(m, now_ns);
    if (c->standing == STANDS_GRANTED) {
        c->standing = STANDS_RUNNING;
        return WEIR_OK;
    }
    if (now_ns < c->until_ns)
        return 1;
    model_bulkhead_quit(m, client);
    return WEIR_EQUEUETIME;
}

void model_bulkhead_quit(model_bulkhead *m, uint32_t client)
{
    model_standing standing = m->clients[client].standing;
    m->clients[client].standing = STANDS_OUTSIDE;
    if (standing == STANDS_GRANTED)
        give_back(m);
    else
        strike(m->queue, &m->queue_count, client);
}

int model_bulkhead_release(model_bulkhead *m)
{
    if (m->held == 0)
        return WEIR_ESTALE;
    give_back(m);
    return WEIR_OK;
}

void model_bulkhead_abandon(model_bulkhead *m, uint32_t client,
                            uint64_t now_ns)
{
    model_client *c = &m->clients[client];
    c->standing = STANDS_ABANDONED;
    c->until_ns = m->o.abandoned_max_ns == WEIR_NEVER
                      ? WEIR_NEVER
                      : now_ns + m->o.abandoned_max_ns;
    append(m->abandoned, &m->abandoned_count, client);
}

void model_bulkhead_end(model_bulkhead *m, uint32_t client)
{
    model_standing standing = m->clients[client].standing;
    m->clients[client].standing = STANDS_OUTSIDE;
    strike(m->abandoned, &m->abandoned_count, client);
    if (standing != STANDS_ROBBED)
        give_back(m);
}

void model_bulkhead_resize(model_bulkhead *m, uint32_t limit)
{
    m->limit = limit;
    grant_what_is_free(m);
}

uint64_t model_bulkhead_due(const model_bulkhead *m)
{
    return m->abandoned_count ? m->clients[m->abandoned[0]].until_ns
                              : WEIR_NEVER;
}
