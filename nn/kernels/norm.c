// One pass over a row of D: see nn/ops/norm.c for the formulas.
#include <math.h>
#include "nn/kernels/vector.h"

// Lanes beyond the row count as zero.
INLINE vec inside(vec x, int64_t n) { return n >= W ? x : choose(first(n), x, all(0)); }

void KERNEL(norm)(const norm_rows *a, int64_t from, int64_t to)
{
    const int64_t D = a->D;
    for (int64_t i = from; i < to; i++) {
        const float *s = a->x + i * D;
        vec total = {0}, squares = {0};
        if (a->r) {
            for (int64_t d = 0; d < D; d += W) {
                const vec v = load_n(a->x + i * D + d, D - d) + load_n(a->r + i * D + d, D - d);
                store_n(a->sum + i * D + d, v, D - d);
                total += v;
            }
            s = a->sum + i * D;
        } else if (a->centred)
            for (int64_t d = 0; d < D; d += W)
                total += load_n(s + d, D - d);
        const float mean = a->centred ? sum(total) / (float)D : 0;
        for (int64_t d = 0; d < D; d += W) {
            const vec v = inside(load_n(s + d, D - d) - all(mean), D - d);
            squares += v * v;
        }
        const float scale = 1 / sqrtf(sum(squares) / (float)D + a->eps);
        for (int64_t d = 0; d < D; d += W) {
            const vec z = (load_n(s + d, D - d) - all(mean)) * all(scale) * load_n(a->gain + d, D - d);
            store_n(a->y + i * D + d, a->bias ? z + load_n(a->bias + d, D - d) : z, D - d);
        }
        if (a->moments) {
            a->moments[2 * i] = mean;
            a->moments[2 * i + 1] = scale;
        }
    }
}

// partial [2, D]: what these rows give to the gradients of gain and bias; set.
void KERNEL(norm_back)(const norm_rows *a, int64_t from, int64_t to, float *partial)
{
    const int64_t D = a->D;
    float *dgain = partial, *dbias = partial + D;
    memset(partial, 0, sizeof *partial * 2 * (size_t)D);
    for (int64_t i = from; i < to; i++) {
        const float *s = (a->r ? a->sum : a->x) + i * D, *dy = a->dy + i * D;
        const vec mean = all(a->moments[2 * i]), scale = all(a->moments[2 * i + 1]);
        vec along = {0}, total = {0};
        for (int64_t d = 0; d < D; d += W) {
            const int64_t n = D - d;
            const vec z = (load_n(s + d, n) - mean) * scale, g = load_n(dy + d, n), e = g * load_n(a->gain + d, n);
            along += inside(e * z, n);
            total += inside(e, n);
            store_n(dgain + d, load_n(dgain + d, n) + g * z, n);
            store_n(dbias + d, load_n(dbias + d, n) + g, n);
        }
        const vec mean_ez = all(sum(along) / (float)D), mean_e = all(a->centred ? sum(total) / (float)D : 0);
        for (int64_t d = 0; d < D; d += W) {
            const int64_t n = D - d, at = i * D + d;
            const vec z = (load_n(s + d, n) - mean) * scale, e = load_n(dy + d, n) * load_n(a->gain + d, n);
            vec ds = scale * (e - z * mean_ez - mean_e);
            if (a->dsum)
                ds += load_n(a->dsum + at, n);
            if (a->dx)
                store_n(a->dx + at, a->add_x ? load_n(a->dx + at, n) + ds : ds, n);
            if (a->dr)
                store_n(a->dr + at, a->add_r ? load_n(a->dr + at, n) + ds : ds, n);
        }
    }
}
