// Counting errors on a split. Where an example cut short is itself an example, all lengths are read off one pass at the
// longest (the models are causal); else each length has its own pass. Rates and intervals are made from these counts.
#pragma once
#include <jansson.h>
#include "harness/batch.h"

enum { EVALUATION_VERSION = 1, MAX_FLOORS = 16 };

typedef struct tally {
    int     length;
    int64_t supervised, errors, errors_squared, sequence_errors, last_errors;
    double  loss;                                       // summed over supervised positions, nats
    int64_t floor_errors[MAX_FLOORS];                   // of the task's shallow strategies
    // Where transitions are held out: of each sequence the first answer after its first one, and all answers before
    int64_t held_out, held_out_errors, before_held_out, before_held_out_errors;
} tally;

typedef struct evaluation {
    data_split split;
    bool       one_pass;                                // every length read off the longest
    int        examples, n;
    tally     *length;                                  // [n], ascending
    int        positions;                               // supervised positions of an example of the longest length
    int64_t   *position_errors, *first_errors;          // [positions]; kept in one pass only
} evaluation;

typedef struct workshop { const team *team; arena *life, *step; bool (*stopped)(void); backend backend; } workshop;

// False when `stopped` said so in between.
bool    evaluate(evaluation *, const network *, const dataset *, data_split, const int *lengths, int n, int examples,
                 const workshop *);

// The same counts of predictions made elsewhere, an example after the other: all of the longest length where examples can be
// cut short, else of the one length. There is no loss. [T] each; `predicted` counts where there is a target.
void    evaluation_open(evaluation *, const dataset *, data_split, const int *lengths, int n, int examples, arena *life);
void    evaluation_add(evaluation *, const dataset *, const int *input, const int *target, const int *predicted, arena *life,
                       arena *step);

double  evaluation_error(const evaluation *, int length);          // token error; NaN where not evaluated
json_t *evaluation_json(const evaluation *, const dataset *, double training_draws);

// A slice: another setting of the task, evaluated by itself. Its name: as written, else its length and what differs from the
// sweep's task, as in "64 pairs 4".
const char *slice_name(const cell_options *, int slice, arena *);
json_t *slice_json(const evaluation *, const dataset *, const char *name, double training_draws);
