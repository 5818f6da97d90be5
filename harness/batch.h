// A batch of examples as tensors, with the supervised positions picked out: the head is applied there and nowhere else.
#pragma once
#include "harness/sweep.h"
#include "nn/graph.h"

typedef struct batch {
    int     B, T, supervised;
    tensor *tokens;                             // INDEX [B, T]
    tensor *rows;                               // INDEX [supervised]: b·T + t, ascending
    tensor *targets;                            // INDEX [supervised]
} batch;

// Examples first … first + B − 1 of a split.
batch batch_make(const dataset *, data_split, int length, int64_t first, int B, arena *);

// Hidden vectors, then loss and predictions at the supervised positions.
head_loss batch_loss(const batch *, const network *, graph *);
