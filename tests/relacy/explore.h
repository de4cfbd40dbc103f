/* The main function of every test here.
 *
 *   <test>        built with -DFULL_SEARCH: all schedules of a small test
 *   <test> <n>    n random ones; Relacy seeds each by its number, so the same
 *                 n are tried every time
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

/* Where Relacy's reports go.  A stream that keeps nothing: Relacy replaces
 * operator new while a test runs, so a growing one would be freed by another
 * allocator than its own. */
class nowhere : public std::streambuf {
protected:
    int overflow(int c) { return c == EOF ? 0 : c; }
};

/* rl::simulate for one kind of search: that one is compiled for all three,
 * which takes thrice as long. */
#ifdef FULL_SEARCH
#define SEARCH(threads) rl::full_search_scheduler<threads>
#else
#define SEARCH(threads) rl::random_scheduler<threads>
#endif

template <typename test>
static rl::test_result_e search(rl::test_params &params)
{
    typedef SEARCH(test::params::thread_count) scheduler;
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

template <typename test> static int explore(int argc, char **argv)
{
    nowhere sink;
    std::ostream quiet(&sink);
    rl::test_params params;
    params.output_stream = std::getenv("VERBOSE") ? &std::cout : &quiet;
    params.progress_stream = &quiet;
#ifdef FULL_SEARCH
    params.search_type = rl::sched_full;
#else
    params.search_type = rl::sched_random;
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s <schedules>\n", argv[0]);
        return 2;
    }
    params.iteration_count = (rl::iteration_t)std::atol(argv[1]);
#endif
    rl::test_result_e result = search<test>(params);
    if (result == rl::test_result_success) {
        std::printf("%lu schedules\n", (unsigned long)params.stop_iteration);
        return all_happened() ? 0 : EXIT_VACUOUS;
    }
    std::printf("%s, schedule %lu\n", rl::test_result_str(result),
                (unsigned long)params.stop_iteration);
    return EXIT_FOUND;
}

#endif
