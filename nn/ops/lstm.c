// The LSTM of torch.nn (Hochreiter & Schmidhuber 1997, forget gate of Gers et al. 2000), the whole sequence. From h = c = 0:
//   [i f g o] = x_t + h_{t−1}·R + b,   c_t = σ(f)·c_{t−1} + σ(i)·tanh(g),   h_t = σ(o)·tanh(c_t)
// With i, f, g, o the gates' values and δ the gradient of what is in the brackets:
//   dh_t = dy_t + δ_{t+1}·Rᵀ,   dc_t = f_{t+1}·dc_{t+1} + dh_t·o·(1 − tanh²c_t),
//   δ = [dc·g·i(1 − i), dc·c_{t−1}·f(1 − f), dc·i·(1 − g²), dh·tanh(c)·o(1 − o)],   dx = δ,   dR = Σ h_{t−1}ᵀδ_t,   db = Σ δ_t

#include "nn/ops/recurrent.h"

static void lstm_shapes(const node *n, tensor shape[MAX_OUTPUTS]) { recurrent_shapes(n, shape, 4); }

// From forward to backward: the gates [B, T, 4D], which δ replaces; c from c = 0 on [B, T + 1, D]; h before each token [B, T, D].
typedef struct kept { real *gates, *c, *before; } kept;

static size_t lstm_saved_bytes(const node *n)
{
    const sizes s = sizes_of(n);
    return sizeof(real) * (size_t)(s.B * s.D * (6 * s.T + 1));
}

static kept kept_of(const node *n)
{
    const sizes s = sizes_of(n);
    real *gates = n->saved, *c = gates + s.B * s.T * 4 * s.D;
    return n->saved ? (kept){ gates, c, c + s.B * (s.T + 1) * s.D } : (kept){0};
}

static double lstm_flops(const node *n)
{
    const sizes s = sizes_of(n);
    return 8.0 * (double)(s.B * s.T * s.D) * (double)s.D;
}

// ---- the reference

static void lstm_forward_sequence(const node *n, int64_t b, double *a, real *c)
{
    const sizes s = sizes_of(n);
    const kept k = kept_of(n);
    const real *x = n->in[INPUTS]->data, *r = n->in[R]->data, *bias = n->in[BIAS]->data;
    const int64_t D = s.D;
    memset(c, 0, sizeof *c * (size_t)D);
    for (int64_t t = 0; t < s.T; t++) {
        real *h = tensor_data(n->out[0]) + (b * s.T + t) * D;
        const real *before = t ? h - D : NULL;                          // NULL: zero
        for (int64_t j = 0; j < 4 * D; j++) {
            a[j] = (double)x[(b * s.T + t) * 4 * D + j] + (double)bias[j];
            for (int64_t i = 0; before && i < D; i++)
                a[j] += (double)before[i] * (double)r[i * 4 * D + j];
            a[j] = j / D == 2 ? tanh(a[j]) : logistic(a[j]);
        }
        for (int64_t i = 0; k.c && i < D; i++) {
            k.c[(b * (s.T + 1) + t) * D + i] = c[i];
            k.before[(b * s.T + t) * D + i] = before ? before[i] : 0;
        }
        for (int64_t i = 0; i < D; i++) {
            c[i] = (real)(a[D + i] * (double)c[i] + a[i] * a[2 * D + i]);
            h[i] = (real)(a[3 * D + i] * tanh((double)c[i]));
        }
        for (int64_t j = 0; k.gates && j < 4 * D; j++)
            k.gates[(b * s.T + t) * 4 * D + j] = (real)a[j];
    }
    if (k.c)
        memcpy(k.c + (b * (s.T + 1) + s.T) * D, c, sizeof *c * (size_t)D);
}

static void lstm_forward(const node *n, const team *t)
{
    double *a = team_shared(t);
    CHECK(sizes_of(n).D <= TEAM_SCRATCH / (int64_t)(6 * sizeof *a), "lstm: width %lld", (long long)sizes_of(n).D);
    for (int64_t b = 0; b < sizes_of(n).B; b++)
        lstm_forward_sequence(n, b, a, (real *)(a + 4 * sizes_of(n).D));
}

// δ of one token in place of its gates; dh and dc [D] come from the token behind and go to the one before.
static void lstm_backward_token(const node *n, int64_t b, int64_t t, double *dh, double *dc)
{
    const sizes s = sizes_of(n);
    const int64_t D = s.D, at = b * s.T + t;
    real *g = kept_of(n).gates + at * 4 * D;
    const real *c = kept_of(n).c + (at + b) * D, *r = n->in[R]->data;
    for (int64_t i = 0; i < D; i++) {
        const double in = (double)g[i], forget = (double)g[D + i], new = (double)g[2 * D + i], out = (double)g[3 * D + i];
        const double squashed = tanh((double)c[D + i]);
        dh[i] += (double)n->out[0]->grad[at * D + i];
        dc[i] += dh[i] * out * (1 - squashed * squashed);
        g[i]         = (real)(dc[i] * new * in * (1 - in));
        g[D + i]     = (real)(dc[i] * (double)c[i] * forget * (1 - forget));
        g[2 * D + i] = (real)(dc[i] * in * (1 - new * new));
        g[3 * D + i] = (real)(dh[i] * squashed * out * (1 - out));
        dc[i] *= forget;
    }
    for (int64_t i = 0; i < D; i++) {
        dh[i] = 0;
        for (int64_t j = 0; j < 4 * D; j++)
            dh[i] += (double)g[j] * (double)r[i * 4 * D + j];
    }
}

