#include "architectures/mixer.h"
#include <string.h>
#include "nn/gemm.h"

const object_family *mixer_family(void)
{
    static const object *entries[64];
    static object_family family = { .what = "mixer", .entries = entries };
    CHECK(mixer_list_length <= (int)LEN(entries), "%d mixers", mixer_list_length);
    while (family.n < mixer_list_length) {
        entries[family.n] = &mixer_list[family.n]->object;
        family.n++;
    }
    return &family;
}

tensor *layer_weight_shape(model *m, const layer *l, const char *name, weight_kind kind, int rank, const int64_t *dim)
{
    return model_weight(m, arena_text(m->life, "%s.%s", l->prefix, name), rank, dim, kind);
}

void layer_linear_step(const stream *s, const real *x, const tensor *W, const tensor *b, int64_t first, int64_t columns,
                       real *y)
{
    for (int64_t row = 0; row < s->B; row++) {
        if (b)
            memcpy(y + row * columns, tensor_data(b) + first, (size_t)columns * sizeof(real));
        else
            memset(y + row * columns, 0, (size_t)columns * sizeof(real));
    }
    gemm_team(s->team, false, false, s->B, columns, W->dim[0], x, W->dim[0], tensor_data(W) + first, W->dim[1], true, y, columns);
}

tensor *mixer_rows(graph *g, tensor *x, int64_t from, int64_t to)
{
    const int64_t N = x->dim[0], T = x->dim[1], n = to - from;
    tensor *index = tensor_index(g->step, N, n);
    for (int64_t i = 0; i < N; i++)
        for (int64_t t = 0; t < n; t++)
            tensor_ints(index)[i * n + t] = (int)(i * T + from + t);
    return nn_rows(g, index, &x, 1);
}
