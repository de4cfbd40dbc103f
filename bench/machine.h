/* What a figure depends on and does not say. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdio.h>

typedef struct bench_machine {
    char cpu[128], kernel[128], clock[64], date[32];
    const char *compiler, *flags, *commit;
    int cores;
} bench_machine;

void bench_machine_find(bench_machine *machine);
void bench_machine_print(const bench_machine *machine, FILE *to);

/* As a JSON object. */
void bench_machine_json(const bench_machine *machine, FILE *to);

/* A text as a JSON string. */
void bench_json_text(const char *text, FILE *to);

#endif
