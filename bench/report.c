#include "report.h"

#include <string.h>

#include "memory.h"

static const bench_cell *cell_of(const bench_report *r, int i, int t)
{
    return &r->cells[i * r->n_threads + t];
}

static double median_of(const bench_report *r, const char *name, int t)
{
    for (int i = 0; i < r->list->n; i++)
        if (strcmp(r->list->cases[i].name, name) == 0)
            return cell_of(r, i, t)->median;
    return 0;
}

/* F with one thread: all threads of a cell are compared with the same. */
static double unit(const bench_report *r)
{
    return median_of(r, BENCH_FLOOR, 0);
}

/* What the case cannot go below, with as many threads; 0: no such floor. */
static double floor_of(const bench_report *r, const bench_cell *cell, int t)
{
    return cell->c->floor ? median_of(r, cell->c->floor, t) : 0;
}

static int is_full(const bench_report *r, int t)
{
    return r->threads[t] <= r->machine.cores;
}

/* ---- text ---- */

static void print_head(const bench_report *r, FILE *to)
{
    int kept = 0, tried = 0;
    for (int i = 0; i < r->list->n * r->n_threads; i++) {
        kept += r->cells[i].kept;
        tried += r->cells[i].tried;
    }
    bench_machine_print(&r->machine, to);
    fprintf(to, "rounds    %d of %d kept, ", kept, tried);
    fprintf(to, bench_sees_disturbance()
                    ? "the rest were disturbed by other load; %.0f s\n"
                    : "disturbance is not visible here; %.0f s\n",
            r->seconds);
    fprintf(to, "\nns per operation: median, min-p90, the median as a multiple "
                "of F, the median of\n\"%s\" with one thread (%.2f ns), "
                "and, in\nbrackets, as a multiple of the case's own floor, "
                "which does only what the case\ncannot do without, with as "
                "many threads (the last column names it).  Threads share\none "
                "handle.  A ? marks what had fewer than 3 undisturbed rounds."
                "\n", BENCH_FLOOR, unit(r));
    for (int t = 0; t < r->n_threads; t++)
        if (!is_full(r, t))
            fprintf(to, "%d threads take turns on %d cores: processor time of "
                        "a call, not how long it takes.\n",
                    r->threads[t], r->machine.cores);
}

static void print_cell(const bench_report *r, const bench_cell *cell, int t,
                       FILE *to)
{
    char range[32] = "", share[16] = "";
    int full = is_full(r, t);
    if (cell->tried == 0) {
        fprintf(to, full ? "%36s" : "%16s", "-");
        return;
    }
    if (floor_of(r, cell, t) > 0)
        snprintf(share, sizeof share, "(%.1f)",
                 cell->median / floor_of(r, cell, t));
    if (full)
        snprintf(range, sizeof range, "%.1f-%.1f", cell->min, cell->p90);
    fprintf(to, " %7.1f%s", cell->median, cell->doubtful ? "?" : " ");
    if (full)
        fprintf(to, "%-13s", range);
    fprintf(to, "%6.1fF", cell->median / unit(r));
    if (full)
        fprintf(to, " %-6s", share);
}

static void print_times(const bench_report *r, FILE *to)
{
    fprintf(to, "\n%-40s", "threads");
    for (int t = 0; t < r->n_threads; t++)
        fprintf(to, is_full(r, t) ? "%9d%27s" : "%9d%7s", r->threads[t], "");
    fputc('\n', to);
    for (int i = 0; i < r->list->n; i++) {
        fprintf(to, "%-40s", r->list->cases[i].name);
        for (int t = 0; t < r->n_threads; t++)
            print_cell(r, cell_of(r, i, t), t, to);
        if (r->list->cases[i].floor)
            fprintf(to, "  %s",
                    r->list->cases[i].floor + strlen("floor: "));
        fputc('\n', to);
    }
}

/* A handle goes by the name of its first case, up to the colon. */
static int is_same_handle(const bench_case *a, const bench_case *b)
{
    size_t n = strcspn(a->name, ":");
    return n == strcspn(b->name, ":") && strncmp(a->name, b->name, n) == 0;
}

