// The functions that gates are made of, a vector at a time.
#pragma once
#include "nn/kernels/vector.h"

INLINE vec vec_abs(vec x) { return (vec)((ivec)x & 0x7fffffff); }

INLINE vec sigmoid(vec x) { return all(1) / (all(1) + exp_vec(-x)); }
INLINE vec silu(vec x)    { return x * sigmoid(x); }

// σ(x)·(1 + x·(1 − σ(x)))
INLINE vec silu_slope(vec x)
{
    const vec s = sigmoid(x);
    return s + x * (s * (all(1) - s));
}

// ln(1 + e^x) = max(x, 0) + ln(1 + u), u = e^−|x|; with s = u/(2 + u) ≤ 1/3 the logarithm is 2·artanh s = s·P(s²) (minimax,
// 5e-9), which keeps its relative accuracy for small u. *slope = σ(x), from the same exponential.
INLINE vec softplus(vec x, vec *slope)
{
    const vec u = exp_vec(-vec_abs(x)), s = u / (all(2) + u), z = s * s, over = all(1) / (all(1) + u);
    vec p = all(0x1.1ed7c4p-2f) * z + all(0x1.1ebd0cp-2f);
    p = p * z + all(0x1.99d208p-2f);
    p = p * z + all(0x1.555502p-1f);
    p = p * z + all(2);
    *slope = choose(x < all(0), u * over, over);
    return vec_max(all(0), x) + s * p;              // in this order a NaN stays
}
