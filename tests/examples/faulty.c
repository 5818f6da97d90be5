// A mixer with a fault of one's choice; without one y_t = (x_t + ½ x_{t−1}) W. `scanbench check` must find each of them. Not an
// example.
#include "architectures/mixer.h"
#include <string.h>

typedef enum { NO_FAULT, FUTURE, ROWS, STEP_FAULT, LATE_STEP, GRADIENT, LEAK, NOT_A_NUMBER, THREADS, SHAPE_OF_STATE } fault;
static const char *const fault_words[] = { "none", "future", "rows", "step", "late-step", "gradient", "leak", "nan", "threads",
                                           "state", NULL };
typedef struct faulty_config { int fault; } faulty_config;

static const param faulty_params[] = {
    CHOICE(faulty_config, fault, "none", fault_words, "what is wrong"),
    {0}
};

static int fault_of(const void *options) { return ((const faulty_config *)options)->fault; }

static void faulty_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    tensor_set_shape(&shape[0], REAL_TENSOR, 3, n->in[0]->dim);
}

static void faulty_forward_op(const node *n, const team *t)
{
    const int64_t B = n->in[0]->dim[0], T = n->in[0]->dim[1], D = n->in[0]->dim[2];
    const real *x = n->in[0]->data;
    real *y = n->out[0]->data;
    const int f = fault_of(n->options);
    for (int64_t i = 0; i < B * T * D; i++) {
        const int64_t b = i / D / T, at = i / D % T;
        y[i] = x[i] + (at ? x[i - D] / 2 : 0);
        if (f == FUTURE && at + 1 < T) y[i] += x[i + D];
        if (f == ROWS && b == 1) y[i] += x[i - T * D];
        if (f == NOT_A_NUMBER && at == 4) y[i] = NAN;
        if (f == THREADS) y[i] += (real)team_threads(t);
    }
}

static void faulty_backward_op(const node *n, const team *t)
{
    const int64_t T = n->in[0]->dim[1], D = n->in[0]->dim[2];
    const real *dy = n->out[0]->grad;
    real *dx = n->in[0]->grad;
    for (int64_t i = 0; dx && i < tensor_size(n->in[0]); i++) {
        const real later = i / D % T + 1 < T ? dy[i + D] / 2 : 0;
        dx[i] += (dy[i] + later) * (fault_of(n->options) == GRADIENT ? (real)1.01 : 1);
    }
}

static const op op_faulty = {
    .name = "faulty", .inputs = 1, .outputs = 1, .options_size = sizeof(faulty_config), .shapes = faulty_shapes,
    .forward = { [REFERENCE] = faulty_forward_op }, .backward = { [REFERENCE] = faulty_backward_op },
};

static void faulty_build(model *m, layer *l)
{
    l->weight = arena_take(m->life, sizeof *l->weight);
    l->weight[0] = layer_weight(m, l, "out.weight", WEIGHT_RESIDUAL, l->D, l->D);
}

static tensor *faulty_forward(const layer *l, graph *g, tensor *x)
{
    return nn_linear(g, graph_apply(g, &op_faulty, l->options, &x, 1)->out[0], l->weight[0], NULL, 0, l->D);
}

static void *faulty_begin(const layer *l, stream *s)                // the token before, [B, D]
{
    return arena_zero(s->memory, (size_t)s->B * (size_t)l->D * sizeof(real));
}

static void faulty_step(const layer *l, stream *s, void *state, const real *x, real *y)
{
    const int f = fault_of(l->options);
    const bool wrong = f == STEP_FAULT || (f == LATE_STEP && s->position >= 33);
    real *before = state, *mixed = arena_take(s->work, (size_t)s->B * (size_t)l->D * sizeof(real));
    if (f == LEAK)
        arena_take(s->memory, 64);
    for (int i = 0; i < s->B * l->D; i++)
        mixed[i] = x[i] + before[i] / 2;
    memcpy(before, x, (size_t)s->B * (size_t)l->D * sizeof(real));
    layer_linear_step(s, mixed, l->weight[0], NULL, 0, l->D, y);
    for (int i = 0; wrong && i < s->B * l->D; i++)
        y[i] *= (real)1.5;
}

static int64_t faulty_state_bytes(const void *options, int D, int64_t T)
{
    return D * (int64_t)sizeof(real) * (fault_of(options) == SHAPE_OF_STATE ? 4096 : 1);
}

const mixer mixer_faulty = {
    .name = "faulty", .source = "a test", .summary = "a fault of one's choice", .version = 1,
    .options = faulty_params, .options_size = sizeof(faulty_config),
    .build = faulty_build, .forward = faulty_forward, .begin = faulty_begin, .step = faulty_step,
    .state_bytes = faulty_state_bytes,
};
