// The GRU of torch.nn (Cho et al. 2014, the reset gate behind the product), the whole sequence. From h = 0, with
// [s_r s_z u] = h_{t−1}·R + b:
//   r = σ(x_r + s_r),   z = σ(x_z + s_z),   n = tanh(x_n + r·u),   h_t = (1 − z)·n + z·h_{t−1}
// With δ the gradients of what is in the parentheses:
//   dh_t = dy_t + (z·dh)_{t+1} + [δ_r δ_z du]_{t+1}·Rᵀ,   δ_n = dh·(1 − z)·(1 − n²),   δ_r = δ_n·u·r(1 − r),
//   δ_z = dh·(h_{t−1} − n)·z(1 − z),   du = δ_n·r,   dx = [δ_r δ_z δ_n],   dR = Σ h_{t−1}ᵀ[δ_r δ_z du],   db = Σ [δ_r δ_z du]

#include "nn/ops/recurrent.h"

static void gru_shapes(const node *n, tensor shape[MAX_OUTPUTS]) { recurrent_shapes(n, shape, 3); }

// From forward to backward: n, r, z, u of each token [B, T, 4D], which [δ_n δ_r δ_z du] replaces; h before each token [B, T, D].
typedef struct kept { real *gates, *before; } kept;

static size_t gru_saved_bytes(const node *n)
{
    const sizes s = sizes_of(n);
    return sizeof(real) * (size_t)(s.B * s.T * 5 * s.D);
}

static kept kept_of(const node *n)
{
    const sizes s = sizes_of(n);
    return n->saved ? (kept){ n->saved, (real *)n->saved + s.B * s.T * 4 * s.D } : (kept){0};
}

static double gru_flops(const node *n)
{
    const sizes s = sizes_of(n);
    return 6.0 * (double)(s.B * s.T * s.D) * (double)s.D;
}

// ---- the reference

// One token: before [D] or NULL (zero), a: work of 3D.
static void gru_forward_token(const node *n, int64_t at, const real *before, double *a)
{
    const int64_t D = sizes_of(n).D;
    const real *x = tensor_data(n->in[INPUTS]) + at * 3 * D, *r = n->in[R]->data, *bias = n->in[BIAS]->data;
    real *h = tensor_data(n->out[0]) + at * D, *gates = n->saved ? kept_of(n).gates + at * 4 * D : NULL;
    for (int64_t j = 0; j < 3 * D; j++) {
        a[j] = (double)bias[j];
        for (int64_t i = 0; before && i < D; i++)
            a[j] += (double)before[i] * (double)r[i * 3 * D + j];
    }
    for (int64_t i = 0; i < D; i++) {
        const double reset = logistic((double)x[i] + a[i]), keep = logistic((double)x[D + i] + a[D + i]), u = a[2 * D + i];
        const double new = tanh((double)x[2 * D + i] + reset * u), was = before ? (double)before[i] : 0;
        h[i] = (real)((1 - keep) * new + keep * was);
        const double values[] = { new, reset, keep, u };
        for (int k = 0; gates && k < 4; k++)
            gates[k * D + i] = (real)values[k];
        if (gates)
            kept_of(n).before[at * D + i] = (real)was;
    }
}

static void gru_forward(const node *n, const team *t)
{
    const sizes s = sizes_of(n);
    double *a = team_shared(t);
    CHECK(s.D <= TEAM_SCRATCH / (int64_t)(3 * sizeof *a), "gru: width %lld", (long long)s.D);
    for (int64_t at = 0; at < s.B * s.T; at++)
        gru_forward_token(n, at, at % s.T ? tensor_data(n->out[0]) + (at - 1) * s.D : NULL, a);
}

// The gradients of one token in place of its gates; dh [D] comes from the token behind and goes to the one before.
static void gru_backward_token(const node *n, int64_t at, double *dh)
{
    const int64_t D = sizes_of(n).D;
    real *g = kept_of(n).gates + at * 4 * D;
    const real *before = kept_of(n).before + at * D, *r = n->in[R]->data;
    for (int64_t i = 0; i < D; i++) {
        const double new = (double)g[i], reset = (double)g[D + i], keep = (double)g[2 * D + i], u = (double)g[3 * D + i];
        dh[i] += (double)n->out[0]->grad[at * D + i];
        const double dn = dh[i] * (1 - keep) * (1 - new * new);
        g[i]         = (real)dn;
        g[D + i]     = (real)(dn * u * reset * (1 - reset));
        g[2 * D + i] = (real)(dh[i] * ((double)before[i] - new) * keep * (1 - keep));
        g[3 * D + i] = (real)(dn * reset);
        dh[i] *= keep;
    }
    for (int64_t i = 0; i < D; i++)
        for (int64_t j = 0; j < 3 * D; j++)
            dh[i] += (double)g[D + j] * (double)r[i * 3 * D + j];
}

