/* The main function of every test here.
 *
 *   <test> all           all schedules; built with -DFULL_SEARCH
 *   <test> switches<n>   all in which threads that could go on are stopped at
 *                        most n times; built with -DBOUNDED_SEARCH
 *   <test> <n>[@<first>] n random ones; Relacy seeds each by its number, so
 *                        the same n are tried every time, and 1@<number>
 *                        shows the one that reported a bug again
 *
 * A random schedule may show a load any of the last three values; the searches
 * only the last two, to come to an end.
 *
 * VERBOSE in the environment: prints the schedule that shows the bug.
 *
 * Exit status: 0 nothing found, 3 a bug was reported, 4 the test proves
 * nothing because something that it is about never happened. */
#ifndef WEIR_RELACY_EXPLORE_H
#define WEIR_RELACY_EXPLORE_H

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <streambuf>

#include "relacy_shim.h"

#include "heap.h"

enum { EXIT_FOUND = 3, EXIT_VACUOUS = 4, EVENTS_MAX = 8 };

/* What must have happened in at least one schedule. */
static const char *event_names[EVENTS_MAX];
static unsigned long event_counts[EVENTS_MAX];

static inline void happened(int event)
{
    event_counts[event]++;
}

static inline int all_happened(void)
{
    int all = 1;
    for (int i = 0; i < EVENTS_MAX && event_names[i]; i++)
        if (event_counts[i] == 0) {
            std::printf("never happened: %s\n", event_names[i]);
            all = 0;
        }
    return all;
}

/* The processor of a thread, for stripes: its number, or one for all. */
enum { CPU_OF_THREAD = -1 };
static int cpu_of_all = CPU_OF_THREAD;

uint32_t weir__cpu_hint()
{
    return cpu_of_all == CPU_OF_THREAD ? rl::thread_index()
                                       : (unsigned)cpu_of_all;
}

/* Where Relacy's reports go.  A stream that keeps nothing: Relacy replaces
 * operator new while a test runs, so a growing one would be freed by another
 * allocator than its own. */
class nowhere : public std::streambuf {
protected:
    int overflow(int c) { return c == EOF ? 0 : c; }
};

/* The base of all tests. */
template <typename test, int threads>
struct scenario : rl::test_suite<test, threads> {
    scenario()
    {
        shim_begin();
        heap_begin();
    }

    ~scenario() { shim_finish(); }
};

/* rl::simulate for one kind of search: that one is compiled for all three,
 * which takes thrice as long. */
template <typename test, typename scheduler>
static rl::test_result_e search(rl::test_params &params)
{
    rl::ostringstream state, again;
    rl::test_result_e result =
        rl::run_test<test, scheduler>(params, state, false);
    if (result != rl::test_result_success && std::getenv("VERBOSE")) {
        params.initial_state = state.str();
        params.collect_history = true;
        rl::run_test<test, scheduler>(params, again, true);
    }
    return result;
}

template <typename test>
static rl::test_result_e search_by(const char *how, rl::test_params &params)
{
    enum { THREADS_OF_IT = test::params::thread_count };
#ifdef FULL_SEARCH
    if (std::strcmp(how, "all") == 0) {
        params.search_type = rl::sched_full;
        return search<test, rl::full_search_scheduler<THREADS_OF_IT> >(params);
    }
#endif
#ifdef BOUNDED_SEARCH
    if (std::sscanf(how, "switches%u", &params.context_bound) == 1) {
        params.search_type = rl::sched_bound;
        return search<test, rl::context_bound_scheduler<THREADS_OF_IT> >(
            params);
    }
#endif
    unsigned long count = 0, first = 0;
    std::sscanf(how, "%lu@%lu", &count, &first);
    if (first > 0) {
        rl::ostringstream state;
        state << first;
        params.initial_state = state.str();
    }
    params.search_type = rl::sched_random;
    params.iteration_count = first + count;
    return search<test, rl::random_scheduler<THREADS_OF_IT> >(params);
}

template <typename test> static int explore(int argc, char **argv)
{
    nowhere sink;
    std::ostream quiet(&sink);
    rl::test_params params;
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s all|switches<n>|<n>[@<first>]\n",
                     argv[0]);
        return 2;
    }
    params.output_stream = std::getenv("VERBOSE") ? &std::cout : &quiet;
    params.progress_stream = &quiet;
    rl::test_result_e result = search_by<test>(argv[1], params);
    shim_list_sites();
    if (result == rl::test_result_success) {
        std::printf("%lu schedules\n", (unsigned long)params.stop_iteration);
        return all_happened() ? 0 : EXIT_VACUOUS;
    }
    std::printf("%s, schedule %lu\n", rl::test_result_str(result),
                (unsigned long)params.stop_iteration);
    return EXIT_FOUND;
}

#endif
