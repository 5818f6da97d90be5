#include "nn/kernels/activation.h"

void KERNEL(swiglu)(const float *a, const float *b, float *y, int64_t size)
{
    EACH_VECTOR(i, n, size, store_n(y + i, silu(load_n(a + i, n)) * load_n(b + i, n), n););
}

// da or db NULL: not asked.
void KERNEL(swiglu_back)(const float *a, const float *b, const float *dy, float *da, bool add_a, float *db, bool add_b,
                         int64_t size)
{
    EACH_VECTOR(i, n, size,
        const vec x = load_n(a + i, n), g = load_n(dy + i, n), s = sigmoid(x);
        const vec for_a = g * load_n(b + i, n) * (s + x * (s * (all(1) - s))), for_b = g * (x * s);
        if (da)
            store_n(da + i, add_a ? load_n(da + i, n) + for_a : for_a, n);
        if (db)
            store_n(db + i, add_b ? load_n(db + i, n) + for_b : for_b, n););
}
