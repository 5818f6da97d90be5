// The loss of one row of logits, its gradient in place of the logits, and the first largest: see nn/ops/head_loss.c.
#include <math.h>
#include "nn/kernels/vector.h"

INLINE vec logits_at(const float *x, int64_t n) { return n >= W ? load(x) : choose(first(n), load(x), all(-__builtin_inff())); }

// The first largest: each lane keeps its own first largest, then the smallest index among the largest lanes. NaNs never win.
static float first_largest(const float *x, int64_t V, int *index)
{
    vec high = all(-__builtin_inff());
    ivec at = {0};
    for (int64_t v = 0; v < V; v += W) {
        const vec now = logits_at(x + v, V - v);
        const ivec more = now > high;
        high = choose(more, now, high);
        at = (more & (counting() + (int32_t)v)) | (~more & at);
    }
    const float most = largest(high);
    const ivec is = high == all(most), candidates = (is & at) | (~is & (INT32_MAX - (ivec){0}));
    *index = INT32_MAX;
    for (int i = 0; i < W; i++)
        *index = candidates[i] < *index ? candidates[i] : *index;
    return most;
}

// x may be read and written up to the next multiple of 16. scale: what the row's loss counts for in
// the gradient. target < 0: the row is ignored.
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
    for (int64_t v = 0; v < V; v += W) {
        const vec e = exp_vec(logits_at(x + v, V - v) - all(most));
        total += e;
        if (gradient)
            store(x + v, e);
    }
    const float sum_e = sum(total);
    if (gradient) {
        const vec factor = all(scale / sum_e);
        for (int64_t v = 0; v < V; v += W)
            store(x + v, load(x + v) * factor);
        x[target] -= scale;
    }
    return logf(sum_e) - right;
}
