// What the CPU slots share: the kernels, the size of pieces, gradients that may be set instead of added to.
#pragma once
#ifndef REAL_DOUBLE
#include <string.h>
#include "nn/gemm.h"
#include "nn/kernels.h"
#include "nn/ops.h"

enum { PIECE = 8192 };                          // numbers in a piece of elementwise work, about a microsecond

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t piece_rows(int64_t columns) { return columns < PIECE ? PIECE / columns : 1; }

// For kernels that can only add: a gradient not yet reached is cleared first.
static inline void reach_cleared(tensor *x)
{
    if (!tensor_reach(x))
        memset(x->grad, 0, sizeof *x->grad * (size_t)tensor_size(x));
}

// The gradient of an output, or NULL where nobody used it.
static inline const float *used(const tensor *y) { return y && y->reached ? y->grad : NULL; }
#endif
