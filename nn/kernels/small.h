// Small matrices that lie as tensors have them, rows `step` apart: products without packing, for ops that make many of them.
#pragma once
#include "nn/kernels/micro.h"

INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t padded(int64_t n)           { return (n + W - 1) / W * W; }

// to[k][Tp] = from[t, k]; Tp a multiple of W, zeros beyond T.
static void turn(const float *from, int64_t step, int64_t T, int64_t K, int64_t Tp, float *to)
{
    for (int64_t t = 0; t < Tp; t += W)
        for (int64_t k = 0; k < K; k += W) {
            vec r[W];
            for (int i = 0; i < W; i++)
                r[i] = t + i < T ? load_n(from + (t + i) * step + k, K - k) : all(0);
            transpose(r);
            for (int i = 0; i < W && k + i < K; i++)
                store(to + (k + i) * Tp + t, r[i]);
        }
}

// Rows as vectors can read them: where they stand, or, if K is no multiple of W, a copy with zeros behind.
typedef struct rows { const float *at; int64_t step; } rows;

static rows rows_of(const float *from, int64_t step, int64_t T, int64_t K, float **scratch)
{
    const int64_t Kp = padded(K);
    if (K == Kp)
        return (rows){ from, step };
    float *copy = *scratch;
    *scratch += T * Kp;
    for (int64_t t = 0; t < T; t++)
        for (int64_t k = 0; k < K; k += W)
            store(copy + t * Kp + k, load_n(from + t * step + k, K - k));
    return (rows){ copy, Kp };
}

INLINE void multiply_rows(int rows, int vectors, int64_t depth, const float *A, int64_t row, int64_t step, const float *B,
                          int64_t ldb, bool add, float *C, int64_t ldc)
{
    vec c[MR][2];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            c[i][v] = add ? load(C + i * ldc + v * W) : all(0);
    micro(rows, vectors, depth, A, row, step, B, ldb, c);
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            store(C + i * ldc + v * W, c[i][v]);
}

INLINE void multiply_columns(int rows, int64_t columns, int64_t depth, const float *A, int64_t row, int64_t step, const float *B,
                             int64_t ldb, bool add, float *C, int64_t ldc)
{
    int64_t j = 0;
    for (; j + NR <= columns; j += NR)
        multiply_rows(rows, 2, depth, A, row, step, B + j, ldb, add, C + j, ldc);
    for (; j + W <= columns; j += W)
        multiply_rows(rows, 1, depth, A, row, step, B + j, ldb, add, C + j, ldc);
    if (j == columns)
        return;
    float edge[MR * W] = {0};                       // the last columns, on a copy one vector wide
    for (int i = 0; i < rows; i++)
        for (int64_t k = 0; add && k < columns - j; k++)
            edge[i * W + k] = C[i * ldc + j + k];
    multiply_rows(rows, 1, depth, A, row, step, B + j, ldb, add, edge, W);
    for (int i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns - j; k++)
            C[i * ldc + j + k] = edge[i * W + k];
}

// C = A·B or C + A·B for up to MR rows, over `depth`; any number of columns, B readable to the next multiple of W.
static __attribute__((noinline)) void multiply(int64_t rows, int64_t columns, int64_t depth, const float *A, int64_t row,
                                               int64_t step, const float *B, int64_t ldb, bool add, float *C, int64_t ldc)
{
    WITH_ROWS(rows, multiply_columns(ROWS, columns, depth, A, row, step, B, ldb, add, C, ldc))
}

// The same for any number of rows of A.
static inline void multiply_all(int64_t rows, int64_t columns, int64_t depth, const float *A, int64_t row, int64_t step,
                                const float *B, int64_t ldb, bool add, float *C, int64_t ldc)
{
    for (int64_t i = 0; i < rows; i += MR)
        multiply(least(MR, rows - i), columns, depth, A + i * row, row, step, B, ldb, add, C + i * ldc, ldc);
}
