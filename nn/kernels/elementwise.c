#include "nn/kernels/vector.h"

void KERNEL(exp_each)(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += W)
        store_n(y + i, exp_vec(load_n(x + i, n - i)), n - i);
}

// σ(2u) with u = √(2/π)(x + 0.044715x³): ½(1 + tanh u) is the same, for one exponential and no difference of near numbers.
INLINE vec gelu_gate(vec x)
{
    const vec cube = all(2 * 0.7978845608f) * (x + all(0.044715f) * x * x * x);
    return all(1) / (all(1) + exp_vec(-cube));
}

void KERNEL(gelu)(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += W) {
        const vec v = load_n(x + i, n - i);
        store_n(y + i, v * gelu_gate(v), n - i);
    }
}

// dy/dx = s + x·s(1 − s)·2u',  u' = √(2/π)(1 + 3·0.044715x²). Beyond ±20 s is 0 or 1: the bound keeps x³ finite.
void KERNEL(gelu_back)(const float *x, const float *dy, float *dx, int64_t n, bool add)
{
    for (int64_t i = 0; i < n; i += W) {
        const vec v = load_n(x + i, n - i), s = gelu_gate(v), near = vec_max(vec_min(v, all(20)), all(-20));
        const vec slope = all(2 * 0.7978845608f) * near * (all(1) + all(3 * 0.044715f) * near * near);
        const vec d = load_n(dy + i, n - i) * (s + s * (all(1) - s) * slope);
        store_n(dx + i, add ? load_n(dx + i, n - i) + d : d, n - i);
    }
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

// In blocks of rows, so that sums of very many rows keep their accuracy.
void KERNEL(column_sums)(const float *x, int64_t rows, int64_t ld, int64_t columns, float *y, bool add)
{
    enum { ROWS = 256, WIDE = 4 };
    for (int64_t r = 0; r == 0 || r < rows; r += ROWS)
        for (int64_t c = 0; c < columns; c += WIDE * W) {
            const int64_t end = r + ROWS < rows ? r + ROWS : rows, n = columns - c;
            vec s[WIDE] = {{0}};
            if (n >= WIDE * W)
                for (int64_t i = r; i < end; i++)
                    for (int v = 0; v < WIDE; v++)
                        s[v] += load(x + i * ld + c + v * W);
            else
                for (int64_t i = r; i < end; i++)
                    for (int v = 0; v < WIDE && v * W < n; v++)
                        s[v] += load_n(x + i * ld + c + v * W, n - v * W);
            for (int v = 0; v < WIDE && v * W < n; v++) {
                float *to = y + c + v * W;
                store_n(to, add || r > 0 ? load_n(to, n - v * W) + s[v] : s[v], n - v * W);
            }
        }
}
