#include "nn/model.h"

#include <stdio.h>
#include <string.h>

enum { ROOM = 4096,             // weights a model may have: the list never moves, so that tensors keep their address
       LINE = 16 };             // a weight's data begin on a cache line (of floats)

static int64_t padded(const tensor *x) { return (tensor_size(x) + LINE - 1) / LINE * LINE; }

void model_open(model *m, arena *life)
{
    *m = (model){ .life = life, .room = ROOM };
    m->weight = arena_take(life, sizeof *m->weight * ROOM);
}

static weight *declare(model *m, const char *name, int rank, const int64_t *dim)
{
    CHECK(!m->data, "%s is declared after model_close", name);
    CHECK(m->n < m->room, "more than %d weights", m->room);
    CHECK(!model_find(m, name), "the weight %s is declared twice", name);
    weight *w = &m->weight[m->n++];
    *w = (weight){ .name = arena_copy(m->life, name), .fan_in = (int)dim[0] };
    tensor_set_shape(&w->tensor, REAL_TENSOR, rank, dim);
    m->parameters += tensor_size(&w->tensor);
    m->size += padded(&w->tensor);
    return w;
}

tensor *model_weight(model *m, const char *name, int rank, const int64_t *dim, weight_kind kind)
{
    weight *w = declare(m, name, rank, dim);
    w->kind = kind;
    w->decay = rank >= 2 ? DECAY : NO_DECAY;
    if (kind != WEIGHT_MATRIX && kind != WEIGHT_RESIDUAL)
        w->fan_in = (int)dim[rank - 1];         // tables [V, D] and convolutions [D, width]: the last dimension is summed over
    return &w->tensor;
}

tensor *model_weight_own(model *m, const char *name, int rank, const int64_t *dim, decay d, void (*fill)(tensor *, rng *))
{
    weight *w = declare(m, name, rank, dim);
    w->kind = rank >= 2 ? WEIGHT_MATRIX : WEIGHT_BIAS;
    w->decay = d;
    w->fill = fill;
    return &w->tensor;
}

void model_close(model *m)
{
    const size_t bytes = sizeof(real) * (size_t)m->size;
    m->data = arena_zero(m->life, bytes);
    m->grad = arena_zero(m->life, bytes);
    m->moment[0] = arena_zero(m->life, bytes);
    m->moment[1] = arena_zero(m->life, bytes);
    int64_t at = 0;
    for (int i = 0; i < m->n; i++) {
        tensor *x = &m->weight[i].tensor;
        x->data = m->data + at;
        x->grad = m->grad + at;
        x->reached = true;                      // weights' gradients add up until they are cleared
        at += padded(x);
    }
}

weight *model_find(const model *m, const char *name)
{
    for (int i = 0; i < m->n; i++)
        if (strcmp(m->weight[i].name, name) == 0)
            return &m->weight[i];
    return NULL;
}

void model_copy(model *m, const char *from_prefix, const char *to_prefix)
{
    const size_t length = strlen(from_prefix);
    for (int i = 0; i < m->n; i++) {
        const tensor *from = &m->weight[i].tensor;
        if (strncmp(m->weight[i].name, from_prefix, length) != 0)
            continue;
        char name[512];
        snprintf(name, sizeof name, "%s%s", to_prefix, m->weight[i].name + length);
        const weight *w = model_find(m, name);
        CHECK(w && tensor_size(&w->tensor) == tensor_size(from), "%s has no counterpart %s", m->weight[i].name, name);
        const int64_t a = tensor_data(from) - m->data, b = tensor_data(&w->tensor) - m->data;
        real *const buffers[] = { m->data, m->moment[0], m->moment[1] };
        for (size_t k = 0; k < LEN(buffers); k++)
            memcpy(buffers[k] + b, buffers[k] + a, sizeof(real) * (size_t)tensor_size(from));
    }
}

void model_clear_grad(model *m) { memset(m->grad, 0, sizeof(real) * (size_t)m->size); }
