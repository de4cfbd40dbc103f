/* The results of `make bench`: text for people, JSON for machines, a table
 * for the chart. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "cases.h"
#include "machine.h"

typedef struct bench_report {
    bench_machine machine;
    const bench_list *list;
    const int *threads; /* numbers of threads */
    int n_threads;
    bench_cell *cells; /* n_threads for each case */
    double seconds;
} bench_report;

void bench_report_text(const bench_report *report, FILE *to);
void bench_report_json(const bench_report *report, FILE *to);
void bench_report_chart(const bench_report *report, FILE *to);

#endif
