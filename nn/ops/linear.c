// y = x·W[:, first … first+columns) (+ b there); W [K, N] in GPT-2's orientation, or, transposed, [N, K] as a head has it.
// dx = dy·Wᵀ,  dW = xᵀ·dy,  db = the column sums of dy.

#include "nn/gemm.h"
#include "nn/ops.h"
#include "nn/ops/fast.h"

typedef struct linear_options { int64_t first, columns; bool transposed; } linear_options;

enum { X, WEIGHT, BIAS };

// How many outputs W has in all, and where the weight from input k to output j lies.
static int64_t outputs(const node *n)
{
    const linear_options *o = n->options;
    return o->transposed ? tensor_rows(n->in[WEIGHT]) : tensor_columns(n->in[WEIGHT]);
}

static int64_t at(const node *n, int64_t k, int64_t j)
{
    const linear_options *o = n->options;
    return o->transposed ? (o->first + j) * tensor_columns(n->in[WEIGHT]) + k : k * outputs(n) + o->first + j;
}

static void linear_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const linear_options *o = n->options;
    const tensor *x = n->in[X], *W = n->in[WEIGHT], *b = n->in[BIAS];
    const int64_t K = tensor_columns(x), k = o->transposed ? tensor_columns(W) : tensor_rows(W);
    CHECK(K == k, "linear: x is [.., %lld], W takes %lld", (long long)K, (long long)k);
    CHECK(o->first >= 0 && o->columns >= 1 && o->first + o->columns <= outputs(n), "linear: columns %lld … %lld of %lld",
          (long long)o->first, (long long)(o->first + o->columns), (long long)outputs(n));
    CHECK(!b || tensor_size(b) == outputs(n), "linear: %lld outputs, a bias of %lld", (long long)outputs(n),
          (long long)tensor_size(b));
    tensor_set_shape(&shape[0], REAL_TENSOR, x->rank, x->dim);
    shape[0].dim[x->rank - 1] = o->columns;
}

static double linear_flops(const node *n) { return 2.0 * (double)tensor_size(n->out[0]) * (double)tensor_columns(n->in[X]); }

static void linear_forward(const node *n, const team *t)
{
    const linear_options *o = n->options;
    const real *x = n->in[X]->data, *W = n->in[WEIGHT]->data, *b = n->in[BIAS] ? n->in[BIAS]->data : NULL;
    real *y = n->out[0]->data;
    const int64_t R = tensor_rows(n->in[X]), K = tensor_columns(n->in[X]), N = o->columns;
    for (int64_t r = 0; r < R; r++)
        for (int64_t j = 0; j < N; j++) {
            double sum = b ? (double)b[o->first + j] : 0;
            for (int64_t k = 0; k < K; k++)
                sum += (double)x[r * K + k] * (double)W[at(n, k, j)];
            y[r * N + j] = (real)sum;
        }
}

static void linear_backward(const node *n, const team *t)
{
    const linear_options *o = n->options;
    const real *x = n->in[X]->data, *W = n->in[WEIGHT]->data, *dy = n->out[0]->grad;
    real *dx = n->in[X]->grad, *dW = n->in[WEIGHT]->grad, *db = n->in[BIAS] ? n->in[BIAS]->grad : NULL;
    const int64_t R = tensor_rows(n->in[X]), K = tensor_columns(n->in[X]), N = o->columns;
    for (int64_t r = 0; dx && r < R; r++)
        for (int64_t k = 0; k < K; k++) {
            double sum = 0;
            for (int64_t j = 0; j < N; j++)
                sum += (double)dy[r * N + j] * (double)W[at(n, k, j)];
            dx[r * K + k] += (real)sum;
        }
    for (int64_t k = 0; dW && k < K; k++)
        for (int64_t j = 0; j < N; j++) {
            double sum = 0;
            for (int64_t r = 0; r < R; r++)
                sum += (double)x[r * K + k] * (double)dy[r * N + j];
            dW[at(n, k, j)] += (real)sum;
        }
    for (int64_t j = 0; db && j < N; j++) {
        double sum = 0;
        for (int64_t r = 0; r < R; r++)
            sum += (double)dy[r * N + j];
        db[o->first + j] += (real)sum;
    }
}

#ifndef REAL_DOUBLE
// The part of W or of its gradient that takes part.
static float *part(const node *n, float *W) { return W + at(n, 0, 0); }

