// y[b, t, :] = table[tokens[b, t], :] (+ positions[t mod P, :]); the gradient of a row of a table is the sum over its uses.

#include <string.h>
#include "nn/ops.h"
#include "nn/ops/fast.h"

enum { TOKENS, TABLE, POSITIONS };

static void embed_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const tensor *tokens = n->in[TOKENS], *table = n->in[TABLE], *positions = n->in[POSITIONS];
    CHECK(tokens->rank == 2, "embed: tokens have %d dimensions, not [B, T]", tokens->rank);
    CHECK(!positions || tensor_columns(positions) == tensor_columns(table), "embed: a table of width %lld, positions of %lld",
          (long long)tensor_columns(table), (long long)tensor_columns(positions));
    tensor_set_shape(&shape[0], REAL_TENSOR, 3, (int64_t[]){tokens->dim[0], tokens->dim[1], tensor_columns(table)});
}

static void embed_forward(const node *n, const team *t)
{
    const tensor *tokens = n->in[TOKENS], *positions = n->in[POSITIONS];
    const real *table = n->in[TABLE]->data;
    const int64_t D = tensor_columns(n->in[TABLE]), V = tensor_rows(n->in[TABLE]), T = tokens->dim[1];
    for (int64_t i = 0; i < tensor_size(tokens); i++) {
        const int token = tensor_ints(tokens)[i];
        CHECK(token >= 0 && token < V, "embed: token %d of a vocabulary of %lld", token, (long long)V);
        real *y = tensor_data(n->out[0]) + i * D;
        memcpy(y, table + token * D, sizeof *y * (size_t)D);
        for (int64_t d = 0; positions && d < D; d++)
            y[d] += tensor_data(positions)[i % T % tensor_rows(positions) * D + d];
    }
}

static void embed_backward(const node *n, const team *t)
{
    const tensor *tokens = n->in[TOKENS], *positions = n->in[POSITIONS];
    const int64_t D = tensor_columns(n->in[TABLE]), T = tokens->dim[1];
    real *dtable = n->in[TABLE]->grad, *dpositions = positions ? positions->grad : NULL;
    for (int64_t i = 0; i < tensor_size(tokens); i++) {
        const real *dy = n->out[0]->grad + i * D;
        for (int64_t d = 0; dtable && d < D; d++)
            dtable[tensor_ints(tokens)[i] * D + d] += dy[d];
        for (int64_t d = 0; dpositions && d < D; d++)
            dpositions[i % T % tensor_rows(positions) * D + d] += dy[d];
    }
}

#ifndef REAL_DOUBLE
static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const node *n = data;
    const tensor *tokens = n->in[TOKENS], *table = n->in[TABLE], *positions = n->in[POSITIONS];
    const int64_t D = tensor_columns(table), V = tensor_rows(table), T = tokens->dim[1];
    for (int64_t i = from; i < to; i++) {
        const int token = tensor_ints(tokens)[i];
        CHECK(token >= 0 && token < V, "embed: token %d of a vocabulary of %lld", token, (long long)V);
        const float *row = tensor_data(table) + token * D;
        float *y = tensor_data(n->out[0]) + i * D;
        if (positions)
            kernel->add(row, tensor_data(positions) + i % T % tensor_rows(positions) * D, y, D);
        else
            memcpy(y, row, sizeof *y * (size_t)D);
    }
}

static void embed_forward_fast(const node *n, const team *t)
{
    team_each(t, tensor_size(n->in[TOKENS]), piece_rows(tensor_columns(n->out[0])), forward_piece, (void *)n);
}

// Rows of a table may be used by many tokens: a piece is a range of columns, and goes through all tokens in order.
static void backward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const node *n = data;
    const tensor *tokens = n->in[TOKENS], *positions = n->in[POSITIONS];
    const int64_t D = tensor_columns(n->in[TABLE]), T = tokens->dim[1];
    float *dtable = n->in[TABLE]->grad, *dpositions = positions ? positions->grad : NULL;
    for (int64_t i = 0; i < tensor_size(tokens); i++) {
        const float *dy = n->out[0]->grad + i * D + from;
        if (dtable)
            kernel->add_scaled(dy, 1, dtable + tensor_ints(tokens)[i] * D + from, to - from, true);
        if (dpositions)
            kernel->add_scaled(dy, 1, dpositions + i % T % tensor_rows(positions) * D + from, to - from, true);
    }
}

static void embed_backward_fast(const node *n, const team *t)
{
    for (int i = TABLE; i <= POSITIONS; i++)
        if (n->in[i] && n->in[i]->grad)
            reach_cleared(n->in[i]);
    team_each(t, tensor_columns(n->in[TABLE]), 64, backward_piece, (void *)n);
}
#endif

static const op_case embed_cases[] = {
    { .in = {{2, 3}, {5, 4}, {0}}, .below = {5} },           { .in = {{2, 3}, {5, 4}, {3, 4}}, .below = {5} },
    { .in = {{1, 1}, {1, 1}, {1, 1}}, .below = {1} },        { .in = {{3, 7}, {4, 17}, {2, 17}}, .below = {4} },
    { .in = {{40, 19}, {13, 33}, {19, 33}}, .below = {13} }, { .in = {{2, 3}, {300, 70}, {9, 70}}, .below = {300} },
};

const op op_embed = {
    .name = "embed", .inputs = 3, .outputs = 1, .shapes = embed_shapes, .cases = embed_cases, .n_cases = LEN(embed_cases),
    .forward  = { [REFERENCE] = embed_forward,  [CPU] = CPU_SLOT(embed_forward_fast) },
    .backward = { [REFERENCE] = embed_backward, [CPU] = CPU_SLOT(embed_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_embed(graph *g, tensor *tokens, tensor *table, tensor *positions)
{
    return graph_apply(g, &op_embed, NULL, (tensor *[]){tokens, table, positions}, 3)->out[0];
}
