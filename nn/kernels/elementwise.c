#include "nn/kernels/vector.h"

void KERNEL(exp_each)(const float *x, float *y, int64_t n)
{
    int64_t i = 0;
    for (; i + W <= n; i += W)
        store(y + i, exp_vec(load(x + i)));
    if (i < n)
        store_part(y + i, exp_vec(load_part(x + i, n - i, 0)), n - i);
}
