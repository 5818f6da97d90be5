// Which grid point of a model is reported: the one whose trials, runs with seeds of their own, end with the lowest mean
// validation error at the trained lengths. Test data never choose.
#pragma once
#include "harness/sweep.h"
#include "results/store.h"

// reported [n_variants]: without `select` all of them. open: models whose trials have not all ended; none of theirs is reported.
// sentence: what was done, for the table; NULL where nothing was chosen.
typedef struct selection { bool *reported; int open; const char *sentence; } selection;
bool select_rivals(const variant *, const variant *);    // one model; they differ in nothing but what is chosen
bool select_points(selection *, const sweep *, const store *, arena *, error *);
