// The core of every matrix product: a block of C, `rows` × two vectors, in registers, over K.
#pragma once
#include "nn/kernels/vector.h"

enum { NR = 2 * W };

// c += A·B over k < K. A's element (i, k) is A[i·row + k·step]; row k of B begins at B + k·ldb, `vectors` (1 or 2) vectors long.
INLINE void micro(int rows, int vectors, int64_t K, const float *A, int64_t row, int64_t step, const float *B, int64_t ldb,
                  vec c[][2])
{
    vec s[MR][2];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            s[i][v] = c[i][v];
    for (int64_t k = 0; k < K; k++) {
        vec b[2];
        for (int v = 0; v < vectors; v++)
            b[v] = load(B + k * ldb + v * W);
        for (int i = 0; i < rows; i++) {
            const vec a = all(A[i * row + k * step]);
            for (int v = 0; v < vectors; v++)
                s[i][v] += a * b[v];
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            c[i][v] = s[i][v];
}

// Runs `work` with the number of rows as a constant, so that the accumulators are registers.
#define WITH_ROWS(rows, work) \
    switch (rows) { \
    case 1: { enum { ROWS = 1 }; work; } break;   case 2:  { enum { ROWS = 2 };  work; } break; \
    case 3: { enum { ROWS = 3 }; work; } break;   case 4:  { enum { ROWS = 4 };  work; } break; \
    case 5: { enum { ROWS = 5 }; work; } break;   case 6:  { enum { ROWS = 6 };  work; } break; \
    WITH_MORE_ROWS(work) \
    }
#ifdef __AVX512F__
#define WITH_MORE_ROWS(work) \
    case 7: { enum { ROWS = 7 }; work; } break;   case 8:  { enum { ROWS = 8 };  work; } break; \
    case 9: { enum { ROWS = 9 }; work; } break;   case 10: { enum { ROWS = 10 }; work; } break; \
    case 11: { enum { ROWS = 11 }; work; } break; case 12: { enum { ROWS = 12 }; work; } break;
#else
#define WITH_MORE_ROWS(work)
#endif
