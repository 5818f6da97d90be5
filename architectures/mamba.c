// Mamba's mixer (S6; Gu & Dao 2023, mamba_ssm's mamba_simple.py), with E = expand·D channels of N states and R = ⌈D/16⌉:
//   [x, z] = u·W_in;  x = SiLU(conv(x));  [δ, B, C] = x·W_select;  Δ = softplus(δ·W_Δ + b_Δ)
//   h_t = exp(Δ_t·A)·h_{t−1} + Δ_t·B_t·x_t,  A = −exp(A_log);  y_t = (C_t·h_t + D·x_t)·SiLU(z_t);  y·W_out
// With eigenvalues in [−1, 1] the transition is 2·exp(Δ_t·A) − 1, the input term as it was (Grazzi et al. 2024).
#include "architectures/affine.h"
#include <string.h>

typedef struct mamba_config { int state, expand, conv, dt_rank; param_list eigenvalues; } mamba_config;

static const param eigenvalue = A_REAL(-1, 1, "bound of the transition");
static const param mamba_params[] = {
    INT (mamba_config, state,       "16",     1, 256,  "states a channel"),
    INT (mamba_config, expand,      "2",      1, 16,   "channels over d_model"),
    INT (mamba_config, conv,        "4",      1, 64,   "tokens that the convolution sees; 1: it scales and shifts"),
    INT (mamba_config, dt_rank,     "auto",   1, 4096, "width between channels and step sizes; auto: d_model/16, rounded up"),
    LIST(mamba_config, eigenvalues, "[0, 1]", &eigenvalue, "of the transition: [0, 1] or [-1, 1]"),
    {0}
};

enum { IN, CONV, CONV_BIAS, SELECT, DT, DT_BIAS, A_LOG, SKIP, OUT, WEIGHTS };

static double bound(const mamba_config *c, int i) { return ((const double *)c->eigenvalues.items)[i]; }
static bool   negative(const mamba_config *c)     { return bound(c, 0) < 0; }
static int64_t rank_of(const mamba_config *c, int D) { return c->dt_rank == AUTO_INT ? (D + 15) / 16 : c->dt_rank; }

static bool mamba_check(const void *options, mark at, diag *d)
{
    const mamba_config *c = options;
    if (c->eigenvalues.n == 2 && (bound(c, 0) == 0 || bound(c, 0) == -1) && bound(c, 1) == 1)
        return true;
    diag_error(d, at, "eigenvalues are [0, 1] or [-1, 1]");
    return false;
}

// ---- initial values of mamba_simple.py

static void fill_A_log(tensor *A_log, rng *random)                  // A = −1, −2, … −N in every channel
{
    const int64_t N = tensor_columns(A_log);
    for (int64_t i = 0; i < tensor_size(A_log); i++)
        tensor_data(A_log)[i] = log((real)(i % N + 1));
}

static void fill_ones(tensor *x, rng *random)
{
    for (int64_t i = 0; i < tensor_size(x); i++)
        tensor_data(x)[i] = 1;
}

static void fill_dt(tensor *W, rng *random)                         // U(±1/√R)
{
    const double size = 1 / sqrt((double)tensor_rows(W));
    for (int64_t i = 0; i < tensor_size(W); i++)
        tensor_data(W)[i] = (real)(size * (2 * rng_unit(random) - 1));
}

static void fill_dt_bias(tensor *b, rng *random)                    // softplus⁻¹(Δ) = Δ + ln(1 − e^−Δ), ln Δ uniform
{
    const double low = log(1e-3), high = log(1e-1);
    for (int64_t i = 0; i < tensor_size(b); i++) {
        const double delta = fmax(exp(low + (high - low) * rng_unit(random)), 1e-4);
        tensor_data(b)[i] = (real)(delta + log(-expm1(-delta)));
    }
}

static tensor *own(model *m, const layer *l, const char *name, int rank, const int64_t *dim, decay d,
                   void (*fill)(tensor *, rng *))
{
    return model_weight_own(m, arena_text(m->life, "%s.%s", l->prefix, name), rank, dim, d, fill);
}

