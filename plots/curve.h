// What a figure's curves are: points of one run, or of the median over a model's runs, by length or by position.
#pragma once
#include "plots/plot.h"

// A kind of y. metric: of an evaluated length; −1: by position. share: between 0 and 1; chance, floors: which of them mean
// anything here.
typedef struct curve_kind { const char *axis; int metric; bool positions, share, chance, floors; } curve_kind;
extern const curve_kind curve_kinds[PLOT_YS];

// y, its 95 % interval, and what half of one error would be. NaN: not measured; ∞: diverged.
typedef struct point { double y, low, high, half; } point;
point curve_point(const run_summary *, plot_y, int x);
point curve_median(const model_summary *, plot_y, int x, arena *);      // without an interval
// the evaluated lengths, or every position of the longest evaluation
const int *curve_xs(const model_summary *, plot_y, int *n, arena *);
