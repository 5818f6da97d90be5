// Tensors: contiguous, the last dimension fastest, up to five dimensions, in float or (the double build) in double.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <tgmath.h>
#include "base/arena.h"
#include "base/check.h"

#ifdef REAL_DOUBLE
typedef double real;
#else
typedef float real;
#endif

enum { MAX_RANK = 5, IGNORE = -1 };                 // IGNORE: a position without a target

typedef enum { REAL_TENSOR, INDEX_TENSOR } tensor_type;

typedef struct tensor {
    tensor_type type;
    int         rank;
    int64_t     dim[MAX_RANK];                      // 1 beyond the rank
    void       *data;                               // real, or int for INDEX_TENSOR
    real       *grad;                               // NULL where no gradient is asked
    bool        reached;                            // grad holds something already; always true of weights
    struct tensor *of;                              // a view: the tensor whose memory, and whose `reached`, it shares; else NULL
} tensor;

// Type and dimensions alone (1 beyond the rank); the rest stays.
void tensor_set_shape(tensor *, tensor_type, int rank, const int64_t *dim);

// Data uncleared; no gradient yet.
tensor *tensor_new(arena *, tensor_type, int rank, const int64_t *dim);
#define tensor_real(arena_, ...)       tensor_new(arena_, REAL_TENSOR, TENSOR_DIMS_(__VA_ARGS__))     // tensor_real(a, B, T, D)
#define tensor_index(arena_, ...)      tensor_new(arena_, INDEX_TENSOR, TENSOR_DIMS_(__VA_ARGS__))
// The same data and gradient, other dimensions.
#define tensor_reshape(arena_, x, ...) tensor_view(arena_, x, TENSOR_DIMS_(__VA_ARGS__))
#define TENSOR_DIMS_(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}
tensor *tensor_view(arena *, tensor *, int rank, const int64_t *dim);

// A contribution to x's gradient is about to be made. true: add to what is there; false: it is the first, grad's content is
// undefined. Either way x is reached from now on.
bool tensor_reach(tensor *x);

static inline int64_t tensor_size(const tensor *x)
{
    return x->dim[0] * x->dim[1] * x->dim[2] * x->dim[3] * x->dim[4];
}
static inline int64_t tensor_columns(const tensor *x) { return x->dim[x->rank - 1]; }                   // the last dimension
static inline int64_t tensor_rows(const tensor *x)    { return tensor_size(x) / tensor_columns(x); }    // all others together
static inline real   *tensor_data(const tensor *x)    { return x->data; }
static inline int    *tensor_ints(const tensor *x)    { return x->data; }
