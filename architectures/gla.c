// Gated linear attention (Yang et al. 2024, arXiv:2312.06635; fla's layers/gla.py), H heads with keys of K and values of V:
//   q, k = x·W_q, x·W_k  [expand_k·D];  v, g = x·W_v, x·W_g  [expand_v·D];  α = exp(logsigmoid(x·W_down·W_up + b)/divisor)
//   S_t = diag(α_t)·S_{t−1} + k_tᵀ·v_t;  o_t = q_t·S_t/√K;  y = (RMSNorm of each head's o, one gain for all)·SiLU(g)·W_out
#include "architectures/affine.h"
#include <string.h>

typedef struct gla_config { int heads, decay_rank; double expand_k, expand_v, decay_divisor; } gla_config;

static const param gla_params[] = {
    INT (gla_config, heads,         "4",   1, 1024,  "heads; must divide the widths of keys and values"),
    REAL(gla_config, expand_k,      "0.5", 0, 16,    "width of the keys over d_model"),
    REAL(gla_config, expand_v,      "1",   0, 16,    "width of the values over d_model"),
    INT (gla_config, decay_rank,    "16",  1, 4096,  "width between d_model and the decays"),
    REAL(gla_config, decay_divisor, "16",  1e-3, 1e6, "of the log-decay: the larger, the longer the memory"),
    {0}
};

enum { Q, KEY, VALUE, GATE, DOWN, UP, UP_BIAS, NORM, OUT, WEIGHTS };
static const double norm_eps = 1e-6;            // fla's GLAConfig

static int64_t key_width(const gla_config *c, int D)   { return (int64_t)floor(c->expand_k * D + 1e-6); }
static int64_t value_width(const gla_config *c, int D) { return (int64_t)floor(c->expand_v * D + 1e-6); }

static bool gla_fits(const void *options, int D, mark at, diag *d)
{
    enum { LARGEST = 1 << 16 };
    const gla_config *c = options;
    const int64_t keys = key_width(c, D), values = value_width(c, D), H = c->heads;
    if (keys % H || values % H || keys == 0 || values == 0) {
        diag_error(d, at, "heads: %d does not divide the widths of keys and values, %lld and %lld", c->heads,
                   (long long)keys, (long long)values);
        return false;
    }
    if (((keys / H + 15) & ~15) * ((values / H + 15) & ~15) <= LARGEST)                // as the kernels pad it
        return true;
    diag_error(d, at, "a head's state would be %lld × %lld; more heads keep it under %d numbers", (long long)(keys / H),
               (long long)(values / H), LARGEST);
    return false;
}

static void gla_build(model *m, layer *l)
{
    const gla_config *c = l->options;
    const int64_t D = l->D, keys = key_width(c, l->D), values = value_width(c, l->D), R = c->decay_rank;
    tensor **w = l->weight = arena_take(m->life, WEIGHTS * sizeof *w);
    w[Q]       = layer_weight(m, l, "q.weight", WEIGHT_MATRIX, D, keys);
    w[KEY]     = layer_weight(m, l, "k.weight", WEIGHT_MATRIX, D, keys);
    w[VALUE]   = layer_weight(m, l, "v.weight", WEIGHT_MATRIX, D, values);
    w[GATE]    = layer_weight(m, l, "g.weight", WEIGHT_MATRIX, D, values);
    w[DOWN]    = layer_weight(m, l, "decay_down.weight", WEIGHT_MATRIX, D, R);
    w[UP]      = layer_weight(m, l, "decay_up.weight", WEIGHT_MATRIX, R, keys);
    w[UP_BIAS] = layer_weight(m, l, "decay_up.bias", WEIGHT_BIAS, keys);
    w[NORM]    = layer_weight(m, l, "norm.gain", WEIGHT_GAIN, values / c->heads);
    w[OUT]     = layer_weight(m, l, "out.weight", WEIGHT_RESIDUAL, values, D);
}

