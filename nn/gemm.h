// Matrix products, row-major: C = op(A)·op(B), or C += … where `add`. op(A) is [M, K], op(B) [K, N], C [M, N]; with `ta`
// A is stored [K, M], with `tb` B is stored [N, K]; ld* is the length of a stored row. The only file that knows a library
// (CBLAS; always called sequentially, on tiles that depend on the shape alone). K = 0 clears C or leaves it.
#pragma once
#include <stdbool.h>
#include "nn/team.h"
#include "nn/tensor.h"

void gemm(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const real *A, int64_t lda, const real *B, int64_t ldb,
          bool add, real *C, int64_t ldc);                                     // one thread
void gemm_team(const team *, bool ta, bool tb, int64_t M, int64_t N, int64_t K, const real *A, int64_t lda,
               const real *B, int64_t ldb, bool add, real *C, int64_t ldc);    // a fixed grid of tiles over the team

// C = A·op(B) + bias, bias [N] added to every row, or NULL.
void gemm_bias_team(const team *, bool tb, int64_t M, int64_t N, int64_t K, const real *A, int64_t lda, const real *B,
                    int64_t ldb, const real *bias, real *C, int64_t ldc);

void        gemm_start(void);                   // once, before any product: puts the library into its sequential mode
const char *gemm_library(void);                 // "OpenBLAS 0.3.21 (openmp, Haswell)", "plain loops": recorded with every result

// For bench: the products between begin and end are noted, then done again on the same memory, alone: a floor for the step
// they came from. replay: seconds of the fastest of so many times; what the products write is worthless afterwards.
void   gemm_record_begin(void);
void   gemm_record_end(void);
double gemm_record_replay(const team *, int times);
