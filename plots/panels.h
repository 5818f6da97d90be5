// Which curves a figure has and in which of its panels they lie.
#pragma once
#include "plots/curve.h"

// A model has one colour, one mark and one name in all panels.
typedef struct look { const char *name; int n_models; const model_summary *model; } look;      // model: of several the first

typedef struct panel {
    const char *title;                  // "parity"; "power 1, length 256"; "" where there is only one
    int         row, column;
    int         n;
    curve      *curve;                  // [n]
} panel;

typedef struct sheet {
    axes   axes;
    int    n, rows, columns;
    panel *panel;                       // [n]
    int    n_looks;
    look  *look;                        // [n_looks]
    bool   tasks;                       // the task is not the same everywhere
} sheet;

sheet sheet_of(const summary *, const plot_options *, arena *);
