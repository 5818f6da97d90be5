// One sequence's step of the recurrent layers: see nn/ops/lstm.c and nn/ops/gru.c for the formulas.
#include "nn/kernels/vector.h"

INLINE vec logistic(vec x)   { return all(1) / (all(1) + exp_vec(-x)); }
INLINE vec hyperbolic(vec x) { return all(2) / (all(1) + exp_vec(all(-2) * x)) - all(1); }

void KERNEL(lstm)(float *a, const float *c_before, float *c, float *h, int64_t D)
{
    EACH_VECTOR(k, n, D,
        const vec i = logistic(load_n(a + k, n)), f = logistic(load_n(a + D + k, n));
        const vec g = hyperbolic(load_n(a + 2 * D + k, n)), o = logistic(load_n(a + 3 * D + k, n));
        const vec now = f * load_n(c_before + k, n) + i * g;
        store_n(a + k, i, n);
        store_n(a + D + k, f, n);
        store_n(a + 2 * D + k, g, n);
        store_n(a + 3 * D + k, o, n);
        store_n(c + k, now, n);
        store_n(h + k, o * hyperbolic(now), n););
}

void KERNEL(lstm_back)(float *a, const float *c_before, const float *c, const float *dh, float *dc, int64_t D)
{
    EACH_VECTOR(k, n, D,
        const vec i = load_n(a + k, n), f = load_n(a + D + k, n), g = load_n(a + 2 * D + k, n), o = load_n(a + 3 * D + k, n);
        const vec s = hyperbolic(load_n(c + k, n)), d = load_n(dh + k, n);
        const vec e = load_n(dc + k, n) + d * o * (all(1) - s * s);
        store_n(a + k, e * g * i * (all(1) - i), n);
        store_n(a + D + k, e * load_n(c_before + k, n) * f * (all(1) - f), n);
        store_n(a + 2 * D + k, e * i * (all(1) - g * g), n);
        store_n(a + 3 * D + k, d * s * o * (all(1) - o), n);
        store_n(dc + k, e * f, n););
}

void KERNEL(gru)(const float *x, float *a, const float *h_before, float *h, int64_t D)
{
    EACH_VECTOR(k, n, D,
        const vec u = load_n(a + 3 * D + k, n), before = load_n(h_before + k, n);
        const vec r = logistic(load_n(x + k, n) + load_n(a + D + k, n));
        const vec z = logistic(load_n(x + D + k, n) + load_n(a + 2 * D + k, n));
        const vec new = hyperbolic(load_n(x + 2 * D + k, n) + r * u);
        store_n(a + k, new, n);
        store_n(a + D + k, r, n);
        store_n(a + 2 * D + k, z, n);
        store_n(h + k, new + z * (before - new), n););
}

void KERNEL(gru_back)(float *a, const float *h_before, const float *dh, float *dh_before, int64_t D)
{
    EACH_VECTOR(k, n, D,
        const vec new = load_n(a + k, n), r = load_n(a + D + k, n), z = load_n(a + 2 * D + k, n), u = load_n(a + 3 * D + k, n);
        const vec d = load_n(dh + k, n), dn = d * (all(1) - z) * (all(1) - new * new);
        store_n(a + k, dn, n);
        store_n(a + D + k, dn * u * r * (all(1) - r), n);
        store_n(a + 2 * D + k, d * (load_n(h_before + k, n) - new) * z * (all(1) - z), n);
        store_n(a + 3 * D + k, dn * r, n);
        store_n(dh_before + k, d * z, n););
}
