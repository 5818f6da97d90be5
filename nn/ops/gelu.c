// y = x·½(1 + tanh u), u = √(2/π)(x + 0.044715x³): GPT-2's form of GELU (Hendrycks & Gimpel 2016).
// dy/dx = ½(1 + tanh u) + ½x(1 − tanh² u)·√(2/π)(1 + 3·0.044715x²)

#include "nn/ops.h"
#include "nn/ops/fast.h"

static const double root = 0.79788456080286535588, cubic = 0.044715;       // √(2/π)

static void gelu_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    tensor_set_shape(&shape[0], REAL_TENSOR, n->in[0]->rank, n->in[0]->dim);
}

static void gelu_forward(const node *n, const team *t)
{
    const real *x = n->in[0]->data;
    real *y = n->out[0]->data;
    for (int64_t i = 0; i < tensor_size(n->in[0]); i++) {
        const double v = (double)x[i];
        y[i] = (real)(0.5 * v * (1 + tanh(root * (v + cubic * v * v * v))));
    }
}

static void gelu_backward(const node *n, const team *t)
{
    const real *x = n->in[0]->data, *dy = n->out[0]->grad;
    real *dx = n->in[0]->grad;
    for (int64_t i = 0; dx && i < tensor_size(n->in[0]); i++) {
        const double v = (double)x[i], h = tanh(root * (v + cubic * v * v * v));
        dx[i] += (real)((double)dy[i] * 0.5 * (1 + h + v * (1 - h * h) * root * (1 + 3 * cubic * v * v)));
    }
}

#ifndef REAL_DOUBLE
static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const node *n = data;
    kernel->gelu(tensor_data(n->in[0]) + from, tensor_data(n->out[0]) + from, to - from);
}

static void gelu_forward_fast(const node *n, const team *t)
{
    team_each(t, tensor_size(n->in[0]), PIECE, forward_piece, (void *)n);
}

typedef struct gelu_job { const float *x, *dy; float *dx; bool add; } gelu_job;

static void backward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const gelu_job *j = data;
    kernel->gelu_back(j->x + from, j->dy + from, j->dx + from, to - from, j->add);
}

static void gelu_backward_fast(const node *n, const team *t)
{
    gelu_job j = { n->in[0]->data, n->out[0]->grad, n->in[0]->grad, tensor_reach(n->in[0]) };
    team_each(t, tensor_size(n->in[0]), PIECE, backward_piece, &j);
}
#endif

static const op_case gelu_cases[] = {
    { .in = {{3, 5}} }, { .in = {{1}} }, { .in = {{33, 17}} }, { .in = {{70, 260}} }, { .in = {{40}}, .scale = 5 },
};

const op op_gelu = {
    .name = "gelu", .inputs = 1, .outputs = 1, .shapes = gelu_shapes, .cases = gelu_cases, .n_cases = LEN(gelu_cases),
    .forward  = { [REFERENCE] = gelu_forward,  [CPU] = CPU_SLOT(gelu_forward_fast) },
    .backward = { [REFERENCE] = gelu_backward, [CPU] = CPU_SLOT(gelu_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_gelu(graph *g, tensor *x) { return graph_apply(g, &op_gelu, NULL, &x, 1)->out[0]; }
