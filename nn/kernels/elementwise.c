#include "nn/kernels/vector.h"

void KERNEL(exp_each)(const float *x, float *y, int64_t n)
{
    for (int64_t i = 0; i < n; i += W)
        store_n(y + i, exp_vec(load_n(x + i, n - i)), n - i);
}
