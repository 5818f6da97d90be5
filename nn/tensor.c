#include "nn/tensor.h"

#include <string.h>

void tensor_set_shape(tensor *x, tensor_type type, int rank, const int64_t *dim)
{
    CHECK(rank >= 1 && rank <= MAX_RANK, "rank %d", rank);
    x->type = type;
    x->rank = rank;
    for (int i = 0; i < MAX_RANK; i++) {
        x->dim[i] = i < rank ? dim[i] : 1;
        CHECK(x->dim[i] >= (i < rank - 1 ? 0 : 1), "dimension %d is %lld", i, (long long)x->dim[i]);
    }
}

tensor *tensor_new(arena *a, tensor_type type, int rank, const int64_t *dim)
{
    tensor *x = arena_zero(a, sizeof *x);
    tensor_set_shape(x, type, rank, dim);
    x->data = arena_take(a, (size_t)tensor_size(x) * (type == REAL_TENSOR ? sizeof(real) : sizeof(int)));
    return x;
}

tensor *tensor_view(arena *a, tensor *x, int rank, const int64_t *dim)
{
    tensor *view = arena_zero(a, sizeof *view);
    tensor_set_shape(view, x->type, rank, dim);
    CHECK(tensor_size(view) == tensor_size(x), "a view of %lld numbers has %lld", (long long)tensor_size(x),
          (long long)tensor_size(view));
    view->data = x->data;
    view->grad = x->grad;
    view->of = x->of ? x->of : x;
    return view;
}

bool tensor_reach(tensor *x)
{
    tensor *owner = x->of ? x->of : x;
    const bool before = owner->reached;
    owner->reached = true;
    return before;
}
