/* view.c - the timeline: a chart, redrawn on a terminal; elsewhere lines, and
 * the chart at the end.
 *
 * A column is a slice of time and stacks the calls that were due in it, so
 * that a call which hangs turns red where it began to hang. */
#include "demo.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ROWS = 6, PER_CELL = THREADS / ROWS, LABEL = 8, LINE_MS = 500 };
enum { WAITING = OUTCOMES, BLANK };

static const struct look {
    char sign;
    const char *color, *meaning;
} look[] = {
    {'#', "32;42", "answered"},    {'-', "30;43", "failed fast"},
    {'x', "97;41", "failed slow"}, {'.', "97;100", "never sent"},
    {'?', "97;44", "waiting"},     {' ', NULL, NULL},
};
static const struct look state_look[] = {
    {'_', "32", "closed"}, {'O', "1;31", "open"}, {'?', "1;33", "half-open"},
};

static struct {
    int live, color, has_breaker;
    int drawn; /* lines to go back before the next drawing */
    int lines, shown[OUTCOMES];
} view;

static void put(char sign, const char *color)
{
    static const char *current;
    if (view.color && color != current)
        printf("\033[0m\033[%sm", color ? color : "0");
    current = color;
    putchar(sign);
}

static void begin_line(const char *label)
{
    printf("%-*s", LABEL, label);
    view.drawn++;
}

static void draw_script(uint64_t now)
{
    char line[SLICES + 16];
    memset(line, ' ', sizeof line);
    for (int i = 0; i < PHASES; i++) {
        line[script[i].from_ms / SLICE_MS] = '|';
        memcpy(line + script[i].from_ms / SLICE_MS + 1, script[i].name,
               strlen(script[i].name));
    }
    begin_line("server");
    for (int i = 0; i < SLICES; i++) {
        uint64_t at = (uint64_t)i * SLICE_NS;
        put(line[i], now < at                            ? "2"
                     : script_sick(script_phase(0, at)) ? "1;31"
                                                         : "1;32");
    }
    put('\n', NULL);
}

/* The call at rank of a slice, stacked by what became of it.  A slice is full
 * when it is over: what has not ended then is waiting. */
static const struct look *cell(const struct run *run, int slice, int rank,
                               uint64_t now)
{
    int sum = 0, reached = now >= (uint64_t)slice * SLICE_NS;
    for (int i = 0; i < OUTCOMES && reached; i++)
        if (rank < (sum += run->outcomes[slice][i]))
            return &look[i];
    return &look[now >= (uint64_t)(slice + 1) * SLICE_NS ? WAITING : BLANK];
}

static void draw_calls(const struct run *run, uint64_t now)
{
    for (int row = ROWS - 1; row >= 0; row--) {
        begin_line(row == ROWS - 1 ? "calls" : "");
        for (int i = 0; i < SLICES; i++) {
            const struct look *c = cell(run, i, row * PER_CELL + PER_CELL / 2,
                                        now);
            put(c->sign, c->color);
        }
        put('\n', NULL);
    }
}

/* Half-open is often over within a slice, and shown all the same. */
static void draw_breaker(const struct run *run, uint64_t now)
{
    begin_line("breaker");
    for (int i = 0; i < SLICES && now >= (uint64_t)i * SLICE_NS; i++) {
        int state = run->probed[i] ? WEIR_HALF_OPEN : run->breaker[i];
        put(state_look[state].sign, state_look[state].color);
    }
    put('\n', NULL);
}

static void draw(const struct run *run, uint64_t now)
{
    if (view.live && view.drawn > 0)
        printf("\033[%dA\r", view.drawn);
    view.drawn = 0;
    draw_script(now);
    draw_calls(run, now);
    if (view.has_breaker)
        draw_breaker(run, now);
}

/* What has ended since the line before. */
static void print_line(const struct run *run, uint64_t now)
{
    static const char format[] = "%8s  %-10s  %-9s  %8s  %11s  %11s  %10s\n";
    char count[OUTCOMES][16], at[16];
    if (view.lines++ == 0)
        printf(format, "time", "server", "breaker", look[ANSWERED].meaning,
               look[FAILED_FAST].meaning, look[FAILED_SLOW].meaning,
               look[NEVER_SENT].meaning);
    for (int i = 0; i < OUTCOMES; i++) {
        int total = run_total(run, i);
        snprintf(count[i], sizeof count[i], "%d", total - view.shown[i]);
        view.shown[i] = total;
    }
    snprintf(at, sizeof at, "%.1f s", view.lines * LINE_MS / 1e3);
    printf(format, at, script[script_phase(0, now)].name,
           view.has_breaker ? state_look[run->breaker[SLICES - 1]].meaning
                            : "none",
           count[ANSWERED], count[FAILED_FAST], count[FAILED_SLOW],
           count[NEVER_SENT]);
}

static uint64_t since_start(const struct run *run)
{
    uint64_t now = weir_clock_now_ns(NULL);
    return now > run->start_ns ? now - run->start_ns : 0;
}

void view_tick(struct run *run)
{
    uint64_t now = since_start(run);
    pthread_mutex_lock(&run->lock);
    if (view.live)
        draw(run, now);
    else if (now >= (uint64_t)(view.lines + 1) * LINE_MS * MS)
        print_line(run, now);
    pthread_mutex_unlock(&run->lock);
    fflush(stdout); /* outside the lock: a terminal may be slow */
}

/* On a terminal smaller than the chart, going back would not come to where
 * the chart begins. */
static int can_redraw(void)
{
    struct winsize size;
    const char *term = getenv("TERM");
    if (!isatty(STDOUT_FILENO) || !term || strcmp(term, "dumb") == 0)
        return 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
        return 1;
    return size.ws_col > LABEL + SLICES && size.ws_row > ROWS + 3;
}

void view_open(void)
{
    static char buffer[1 << 16];
    const char *no_color = getenv("NO_COLOR");
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    view.live = can_redraw();
    view.color = view.live && !(no_color && *no_color);
    printf("%d threads call a small server, each every %d ms, through the "
           "same outage\ntwice.  It has %d workers, and slows down when more "
           "than %d requests crowd it.\nColumns: ", THREADS, SLICE_MS,
           WORKERS, ROOMY);
    for (int i = 0; look[i].color; i++) {
        put(look[i].sign, look[i].color);
        put(' ', NULL);
        printf("%s%s", look[i].meaning, look[i + 1].color ? "  " : "\n\n");
    }
}

void view_begin(const char *title, const char *detail, int has_breaker)
{
    view.has_breaker = has_breaker;
    view.drawn = view.lines = 0;
    memset(view.shown, 0, sizeof view.shown);
    printf("%s: %s\n%s", title, detail, view.live ? "\033[?25l" : "");
    fflush(stdout);
}

/* Gives the cursor back, whatever ended the run. */
void view_end(struct run *run)
{
    uint64_t now = since_start(run);
    if (!view.live && now >= RUN_NS)
        print_line(run, now);
    if (view.live || now >= RUN_NS)
        draw(run, now);
    puts(view.live ? "\033[?25h" : "");
    fflush(stdout);
}
