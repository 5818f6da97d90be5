// The GRU of torch.nn as a mixer: gates in the order r z n, a bias with the inputs and one with the state (the reset gate acts
// behind the latter's product), as wide as the model. A bare stack of it (norm: none, mlp: none, residual: false) is
// torch.nn.GRU.
#include "architectures/mixer.h"

static const param gru_params[] = { {0} };

enum { INPUT, INPUT_BIAS, RECURRENT, RECURRENT_BIAS };
enum { GATES = 3 };

static void fill_bias(tensor *b, rng *r)                                        // U(±1/√D), PyTorch's
{
    const double most = 1 / sqrt((double)(tensor_size(b) / GATES));
    for (int64_t i = 0; i < tensor_size(b); i++)
        tensor_data(b)[i] = (real)(most * (2 * rng_unit(r) - 1));
}

static tensor *bias(model *m, const layer *l, const char *name)
{
    const int64_t size = GATES * l->D;
    return model_weight_own(m, arena_text(m->life, "%s.%s", l->prefix, name), 1, &size, NO_DECAY, fill_bias);
}

static void gru_build(model *m, layer *l)
{
    const int64_t D = l->D;
    l->weight = arena_take(m->life, 4 * sizeof *l->weight);
    l->weight[INPUT]          = layer_weight(m, l, "input.weight", WEIGHT_MATRIX, D, GATES * D);
    l->weight[INPUT_BIAS]     = bias(m, l, "input.bias");
    l->weight[RECURRENT]      = layer_weight(m, l, "recurrent.weight", WEIGHT_MATRIX, D, GATES * D);
    l->weight[RECURRENT_BIAS] = bias(m, l, "recurrent.bias");
}

static tensor *gru_forward(const layer *l, graph *g, tensor *x)
{
    tensor *inputs = nn_linear(g, x, l->weight[INPUT], l->weight[INPUT_BIAS], 0, GATES * l->D);         // [B, T, 3D]
    return nn_gru(g, inputs, l->weight[RECURRENT], l->weight[RECURRENT_BIAS]);
}

static void *gru_begin(const layer *l, stream *s)                               // h [B, D]
{
    return arena_zero(s->memory, (size_t)s->B * (size_t)l->D * sizeof(real));
}

static real logistic(real x) { return 1 / (1 + exp(-x)); }

static void gru_step(const layer *l, stream *s, void *state, const real *x, real *y)
{
    const int64_t B = s->B, D = l->D;
    const arena_mark start = arena_save(s->work);
    real *h = state, *a = arena_take(s->work, (size_t)(2 * B * GATES * D) * sizeof(real)), *u = a + B * GATES * D;
    layer_linear_step(s, x, l->weight[INPUT], l->weight[INPUT_BIAS], 0, GATES * D, a);
    layer_linear_step(s, h, l->weight[RECURRENT], l->weight[RECURRENT_BIAS], 0, GATES * D, u);
    for (int64_t b = 0; b < B; b++, a += GATES * D, u += GATES * D, h += D)
        for (int64_t k = 0; k < D; k++) {
            const real r = logistic(a[k] + u[k]), z = logistic(a[D + k] + u[D + k]);
            const real n = tanh(a[2 * D + k] + r * u[2 * D + k]);
            h[k] = (1 - z) * n + z * h[k];
            if (y)
                y[b * D + k] = h[k];
        }
    arena_restore(s->work, start);
}

static int64_t gru_state_bytes(const void *options, int D, int64_t T) { return D * (int64_t)sizeof(real); }

const mixer mixer_gru = {
    .name = "gru", .source = "torch.nn.GRU", .summary = "recurrent control without a cell: strictly sequential", .version = 1,
    .options = gru_params, .architecture = "gru", .block = "{ norm: layer, mlp: none, positions: none, init: mamba }",
    .build = gru_build, .forward = gru_forward, .begin = gru_begin, .step = gru_step, .state_bytes = gru_state_bytes,
};
