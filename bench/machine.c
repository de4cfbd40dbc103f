#define _POSIX_C_SOURCE 200809L
#include "machine.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "harness.h"

#ifndef BENCH_FLAGS
#define BENCH_FLAGS "unknown"
#endif

/* The first line of a file that begins with start, without it. */
static void find_line(const char *path, const char *start, char *out,
                      size_t size)
{
    char line[256];
    FILE *f = fopen(path, "r");
    snprintf(out, size, "unknown");
    if (!f)
        return;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, start, strlen(start)) == 0) {
            char *value = line + strlen(start);
            value += strspn(value, " \t:");
            value[strcspn(value, "\n")] = '\0';
            snprintf(out, size, "%s", value);
            break;
        }
    fclose(f);
}

void bench_machine_find(bench_machine *m)
{
    struct utsname name;
    time_t now = time(NULL);
    struct tm utc;
    find_line("/proc/cpuinfo", "model name", m->cpu, sizeof m->cpu);
    find_line("/sys/devices/system/clocksource/clocksource0/"
              "current_clocksource", "", m->clock, sizeof m->clock);
    if (uname(&name) == 0)
        snprintf(m->kernel, sizeof m->kernel, "%.40s %.60s %.20s",
                 name.sysname, name.release, name.machine);
    strftime(m->date, sizeof m->date, "%Y-%m-%d %H:%M UTC",
             gmtime_r(&now, &utc));
#ifdef __clang__
    m->compiler = __VERSION__;
#else
    m->compiler = "gcc " __VERSION__;
#endif
    m->flags = BENCH_FLAGS;
    m->commit = getenv("BENCH_COMMIT") ? getenv("BENCH_COMMIT") : "unknown";
    m->cores = bench_cores();
}

void bench_machine_print(const bench_machine *m, FILE *to)
{
    fprintf(to, "cpu       %s, %d cores\n", m->cpu, m->cores);
    fprintf(to, "kernel    %s, clock source %s\n", m->kernel, m->clock);
    fprintf(to, "compiler  %s, %s\n", m->compiler, m->flags);
    fprintf(to, "weir      %s, %s\n", m->commit, m->date);
}

void bench_json_text(const char *text, FILE *to)
{
    fputc('"', to);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else if ((unsigned char)*text >= ' ')
            fputc(*text, to);
    fputc('"', to);
}

static void pair(const char *key, const char *value, FILE *to)
{
    fprintf(to, "\"%s\": ", key);
    bench_json_text(value, to);
    fputs(", ", to);
}

void bench_machine_json(const bench_machine *m, FILE *to)
{
    fputc('{', to);
    pair("cpu", m->cpu, to);
    pair("kernel", m->kernel, to);
    pair("clock_source", m->clock, to);
    pair("compiler", m->compiler, to);
    pair("flags", m->flags, to);
    pair("commit", m->commit, to);
    pair("date", m->date, to);
    fprintf(to, "\"cores\": %d}", m->cores);
}
