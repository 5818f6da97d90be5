// The fast kernels: plain C that vectorises, compiled once for each instruction level (nn/kernels/*.c), chosen at start.
// One list makes the table and the declarations: X(result, name, (arguments)). Pointers never overlap unless they are equal.
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct adamw_step { float scale, beta1, beta2, size, root, eps, shrink; } adamw_step;      // see nn/optimizer.c

#define KERNELS(X) \
    X(void,   exp_each,      (const float *x, float *y, int64_t n))    /* y = e^x, 1 ulp; 0 below −87.3, +inf above 88.7 */ \
    X(void,   adamw,         (float *p, float *m, float *v, const float *grad, int64_t n, const adamw_step *)) \
    X(double, sum_squares,   (const float *x, int64_t n)) \
    /* op(A)·op(B), or bias + …, or C + … where `add`; as gemm() of nn/gemm.h. bias [N] or NULL */ \
    X(void,   gemm,          (bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B, int64_t ldb, \
                              const float *bias, bool add, float *C, int64_t ldc)) \

#define KERNEL_POINTER_(result, name, arguments) result (*name) arguments;
typedef struct kernels { KERNELS(KERNEL_POINTER_) } kernels;

extern const kernels *kernel;                    // the table in use: kernel->exp_each(x, y, n)
extern const kernels kernels_v1, kernels_v3, kernels_v4;
