/* script.c - the outage: how it comes, and how it passes. */
#include "demo.h"

const struct phase script[PHASES] = {
    /* name         from ms  work ms  answers */
    {"healthy",     0,       10,      200},
    {"slow",        1200,    600,     200},
    {"503",         3300,    0,       503}, /* what it depends on is gone */
    {"refused",     4800,    0,       0},   /* crashed: nobody listens */
    {"recovering",  6000,    50,      200}, /* up again, its caches cold */
    {"healthy",     7800,    10,      200},
};

int script_phase(uint64_t start_ns, uint64_t now_ns)
{
    int phase = 0;
    while (phase + 1 < PHASES &&
           now_ns >= start_ns + (uint64_t)script[phase + 1].from_ms * MS)
        phase++;
    return phase;
}

int script_sick(int phase)
{
    return phase > 0 && phase < PHASES - 1;
}

int script_back(void)
{
    int phase = PHASES - 1;
    while (phase > 0 && script[phase - 1].status != 0)
        phase--;
    return phase;
}
