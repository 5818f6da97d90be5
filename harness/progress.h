// How long work goes: on a terminal one line that is drawn again and again, in a pipe a plain line now and then.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef struct progress_cell {                  // one running cell
    const char *label;
    int         seed, stage, stages, length;
    int64_t     step, steps;
    double      loss, error, tokens_per_second;
    bool        evaluating;
} progress_cell;

typedef struct progress_bar { bool terminal, drawn; double started, last; int width; } progress_bar;

progress_bar progress_begin(void);
// done of all cells; share: of all the work that is done, 0 … 1; the running cells [n]. Draws when it is due.
void progress_show(progress_bar *, int done, int all, double share, const progress_cell *, int n);
void progress_clear(progress_bar *);            // before a line of another kind
double clock_seconds(clockid_t);                // of any of the system's clocks
double progress_clock(void);                    // seconds, monotonic
