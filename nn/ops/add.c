// y = a + b; b of a's shape, or of its trailing dimensions: then repeated over the leading ones, and db sums over them.

#include <string.h>
#include "nn/ops.h"
#include "nn/ops/fast.h"

static void add_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const tensor *a = n->in[0], *b = n->in[1];
    CHECK(b->rank <= a->rank, "add: a has %d dimensions, b %d", a->rank, b->rank);
    for (int i = 1; i <= b->rank; i++)
        CHECK(a->dim[a->rank - i] == b->dim[b->rank - i], "add: dimension %d from the end is %lld and %lld", i,
              (long long)a->dim[a->rank - i], (long long)b->dim[b->rank - i]);
    tensor_set_shape(&shape[0], REAL_TENSOR, a->rank, a->dim);
}

static void add_forward(const node *n, const team *t)
{
    const real *a = n->in[0]->data, *b = n->in[1]->data;
    const int64_t size = tensor_size(n->in[0]), period = tensor_size(n->in[1]);
    real *y = n->out[0]->data;
    for (int64_t i = 0; i < size; i++)
        y[i] = a[i] + b[i % period];
}

static void add_backward(const node *n, const team *t)
{
    const real *dy = n->out[0]->grad;
    real *da = n->in[0]->grad, *db = n->in[1]->grad;
    const int64_t size = tensor_size(n->in[0]), period = tensor_size(n->in[1]);
    for (int64_t i = 0; da && i < size; i++)
        da[i] += dy[i];
    for (int64_t k = 0; db && k < period; k++) {
        double sum = 0;
        for (int64_t i = k; i < size; i += period)
            sum += (double)dy[i];
        db[k] += (real)sum;
    }
}

#ifndef REAL_DOUBLE
typedef struct add_job { const float *a, *b; float *y; int64_t rows, period; bool add; } add_job;

static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const add_job *j = data;
    for (int64_t i = from, next; i < to; i = next) {
        next = least(to, (i / j->period + 1) * j->period);
        kernel->add(j->a + i, j->b + i % j->period, j->y + i, next - i);
    }
}

static void add_forward_fast(const node *n, const team *t)
{
    add_job j = { n->in[0]->data, n->in[1]->data, n->out[0]->data, 0, tensor_size(n->in[1]), false };
    team_each(t, tensor_size(n->in[0]), PIECE, forward_piece, &j);
}

static void copy_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const add_job *j = data;
    kernel->add_scaled(j->a + from, 1, j->y + from, to - from, j->add);
}

static void sum_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const add_job *j = data;
    kernel->column_sums(j->a + from, j->rows, j->period, to - from, j->y + from, j->add);
}

static void add_backward_fast(const node *n, const team *t)
{
    const int64_t size = tensor_size(n->in[0]), period = tensor_size(n->in[1]);
    for (int i = 0; i < 2; i++) {
        tensor *x = n->in[i];
        if (!x->grad)
            continue;
        add_job j = { n->out[0]->grad, NULL, x->grad, size / period, period, tensor_reach(x) };
        if (i == 0 || size == period)
            team_each(t, size, PIECE, copy_piece, &j);
        else
            team_each(t, period, 64, sum_piece, &j);
    }
}
#endif

static const op_case add_cases[] = {
    { .in = {{3, 5}, {3, 5}} }, { .in = {{1}, {1}} }, { .in = {{2, 3, 17}, {17}} }, { .in = {{4, 2, 33}, {2, 33}} },
    { .in = {{700, 40}, {40}} }, { .in = {{64, 9, 40}, {64, 9, 40}} },
};

const op op_add = {
    .name = "add", .inputs = 2, .outputs = 1, .shapes = add_shapes, .cases = add_cases, .n_cases = LEN(add_cases),
    .forward  = { [REFERENCE] = add_forward,  [CPU] = CPU_SLOT(add_forward_fast) },
    .backward = { [REFERENCE] = add_backward, [CPU] = CPU_SLOT(add_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_add(graph *g, tensor *a, tensor *b) { return graph_apply(g, &op_add, NULL, (tensor *[]){a, b}, 2)->out[0]; }
