// The masks of dropout. A multiplier is a pure function of (seed, step, draw, part, place in the part): nothing runs on, so that
// resuming, threads and the order of parts stay invisible.
#pragma once
#include "base/rng.h"
#include "nn/tensor.h"

typedef struct mask { rng random; uint32_t keep; real scale; } mask;

// key: the graph's, INDEX [4]: the words of seed and step. draw: which use of dropout in the step. part: of the draw.
mask mask_start(const tensor *key, int64_t draw, int64_t part, double rate);
void mask_draw(mask *, int64_t n, real *multiplier);            // the next n: 0, or 1/(1 − rate)
