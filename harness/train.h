// Training one cell: from nothing, or from its checkpoint. The trainer writes the cell's log, from which its result is made.
#pragma once
#include "harness/evaluate.h"
#include "results/store.h"

enum { TRAINER_VERSION = 1,         // raised when the same cell would train to other numbers
       LOG_EVERY = 25 };            // steps a line of the log stands for

// For whoever watches: called after every step.
typedef struct train_progress { int64_t step, steps; int stage, stages, length; double loss, error, tokens; } train_progress;
typedef void (*train_watcher)(const train_progress *, void *data);

typedef enum { TRAIN_DONE, TRAIN_DIVERGED, TRAIN_INTERRUPTED, TRAIN_ERROR } train_end;
typedef struct train_outcome {
    train_end end;
    char      reason[128];          // of a divergence
    int64_t   examples;             // training examples drawn
    size_t    peak_bytes;
    double    flops;                // useful, of the whole training
} train_outcome;

// checkpoint_every: seconds between two checkpoints. ERROR: the store cannot be written, see the error.
train_outcome train(run *, const cell_options *, const setup *, int seed, double checkpoint_every, const workshop *,
                    train_watcher, void *data, error *);

// One step on a batch, as train() does it; for `bench` and the tests.
typedef struct step_result { double loss, error, norm; } step_result;
step_result train_step(const setup *, const train_options *, const batch *, int64_t step, const workshop *, graph_timing *timing);
