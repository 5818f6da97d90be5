// What may stand in a sweep file, but for `models` and `grid`, which harness/sweep.c expands.
#pragma once
#include "base/param.h"

enum { LENGTHS_ONE, LENGTHS_STAGES, LENGTHS_UNIFORM };                                // alternatives of train.lengths
enum { STAGE_ONE, STAGE_MAP, STAGE_UNIFORM };                                         // alternatives of a stage's lengths
typedef struct uniform_lengths { param_list uniform; } uniform_lengths;               // [shortest, longest]

typedef struct advance_options { double training_error_below, average; int every, steps; } advance_options;
typedef struct segment_options { int length, batch; double share; param_object task; } segment_options;
typedef struct stage_options {
    param_one_of    lengths;
    param_list      segments;
    param_object    task;
    advance_options advance;
} stage_options;

enum { AFTER_LAST, AFTER_ANY };
typedef struct stop_options { double validation_error_below; int after_stage, keep; } stop_options;

typedef struct train_options {
    param_one_of    lengths;
    param_list      stages;                     // of stage_options
    advance_options advance;
    int             steps, batch, examples;     // examples: of a finite training set; auto: every batch is new
    stop_options    stop;
    param_object    optimizer, schedule;
} train_options;

typedef struct validate_options { int every, examples; } validate_options;

enum { EVALUATE_ONE, EVALUATE_LIST, EVALUATE_RANGE };
typedef struct length_range { int from, to, step; } length_range;
typedef struct slice_options { const char *name; int length; param_object task; } slice_options;    // another setting of the task
typedef struct evaluate_options { param_one_of lengths; int examples; param_list slices; } evaluate_options;

typedef struct solved_options { int length; double token_error_below; } solved_options;      // length auto: the longest trained
enum { SELECT_ONE, SELECT_LIST };                                                     // alternatives of select.grid
typedef struct select_options { param_one_of grid; int by; param_list seeds; } select_options;  // no seeds: nothing is selected
typedef struct plot_settings { int x, panels; bool log_x, log_y; } plot_settings;       // x: a plot_x; panels: a plot_panels

// One trained thing: everything that a cell needs but its seed.
typedef struct cell_options {
    const char      *sweep;
    param_list       seeds;
    param_object     task;
    train_options    train;
    validate_options validate;
    evaluate_options evaluate;
    solved_options   solved;
    param_one_of     init;                      // the default of every model's own `init`; handed to the models before reading
    param_object     model;                     // one entry of `models`, without label and with
    select_options   select;                    // which grid point is reported
    plot_settings    plot;
} cell_options;

const param *cell_params(void);                 // the table; the families in it are known at run time only

bool cell_options_check(const cell_options *, const yaml *tree, diag *);        // rules across fields; places come from the tree

int evaluate_lengths(const evaluate_options *, arena *, int **);                // ascending, each once
int solved_length(const cell_options *);