static void print_memory(const bench_report *r, FILE *to)
{
    const bench_case *before = NULL;
    fprintf(to, "\n%-40s%9s\n", "by weir_allocator, after use", "bytes");
    for (int i = 0; i < r->list->n; i++) {
        const bench_case *c = &r->list->cases[i];
        if (!c->make || (before && is_same_handle(before, c)))
            continue;
        fprintf(to, "%-40.*s%9llu\n", (int)strcspn(c->name, ":"), c->name,
                (unsigned long long)bench_memory_of(c).bytes);
        before = c;
    }
}

static void print_allocations(const bench_report *r, FILE *to)
{
    fprintf(to, "\nallocations per call: 0 of all but\n");
    for (int i = 0; i < r->list->n; i++) {
        const bench_case *c = &r->list->cases[i];
        bench_memory m = {0, 0};
        if (c->make)
            m = bench_memory_of(c);
        if (m.allocations > 0)
            fprintf(to, "%-40s%9.2f\n", c->name, m.allocations);
    }
}

void bench_report_text(const bench_report *r, FILE *to)
{
    print_head(r, to);
    print_times(r, to);
    print_memory(r, to);
    print_allocations(r, to);
}

/* ---- JSON ---- */

static void json_cell(const bench_report *r, const bench_cell *cell,
                      const char *end, FILE *to)
{
    int t = (int)((cell - r->cells) % r->n_threads);
    fprintf(to, "    {\"case\": ");
    bench_json_text(cell->c->name, to);
    fprintf(to,
            ", \"threads\": %d, \"more_than_cores\": %s, \"median_ns\": %.3f,"
            " \"min_ns\": %.3f, \"p90_ns\": %.3f, \"times_floor\": %.3f, "
            "\"kept\": %d, \"tried\": %d, \"doubtful\": %s",
            cell->threads,
            cell->threads > r->machine.cores ? "true" : "false",
            cell->median, cell->min, cell->p90, cell->median / unit(r),
            cell->kept, cell->tried, cell->doubtful ? "true" : "false");
    if (floor_of(r, cell, t) > 0) {
        fputs(", \"own_floor\": ", to);
        bench_json_text(cell->c->floor, to);
        fprintf(to, ", \"times_own_floor\": %.3f",
                cell->median / floor_of(r, cell, t));
    }
    fprintf(to, "}%s\n", end);
}

static void json_memory(const bench_report *r, FILE *to)
{
    const char *before = "";
    for (int i = 0; i < r->list->n; i++) {
        const bench_case *c = &r->list->cases[i];
        if (!c->make)
            continue;
        bench_memory m = bench_memory_of(c);
        fprintf(to, "%s    {\"case\": ", before);
        bench_json_text(c->name, to);
        fprintf(to, ", \"bytes\": %llu, \"allocations_per_call\": %.3f}",
                (unsigned long long)m.bytes, m.allocations);
        before = ",\n";
    }
    fputc('\n', to);
}

void bench_report_json(const bench_report *r, FILE *to)
{
    const bench_cell *last = NULL;
    fputs("{\n  \"machine\": ", to);
    bench_machine_json(&r->machine, to);
    fputs(",\n  \"floor\": ", to);
    bench_json_text(BENCH_FLOOR, to);
    fputs(",\n  \"times\": [\n", to);
    for (int i = 0; i < r->list->n * r->n_threads; i++) {
        if (r->cells[i].tried == 0)
            continue;
        if (last)
            json_cell(r, last, ",", to);
        last = &r->cells[i];
    }
    if (last)
        json_cell(r, last, "", to);
    fputs("  ],\n  \"memory\": [\n", to);
    json_memory(r, to);
    fputs("  ]\n}\n", to);
}

/* ---- the chart's table ---- */

void bench_report_chart(const bench_report *r, FILE *to)
{
    fprintf(to, "\"%s, %d cores, %s\" F %.4f\n", r->machine.cpu,
            r->machine.cores, r->machine.date, unit(r));
    for (int i = 0; i < r->list->n; i++) {
        if (!(r->list->cases[i].flags & BENCH_HEADLINE))
            continue;
        fprintf(to, "\"%s\"", r->list->cases[i].name);
        for (int t = 0; t < r->n_threads && t < 2; t++)
            fprintf(to, " %.3f", cell_of(r, i, t)->median);
        fputc('\n', to);
    }
}
