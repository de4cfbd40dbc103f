#include "engine/call.h"

#include <string.h>

#include "base/options.h"
#include "base/time.h"

const weir_call_options weir__call_defaults = {
    .size = sizeof(weir_call_options),
    .deadline_ns = WEIR_NEVER,
};

int weir_call_options_init(weir_call_options *options, uint32_t size)
{
    return weir__options_init(options, size, &weir__call_defaults,
                              sizeof weir__call_defaults,
                              sizeof weir__call_defaults);
}

/* The tokens that cancel a call, each once: its own and those of the call it
 * is made for.  Their number, which may be one more than there is room for. */
static uint32_t tokens_of(const weir_call_options *options,
                          weir_cancel *tokens[WEIR_CALL_TOKENS + 1])
{
    const weir_call *parent = options->parent ? options->parent->call : NULL;
    uint32_t count = 0;
    for (uint32_t i = 0; parent && i < parent->token_count; i++)
        if (parent->tokens[i] != options->cancel)
            tokens[count++] = parent->tokens[i];
    if (options->cancel)
        tokens[count++] = options->cancel;
    return count;
}

int weir__call_options(weir_call_options *out, const weir_pipeline *pipeline,
                       const weir_call_options *options)
{
    weir_cancel *tokens[WEIR_CALL_TOKENS + 1];
    *out = weir__call_defaults;
    if (!options)
        return WEIR_OK;
    int status = weir__options_copy(out, sizeof *out, sizeof *out, options);
    if (status != WEIR_OK)
        return status;
    if (out->reserved != 0 ||
        (out->parent && out->parent->clock != pipeline->clock) ||
        tokens_of(out, tokens) > WEIR_CALL_TOKENS)
        return WEIR_EINVAL;
    return WEIR_OK;
}

static void note_tokens(weir_call *call, const weir_call_options *options)
{
    weir_cancel *tokens[WEIR_CALL_TOKENS + 1];
    call->token_count = tokens_of(options, tokens);
    for (uint32_t i = 0; i < call->token_count; i++) {
        call->tokens[i] = tokens[i];
        call->links[i].linked = 0;
    }
}

void weir__call_init(weir_call *call, const weir_call_options *options)
{
    call->state = WEIR__FRESH;
    call->entering = 0;
    call->slots_used = 0;
    call->node = NULL;
    call->attempt = NULL;
    call->now_ns = WEIR_NOW;
    call->latest_ns = 0;
    call->started_ns = WEIR_NOW;
    call->deadline_ns = options->deadline_ns;
    weir__init(&call->cancelled, 0u);
    call->token_count = 0;
    memset(&call->result, 0, sizeof call->result);
    if (options->parent)
        call->deadline_ns = weir__time_min(call->deadline_ns,
                                           weir__attempt_deadline(
                                               options->parent));
    if (options->parent || options->cancel)
        note_tokens(call, options);
}

uint64_t weir__call_read_now(weir_call *call)
{
    weir__call_set_now(call, weir_clock_now_ns(call->pipeline->clock));
    return call->now_ns;
}

void weir__call_watch_tokens(weir_call *call, weir__waker *waker)
{
    for (uint32_t i = 0; i < call->token_count; i++)
        weir__cancel_add(call->tokens[i], &call->links[i], waker);
}

void weir__call_unwatch_tokens(weir_call *call)
{
    for (uint32_t i = 0; i < call->token_count; i++)
        weir__cancel_remove(call->tokens[i], &call->links[i]);
}

int weir__call_tokens_fired(const weir_call *call)
{
    for (uint32_t i = 0; i < call->token_count; i++)
        if (weir_cancel_fired(call->tokens[i]))
            return 1;
    return 0;
}

int weir__call_copy_result(const weir_call *call, weir_result *out)
{
    if (call->state != WEIR__DONE || out->size < sizeof *out)
        return WEIR_EINVAL;
    uint32_t size = out->size;
    *out = call->result;
    out->size = size;
    return WEIR_OK;
}
