// An exponential moving average of each channel, then a linear map:
//     y_t = a ⊙ y_{t−1} + (1 − a) ⊙ x_t,   a = σ(w)
// An example for docs/adding.md: a mixer in one file, with an op of its own.
#include "architectures/mixer.h"

typedef struct decay_config { bool bias; } decay_config;

static const param decay_params[] = {
    BOOL(decay_config, bias, "false", "of the linear map"),
    {0}
};

// ---- the op: x [B, T, D], w [D] → y [B, T, D]

static double decay_of(real w) { return 1 / (1 + exp(-(double)w)); }

static void average_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    tensor_set_shape(&shape[0], REAL_TENSOR, 3, n->in[0]->dim);
}

static void average_forward(const node *n, const team *t)
{
    const int64_t B = n->in[0]->dim[0], T = n->in[0]->dim[1], D = n->in[0]->dim[2];
    const real *x = n->in[0]->data, *w = n->in[1]->data;
    real *y = n->out[0]->data;
    for (int64_t i = 0; i < B * T * D; i++) {
        const real a = (real)decay_of(w[i % D]), before = i / D % T ? y[i - D] : 0;
        y[i] = a * before + (1 - a) * x[i];
    }
}

// With s_t = dL/dy_t + a ⊙ s_{t+1}:   dx_t = (1 − a) ⊙ s_t,   da = Σ_t s_t ⊙ (y_{t−1} − x_t),   dw = a(1 − a) ⊙ da
static void average_backward(const node *n, const team *t)
{
    const int64_t B = n->in[0]->dim[0], T = n->in[0]->dim[1], D = n->in[0]->dim[2];
    const real *x = n->in[0]->data, *w = n->in[1]->data, *y = n->out[0]->data, *dy = n->out[0]->grad;
    real *dx = n->in[0]->grad, *dw = n->in[1]->grad;                        // NULL: nobody asks
    for (int64_t b = 0; b < B; b++)
        for (int64_t d = 0; d < D; d++) {
            const real a = (real)decay_of(w[d]);
            real s = 0;
            for (int64_t i = ((b + 1) * T - 1) * D + d; i >= b * T * D; i -= D) {
                s = dy[i] + a * s;
                const real before = i / D % T ? y[i - D] : 0;
                if (dx) dx[i] += (1 - a) * s;
                if (dw) dw[d] += a * (1 - a) * s * (before - x[i]);
            }
        }
}

static const op op_average = {
    .name = "average", .inputs = 2, .outputs = 1, .shapes = average_shapes,
    .forward = { [REFERENCE] = average_forward }, .backward = { [REFERENCE] = average_backward },
};

// ---- the mixer

enum { DECAY_W, OUT, OUT_BIAS };

// Half-lives from 1 to 64 tokens, spread over the channels: a = 2^(−1/half-life).
static void fill_decay(tensor *w, rng *r)
{
    for (int64_t i = 0; i < tensor_size(w); i++) {
        const double a = exp2(-exp2(-6 * rng_unit(r)));
        tensor_data(w)[i] = (real)log(a / (1 - a));
    }
}

static void decay_build(model *m, layer *l)
{
    const int64_t D = l->D;
    l->weight = arena_zero(m->life, 3 * sizeof *l->weight);
    l->weight[DECAY_W] = model_weight_own(m, arena_text(m->life, "%s.decay", l->prefix), 1, &D, NO_DECAY, fill_decay);
    l->weight[OUT]     = layer_weight(m, l, "out.weight", WEIGHT_RESIDUAL, D, D);
    if (((const decay_config *)l->options)->bias)
        l->weight[OUT_BIAS] = layer_weight(m, l, "out.bias", WEIGHT_BIAS, D);
}

static tensor *decay_forward(const layer *l, graph *g, tensor *x)
{
    tensor *const in[] = { x, l->weight[DECAY_W] };
    tensor *y = graph_apply(g, &op_average, NULL, in, 2)->out[0];
    return nn_linear(g, y, l->weight[OUT], l->weight[OUT_BIAS], 0, l->D);
}

// The state of s->B sequences: their averages, [B, D].
static void *decay_begin(const layer *l, stream *s)
{
    return arena_zero(s->memory, (size_t)s->B * (size_t)l->D * sizeof(real));
}

static void decay_step(const layer *l, stream *s, void *state, const real *x, real *y)
{
    real *average = state;
    for (int i = 0; i < s->B * l->D; i++) {
        const real a = (real)decay_of(tensor_data(l->weight[DECAY_W])[i % l->D]);
        average[i] = a * average[i] + (1 - a) * x[i];
    }
    if (y)
        layer_linear_step(s, average, l->weight[OUT], l->weight[OUT_BIAS], 0, l->D, y);
}

static int64_t decay_state_bytes(const void *options, int D, int64_t T) { return D * (int64_t)sizeof(real); }

const mixer mixer_decay = {
    .name = "decay", .source = "an example", .summary = "an exponential moving average of each channel", .version = 1,
    .options = decay_params, .options_size = sizeof(decay_config),
    .architecture = "decay-network", .block = "{ norm: rms, mlp: gelu, init: gpt2 }",
    .build = decay_build, .forward = decay_forward, .begin = decay_begin, .step = decay_step,
    .state_bytes = decay_state_bytes,
};
