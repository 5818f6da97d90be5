// A row of D at a time: see nn/ops/norm.c for the formulas.
#include <math.h>
#include "nn/kernels/vector.h"

void KERNEL(norm)(const norm_rows *rows, int64_t from, int64_t to)
{
    const norm_rows a = *rows;
    for (int64_t row = from; row < to; row++) {
        const float *s = a.x + row * a.D, *x = s, *r = a.r + row * a.D;
        float *added = a.sum + row * a.D, *y = a.y + row * a.D;
        vec total = {0}, squares = {0};
        if (a.r) {
            EACH_VECTOR(d, n, a.D,
                const vec v = load_n(x + d, n) + load_n(r + d, n);
                store_n(added + d, v, n);
                total += v;);
            s = added;
        } else
            EACH_VECTOR(d, n, a.D, total += load_n(x + d, n););
        const float centre = a.centred ? sum(total) / (float)a.D : 0;
        const vec mean = all(centre);
        EACH_VECTOR(d, n, a.D,
            const vec v = inside(load_n(s + d, n) - mean, n);
            squares += v * v;);
        const float deviation = 1 / sqrtf(sum(squares) / (float)a.D + a.eps);
        const vec scale = all(deviation);
        if (a.bias)
            EACH_VECTOR(d, n, a.D,
                store_n(y + d, (load_n(s + d, n) - mean) * scale * load_n(a.gain + d, n) + load_n(a.bias + d, n), n););
        else
            EACH_VECTOR(d, n, a.D, store_n(y + d, (load_n(s + d, n) - mean) * scale * load_n(a.gain + d, n), n););
        if (a.moments) {
            a.moments[2 * row] = centre;
            a.moments[2 * row + 1] = deviation;
        }
    }
}

INLINE void give(float *gradient, vec ds, int64_t n, bool add) { store_n(gradient, add ? load_n(gradient, n) + ds : ds, n); }

// partial [2, D]: what these rows give to the gradients of gain and bias; set.
void KERNEL(norm_back)(const norm_rows *rows, int64_t from, int64_t to, float *partial)
{
    const norm_rows a = *rows;
    float *dgain = partial, *dbias = partial + a.D;
    memset(partial, 0, sizeof *partial * 2 * (size_t)a.D);
    for (int64_t row = from; row < to; row++) {
        const int64_t at = row * a.D;
        const float *s = (a.r ? a.sum : a.x) + at, *dy = a.dy + at, *dsum = a.dsum + at;
        float *dx = a.dx + at, *dr = a.dr + at;
        const vec mean = all(a.moments[2 * row]), scale = all(a.moments[2 * row + 1]);
        vec along = {0}, total = {0};
        EACH_VECTOR(d, n, a.D,
            const vec z = (load_n(s + d, n) - mean) * scale, g = load_n(dy + d, n), e = g * load_n(a.gain + d, n);
            along += e * z;                         // e is zero beyond the row
            total += e;
            store_n(dgain + d, load_n(dgain + d, n) + g * z, n);
            store_n(dbias + d, load_n(dbias + d, n) + g, n););
        const vec mean_ez = all(sum(along) / (float)a.D), mean_e = all(a.centred ? sum(total) / (float)a.D : 0);
        EACH_VECTOR(d, n, a.D,
            const vec z = (load_n(s + d, n) - mean) * scale, e = load_n(dy + d, n) * load_n(a.gain + d, n);
            vec ds = scale * (e - z * mean_ez - mean_e);
            if (a.dsum)
                ds += load_n(dsum + d, n);
            if (a.dx)
                give(dx + d, ds, n, a.add_x);
            if (a.dr)
                give(dr + d, ds, n, a.add_r););
    }
}
