// One sweep's cells, read from the store into numbers that tables and plots share. The harness says which cells belong to
// the sweep and what each was meant to do; every measured value comes from result and evaluation JSON (results/README.md).
//
//   summary *s = summary_new(&(summary_head){ .sweep = "s5", .task = "word-problem (S5)" }, arena);
//   for each cell, inside store_read's see():  summary_add(s, &(summary_cell){ … , .row = row });
//   summary_finish(s);
//   table_print(…, s, …);  plot_write(s, …);
#pragma once
#include "results/statistics.h"
#include "results/store.h"

// What can be read off an evaluation at one length.
typedef enum { TOKEN_ERROR, LAST_ERROR, SEQUENCE_ERROR, LOSS, METRICS } metric;
extern const char *const metric_names[METRICS + 1];     // "token_error", "last_error", "sequence_error", "loss", NULL

// DONE: evaluated. UNEVALUATED: trained, but without this evaluation. STARTED: a log, but nobody is at work on it.
typedef enum { CELL_DONE, CELL_DIVERGED, CELL_FAILED, CELL_UNEVALUATED, CELL_RUNNING, CELL_STARTED, CELL_MISSING,
    CELL_STATES } cell_state;
// "done", "diverged", "failed", "not evaluated", "running", "interrupted", "missing"
extern const char *const cell_state_names[CELL_STATES];

// length 0: no rule, nothing is called solved
typedef struct solved_rule { int length; metric metric; double below; } solved_rule;

// One cell as the harness knows it. Everything is copied; `row` is needed during summary_add only.
typedef struct summary_cell {
    const char *label;                  // the model's name in the sweep
    const char *group;                  // the grid point, "task.name=parity train.optimizer.lr=0.003"; "" where there is no grid
    int64_t     seed;
    int         trained_length;         // the longest length of training
    solved_rule solved;
    const row  *row;                    // NULL: missing
    bool        external;               // nothing of ours trained it: its predictions were scored; told by its label
    const char *compared;               // the part of `group` that nothing chose, which figures set side by side; NULL: all of it
} summary_cell;

typedef struct length_counts {
    int          length;
    error_counts counts;
    double       last_errors, loss;     // loss: mean per supervised position, nats
    double       overlap;               // expected share of these test examples seen in training; NaN: unknown
    // where transitions were held out, else NaN: of each sequence the first answer after its first one; all answers before
    double       held_out, held_out_errors, before_held_out, before_held_out_errors;
} length_counts;

typedef struct slice_counts { const char *name; double chance; length_counts at; } slice_counts;  // another setting of the task

typedef struct run_summary {
    const char *id, *label, *group, *compared, *reason; // reason: of a failed or diverged run, else ""
    int64_t     seed;
    bool        external;
    cell_state  state;
    int         solved;                                 // 1 yes, 0 no (every diverged run), −1 not known
    int         trained_length;
    solved_rule rule;
    int            n_lengths;
    length_counts *lengths;                             // [n_lengths], ascending
    int            n_slices;
    slice_counts  *slices;                              // [n_slices], in the order of the sweep file
    int     n_positions, first_position;                // 0: errors by position were not kept
    // [n_positions] sequences wrong at this position; wrong here first (may be NULL)
    double *position_errors, *first_errors;
    double  sequences, chance;
    int     n_floors;
    struct floor_counts { const char *name; double *errors; } *floors;       // errors [n_lengths], NaN where not measured
    horizon horizon;                                    // t = −1: not known; 0 for a diverged run
    // optimizer steps; −1: not known, never. Solved on validation: the rule met at its length
    int64_t steps, steps_to_solve;
    int     stage_reached, novel_from;                  // −1: not known
    const char *agg_depth;                              // of PSM: "5 at 18, 7 at 36": where its depth grows; "": no such thing
    double  train_seconds, tokens_per_second, parameters, state_bytes, peak_bytes, flops;   // NaN: not known
} run_summary;

typedef struct spread { int n; double median, low, high; } spread;      // over seeds; n = 0: nothing known, all NaN; ∞: diverged

typedef struct floor_summary { const char *name; double *error; } floor_summary;    // [n_lengths], pooled over seeds

enum { REACHES = 4 };
extern const int summary_reach[REACHES];                // 1, 2, 4, 10 times the trained length

// A model at one grid point, over its seeds.
typedef struct model_summary {
    const char   *label, *group, *compared;
    bool          external;
    int           trained_length;
    solved_rule   rule;
    int           n_runs, count[CELL_STATES];
    run_summary **runs;                                 // [n_runs], by seed
    int           seeds;                                // results: done and diverged; what every rate below is out of
    int           solved, solved_of;                    // seeds that meet the rule, among those where it is known
    interval      success;                              // Wilson, 95 %
    int           n_lengths, *lengths;                  // every length that a run was evaluated at
    spread        horizon;                              // symbols
    bool          horizon_open;                         // the median lies where an evaluation ends: at least that
    // share of seeds whose horizon reaches it; NaN: the evaluation ends before
    double        reach[REACHES];
    spread        steps, steps_to_solve, train_seconds;
    double        parameters, state_bytes, tokens_per_second;
    double        chance;                               // error of a uniform guess; NaN: not known
    int           n_floors;
    floor_summary *floors;                              // shallow strategies of the task on the same test data
    double        sequences;                            // test sequences of one evaluation
    int           novel_from;                           // shortest length of which under 1 % was seen in training; −1
} model_summary;

typedef struct summary_head {
    const char *sweep, *task;           // names, for titles
    const char *selection;              // how a grid point was chosen, a sentence; NULL: nothing was chosen
} summary_head;

typedef struct summary {
    summary_head   head;
    int            n_runs, n_models;
    run_summary  **runs;                                // in the order added
    model_summary *models;                              // in the order first seen
    int            n_slices;
    const char   **slices;                              // [n_slices] names of all slices, in the order first seen
    arena         *arena;
    int            room;
} summary;

summary *summary_new(const summary_head *, arena *);    // lives in the arena
void     summary_add(summary *, const summary_cell *);
void     summary_finish(summary *);                     // fills `models` and `slices`
void     summary_slices(summary *);                     // the latter

spread   spread_known(double *x, int n);                // of [n] values those that are not NaN, which come to stand in front
const length_counts *run_at(const run_summary *, int length);                    // NULL: not evaluated there
double   run_error(const run_summary *, metric, int length);                     // ∞ for a diverged run, NaN where not evaluated
interval run_interval(const run_summary *, metric, int length);                  // 95 %; NaN, NaN where there is none (loss)
spread   model_error(const model_summary *, metric, int length, arena *);
spread   model_slice_error(const model_summary *, metric, const char *slice, arena *);
const slice_counts *run_slice(const run_summary *, const char *name);            // NULL: not evaluated there
double   counts_error(const length_counts *, metric);                            // of one length or slice
interval counts_interval(const length_counts *, metric);                         // as run_interval
int      model_nearest(const model_summary *, int length);                       // the evaluated length nearest to one; 0: none
// Error at the first answer after a transition that was held out, or before any; n = 0 where none was.
spread   model_held_out(const model_summary *, bool before, int length, arena *);
double   model_overlap(const model_summary *, int length);                       // NaN: not known
bool     model_learned(const model_summary *);          // at least half of its seeds meet the rule; true where there is none