static tensor *project(const layer *l, graph *g, tensor *x, int weight, int bias)
{
    tensor *W = l->weight[weight];
    return nn_linear(g, x, W, bias < 0 ? NULL : l->weight[bias], 0, tensor_columns(W));
}

typedef struct attention_inputs { tensor *x, *q, *k, *v, *decay; } attention_inputs;       // decay [B, T, keys]: the logits

static attention_inputs inputs_of(const layer *l, graph *g, tensor *x)
{
    attention_inputs in = { .x = x };
    in.q = project(l, g, x, Q, -1);
    in.k = project(l, g, x, KEY, -1);
    in.v = project(l, g, x, VALUE, -1);
    in.decay = project(l, g, project(l, g, x, DOWN, -1), UP, UP_BIAS);
    return in;
}

// o [B, T, values] → [B, T, D]: norm, gate, projection.
static tensor *output_of(const layer *l, graph *g, tensor *x, tensor *o)
{
    const int64_t B = o->dim[0], T = o->dim[1], values = o->dim[2], H = ((const gla_config *)l->options)->heads;
    tensor *y = tensor_reshape(g->step, o, B, T, H, values / H);
    y = nn_norm(g, (norm_options){ NORM_RMS, norm_eps }, y, l->weight[NORM], NULL);
    y = nn_swiglu(g, project(l, g, x, GATE, -1), tensor_reshape(g->step, y, B, T, values));
    return project(l, g, y, OUT, -1);
}

static tensor *gla_forward(const layer *l, graph *g, tensor *x)
{
    const gla_config *c = l->options;
    const attention_inputs in = inputs_of(l, g, x);
    const double scale = 1 / sqrt((double)(key_width(c, l->D) / c->heads));
    const linear_attention_options o = { c->heads, GATE_DIAGONAL, scale, c->decay_divisor };
    return output_of(l, g, x, nn_linear_attention(g, o, in.q, in.k, in.v, in.decay));
}

// ---- the recurrence as pairs: E = α, f = kᵀ·v; the state has a row for each key channel of each head, V columns.

static real decay_of(const gla_config *c, real logit)
{
    return exp((fmin(logit, (real)0) - log1p(exp(-fabs(logit)))) / (real)c->decay_divisor);
}

static affine_pairs gla_pairs(const layer *l, graph *g, tensor *x)
{
    const gla_config *c = l->options;
    attention_inputs *in = arena_take(g->step, sizeof *in);
    *in = inputs_of(l, g, x);
    const int64_t keys = in->k->dim[2], K = keys / c->heads, V = in->v->dim[2] / c->heads;
    const affine_pairs p = affine_pairs_new(g, x->dim[0], x->dim[1], keys, V, in);
    for (int64_t i = 0; i < p.B * p.T * keys; i++) {                                    // i / K: of [B, T, H]
        p.E[i] = decay_of(c, tensor_data(in->decay)[i]);
        for (int64_t j = 0; j < V; j++)
            p.f[i * V + j] = tensor_data(in->k)[i] * tensor_data(in->v)[i / K * V + j];
    }
    return p;
}

static tensor *gla_read(const layer *l, graph *g, const affine_pairs *p, const real *states)
{
    const attention_inputs *in = p->inputs;
    const int64_t V = p->columns, values = in->v->dim[2], K = p->rows / (values / V);
    tensor *o = tensor_real(g->step, p->B, p->T, values);
    for (int64_t i = 0; i < tensor_size(o); i++) {
        real sum = 0;
        for (int64_t k = i / V * K; k < (i / V + 1) * K; k++)
            sum += tensor_data(in->q)[k] * states[k * V + i % V];
        tensor_data(o)[i] = sum / sqrt((real)K);
    }
    return output_of(l, g, in->x, o);
}

static const affine_form gla_affine = { gla_pairs, gla_read };

// ---- one token: the state is S [B, H, K, V].

static void *gla_begin(const layer *l, stream *s)
{
    const gla_config *c = l->options;
    return arena_zero(s->memory, (size_t)(s->B * key_width(c, l->D) * value_width(c, l->D) / c->heads) * sizeof(real));
}

