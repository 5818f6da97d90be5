// What a training does stage by stage, whichever way the sweep file wrote it: which lengths of which task, in which batches.
#pragma once
#include <stdint.h>
#include "harness/datasets.h"

// Examples of one length; a batch never mixes two segments.
typedef struct segment {
    int                 length, batch;
    double              share;          // of the steps, where they are drawn
    const param_object *task;           // NULL: the sweep's own
} segment;

typedef enum { STAGE_TURNS, STAGE_DRAWN, STAGE_LENGTHS } stage_order;
typedef struct stage {
    stage_order order;                  // segments in turns, step by step; drawn by their shares; or lengths drawn from the
    int         n;                      // first segment's to the second's
    segment    *segment;
    double      training_error_below, average;      // advance when the running error is below; AUTO_REAL: never
    int         every, steps;           // looked at every so many steps; advance after so many; AUTO_INT: never
} stage;

int train_stages(const train_options *, arena *, stage **);                 // number of stages
const segment *stage_longest(const stage *);
int train_longest(const train_options *);                                   // longest trained length

// The segment of the stage's batch `turn`, counted from 0; `draw` is the address of what is drawn at random. Of a range, lengths
// that the task has: it may know odd ones only.
segment stage_segment(const stage *, const datasets *, int64_t turn, int64_t draw);

// Batches of the stage, from its first on, that hold at most so many examples: what a finite training set gives in an epoch.
int     stage_epoch(const stage *, const datasets *, int examples);

// How many different ones are among the training examples drawn.
double train_distinct(const train_options *, double drawn);
