// The inputs that an op's cases describe, drawn at random: the same for the same seed.
#pragma once
#include "base/rng.h"
#include "nn/graph.h"

int      case_inputs(const op *, const op_case *);                                   // how many inputs the case has
tensor **case_tensors(arena *, const op *, const op_case *, double scale, uint64_t seed);   // REAL ones with a gradient buffer
void     fill_random(real *, int64_t n, double scale, rng *);
