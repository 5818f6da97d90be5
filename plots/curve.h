// What a figure's curves are: points of one seed, or of the median over seeds, by length, position, slice or trained length.
#pragma once
#include "plots/plot.h"

// A kind of y. metric: of an evaluated length; −1: by position. share: between 0 and 1; chance, floors: which of them mean
// anything here.
typedef struct curve_kind { const char *axis; int metric; bool positions, share, chance, floors; } curve_kind;
extern const curve_kind curve_kinds[PLOT_YS];

// What all curves of a figure share.
typedef struct axes {
    plot_y       y;
    plot_x       x;                     // LENGTH where y goes by position
    int          n_slices;
    const char **slice;                 // [n_slices] the summary's
} axes;
axes axes_of(const summary *, const plot_options *);

typedef struct curve {
    int                         look;           // which colour and mark
    int                         n_models;       // 1; of x TRAINED one for each length
    const model_summary *const *models;         // [n_models]
    int                         n, n_seeds;
    const int                  *x;              // [n] lengths, positions, trained lengths, or indices of slices
    const run_summary         **run;            // [n_seeds, n]; NULL: that model has no such seed
} curve;

curve curve_of(const axes *, int look, const model_summary *const *models, int n_models, arena *);
// y, its 95 % interval, and what half of one error would be. NaN: not measured; ∞: diverged.
typedef struct point { double y, low, high, half; } point;
point curve_point(const curve *, const axes *, int seed, int k);
point curve_median(const curve *, const axes *, int k, arena *);        // without an interval
bool  curve_has(const curve *, int seed);               // a run with results?
int   curve_drawn(const curve *);                       // seeds that have
// Fallen short of the rule. Where a curve joins trainings at several lengths, its height says that, and nothing is called so.
bool  curve_unlearned(const curve *), curve_seed_unlearned(const curve *, int seed);
