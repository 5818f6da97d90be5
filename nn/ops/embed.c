// y[b, t, :] = table[tokens[b, t], :] (+ positions[t mod P, :]); the gradient of a row of a table is the sum over its uses.

#include <string.h>
#include "nn/ops.h"

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

static const op_case embed_cases[] = {
    { .in = {{2, 3}, {5, 4}, {0}}, .below = {5} },           { .in = {{2, 3}, {5, 4}, {3, 4}}, .below = {5} },
    { .in = {{1, 1}, {1, 1}, {1, 1}}, .below = {1} },        { .in = {{3, 7}, {4, 17}, {2, 17}}, .below = {4} },     // positions wrap round
    { .in = {{40, 19}, {13, 33}, {19, 33}}, .below = {13} }, { .in = {{2, 3}, {300, 70}, {9, 70}}, .below = {300} },
};

const op op_embed = {
    .name = "embed", .inputs = 3, .outputs = 1, .shapes = embed_shapes, .cases = embed_cases, .n_cases = LEN(embed_cases),
    .forward = { [REFERENCE] = embed_forward }, .backward = { [REFERENCE] = embed_backward },
};

tensor *nn_embed(graph *g, tensor *tokens, tensor *table, tensor *positions)
{
    return graph_apply(g, &op_embed, NULL, (tensor *[]){tokens, table, positions}, 3)->out[0];
}
