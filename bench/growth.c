/* `make bench-growth`: how the cost of a call grows with threads, handles,
 * policies and windows, and that of a handle with their number.
 * growth [WORD...]   draws the plots that contain one of the words
 * BENCH_ROUNDS, BENCH_SECONDS, BENCH_RESULTS in the environment. */
#include "growth.h"

#include <stdlib.h>
#include <string.h>

#include "machine.h"

static bench_cell cells[GROWTH_MAX_POINTS];

static void measure(const growth *g)
{
    const char *rounds = getenv("BENCH_ROUNDS");
    const char *seconds = getenv("BENCH_SECONDS");
    bench_plan plan = {rounds ? atoi(rounds) : 21, 0,
                       seconds ? atof(seconds) : 90};
    plan.rounds_over = (plan.rounds + 3) / 4;
    for (int i = 0; i < g->n; i++)
        bench_cell_init(&cells[i], &g->points[i].c, g->points[i].threads);
    bench_measure(cells, g->n, &plan);
}

/* ---- text: a line for a series, a column for an x ---- */

static int starts_series(const growth *g, int i)
{
    return i == 0 || strcmp(g->points[i].series, g->points[i - 1].series) ||
           strcmp(g->points[i].plot, g->points[i - 1].plot);
}

static int starts_plot(const growth *g, int i)
{
    return i == 0 || strcmp(g->points[i].plot, g->points[i - 1].plot);
}

static int end_of_series(const growth *g, int i)
{
    do
        i++;
    while (i < g->n && !starts_series(g, i));
    return i;
}

/* The first series of a plot has every x of it. */
static void print_series(const growth *g, int first, int i, FILE *to)
{
    int end = end_of_series(g, i);
    fprintf(to, "\n%-38s", g->points[i].series);
    for (int column = first; i < end; column++)
        if (g->points[column].x == g->points[i].x) {
            fprintf(to, "%8.1f%c", cells[i].median,
                    cells[i].doubtful ? '?' : ' ');
            i++;
        } else {
            fprintf(to, "%9s", "");
        }
}

static void print_points(const growth *g, FILE *to)
{
    int first = 0;
    for (int i = 0; i < g->n; i = end_of_series(g, i)) {
        if (starts_plot(g, i)) {
            first = i;
            fprintf(to, "\n\n%-38s", g->points[i].plot);
            for (int x = i; x < end_of_series(g, i); x++)
                fprintf(to, "%8.0f ", g->points[x].x);
        }
        print_series(g, first, i, to);
    }
    fputc('\n', to);
}

static void print_built(const growth_built *built, int n, FILE *to)
{
    fprintf(to, "\n%-38s%9s%10s%9s%9s\n", "build and free a handle", "handles",
            "build ns", "free ns", "bytes");
    for (int i = 0; i < n; i++)
        fprintf(to, "%-38s%9u%10.1f%9.1f%9.0f\n", built[i].kind,
                built[i].handles, built[i].build_ns, built[i].free_ns,
                built[i].bytes);
}

/* ---- JSON, and tables for the charts ---- */

static void json_points(const growth *g, FILE *to)
{
    for (int i = 0; i < g->n; i++) {
        const growth_point *p = &g->points[i];
        fprintf(to, "%s    {\"plot\": \"%s\", \"series\": \"%s\", \"x\": %.0f,"
                    " \"median_ns\": %.3f, \"min_ns\": %.3f, \"p90_ns\": %.3f,"
                    " \"kept\": %d, \"tried\": %d, \"bytes\": %llu}",
                i ? ",\n" : "", p->plot, p->series, p->x, cells[i].median,
                cells[i].min, cells[i].p90, cells[i].kept, cells[i].tried,
                (unsigned long long)p->bytes);
    }
}

static void json_all(const growth *g, const bench_machine *machine,
                     const growth_built *built, int n, FILE *to)
{
    fputs("{\n  \"machine\": ", to);
    bench_machine_json(machine, to);
    fputs(",\n  \"points\": [\n", to);
    json_points(g, to);
    fputs("\n  ],\n  \"built\": [\n", to);
    for (int i = 0; i < n; i++)
        fprintf(to, "%s    {\"kind\": \"%s\", \"handles\": %u, \"build_ns\": "
                    "%.1f, \"free_ns\": %.1f, \"bytes\": %.0f}",
                i ? ",\n" : "", built[i].kind, built[i].handles,
                built[i].build_ns, built[i].free_ns, built[i].bytes);
    fputs("\n  ]\n}\n", to);
}

/* One file a plot; in it one block a series, begun by its name. */
static void write_tables(const growth *g, const char *folder)
{
    FILE *f = NULL;
    char path[256];
    for (int i = 0; i < g->n; i++) {
        if (starts_plot(g, i)) {
            snprintf(path, sizeof path, "%s/growth-%.*s.dat", folder,
                     (int)strcspn(g->points[i].plot, " "), g->points[i].plot);
            if (f)
                fclose(f);
            if (!(f = fopen(path, "w")))
                exit(1);
        }
        if (starts_series(g, i))
            fprintf(f, "%s\"%s\"\n", starts_plot(g, i) ? "" : "\n\n",
                    g->points[i].series);
        fprintf(f, "%.0f %.3f\n", g->points[i].x, cells[i].median);
    }
    if (f)
        fclose(f);
}

static void make_points(growth *g, int words, char **word)
{
    static const struct {
        const char *name;
        void (*add)(growth *);
    } plots[] = {{"threads", growth_of_threads},
                 {"handles", growth_of_handles},
                 {"policies", growth_of_depth},
                 {"windows", growth_of_windows}};
    for (int i = 0; i < 4; i++) {
        int wanted = words == 0;
        for (int w = 0; w < words; w++)
            wanted |= strstr(plots[i].name, word[w]) != NULL;
        if (wanted)
            plots[i].add(g);
    }
}

int main(int argc, char **argv)
{
    static growth g;
    static growth_built built[GROWTH_MAX_BUILT];
    const char *folder = getenv("BENCH_RESULTS");
    bench_machine machine;
    char path[256];
    int n_built = argc > 1 ? 0 : growth_of_building(built);
    make_points(&g, argc - 1, argv + 1);
    measure(&g);
    bench_machine_find(&machine);
    bench_machine_print(&machine, stdout);
    printf("\nns per call, median; ? marks fewer than 3 undisturbed rounds.  "
           "More threads than\n%d take turns: processor time of a call.\n",
           machine.cores);
    print_points(&g, stdout);
    print_built(built, n_built, stdout);
    if (!folder)
        return 0;
    write_tables(&g, folder);
    snprintf(path, sizeof path, "%s/growth.json", folder);
    FILE *json = fopen(path, "w");
    if (!json)
        return 1;
    json_all(&g, &machine, built, n_built, json);
    return fclose(json) != 0;
}
