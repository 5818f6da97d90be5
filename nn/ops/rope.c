// Rotary positions (Su et al. 2021), halves paired as in GPT-NeoX and Llama. In each head of K columns, for i < K/2, at
// position t, with φ = t·base^(−2i/K):
//   y_i = x_i·cos φ − x_{i+K/2}·sin φ,   y_{i+K/2} = x_{i+K/2}·cos φ + x_i·sin φ;   columns behind the heads are copied.
// dx is dy turned by −φ.

#include <string.h>
#include "nn/ops.h"
#include "nn/ops/fast.h"

static void rope_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const rope_options *o = n->options;
    const tensor *x = n->in[0];
    CHECK(x->rank == 3 && o->K >= 2 && o->K % 2 == 0 && o->columns % o->K == 0 && o->columns <= x->dim[2],
          "rope: %lld of %lld columns, %lld a head", (long long)o->columns, (long long)x->dim[2], (long long)o->K);
    tensor_set_shape(&shape[0], REAL_TENSOR, 3, x->dim);
}

typedef struct rope_job { const node *n; const real *from; real *to; int sense; bool add; } rope_job;

static void turn_row(const rope_job *j, const real *cosine, const real *sine, const real *from, real *to)
{
    const rope_options *o = j->n->options;
    const int64_t half = o->K / 2, columns = j->n->in[0]->dim[2];
    if (!j->add)
        memset(to, 0, sizeof *to * (size_t)columns);
    for (int64_t h = 0; h < o->columns; h += o->K)
        for (int64_t i = h; i < h + half; i++) {
            const real a = from[i], b = from[i + half], c = cosine[i - h], s = sine[i - h];
            to[i]        += a * c - b * s;
            to[i + half] += b * c + a * s;
        }
    for (int64_t i = o->columns; i < columns; i++)
        to[i] += from[i];
}

// Positions [from, to) of all sequences: their angles are taken once.
static void turn_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const rope_job *j = data;
    const rope_options *o = j->n->options;
    const tensor *x = j->n->in[0];
    const int64_t half = o->K / 2, B = x->dim[0], T = x->dim[1], C = x->dim[2];
    double *speed = scratch;
    real *cosine = (real *)(speed + half), *sine = cosine + half;
    for (int64_t i = 0; i < half; i++)
        speed[i] = j->sense * pow(o->base, -2 * (double)i / (double)o->K);
    for (int64_t t = from; t < to; t++) {
        for (int64_t i = 0; i < half; i++) {
            cosine[i] = (real)cos((double)(o->first + t) * speed[i]);
            sine[i]   = (real)sin((double)(o->first + t) * speed[i]);
        }
        for (int64_t b = 0; b < B; b++)
            turn_row(j, cosine, sine, j->from + (b * T + t) * C, j->to + (b * T + t) * C);
    }
}

static void rope_forward(const node *n, const team *t)
{
    turn_piece(0, n->in[0]->dim[1], team_shared(t), &(rope_job){ n, n->in[0]->data, n->out[0]->data, 1, false });
}

static void rope_backward(const node *n, const team *t)
{
    if (n->in[0]->grad)
        turn_piece(0, n->in[0]->dim[1], team_shared(t), &(rope_job){ n, n->out[0]->grad, n->in[0]->grad, -1, true });
}

#ifndef REAL_DOUBLE
static void turn_fast(const team *t, rope_job j)
{
    const tensor *x = j.n->in[0];
    team_each(t, x->dim[1], piece_rows(x->dim[0] * x->dim[2]), turn_piece, &j);
}

static void rope_forward_fast(const node *n, const team *t)
{
    turn_fast(t, (rope_job){ n, n->in[0]->data, n->out[0]->data, 1, false });
}

static void rope_backward_fast(const node *n, const team *t)
{
    turn_fast(t, (rope_job){ n, n->out[0]->grad, n->in[0]->grad, -1, tensor_reach(n->in[0]) });
}
#endif

#define ROPE(K, columns, first, base) &(const rope_options){ K, columns, first, base }
static const op_case rope_cases[] = {
    { .in = {{2, 5, 8}}, .options = ROPE(4, 8, 0, 10000) },    { .in = {{1, 3, 7}}, .options = ROPE(2, 4, 3, 100) },
    { .in = {{3, 1, 2}}, .options = ROPE(2, 2, 40, 10000) },   { .in = {{2, 33, 96}}, .options = ROPE(32, 64, 0, 10000) },
};

const op op_rope = {
    .name = "rope", .inputs = 1, .outputs = 1, .options_size = sizeof(rope_options), .shapes = rope_shapes,
    .cases = rope_cases, .n_cases = LEN(rope_cases),
    .forward  = { [REFERENCE] = rope_forward,  [CPU] = CPU_SLOT(rope_forward_fast) },
    .backward = { [REFERENCE] = rope_backward, [CPU] = CPU_SLOT(rope_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_rope(graph *g, rope_options o, tensor *x) { return graph_apply(g, &op_rope, &o, &x, 1)->out[0]; }
