#include "nn/kernels/vector.h"

void KERNEL(exp_each)(const float *x, float *y, int64_t size)
{
    EACH_VECTOR(i, n, size, store_n(y + i, exp_vec(load_n(x + i, n)), n););
}

// σ(2u) with u = √(2/π)(x + 0.044715x³): ½(1 + tanh u) is the same, for one exponential and no difference of near numbers.
INLINE vec gelu_gate(vec x)
{
    const vec minus_2u = x * (all(-2 * 0.7978845608f) - all(2 * 0.7978845608f * 0.044715f) * (x * x));
    return all(1) / (all(1) + exp_vec(minus_2u));
}

void KERNEL(gelu)(const float *x, float *y, int64_t size)
{
    EACH_VECTOR(i, n, size, const vec v = load_n(x + i, n); store_n(y + i, v * gelu_gate(v), n););
}

// dy/dx = s + x·s(1 − s)·2u',  u' = √(2/π)(1 + 3·0.044715x²). Beyond ±20 s is 0 or 1: the bound keeps x³ finite.
INLINE vec gelu_slope(vec x)
{
    const vec s = gelu_gate(x), near = vec_max(vec_min(x, all(20)), all(-20));
    return s + s * (all(1) - s) * (near * (all(2 * 0.7978845608f) + all(6 * 0.7978845608f * 0.044715f) * (near * near)));
}

void KERNEL(gelu_back)(const float *x, const float *dy, float *dx, int64_t size, bool add)
{
    if (add)
        EACH_VECTOR(i, n, size, store_n(dx + i, load_n(dx + i, n) + load_n(dy + i, n) * gelu_slope(load_n(x + i, n)), n););
    else
        EACH_VECTOR(i, n, size, store_n(dx + i, load_n(dy + i, n) * gelu_slope(load_n(x + i, n)), n););
}

void KERNEL(add)(const float *a, const float *b, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

void KERNEL(add_scaled)(const float *x, float scale, float *y, int64_t n, bool add)
{
    if (add)
        for (int64_t i = 0; i < n; i++)
            y[i] += scale * x[i];
    else
        for (int64_t i = 0; i < n; i++)
            y[i] = scale * x[i];
}

// A few vectors of columns at a time, in blocks of rows, so that sums of very many rows keep their accuracy.
INLINE void sum_columns(int vectors, const float *x, int64_t rows, int64_t ld, int64_t n, float *y, bool add)
{
    enum { ROWS = 256 };
    for (int64_t r = 0; r == 0 || r < rows; r += ROWS) {
        const int64_t end = r + ROWS < rows ? r + ROWS : rows;
        vec s[4] = {{0}};
        for (int64_t i = r; i < end; i++)
            for (int v = 0; v < vectors; v++)
                s[v] += load_n(x + i * ld + v * W, n);
        for (int v = 0; v < vectors; v++)
            store_n(y + v * W, add || r > 0 ? load_n(y + v * W, n) + s[v] : s[v], n);
    }
}

void KERNEL(column_sums)(const float *x, int64_t rows, int64_t ld, int64_t columns, float *y, bool add)
{
    int64_t c = 0;
    for (; c + 4 * W <= columns; c += 4 * W)
        sum_columns(4, x + c, rows, ld, W, y + c, add);
    for (; c + W <= columns; c += W)
        sum_columns(1, x + c, rows, ld, W, y + c, add);
    if (c < columns)
        sum_columns(1, x + c, rows, ld, columns - c, y + c, add);
}
