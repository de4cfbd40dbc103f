/* `make bench`: what a call costs here, beside what the machine itself takes.
 * bench [WORD...]   measures the cases that contain one of the words, and their
 *                   floors
 * BENCH_ROUNDS, BENCH_SECONDS, BENCH_RESULTS in the environment */
#include <stdlib.h>
#include <string.h>

#include "report.h"

enum { THREADS = 4 };

static const int threads[THREADS] = {1, 2, 4, 8};

static double number(const char *name, double otherwise)
{
    const char *text = getenv(name);
    return text && *text ? atof(text) : otherwise;
}

static int is_named(const bench_case *c, int words, char **word)
{
    for (int i = 0; i < words; i++)
        if (strstr(c->name, word[i]))
            return 1;
    return words == 0 || strcmp(c->name, BENCH_FLOOR) == 0;
}

/* Named, or the floor of one that is. */
static int is_wanted(const bench_list *list, const bench_case *c, int words,
                     char **word)
{
    if (is_named(c, words, word))
        return 1;
    for (int i = 0; i < list->n; i++)
        if (list->cases[i].floor && is_named(&list->cases[i], words, word) &&
            strcmp(list->cases[i].floor, c->name) == 0)
            return 1;
    return 0;
}

static void choose(bench_list *list, int words, char **word)
{
    static bench_list all;
    all = *list;
    list->n = 0;
    for (int i = 0; i < all.n; i++)
        if (is_wanted(&all, &all.cases[i], words, word))
            list->cases[list->n++] = all.cases[i];
}

static void measure(bench_report *r, const bench_plan *plan)
{
    bench_cell *cells = calloc((size_t)(r->list->n * THREADS), sizeof *cells);
    bench_cell *run = calloc((size_t)(r->list->n * THREADS), sizeof *run);
    int n = 0;
    if (!cells || !run)
        abort();
    for (int i = 0; i < r->list->n * THREADS; i++) {
        const bench_case *c = &r->list->cases[i / THREADS];
        bench_cell_init(&cells[i], c, threads[i % THREADS]);
        if (cells[i].threads >= (int)c->least_threads)
            run[n++] = cells[i];
    }
    bench_measure(run, n, plan);
    for (int i = r->list->n * THREADS; i-- > 0;)
        if (cells[i].threads >= (int)cells[i].c->least_threads)
            cells[i] = run[--n];
    free(run);
    r->cells = cells;
}

static void write_to(const char *folder, const char *name,
                     const bench_report *report,
                     void (*print)(const bench_report *, FILE *))
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    if (!f) {
        perror(path);
        exit(1);
    }
    print(report, f);
    fclose(f);
}

int main(int argc, char **argv)
{
    static bench_list list;
    bench_plan plan = {(int)number("BENCH_ROUNDS", 61), 0,
                       number("BENCH_SECONDS", 90)};
    bench_report report = {.list = &list, .threads = threads,
                           .n_threads = THREADS};
    const char *results = getenv("BENCH_RESULTS");
    uint64_t began_ns = bench_now_ns();
    plan.rounds_over = (plan.rounds + 9) / 10;
    bench_machine_find(&report.machine);
    bench_add_all(&list);
    choose(&list, argc - 1, argv + 1);
    measure(&report, &plan);
    report.seconds = (double)(bench_now_ns() - began_ns) / 1e9;
    bench_report_text(&report, stdout);
    if (results) {
        write_to(results, "bench.json", &report, bench_report_json);
        write_to(results, "chart.dat", &report, bench_report_chart);
    }
    return 0;
}
