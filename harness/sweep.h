// A sweep file becomes cells: model × grid point × seed. Everything is validated before anything runs, and every fault is
// reported with its place.
#pragma once
#include "architectures/architecture.h"
#include "harness/datasets.h"

// What is common to all seeds of a model at a grid point.
typedef struct variant {
    const char   *label, *point;            // "psm-softmax"; "train.optimizer.lr=0.001", "" without a grid
    const char   *group;                    // the part of the point that `select` does not choose
    bool          edge;                     // some chosen path stands at the first or last of its values
    cell_options  options;
    const yaml   *tree;                     // for places in messages
    const char   *text;                     // the options, all of them, as YAML: what a cell's process reads
} variant;

typedef struct cell {
    const variant *variant;
    int            seed;
    bool           trial;                   // trained for `select`, not reported
    const char    *id;                      // "word-problem.psm-softmax.s0.9f3c…": a folder of the store
    const char    *config;                  // the canonical text behind it
    const char    *evaluation;              // 16 hexadecimal digits: the evaluation asked for
} cell;

typedef struct sweep {
    const char *name, *path;
    int         n_variants;
    variant    *variant;
    int         n;
    cell       *cell;                       // by variant, then seed; a variant's trials before its report
    bool        selects;
} sweep;

sweep *sweep_load(const char *path, arena *, diag *);                           // NULL after reports

// One variant from the text that a parent wrote, one cell of it: what a cell's process trains.
cell  *cell_read(const char *text, int seed, arena *, diag *);

typedef struct setup { datasets data; task_size size; network *network; } setup;
bool   setup_open(setup *, const cell_options *, int seed, arena *life, diag *);  // the data and a network without weights
const char *hash_text(const char *, arena *);                                   // 16 hexadecimal digits: cells and evaluations are named so
int64_t variant_parameters(const variant *);                                    // weights of the model
