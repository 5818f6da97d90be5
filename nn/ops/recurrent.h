// What the recurrent ops of torch.nn share: shapes, the way back through the tokens, the gradients of R and b. A token keeps 4D
// numbers for the way back, its gates; the last of them, as many as R has columns, become δ, the gradient of h_{t−1}·R + b, and
// dR = Σ h_{t−1}ᵀδ_t, db = Σ δ_t.
#pragma once
#include <string.h>
#include "nn/gemm.h"
#include "nn/ops.h"
#include "nn/ops/fast.h"

enum { INPUTS, R, BIAS };

typedef struct sizes { int64_t B, T, D; } sizes;

static inline sizes sizes_of(const node *n)
{
    const tensor *y = n->out[0];
    return (sizes){ y->dim[0], y->dim[1], y->dim[2] };
}

static inline double logistic(double x) { return 1 / (1 + exp(-x)); }

// inputs [B, T, parts·D], R [D, parts·D], b [parts·D] → [B, T, D]
static inline void recurrent_shapes(const node *n, tensor shape[MAX_OUTPUTS], int parts)
{
    const tensor *x = n->in[INPUTS], *r = n->in[R];
    const int64_t D = r->dim[0], width = parts * D;
    CHECK(x->rank == 3 && r->dim[1] == width && x->dim[2] == width && tensor_size(n->in[BIAS]) == width,
          "%s: inputs of %lld, recurrent weights [%lld, %lld]", n->op->name, (long long)x->dim[2], (long long)D,
          (long long)r->dim[1]);
    tensor_set_shape(&shape[0], REAL_TENSOR, 3, (int64_t[]){ x->dim[0], x->dim[1], D });
}

// Of gates [B, T, 4D] the first token's δ; those of the others follow in rows of 4D.
static inline const real *recurrent_deltas(const node *n, const real *gates)
{
    return gates + 4 * n->in[R]->dim[0] - n->in[R]->dim[1];
}

// dR and db; before [B, T, D]: h before each token.
static inline void recurrent_weights_backward(const node *n, const real *gates, const real *before)
{
    const sizes s = sizes_of(n);
    const int64_t D = s.D, width = n->in[R]->dim[1];
    const real *deltas = recurrent_deltas(n, gates);
    real *dr = n->in[R]->grad, *db = n->in[BIAS]->grad;
    for (int64_t at = 0; at < s.B * s.T; at++)
        for (int64_t j = 0; j < width; j++) {
            const real d = deltas[at * 4 * D + j];
            if (db)
                db[j] += d;
            for (int64_t i = 0; dr && i < D; i++)
                dr[i * width + j] += before[at * D + i] * d;
        }
}

#ifndef REAL_DOUBLE
// Sequences that go through all tokens together, so that threads never wait for each other within a sequence. A sequence may
// take 5D of the scratch.
static inline int64_t recurrent_together(int64_t D)
{
    enum { MOST = 16 };
    const int64_t fit = TEAM_SCRATCH / (int64_t)(5 * sizeof(float)) / D;
    return fit < 1 ? 1 : least(fit, MOST);
}

// How a token goes back. The cell makes δ of token t of sequence b of its gates, and of dh and dc [D], the gradients of h and c
// behind it, those before it, without what reaches h through the product, δ·Rᵀ: it is added to the dh that the cell leaves, or
// is all of it.
typedef struct recurrent_back {
    void (*cell)(const node *, int64_t b, int64_t t, float *dh, float *dc);
    bool  add;
    const float *gates, *before;                        // [B, T, 4D], [B, T, D]: h before each token
} recurrent_back;

typedef struct recurrent_walk { const node *n; const recurrent_back *back; } recurrent_walk;

static inline void recurrent_walk_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const recurrent_walk *w = data;
    const node *n = w->n;
    const sizes s = sizes_of(n);
    const int64_t D = s.D, rows = to - from, width = n->in[R]->dim[1];
    const float *deltas = recurrent_deltas(n, w->back->gates);
    float *dh = scratch, *dc = dh + rows * D;
    memset(dh, 0, 2 * sizeof *dh * (size_t)(rows * D));
    for (int64_t t = s.T - 1; t >= 0; t--) {
        for (int64_t b = 0; b < rows; b++) {
            kernel->add(dh + b * D, n->out[0]->grad + ((from + b) * s.T + t) * D, dh + b * D, D);
            w->back->cell(n, from + b, t, dh + b * D, dc + b * D);
        }
        if (t > 0)
            gemm(false, true, rows, D, width, deltas + (from * s.T + t) * 4 * D, s.T * 4 * D, n->in[R]->data, width,
                 w->back->add, dh, D);
    }
}

typedef struct recurrent_sum { const float *deltas; float *to; int64_t rows, D; bool add; } recurrent_sum;

static inline void recurrent_sum_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const recurrent_sum *j = data;
    kernel->column_sums(j->deltas + from, j->rows, 4 * j->D, to - from, j->to + from, j->add);
}

// δ in place of the gates, then dR and db.
static inline void recurrent_backward_fast(const node *n, const team *t, const recurrent_back *back)
{
    const sizes s = sizes_of(n);
    const int64_t D = s.D, rows = s.B * s.T, width = n->in[R]->dim[1];
    tensor *r = n->in[R], *bias = n->in[BIAS];
    const float *deltas = recurrent_deltas(n, back->gates);
    team_each(t, s.B, recurrent_together(D), recurrent_walk_piece, &(recurrent_walk){ n, back });
    if (r->grad)
        gemm_team(t, true, false, D, width, rows, back->before, D, deltas, 4 * D, tensor_reach(r), r->grad, width);
    if (bias->grad)
        team_each(t, width, 64, recurrent_sum_piece, &(recurrent_sum){ deltas, bias->grad, rows, D, tensor_reach(bias) });
}
#endif