static void linear_forward_fast(const node *n, const team *t)
{
    const linear_options *o = n->options;
    const int64_t R = tensor_rows(n->in[X]), K = tensor_columns(n->in[X]), N = o->columns;
    const float *b = n->in[BIAS] ? tensor_data(n->in[BIAS]) + o->first : NULL;
    gemm_bias_team(t, o->transposed, R, N, K, n->in[X]->data, K, part(n, n->in[WEIGHT]->data), tensor_columns(n->in[WEIGHT]), b,
                   n->out[0]->data, N);
}

typedef struct sum_job { const float *dy; float *db; int64_t rows, columns; } sum_job;

static void sum_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const sum_job *j = data;
    kernel->column_sums(j->dy + from, j->rows, j->columns, to - from, j->db + from, true);
}

static void linear_backward_fast(const node *n, const team *t)
{
    const linear_options *o = n->options;
    tensor *x = n->in[X], *W = n->in[WEIGHT], *b = n->in[BIAS];
    const int64_t R = tensor_rows(x), K = tensor_columns(x), N = o->columns, ldw = tensor_columns(W);
    const float *dy = n->out[0]->grad;
    if (x->grad)
        gemm_team(t, false, !o->transposed, R, K, N, dy, N, part(n, W->data), ldw, tensor_reach(x), x->grad, K);
    if (W->grad) {
        reach_cleared(W);
        if (o->transposed)
            gemm_team(t, true, false, N, K, R, dy, N, x->data, K, true, part(n, W->grad), ldw);
        else
            gemm_team(t, true, false, K, N, R, x->data, K, dy, N, true, part(n, W->grad), ldw);
    }
    if (b && b->grad) {
        reach_cleared(b);
        team_each(t, N, 64, sum_piece, &(sum_job){ dy, b->grad + o->first, R, N });
    }
}
#endif

#define WHOLE(n)      &(const linear_options){ 0, n, false }
#define PART(f, n)    &(const linear_options){ f, n, false }
#define TRANSPOSED(n) &(const linear_options){ 0, n, true }
static const op_case linear_cases[] = {
    { .in = {{3, 4}, {4, 5}, {5}}, .options = WHOLE(5) },         { .in = {{2, 3, 4}, {4, 6}, {0}}, .options = WHOLE(6) },
    { .in = {{1, 1}, {1, 1}, {1}}, .options = WHOLE(1) },         { .in = {{7, 17}, {17, 33}, {33}}, .options = WHOLE(33) },
    { .in = {{5, 8}, {8, 12}, {12}}, .options = PART(4, 4) },     { .in = {{9, 3}, {3, 48}, {0}}, .options = PART(17, 31) },
    { .in = {{6, 5}, {7, 5}, {7}}, .options = TRANSPOSED(7) },    { .in = {{3, 33}, {13, 33}, {0}}, .options = TRANSPOSED(13) },
    { .in = {{300, 32}, {32, 96}, {96}}, .options = WHOLE(96) },
    { .in = {{40, 64}, {64, 192}, {192}}, .options = PART(64, 128) },
    { .in = {{259, 20}, {20, 20}, {20}}, .options = WHOLE(20) },  { .in = {{40, 1100}, {1100, 40}, {40}}, .options = WHOLE(40) },
    { .in = {{1500, 17}, {17, 30}, {30}}, .options = WHOLE(30) },
};

const op op_linear = {
    .name = "linear", .inputs = 3, .outputs = 1, .options_size = sizeof(linear_options), .shapes = linear_shapes,
    .flops = linear_flops, .cases = linear_cases, .n_cases = LEN(linear_cases),
    .forward  = { [REFERENCE] = linear_forward,  [CPU] = CPU_SLOT(linear_forward_fast) },
    .backward = { [REFERENCE] = linear_backward, [CPU] = CPU_SLOT(linear_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_linear(graph *g, tensor *x, tensor *W, tensor *b, int64_t first, int64_t columns)
{
    return graph_apply(g, &op_linear, &(linear_options){ first, columns, false }, (tensor *[]){x, W, b}, 3)->out[0];
}

tensor *nn_logits(graph *g, tensor *h, tensor *W, tensor *bias)
{
    return graph_apply(g, &op_linear, &(linear_options){ 0, tensor_rows(W), true }, (tensor *[]){h, W, bias}, 3)->out[0];
}
