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
bool    evaluate(evaluation *, const setup *, data_split, const int *lengths, int n, int examples, const workshop *);
double  evaluation_error(const evaluation *, int length);          // token error; NaN where not evaluated
json_t *evaluation_json(const evaluation *, const setup *, double training_draws);
