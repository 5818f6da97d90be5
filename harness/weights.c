#include "harness/weights.h"

#include <stdio.h>
#include <string.h>

static const char prefix[] = "weight.";
static const char *const type_names[] = { [ARRAY_F32] = "F32", [ARRAY_F64] = "F64", [ARRAY_I32] = "I32", [ARRAY_I64] = "I64",
                                          [ARRAY_U8] = "U8" };

bool weights_save(const model *m, const char *path, const char *const (*metadata)[2], int n_metadata, arena *a, error *e)
{
    named_array *arrays = arena_zero(a, (size_t)m->n * sizeof *arrays);
    for (int i = 0; i < m->n; i++) {
        const tensor *w = &m->weight[i].tensor;
        arrays[i] = (named_array){ .name = m->weight[i].name, .type = sizeof(real) == 4 ? ARRAY_F32 : ARRAY_F64,
                                   .rank = w->rank, .data = w->data };
        memcpy(arrays[i].dim, w->dim, sizeof arrays[i].dim);
    }
    return safetensors_write(path, arrays, m->n, metadata, n_metadata, e);
}

const char *shape_text(const int64_t *dim, int rank, arena *a)
{
    const char *text = "[";
    for (int i = 0; i < rank; i++) text = arena_text(a, "%s%s%lld", text, i ? ", " : "", (long long)dim[i]);
    return arena_text(a, "%s]", text);
}

static bool same_shape(const tensor *w, const named_array *from)
{
    bool same = w->rank == from->rank;
    for (int i = 0; same && i < w->rank; i++) same = w->dim[i] == from->dim[i];
    return same;
}

static void copy(tensor *w, const named_array *from)
{
    const float *single = from->data;
    const double *wide = from->data;
    for (int64_t i = 0; i < tensor_size(w); i++) tensor_data(w)[i] = from->type == ARRAY_F32 ? (real)single[i] : (real)wide[i];
}

// One array of the file that stands for a weight called `name`.
static void take(model *m, const named_array *from, const char *name, mark at, arena *a, diag *d)
{
    weight *w = model_find(m, name);
    if (!w) {
        const char **names = arena_take(a, (size_t)m->n * sizeof *names);
        for (int i = 0; i < m->n; i++) names[i] = m->weight[i].name;
        const char *near = diag_nearest(name, names, m->n);
        diag_error(d, at, "'%s' %s is no weight of this model%s%s%s", name, shape_text(from->dim, from->rank, a),
                   near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    } else if (from->type != ARRAY_F32 && from->type != ARRAY_F64)
        diag_error(d, at, "'%s' is of type %s; weights are F32 or F64", name, type_names[from->type]);
    else if (!same_shape(&w->tensor, from))
        diag_error(d, at, "'%s' has the shape %s, the model's has %s", name, shape_text(from->dim, from->rank, a),
                   shape_text(w->tensor.dim, w->tensor.rank, a));
    else
        copy(&w->tensor, from);
}

bool weights_take(model *m, const safetensors *s, const char *path, diag *d)
{
    arena *a = arena_new();
    const int before = diag_errors(d);
    const mark at = { path, 0, 0 };
    bool among_others = false;
    for (int i = 0; i < s->n; i++) among_others |= strncmp(s->array[i].name, prefix, strlen(prefix)) == 0;
    const char *start = among_others ? prefix : "";
    for (int i = 0; i < s->n; i++) {
        const char *name = s->array[i].name;
        if (strncmp(name, start, strlen(start)) == 0) take(m, &s->array[i], name + strlen(start), at, a, d);
    }
    for (int i = 0; i < m->n; i++) {
        const weight *w = &m->weight[i];
        if (!safetensors_find(s, arena_text(a, "%s%s", start, w->name)))
            diag_error(d, at, "'%s' %s is missing", w->name, shape_text(w->tensor.dim, w->tensor.rank, a));
    }
    arena_free(a);
    return diag_errors(d) == before;
}