static void gru_backward(const node *n, const team *t)
{
    const sizes s = sizes_of(n);
    const kept k = kept_of(n);
    const int64_t D = s.D;
    real *dx = n->in[INPUTS]->grad;
    double *dh = team_shared(t);
    for (int64_t b = 0; b < s.B; b++) {
        memset(dh, 0, sizeof *dh * (size_t)D);
        for (int64_t at = s.T - 1; at >= 0; at--)
            gru_backward_token(n, b * s.T + at, dh);
    }
    for (int64_t at = 0; dx && at < s.B * s.T; at++)
        for (int64_t j = 0; j < 3 * D; j++)
            dx[at * 3 * D + j] += k.gates[at * 4 * D + (j < 2 * D ? D + j : j - 2 * D)];
    recurrent_weights_backward(n, k.gates, k.before);
}

// ---- fast

#ifndef REAL_DOUBLE
static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const node *n = data;
    const sizes s = sizes_of(n);
    const kept k = kept_of(n);
    const int64_t D = s.D, rows = to - from, step = k.gates ? s.T * 4 * D : 4 * D;
    const float *x = n->in[INPUTS]->data, *r = n->in[R]->data, *bias = n->in[BIAS]->data;
    float *gates = k.gates ? k.gates + from * step : scratch, *zero = k.gates ? scratch : gates + rows * step;
    memset(zero, 0, sizeof *zero * (size_t)D);
    for (int64_t t = 0; t < s.T; t++) {
        float *a = gates + (k.gates ? t * 4 * D : 0), *h = tensor_data(n->out[0]) + (from * s.T + t) * D;
        for (int64_t b = 0; b < rows; b++)
            memcpy(a + b * step + D, bias, 3 * sizeof *a * (size_t)D);
        if (t > 0)
            gemm(false, false, rows, 3 * D, D, h - D, s.T * D, r, 3 * D, true, a + D, step);
        for (int64_t b = 0; b < rows; b++) {
            const float *before = t > 0 ? h + b * s.T * D - D : zero;
            if (k.before)
                memcpy(k.before + ((from + b) * s.T + t) * D, before, sizeof *h * (size_t)D);
            kernel->gru(x + ((from + b) * s.T + t) * 3 * D, a + b * step, before, h + b * s.T * D, D);
        }
    }
}

static void gru_forward_fast(const node *n, const team *t)
{
    const sizes s = sizes_of(n);
    team_each(t, s.B, recurrent_together(s.D), forward_piece, (void *)n);
}

static void back_token(const node *n, int64_t b, int64_t t, float *dh, float *dc)
{
    const sizes s = sizes_of(n);
    const int64_t at = b * s.T + t;
    kernel->gru_back(kept_of(n).gates + at * 4 * s.D, kept_of(n).before + at * s.D, dh, dh, s.D);
}

typedef struct inputs_job { const float *gates; float *to; int64_t D; bool add; } inputs_job;

static void inputs_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const inputs_job *j = data;
    for (int64_t at = from; at < to; at++) {
        kernel->add_scaled(j->gates + at * 4 * j->D + j->D, 1, j->to + at * 3 * j->D, 2 * j->D, j->add);
        kernel->add_scaled(j->gates + at * 4 * j->D, 1, j->to + at * 3 * j->D + 2 * j->D, j->D, j->add);
    }
}

static void gru_backward_fast(const node *n, const team *t)
{
    const sizes s = sizes_of(n);
    const kept k = kept_of(n);
    tensor *x = n->in[INPUTS];
    recurrent_backward_fast(n, t, &(recurrent_back){ back_token, true, k.gates, k.before });
    if (x->grad)
        team_each(t, s.B * s.T, piece_rows(3 * s.D), inputs_piece, &(inputs_job){ k.gates, x->grad, s.D, tensor_reach(x) });
}
#endif

static const op_case gru_cases[] = {
    { .in = {{2, 5, 9}, {3, 9}, {9}} }, { .in = {{1, 1, 3}, {1, 3}, {3}} }, { .in = {{3, 2, 51}, {17, 51}, {51}}, .scale = 0.5 },
    { .in = {{37, 4, 24}, {8, 24}, {24}} }, { .in = {{2, 30, 30}, {10, 30}, {30}}, .scale = 0.01 },
};

const op op_gru = {
    .name = "gru", .inputs = 3, .outputs = 1, .shapes = gru_shapes, .saved_bytes = gru_saved_bytes, .flops = gru_flops,
    .cases = gru_cases, .n_cases = LEN(gru_cases),
    .forward  = { [REFERENCE] = gru_forward,  [CPU] = CPU_SLOT(gru_forward_fast) },
    .backward = { [REFERENCE] = gru_backward, [CPU] = CPU_SLOT(gru_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_gru(graph *g, tensor *inputs, tensor *r, tensor *bias)
{
    return graph_apply(g, &op_gru, NULL, (tensor *[]){inputs, r, bias}, 3)->out[0];
}