typedef struct head_step { const layer *l; const real *q, *k, *v, *gate, *decay; real *S, *y; } head_step;

static void head_piece(int64_t from, int64_t to, void *scratch, void *data)            // heads of all sequences, [B·H]
{
    const head_step *s = data;
    const gla_config *c = s->l->options;
    const int64_t K = s->l->weight[Q]->dim[1] / c->heads, V = s->l->weight[VALUE]->dim[1] / c->heads;
    const real scale = 1 / sqrt((real)K), *gain = tensor_data(s->l->weight[NORM]);
    for (int64_t h = from; h < to; h++) {
        const real *q = s->q + h * K, *k = s->k + h * K, *decay = s->decay + h * K, *v = s->v + h * V, *gate = s->gate + h * V;
        real *y = s->y + h * V, square = 0;
        memset(y, 0, (size_t)V * sizeof *y);
        for (int64_t i = 0; i < K; i++) {
            const real alpha = decay_of(c, decay[i]);
            real *S = s->S + (h * K + i) * V;
            for (int64_t j = 0; j < V; j++) {
                S[j] = alpha * S[j] + k[i] * v[j];
                y[j] += q[i] * scale * S[j];
            }
        }
        for (int64_t j = 0; j < V; j++)
            square += y[j] * y[j] / (real)V;
        for (int64_t j = 0; j < V; j++)
            y[j] *= gain[j] / sqrt(square + (real)norm_eps) * gate[j] / (1 + exp(-gate[j]));
    }
}

static void gla_step(const layer *l, stream *s, void *state, const real *x, real *out)
{
    static const int inputs[] = { Q, KEY, VALUE, GATE, DOWN };
    const gla_config *c = l->options;
    tensor **w = l->weight;
    const arena_mark start = arena_save(s->work);
    real *row[WEIGHTS];                                                                // [B, the weight's columns]
    for (size_t i = 0; i < LEN(inputs); i++) {
        const int64_t columns = w[inputs[i]]->dim[1];
        row[inputs[i]] = arena_take(s->work, (size_t)(s->B * columns) * sizeof(real));
        layer_linear_step(s, x, w[inputs[i]], NULL, 0, columns, row[inputs[i]]);
    }
    row[UP] = arena_take(s->work, (size_t)(s->B * w[UP]->dim[1]) * sizeof(real));
    row[OUT] = arena_take(s->work, (size_t)(s->B * w[OUT]->dim[0]) * sizeof(real));
    layer_linear_step(s, row[DOWN], w[UP], w[UP_BIAS], 0, w[UP]->dim[1], row[UP]);
    head_step heads = { l, row[Q], row[KEY], row[VALUE], row[GATE], row[UP], state, row[OUT] };
    const int64_t work = w[Q]->dim[1] * w[VALUE]->dim[1] / c->heads / c->heads, enough = 16384;
    team_each(s->team, s->B * c->heads, work < enough ? enough / work : 1, head_piece, &heads);
    if (out)
        layer_linear_step(s, row[OUT], w[OUT], NULL, 0, l->D, out);
    arena_restore(s->work, start);
}

static int64_t gla_state_bytes(const void *options, int D, int64_t T)
{
    const gla_config *c = options;
    return key_width(c, D) * value_width(c, D) / c->heads * (int64_t)sizeof(real);
}

const mixer mixer_gla = {
    .name = "gla", .source = "arXiv:2312.06635", .summary = "linear attention with a decay for each key channel", .version = 1,
    .options = gla_params, .options_size = sizeof(gla_config),
    .architecture = "gla", .block = "{ norm: rms, norm_eps: 1e-6, mlp: swiglu, positions: none, init: fla }",
    .fits = gla_fits, .build = gla_build, .forward = gla_forward, .begin = gla_begin, .step = gla_step,
    .state_bytes = gla_state_bytes, .affine = &gla_affine,
};
