// The loss of one row of logits, its gradient in place of the logits, and the first largest: see nn/ops/head_loss.c.
#include <math.h>
#include "nn/kernels/vector.h"

INLINE vec logits_at(const float *x, int64_t n) { return n >= W ? load(x) : choose(first(n), load_part(x, n), all(-__builtin_inff())); }

static int first_largest(const float *x, int64_t V, float most)
{
    for (int64_t v = 0; v < V; v++)
        if (x[v] == most)
            return (int)v;
    return 0;                                       // NaNs
}

// scale: what the row's loss counts for in the gradient; 0 or target −1: the row is ignored.
float KERNEL(head_loss_row)(float *x, int64_t V, int target, float scale, bool gradient, int *prediction)
{
    vec high = all(-__builtin_inff()), total = {0};
    for (int64_t v = 0; v < V; v += W)
        high = vec_max(logits_at(x + v, V - v), high);
    const float most = largest(high);
    *prediction = first_largest(x, V, most);
    if (target < 0) {
        if (gradient)
            memset(x, 0, sizeof *x * (size_t)V);
        return 0;
    }
    const float right = x[target] - most;
    for (int64_t v = 0; v < V; v += W) {
        const vec e = exp_vec(logits_at(x + v, V - v) - all(most));
        total += e;
        if (gradient)
            store_n(x + v, e, V - v);
    }
    const float sum_e = sum(total);
    if (gradient) {
        const vec factor = all(scale / sum_e);
        for (int64_t v = 0; v < V; v += W)
            store_n(x + v, load_n(x + v, V - v) * factor, V - v);
        x[target] -= scale;
    }
    return logf(sum_e) - right;
}
