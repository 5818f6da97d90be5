// y = SiLU(a)·b, elementwise, SiLU(a) = a·σ(a): the gated linear unit of Shazeer 2020, and every output gate.
// db = dy·SiLU(a),  da = dy·b·σ(a)(1 + a(1 − σ(a)))

#include "nn/ops.h"
#include "nn/ops/fast.h"

enum { A, B };

static void swiglu_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    CHECK(tensor_size(n->in[A]) == tensor_size(n->in[B]) && tensor_columns(n->in[A]) == tensor_columns(n->in[B]),
          "swiglu: %lld gates for %lld numbers", (long long)tensor_size(n->in[A]), (long long)tensor_size(n->in[B]));
    tensor_set_shape(&shape[0], REAL_TENSOR, n->in[B]->rank, n->in[B]->dim);
}

static void swiglu_forward(const node *n, const team *t)
{
    const real *a = n->in[A]->data, *b = n->in[B]->data;
    real *y = n->out[0]->data;
    for (int64_t i = 0; i < tensor_size(n->out[0]); i++)
        y[i] = (real)((double)a[i] / (1 + exp(-(double)a[i])) * (double)b[i]);
}

static void swiglu_backward(const node *n, const team *t)
{
    const real *a = n->in[A]->data, *b = n->in[B]->data, *dy = n->out[0]->grad;
    real *da = n->in[A]->grad, *db = n->in[B]->grad;
    for (int64_t i = 0; i < tensor_size(n->out[0]); i++) {
        const double x = (double)a[i], s = 1 / (1 + exp(-x));
        if (da)
            da[i] += (real)((double)dy[i] * (double)b[i] * s * (1 + x * (1 - s)));
        if (db)
            db[i] += (real)((double)dy[i] * x * s);
    }
}

#ifndef REAL_DOUBLE
typedef struct swiglu_job { const float *a, *b, *dy; float *y, *da, *db; bool add_a, add_b; } swiglu_job;

static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const swiglu_job *j = data;
    kernel->swiglu(j->a + from, j->b + from, j->y + from, to - from);
}

static void swiglu_forward_fast(const node *n, const team *t)
{
    swiglu_job j = { .a = n->in[A]->data, .b = n->in[B]->data, .y = n->out[0]->data };
    team_each(t, tensor_size(n->out[0]), PIECE, forward_piece, &j);
}

static void backward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const swiglu_job *j = data;
    kernel->swiglu_back(j->a + from, j->b + from, j->dy + from, j->da ? j->da + from : NULL, j->add_a,
                        j->db ? j->db + from : NULL, j->add_b, to - from);
}

static void swiglu_backward_fast(const node *n, const team *t)
{
    tensor *a = n->in[A], *b = n->in[B];
    swiglu_job j = { .a = a->data, .b = b->data, .dy = n->out[0]->grad, .da = a->grad, .db = b->grad };
    j.add_a = a->grad && tensor_reach(a);
    j.add_b = b->grad && tensor_reach(b);           // a and b may be one: the second adds to the first
    team_each(t, tensor_size(b), PIECE, backward_piece, &j);
}
#endif

static const op_case swiglu_cases[] = {
    { .in = {{3, 5}, {3, 5}} }, { .in = {{1}, {1}} }, { .in = {{2, 33, 17}, {66, 17}} }, { .in = {{70, 260}, {70, 260}} },
    { .in = {{40}, {40}}, .scale = 5 },
};

const op op_swiglu = {
    .name = "swiglu", .inputs = 2, .outputs = 1, .shapes = swiglu_shapes, .cases = swiglu_cases, .n_cases = LEN(swiglu_cases),
    .forward  = { [REFERENCE] = swiglu_forward,  [CPU] = CPU_SLOT(swiglu_forward_fast) },
    .backward = { [REFERENCE] = swiglu_backward, [CPU] = CPU_SLOT(swiglu_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_swiglu(graph *g, tensor *a, tensor *b) { return graph_apply(g, &op_swiglu, NULL, (tensor *[]){a, b}, 2)->out[0]; }
