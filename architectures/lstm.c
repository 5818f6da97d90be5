// The LSTM of torch.nn as a mixer: gates in the order i f g o, a bias with the inputs and one with the state, as wide as the
// model. A bare stack of it (norm: none, mlp: none, residual: false) is torch.nn.LSTM.
#include "architectures/recurrent.h"

static const param lstm_params[] = { {0} };

enum { GATES = 4 };

static void lstm_build(model *m, layer *l) { recurrent_build(m, l, GATES); }

static tensor *lstm_forward(const layer *l, graph *g, tensor *x)
{
    return nn_lstm(g, recurrent_inputs(l, g, x, GATES), l->weight[RECURRENT_STATE], l->weight[RECURRENT_STATE_BIAS]);
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

static void lstm_step(const layer *l, stream *s, void *state, const real *x, real *y)
{
    const lstm_state *st = state;
    const int64_t B = s->B, D = l->D;
    const arena_mark start = arena_save(s->work);
    real *a = arena_take(s->work, (size_t)(2 * B * GATES * D) * sizeof(real)), *r = a + B * GATES * D;
    recurrent_products(l, s, x, st->h, GATES, a, r);
    for (int64_t b = 0; b < B; b++, a += GATES * D, r += GATES * D)
        for (int64_t k = 0; k < D; k++) {
            const real i = recurrent_logistic(a[k] + r[k]), f = recurrent_logistic(a[D + k] + r[D + k]);
            const real g = tanh(a[2 * D + k] + r[2 * D + k]), o = recurrent_logistic(a[3 * D + k] + r[3 * D + k]);
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
