// The LSTM of torch.nn as a mixer: gates in the order i f g o, a bias with the inputs and one with the state, as wide as the
// model. A bare stack of it (norm: none, mlp: none, residual: false) is torch.nn.LSTM.
#include "architectures/mixer.h"

static const param lstm_params[] = { {0} };

enum { INPUT, INPUT_BIAS, RECURRENT, RECURRENT_BIAS };
enum { GATES = 4 };

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

static void lstm_build(model *m, layer *l)
{
    const int64_t D = l->D;
    l->weight = arena_take(m->life, 4 * sizeof *l->weight);
    l->weight[INPUT]          = layer_weight(m, l, "input.weight", WEIGHT_MATRIX, D, GATES * D);
    l->weight[INPUT_BIAS]     = bias(m, l, "input.bias");
    l->weight[RECURRENT]      = layer_weight(m, l, "recurrent.weight", WEIGHT_MATRIX, D, GATES * D);
    l->weight[RECURRENT_BIAS] = bias(m, l, "recurrent.bias");
}

static tensor *lstm_forward(const layer *l, graph *g, tensor *x)
{
    tensor *inputs = nn_linear(g, x, l->weight[INPUT], l->weight[INPUT_BIAS], 0, GATES * l->D);         // [B, T, 4D]
    return nn_lstm(g, inputs, l->weight[RECURRENT], l->weight[RECURRENT_BIAS]);
}

typedef struct lstm_state { real *h, *c; } lstm_state;                          // [B, D]

static void *lstm_begin(const layer *l, stream *s)
{
    const size_t size = (size_t)s->B * (size_t)l->D;
    lstm_state *st = arena_take(s->memory, sizeof *st);
    st->h = arena_zero(s->memory, 2 * size * sizeof(real));
    st->c = st->h + size;
    return st;
}

static real logistic(real x) { return 1 / (1 + exp(-x)); }

static void lstm_step(const layer *l, stream *s, void *state, const real *x, real *y)
{
    const lstm_state *st = state;
    const int64_t B = s->B, D = l->D;
    const arena_mark start = arena_save(s->work);
    real *a = arena_take(s->work, (size_t)(2 * B * GATES * D) * sizeof(real)), *r = a + B * GATES * D;
    layer_linear_step(s, x, l->weight[INPUT], l->weight[INPUT_BIAS], 0, GATES * D, a);
    layer_linear_step(s, st->h, l->weight[RECURRENT], l->weight[RECURRENT_BIAS], 0, GATES * D, r);
    for (int64_t b = 0; b < B; b++, a += GATES * D, r += GATES * D)
        for (int64_t k = 0; k < D; k++) {
            const real i = logistic(a[k] + r[k]), f = logistic(a[D + k] + r[D + k]);
            const real g = tanh(a[2 * D + k] + r[2 * D + k]), o = logistic(a[3 * D + k] + r[3 * D + k]);
            real *c = &st->c[b * D + k], *h = &st->h[b * D + k];
            *c = f * *c + i * g;
            *h = o * tanh(*c);
            if (y)
                y[b * D + k] = *h;
        }
    arena_restore(s->work, start);
}

static int64_t lstm_state_bytes(const void *options, int D, int64_t T) { return 2 * D * (int64_t)sizeof(real); }

const mixer mixer_lstm = {
    .name = "lstm", .source = "torch.nn.LSTM", .summary = "recurrent control with a cell: strictly sequential", .version = 1,
    .options = lstm_params, .architecture = "lstm", .block = "{ norm: layer, mlp: none, positions: none, init: mamba }",
    .build = lstm_build, .forward = lstm_forward, .begin = lstm_begin, .step = lstm_step, .state_bytes = lstm_state_bytes,
};
