// y = x·m, m = 0 for a share `rate` of the elements, else 1/(1 − rate) (Srivastava et al. 2014, scaled while training).
// dx = dy·m: the masks are drawn again on the way back.

#include <string.h>
#include "nn/ops.h"
#include "nn/ops/fast.h"
#include "nn/ops/mask.h"

enum { X, KEY };
enum { PART = 8192 };                           // elements that one stream of random numbers serves

typedef struct dropout_options { double rate; int64_t draw; } dropout_options;

// ---- masks: four multipliers from each 64 random bits, so that the rate is a multiple of 2^−16

mask mask_start(const tensor *key, int64_t draw, int64_t part, double rate)
{
    enum { ALL = 1 << 16 };
    const uint32_t *word = key->data;
    const uint64_t seed = word[0] | (uint64_t)word[1] << 32, step = word[2] | (uint64_t)word[3] << 32;
    const uint64_t address[] = { seed, RNG_DROPOUT, step, (uint64_t)draw, (uint64_t)part };
    const uint32_t keep = (uint32_t)lround((1 - rate) * ALL);
    CHECK(key->type == INDEX_TENSOR && tensor_size(key) == 4, "a key has four words");
    CHECK(keep >= 1 && keep <= ALL, "dropout of %g", rate);
    return (mask){ rng_start(address, LEN(address)), keep, (real)((double)ALL / keep) };
}

void mask_draw(mask *m, int64_t n, real *multiplier)
{
    enum { TOGETHER = 256 };
    uint16_t draw[TOGETHER];
    for (int64_t from = 0; from < n; from += TOGETHER) {
        const int64_t now = n - from < TOGETHER ? n - from : TOGETHER;
        for (int64_t i = 0; i < now; i += 4)
            memcpy(draw + i, &(uint64_t){ rng_next(&m->random) }, 8);
        for (int64_t i = 0; i < now; i++)
            multiplier[from + i] = draw[i] < m->keep ? m->scale : 0;
    }
}

void nn_dropout_key(graph *g, uint64_t seed, uint64_t step)
{
    g->key = tensor_index(g->step, 4);
    memcpy(g->key->data, (uint32_t[]){ (uint32_t)seed, (uint32_t)(seed >> 32), (uint32_t)step, (uint32_t)(step >> 32) }, 16);
}

// ---- the op

static void dropout_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    tensor_set_shape(&shape[0], REAL_TENSOR, n->in[X]->rank, n->in[X]->dim);
}

typedef struct dropout_job { const node *n; const real *from; real *to; bool add; } dropout_job;

static void multiply_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const dropout_job *j = data;
    const dropout_options *o = j->n->options;
    real *m = scratch;
    mask drawn = mask_start(j->n->in[KEY], o->draw, from / PART, o->rate);
    mask_draw(&drawn, to - from, m);
    for (int64_t i = from; j->add && i < to; i++)
        j->to[i] += j->from[i] * m[i - from];
    for (int64_t i = from; !j->add && i < to; i++)
        j->to[i] = j->from[i] * m[i - from];
}

static void each_piece(const node *n, const team *t, dropout_job j)
{
    const int64_t size = tensor_size(n->in[X]);
    for (int64_t from = 0; from < size; from += PART)
        multiply_piece(from, from + PART < size ? from + PART : size, team_shared(t), &j);
}

static void dropout_forward(const node *n, const team *t)
{
    each_piece(n, t, (dropout_job){ n, n->in[X]->data, n->out[0]->data, false });
}

static void dropout_backward(const node *n, const team *t)
{
    if (n->in[X]->grad)
        each_piece(n, t, (dropout_job){ n, n->out[0]->grad, n->in[X]->grad, true });
}

#ifndef REAL_DOUBLE
static void dropout_forward_fast(const node *n, const team *t)
{
    dropout_job j = { n, n->in[X]->data, n->out[0]->data, false };
    team_each(t, tensor_size(n->in[X]), PART, multiply_piece, &j);
}

static void dropout_backward_fast(const node *n, const team *t)
{
    if (!n->in[X]->grad)
        return;
    dropout_job j = { n, n->out[0]->grad, n->in[X]->grad, tensor_reach(n->in[X]) };
    team_each(t, tensor_size(n->in[X]), PART, multiply_piece, &j);
}
#endif

#define RATE(p) &(const dropout_options){ p, 3 }
static const op_case dropout_cases[] = {
    { .in = {{3, 5}, {4}}, .below = {0, 9}, .options = RATE(0.1) },
    { .in = {{1}, {4}}, .below = {0, 9}, .options = RATE(0.5) },
    { .in = {{33, 17}, {4}}, .below = {0, 9}, .options = RATE(0.9) },
    { .in = {{2, 70, 130}, {4}}, .below = {0, 9}, .options = RATE(0.3) },
};

const op op_dropout = {
    .name = "dropout", .inputs = 2, .outputs = 1, .options_size = sizeof(dropout_options), .shapes = dropout_shapes,
    .cases = dropout_cases, .n_cases = LEN(dropout_cases),
    .forward  = { [REFERENCE] = dropout_forward,  [CPU] = CPU_SLOT(dropout_forward_fast) },
    .backward = { [REFERENCE] = dropout_backward, [CPU] = CPU_SLOT(dropout_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_dropout(graph *g, tensor *x, double rate)
{
    if (!g->key || rate <= 0)
        return x;
    const dropout_options o = { rate, g->draws++ };
    return graph_apply(g, &op_dropout, &o, (tensor *[]){x, g->key}, 2)->out[0];
}
