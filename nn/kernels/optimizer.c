#include <math.h>
#include "nn/kernels/vector.h"

// Padding gaps of the flat buffer are all zero and stay so: 0 / (0 + eps).
void KERNEL(adamw)(float *restrict p, float *restrict m, float *restrict v, const float *restrict grad, int64_t n,
                   const adamw_step *s)
{
    const adamw_step c = *s;
    for (int64_t i = 0; i < n; i++) {
        const float g = grad[i] * c.scale;
        m[i] = c.beta1 * m[i] + (1 - c.beta1) * g;
        v[i] = c.beta2 * v[i] + (1 - c.beta2) * g * g;
        p[i] = c.shrink * p[i] - c.size * m[i] / (sqrtf(v[i]) * c.root + c.eps);
    }
}

// In double: the squares of large gradients would not fit a float.
double KERNEL(sum_squares)(const float *x, int64_t n)
{
    double sum[8] = {0};
    int64_t i = 0;
    for (; i + 8 <= n; i += 8)
        for (int k = 0; k < 8; k++)
            sum[k] += (double)x[i + k] * (double)x[i + k];
    for (int k = 0; i < n; i++, k++)
        sum[k] += (double)x[i] * (double)x[i];
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}