static void mamba_build(model *m, layer *l)
{
    const mamba_config *c = l->options;
    const int64_t D = l->D, E = c->expand * D, N = c->state, R = rank_of(c, l->D);
    tensor **w = l->weight = arena_take(m->life, WEIGHTS * sizeof *w);
    w[IN]        = layer_weight(m, l, "in.weight", WEIGHT_MATRIX, D, 2 * E);
    w[CONV]      = layer_weight(m, l, "conv.weight", WEIGHT_CONVOLUTION, E, c->conv);
    w[CONV_BIAS] = layer_weight(m, l, "conv.bias", WEIGHT_CONVOLUTION, E);
    m->weight[m->n - 1].fan_in = c->conv;                           // the bias is drawn as the taps are, and stays so
    w[SELECT]    = layer_weight(m, l, "select.weight", WEIGHT_MATRIX, E, R + 2 * N);
    w[DT]        = own(m, l, "dt.weight", 2, (const int64_t[]){ R, E }, DECAY, fill_dt);
    w[DT_BIAS]   = own(m, l, "dt.bias", 1, (const int64_t[]){ E }, NO_DECAY, fill_dt_bias);
    w[A_LOG]     = own(m, l, "A_log", 2, (const int64_t[]){ E, N }, NO_DECAY, fill_A_log);
    w[SKIP]      = own(m, l, "D", 1, (const int64_t[]){ E }, NO_DECAY, fill_ones);
    w[OUT]       = layer_weight(m, l, "out.weight", WEIGHT_RESIDUAL, E, D);
}

// What the scan takes; delta before softplus.
typedef struct scan_inputs { tensor *x, *z, *delta, *BC; } scan_inputs;                // [B, T, E] three times, [B, T, 2N]

static scan_inputs inputs_of(const layer *l, graph *g, tensor *u)
{
    tensor **w = l->weight;
    const int64_t E = w[SKIP]->dim[0], N = w[A_LOG]->dim[1], R = w[DT]->dim[0];
    scan_inputs s;
    s.x = nn_linear(g, u, w[IN], NULL, 0, E);
    s.z = nn_linear(g, u, w[IN], NULL, E, E);
    s.x = nn_short_conv(g, (short_conv_options){ .silu = true }, s.x, w[CONV], w[CONV_BIAS]);
    s.BC = nn_linear(g, s.x, w[SELECT], NULL, R, 2 * N);
    s.delta = nn_linear(g, nn_linear(g, s.x, w[SELECT], NULL, 0, R), w[DT], w[DT_BIAS], 0, E);
    return s;
}

static tensor *mamba_forward(const layer *l, graph *g, tensor *u)
{
    tensor **w = l->weight;
    const scan_inputs s = inputs_of(l, g, u);
    const selective_scan_options o = { negative(l->options) };
    tensor *y = nn_selective_scan(g, o, s.x, s.delta, w[A_LOG], s.BC, w[SKIP], s.z);
    return nn_linear(g, y, w[OUT], NULL, 0, l->D);
}

// ---- the recurrence as pairs: E = exp(Δ·A) or 2·exp(Δ·A) − 1, f = Δ·B·x; the state has a row for each channel and state.

static real softplus(real x) { return fmax(x, (real)0) + log1p(exp(-fabs(x))); }

static affine_pairs mamba_pairs(const layer *l, graph *g, tensor *u)
{
    scan_inputs *s = arena_take(g->step, sizeof *s);
    *s = inputs_of(l, g, u);
    const tensor *A_log = l->weight[A_LOG];
    const int64_t E = A_log->dim[0], N = A_log->dim[1];
    const affine_pairs p = affine_pairs_new(g, u->dim[0], u->dim[1], E * N, 1, s);
    for (int64_t i = 0; i < p.B * p.T * E * N; i++) {
        const int64_t e = i / N, row = i / (E * N), n = i % N;                         // e: of [B, T, E]
        const real delta = softplus(tensor_data(s->delta)[e]), decay = exp(-delta * exp(tensor_data(A_log)[i % (E * N)]));
        p.E[i] = negative(l->options) ? 2 * decay - 1 : decay;
        p.f[i] = delta * tensor_data(s->BC)[row * 2 * N + n] * tensor_data(s->x)[e];
    }
    return p;
}

static tensor *mamba_read(const layer *l, graph *g, const affine_pairs *p, const real *states)
{
    const scan_inputs *s = p->inputs;
    const int64_t E = l->weight[SKIP]->dim[0], N = p->rows / E;
    tensor *y = tensor_real(g->step, p->B, p->T, E);
    for (int64_t i = 0; i < tensor_size(y); i++) {
        const real *C = tensor_data(s->BC) + i / E * 2 * N + N, z = tensor_data(s->z)[i];
        real sum = tensor_data(l->weight[SKIP])[i % E] * tensor_data(s->x)[i];
        for (int64_t n = 0; n < N; n++)
            sum += C[n] * states[i * N + n];
        tensor_data(y)[i] = sum * z / (1 + exp(-z));
    }
    return nn_linear(g, y, l->weight[OUT], NULL, 0, l->D);
}

static const affine_form mamba_affine = { mamba_pairs, mamba_read };

// ---- one token: the last width − 1 inputs of the convolution, the oldest first, [width − 1, B, E], then h [B, E, N].

static int64_t conv_size(const layer *l, const stream *s)
{
    return (l->weight[CONV]->dim[1] - 1) * s->B * l->weight[SKIP]->dim[0];
}

