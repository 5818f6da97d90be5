// The loss of one row of logits, its gradient in place of the logits, and the first largest: see nn/ops/head_loss.c.
#include <math.h>
#include "nn/kernels/vector.h"

INLINE vec logits_at(const float *x, int64_t n) { return n >= W ? load(x) : choose(first(n), load_part(x, n), all(-__builtin_inff())); }

// The first largest: each lane keeps its own first largest, then the smallest index among the largest lanes. NaNs never win.
static float first_largest(const float *x, int64_t V, int *index)
{
    vec high = all(-__builtin_inff());
    ivec at = {0};
    EACH_VECTOR(v, n, V,
        const vec now = logits_at(x + v, n);
        const ivec more = now > high;
        high = choose(more, now, high);
        at = (more & (counting() + (int32_t)v)) | (~more & at););
    const float most = largest(high);
    *index = INT32_MAX;
    for (int i = 0; i < W; i++)
        if (high[i] == most && at[i] < *index)
            *index = at[i];
    return most;
}

// scale: what the row's loss counts for in the gradient. target < 0: the row is ignored.
float KERNEL(head_loss_row)(float *x, int64_t V, int target, float scale, bool gradient, int *prediction)
{
    const float most = first_largest(x, V, prediction);
    if (target < 0) {
        if (gradient)
            memset(x, 0, sizeof *x * (size_t)V);
        return 0;
    }
    const float right = x[target] - most;
    vec total = {0};
    EACH_VECTOR(v, n, V,
        const vec e = exp_vec(logits_at(x + v, n) - all(most));
        total += e;
        if (gradient)
            store_n(x + v, e, n););
    const float sum_e = sum(total);
    if (gradient) {
        const vec factor = all(scale / sum_e);
        EACH_VECTOR(v, n, V, store_n(x + v, load_n(x + v, n) * factor, n););
        x[target] -= scale;
    }
    return logf(sum_e) - right;
}
