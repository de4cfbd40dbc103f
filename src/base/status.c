#include "weir/base.h"

struct entry {
    int status;
    const char *name;
    const char *text;
};

static const struct entry table[] = {
    {WEIR_OK, "WEIR_OK", "success"},
    {WEIR_EINVAL, "WEIR_EINVAL", "an argument or option is out of its range"},
    {WEIR_ENOMEM, "WEIR_ENOMEM", "out of memory"},
    {WEIR_EVERSION, "WEIR_EVERSION", "the struct is newer than this library"},
    {WEIR_EOPEN, "WEIR_EOPEN", "the circuit breaker is open"},
    {WEIR_EFULL, "WEIR_EFULL", "the bulkhead and its queue are full"},
    {WEIR_EQUEUETIME, "WEIR_EQUEUETIME", "no permit within the queue time"},
    {WEIR_ETIMEDOUT, "WEIR_ETIMEDOUT", "out of time"},
    {WEIR_ECANCELED, "WEIR_ECANCELED", "the call was cancelled"},
    {WEIR_ESTALE, "WEIR_ESTALE", "permit or attempt of an earlier state"},
    {WEIR_EFINAL, "WEIR_EFINAL", "the outcome is not worth another attempt"},
    {WEIR_EATTEMPTS, "WEIR_EATTEMPTS", "all attempts are used"},
    {WEIR_EDEADLINE, "WEIR_EDEADLINE", "no time left for another attempt"},
    {WEIR_EELAPSED, "WEIR_EELAPSED", "the time for retries is used up"},
    {WEIR_EBUDGET, "WEIR_EBUDGET", "the retry budget is used up"},
};

static const struct entry *find(int status)
{
    for (unsigned i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].status == status)
            return &table[i];
    return 0;
}

const char *weir_strerror(int status)
{
    const struct entry *entry = find(status);
    return entry ? entry->text : "unknown status";
}

const char *weir_error_name(int status)
{
    const struct entry *entry = find(status);
    return entry ? entry->name : "?";
}

uint32_t weir_version(void)
{
    return WEIR_VERSION_MAJOR * 10000 + WEIR_VERSION_MINOR * 100 +
           WEIR_VERSION_PATCH;
}