static void *mamba_begin(const layer *l, stream *s)
{
    return arena_zero(s->memory, (size_t)(conv_size(l, s) + s->B * tensor_size(l->weight[A_LOG])) * sizeof(real));
}

// x [B, E] ← SiLU(conv(x)); the row goes into the state.
static void conv_step(const layer *l, const stream *s, real *rows, real *x)
{
    const int64_t E = l->weight[SKIP]->dim[0], width = l->weight[CONV]->dim[1], row = s->B * E;
    const real *taps = tensor_data(l->weight[CONV]), *bias = tensor_data(l->weight[CONV_BIAS]);
    for (int64_t i = 0; i < row; i++) {
        const real *tap = taps + i % E * width, now = x[i];
        real sum = bias[i % E] + tap[width - 1] * now;
        for (int64_t j = 0; j + 1 < width; j++) {
            sum += tap[j] * rows[j * row + i];
            rows[j * row + i] = j + 2 < width ? rows[(j + 1) * row + i] : now;
        }
        x[i] = sum / (1 + exp(-sum));
    }
}

typedef struct scan_step { const layer *l; const real *x, *z, *delta, *select; real *h, *y; } scan_step;   // select [B, R + 2N]

static void scan_piece(int64_t from, int64_t to, void *scratch, void *data)            // channels of all sequences, [B·E]
{
    const scan_step *s = data;
    tensor *const *w = s->l->weight;
    const int64_t E = w[SKIP]->dim[0], N = w[A_LOG]->dim[1], R = w[DT]->dim[0];
    const real two = negative(s->l->options) ? 2 : 1, one = two - 1;
    for (int64_t i = from; i < to; i++) {
        const real *A_log = tensor_data(w[A_LOG]) + i % E * N, *B = s->select + i / E * (R + 2 * N) + R, *C = B + N;
        const real x = s->x[i], z = s->z[i], delta = softplus(s->delta[i]);
        real y = tensor_data(w[SKIP])[i % E] * x, *h = s->h + i * N;
        for (int64_t n = 0; n < N; n++) {
            h[n] = (two * exp(-delta * exp(A_log[n])) - one) * h[n] + delta * B[n] * x;
            y += C[n] * h[n];
        }
        s->y[i] = y * z / (1 + exp(-z));
    }
}

static void mamba_step(const layer *l, stream *s, void *state, const real *u, real *out)
{
    const mamba_config *c = l->options;
    tensor **w = l->weight;
    const int64_t B = s->B, E = w[SKIP]->dim[0], N = c->state, R = w[DT]->dim[0], columns = R + 2 * N;
    const arena_mark start = arena_save(s->work);
    real *x = arena_take(s->work, (size_t)(B * E) * sizeof *x), *z = arena_take(s->work, (size_t)(B * E) * sizeof *z);
    real *delta = arena_take(s->work, (size_t)(B * E) * sizeof *delta), *y = arena_take(s->work, (size_t)(B * E) * sizeof *y);
    real *select = arena_take(s->work, (size_t)(B * columns) * sizeof *select);
    real *low = arena_take(s->work, (size_t)(B * R) * sizeof *low);
    layer_linear_step(s, u, w[IN], NULL, 0, E, x);
    layer_linear_step(s, u, w[IN], NULL, E, E, z);
    conv_step(l, s, state, x);
    layer_linear_step(s, x, w[SELECT], NULL, 0, columns, select);
    for (int64_t b = 0; b < B; b++)
        memcpy(low + b * R, select + b * columns, (size_t)R * sizeof *low);
    layer_linear_step(s, low, w[DT], w[DT_BIAS], 0, E, delta);
    scan_step scan = { l, x, z, delta, select, (real *)state + conv_size(l, s), y };
    team_each(s->team, B * E, 4096 / N + 1, scan_piece, &scan);
    if (out)
        layer_linear_step(s, y, w[OUT], NULL, 0, l->D, out);
    arena_restore(s->work, start);
}

static int64_t mamba_state_bytes(const void *options, int D, int64_t T)
{
    const mamba_config *c = options;
    return (int64_t)c->expand * D * (c->state + c->conv - 1) * (int64_t)sizeof(real);
}

const mixer mixer_mamba = {
    .name = "mamba", .source = "arXiv:2312.00752", .summary = "selective state space (S6)", .version = 1,
    .options = mamba_params, .options_size = sizeof(mamba_config), .check = mamba_check,
    .architecture = "mamba", .block = "{ norm: rms, norm_eps: 1e-5, mlp: none, positions: none, init: mamba }",
    .build = mamba_build, .forward = mamba_forward, .begin = mamba_begin, .step = mamba_step, .state_bytes = mamba_state_bytes,
    .affine = &mamba_affine, .convolves = true,
};
