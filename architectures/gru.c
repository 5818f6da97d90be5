// The GRU of torch.nn as a mixer: gates in the order r z n, a bias with the inputs and one with the state (the reset gate acts
// behind the latter's product), as wide as the model. A bare stack of it (norm: none, mlp: none, residual: false) is
// torch.nn.GRU.
#include "architectures/recurrent.h"

static const param gru_params[] = { {0} };

enum { GATES = 3 };

static void gru_build(model *m, layer *l) { recurrent_build(m, l, GATES); }

static tensor *gru_forward(const layer *l, graph *g, tensor *x)
{
    return nn_gru(g, recurrent_inputs(l, g, x, GATES), l->weight[RECURRENT_STATE], l->weight[RECURRENT_STATE_BIAS]);
}

static void *gru_begin(const layer *l, stream *s)                               // h [B, D]
{
    return arena_zero(s->memory, (size_t)s->B * (size_t)l->D * sizeof(real));
}

static void gru_step(const layer *l, stream *s, void *state, const real *x, real *y)
{
    const int64_t B = s->B, D = l->D;
    const arena_mark start = arena_save(s->work);
    real *h = state, *a = arena_take(s->work, (size_t)(2 * B * GATES * D) * sizeof(real)), *u = a + B * GATES * D;
    recurrent_products(l, s, x, h, GATES, a, u);
    for (int64_t b = 0; b < B; b++, a += GATES * D, u += GATES * D, h += D)
        for (int64_t k = 0; k < D; k++) {
            const real r = recurrent_logistic(a[k] + u[k]), z = recurrent_logistic(a[D + k] + u[D + k]);
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
