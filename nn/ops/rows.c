// y[r, :] = row index[r] of the sources put under each other, zeros for a negative index. A source's gradient is the sum
// over the uses of its rows.

#include <string.h>
#include "nn/ops.h"
#include "nn/ops/fast.h"

enum { INDEX, SOURCES };

static void rows_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const tensor *index = n->in[INDEX];
    CHECK(n->n_in > SOURCES, "rows: no source");
    const int64_t D = tensor_columns(n->in[SOURCES]);
    for (int i = SOURCES; i < n->n_in; i++)
        CHECK(tensor_columns(n->in[i]) == D, "rows: sources of width %lld and %lld", (long long)D,
              (long long)tensor_columns(n->in[i]));
    CHECK(index->type == INDEX_TENSOR && index->rank < MAX_RANK, "rows: the index has %d dimensions", index->rank);
    tensor_set_shape(&shape[0], REAL_TENSOR, index->rank, index->dim);
    shape[0].dim[shape[0].rank++] = D;
}

// The source that holds row `row`, which becomes the row within it.
static const tensor *source_of(const node *n, int64_t *row)
{
    const int64_t asked = *row;
    for (int i = SOURCES; i < n->n_in; i++) {
        if (*row < tensor_rows(n->in[i]))
            return n->in[i];
        *row -= tensor_rows(n->in[i]);
    }
    CHECK(false, "rows: index %lld, sources of %lld rows", (long long)asked, (long long)(asked - *row));
}

static void rows_forward(const node *n, const team *t)
{
    const int64_t D = tensor_columns(n->out[0]);
    for (int64_t r = 0; r < tensor_size(n->in[INDEX]); r++) {
        int64_t row = tensor_ints(n->in[INDEX])[r];
        real *y = tensor_data(n->out[0]) + r * D;
        if (row < 0)
            memset(y, 0, sizeof *y * (size_t)D);
        else {
            const tensor *source = source_of(n, &row);
            memcpy(y, tensor_data(source) + row * D, sizeof *y * (size_t)D);
        }
    }
}

static void rows_backward(const node *n, const team *t)
{
    const int64_t D = tensor_columns(n->out[0]);
    for (int64_t r = 0; r < tensor_size(n->in[INDEX]); r++) {
        int64_t row = tensor_ints(n->in[INDEX])[r];
        const tensor *source = row < 0 ? NULL : source_of(n, &row);
        for (int64_t d = 0; source && source->grad && d < D; d++)
            source->grad[row * D + d] += n->out[0]->grad[r * D + d];
    }
}

#ifndef REAL_DOUBLE
static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const node *n = data;
    const int64_t D = tensor_columns(n->out[0]);
    for (int64_t r = from; r < to; r++) {
        int64_t row = tensor_ints(n->in[INDEX])[r];
        float *y = tensor_data(n->out[0]) + r * D;
        const float *source = row < 0 ? NULL : tensor_data(source_of(n, &row));
        if (source)
            memcpy(y, source + row * D, sizeof *y * (size_t)D);
        else
            memset(y, 0, sizeof *y * (size_t)D);
    }
}

static void rows_forward_fast(const node *n, const team *t)
{
    team_each(t, tensor_size(n->in[INDEX]), piece_rows(tensor_columns(n->out[0])), forward_piece, (void *)n);
}

// Rows may repeat: a piece is a range of columns, and goes through all rows in order.
static void backward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const node *n = data;
    const int64_t D = tensor_columns(n->out[0]);
    for (int64_t r = 0; r < tensor_size(n->in[INDEX]); r++) {
        int64_t row = tensor_ints(n->in[INDEX])[r];
        const tensor *source = row < 0 ? NULL : source_of(n, &row);
        if (source && source->grad)
            kernel->add_scaled(n->out[0]->grad + r * D + from, 1, source->grad + row * D + from, to - from, true);
    }
}

static void rows_backward_fast(const node *n, const team *t)
{
    for (int i = SOURCES; i < n->n_in; i++)
        if (n->in[i]->grad)
            reach_cleared(n->in[i]);
    team_each(t, tensor_columns(n->out[0]), 64, backward_piece, (void *)n);
}
#endif

static const op_case rows_cases[] = {
    { .in = {{4}, {3, 5}}, .below = {-3} },            { .in = {{2, 7}, {3, 5}, {2, 2, 5}}, .below = {7} },
    { .in = {{1}, {1, 1}}, .below = {1} },             { .in = {{40, 2}, {3, 17}, {1, 17}, {5, 17}}, .below = {-9} },
    { .in = {{2}, {50, 33}}, .below = {50} },          { .in = {{300}, {100, 70}, {99, 70}}, .below = {199} },
};

const op op_rows = {
    .name = "rows", .inputs = -1, .outputs = 1, .shapes = rows_shapes, .cases = rows_cases, .n_cases = LEN(rows_cases),
    .forward  = { [REFERENCE] = rows_forward,  [CPU] = CPU_SLOT(rows_forward_fast) },
    .backward = { [REFERENCE] = rows_backward, [CPU] = CPU_SLOT(rows_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_rows(graph *g, tensor *index, tensor *const *sources, int n)
{
    tensor **in = arena_take(g->step, sizeof *in * (size_t)(n + 1));
    in[INDEX] = index;
    memcpy(in + SOURCES, sources, sizeof *in * (size_t)n);
    return graph_apply(g, &op_rows, NULL, in, n + 1)->out[0];
}
