#include "harness/arrays.h"

#include <string.h>

int model_arrays(const model *m, bool moments, named_array **arrays, arena *a)
{
    static const char *const kinds[] = { "weight", "moment1", "moment2" };
    real *const flat[] = { m->data, m->moment[0], m->moment[1] };
    const int n_kinds = moments ? 3 : 1;
    *arrays = arena_take(a, n_kinds * m->n * sizeof **arrays);
    for (int k = 0; k < n_kinds; k++)
        for (int i = 0; i < m->n; i++) {
            const tensor *w = &m->weight[i].tensor;
            named_array *out = &(*arrays)[k * m->n + i];
            *out = (named_array){ .name = arena_text(a, "%s.%s", kinds[k], m->weight[i].name), .rank = w->rank,
                                  .type = sizeof(real) == 4 ? ARRAY_F32 : ARRAY_F64,
                                  .data = flat[k] + (tensor_data(w) - m->data) };
            memcpy(out->dim, w->dim, sizeof out->dim);
        }
    return n_kinds * m->n;
}