static void lstm_backward(const node *n, const team *t)
{
    const sizes s = sizes_of(n);
    const kept k = kept_of(n);
    const int64_t D = s.D;
    real *dx = n->in[INPUTS]->grad;
    double *dh = team_shared(t), *dc = dh + D;
    for (int64_t b = 0; b < s.B; b++) {
        memset(dh, 0, 2 * sizeof *dh * (size_t)D);
        for (int64_t at = s.T - 1; at >= 0; at--)
            lstm_backward_token(n, b, at, dh, dc);
    }
    for (int64_t i = 0; dx && i < s.B * s.T * 4 * D; i++)
        dx[i] += k.gates[i];
    recurrent_weights_backward(n, k.gates, k.before);
}

// ---- fast

#ifndef REAL_DOUBLE
static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const node *n = data;
    const sizes s = sizes_of(n);
    const kept k = kept_of(n);
    const int64_t D = s.D, step = k.gates ? s.T * 4 * D : 4 * D, c_step = k.c ? (s.T + 1) * D : D;
    const float *x = n->in[INPUTS]->data, *r = n->in[R]->data, *bias = n->in[BIAS]->data;
    float *gates = k.gates ? k.gates + from * step : scratch, *c = k.c ? k.c + from * c_step : gates + (to - from) * step;
    for (int64_t b = 0; b < to - from; b++)
        memset(c + b * c_step, 0, sizeof *c * (size_t)D);
    for (int64_t t = 0; t < s.T; t++) {
        float *a = gates + (k.gates ? t * 4 * D : 0), *c_before = c + (k.c ? t * D : 0), *c_now = k.c ? c_before + D : c;
        float *h = tensor_data(n->out[0]) + (from * s.T + t) * D;
        for (int64_t b = 0; b < to - from; b++)
            kernel->add(x + ((from + b) * s.T + t) * 4 * D, bias, a + b * step, 4 * D);
        if (t > 0)
            gemm(false, false, to - from, 4 * D, D, h - D, s.T * D, r, 4 * D, true, a, step);
        for (int64_t b = 0; b < to - from; b++) {
            float *before = k.before ? k.before + ((from + b) * s.T + t) * D : NULL;
            if (before && t > 0)
                memcpy(before, h + b * s.T * D - D, sizeof *h * (size_t)D);
            else if (before)
                memset(before, 0, sizeof *h * (size_t)D);
            kernel->lstm(a + b * step, c_before + b * c_step, c_now + b * c_step, h + b * s.T * D, D);
        }
    }
}

static void lstm_forward_fast(const node *n, const team *t)
{
    const sizes s = sizes_of(n);
    team_each(t, s.B, recurrent_together(s.D), forward_piece, (void *)n);
}

static void back_token(const node *n, int64_t b, int64_t t, float *dh, float *dc)
{
    const sizes s = sizes_of(n);
    const float *c = kept_of(n).c + (b * (s.T + 1) + t) * s.D;
    kernel->lstm_back(kept_of(n).gates + (b * s.T + t) * 4 * s.D, c, c + s.D, dh, dc, s.D);
}

typedef struct copy_job { const float *from; float *to; bool add; } copy_job;

static void copy_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const copy_job *j = data;
    kernel->add_scaled(j->from + from, 1, j->to + from, to - from, j->add);
}

static void lstm_backward_fast(const node *n, const team *t)
{
    const sizes s = sizes_of(n);
    const kept k = kept_of(n);
    tensor *x = n->in[INPUTS];
    recurrent_backward_fast(n, t, &(recurrent_back){ back_token, false, k.gates, k.before });
    if (x->grad)
        team_each(t, s.B * s.T * 4 * s.D, PIECE, copy_piece, &(copy_job){ k.gates, x->grad, tensor_reach(x) });
}
#endif

static const op_case lstm_cases[] = {
    { .in = {{2, 5, 12}, {3, 12}, {12}} }, { .in = {{1, 1, 4}, {1, 4}, {4}} },
    { .in = {{3, 2, 68}, {17, 68}, {68}}, .scale = 0.5 }, { .in = {{37, 4, 32}, {8, 32}, {32}} },
    { .in = {{2, 30, 40}, {10, 40}, {40}}, .scale = 0.01 },
};

const op op_lstm = {
    .name = "lstm", .inputs = 3, .outputs = 1, .shapes = lstm_shapes, .saved_bytes = lstm_saved_bytes, .flops = lstm_flops,
    .cases = lstm_cases, .n_cases = LEN(lstm_cases),
    .forward  = { [REFERENCE] = lstm_forward,  [CPU] = CPU_SLOT(lstm_forward_fast) },
    .backward = { [REFERENCE] = lstm_backward, [CPU] = CPU_SLOT(lstm_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_lstm(graph *g, tensor *inputs, tensor *r, tensor *bias)
{
    return graph_apply(g, &op_lstm, NULL, (tensor *[]){inputs, r, bias}, 3)->out[0];
}
