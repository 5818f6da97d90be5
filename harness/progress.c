#include "harness/progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BAR = 16 };
static const double redraw_terminal = 0.1, redraw_pipe = 15;        // seconds

double clock_seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double progress_clock(void) { return clock_seconds(CLOCK_MONOTONIC); }

progress_bar progress_begin(void)
{
    const char *term = getenv("TERM");
    progress_bar b = { .terminal = isatty(STDERR_FILENO) && !(term && strcmp(term, "dumb") == 0), .started = progress_clock(),
                       .width = 80 };
    b.last = b.terminal ? 0 : b.started;
    return b;
}

static void duration(char *text, size_t room, double seconds)
{
    const int s = (int)(seconds + 0.5);
    if (s >= 3600) snprintf(text, room, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
    else           snprintf(text, room, "%d:%02d", s / 60, s % 60);
}

// "psm-softmax s1 1250/3000 length 14 loss 0.31 error .072 81k tok/s"
static void describe(char *text, size_t room, const progress_cell *c)
{
    if (c->evaluating)  snprintf(text, room, "%s s%d evaluating", c->label, c->seed);
    else if (!c->steps) snprintf(text, room, "%s s%d starting", c->label, c->seed);
    else snprintf(text, room, "%s s%d %lld/%lld stage %d/%d loss %.3g error %.3f %.0fk tok/s", c->label, c->seed,
                  (long long)c->step, (long long)c->steps, c->stage + 1, c->stages, c->loss, c->error,
                  c->tokens_per_second / 1000);
}

void progress_show(progress_bar *b, int done, int all, double share, const progress_cell *cell, int n)
{
    const double now = progress_clock();
    if (now - b->last < (b->terminal ? redraw_terminal : redraw_pipe)) return;
    b->last = now;
    char line[1024], left[32] = "", bar[BAR * 3 + 1] = "";
    const int full = (int)(share * BAR);
    for (int i = 0; i < BAR; i++) strcat(bar, i < full ? "█" : "░");
    if (share > 0.01) duration(left, sizeof left, (now - b->started) * (1 - share) / share);
    int used = b->terminal ? snprintf(line, sizeof line, "%s ", bar) : 0;
    const int text = used;
    used += snprintf(line + used, sizeof line - used, "%d/%d runs, %.0f%%%s%s%s", done, all, 100 * share, *left ? ", " : "", left,
                     *left ? " left" : "");
    for (int i = 0; i < n && used < (int)sizeof line - 200; i++) {
        used += snprintf(line + used, sizeof line - used, " · ");
        describe(line + used, 160, &cell[i]);
        used += (int)strlen(line + used);
    }
    struct winsize size;
    if (b->terminal && ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > BAR + 8) b->width = size.ws_col;
    if (b->terminal) {                                  // cut to the terminal's width: "·" takes two bytes, one column
        int columns = BAR + 1, i = text;
        for (; line[i]; i++)
            if (((unsigned char)line[i] & 0xC0) != 0x80 && ++columns > b->width - 1) break;
        line[i] = 0;
    }
    fprintf(stderr, b->terminal ? "\r\033[K%s" : "%s\n", line);
    fflush(stderr);
    b->drawn = b->terminal;
}

void progress_clear(progress_bar *b)
{
    if (b->drawn) fprintf(stderr, "\r\033[K");
    fflush(stderr);
    b->drawn = false;
}
