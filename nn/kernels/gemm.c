// Matrix products (Goto & van de Geijn 2008, in small): B goes through in panels two vectors wide and DEPTH deep, copied so that
// they lie together, and each panel meets all rows of A, which is read where it stands.
#include "nn/kernels/micro.h"

enum { DEPTH = 256 };                           // panels of 16 or 32 kB

// panel[k][NR] = B[k, j …]: columns beyond N are zero.
static void pack(int64_t K, int64_t columns, const float *B, int64_t ldb, float *restrict panel)
{
    if (columns == NR)
        for (int64_t k = 0; k < K; k++) {
            store(panel + k * NR, load(B + k * ldb));
            store(panel + k * NR + W, load(B + k * ldb + W));
        }
    else
        for (int64_t k = 0; k < K; k++) {
            store(panel + k * NR, load_n(B + k * ldb, columns));
            store(panel + k * NR + W, columns > W ? load_part(B + k * ldb + W, columns - W) : all(0));
        }
}

// The same where B is stored transposed, [N, K]: W×W blocks turned in registers.
static void pack_transposed(int64_t K, int64_t columns, const float *B, int64_t ldb, float *restrict panel)
{
    for (int64_t j = 0; j < NR; j += W)
        for (int64_t k = 0; k < K; k += W) {
            const int64_t deep = K - k;
            vec r[W];
            for (int64_t i = 0; i < W; i++)
                r[i] = j + i < columns ? load_n(B + (j + i) * ldb + k, deep) : all(0);
            transpose(r);
            for (int64_t i = 0; i < W && i < deep; i++)
                store(panel + (k + i) * NR + j, r[i]);
        }
}

typedef struct target { float *C; int64_t ldc, columns; const float *bias; bool add; } target;

// bias: two whole vectors, or NULL.
INLINE void block(int rows, int64_t K, const float *A, int64_t row, int64_t step, const float *panel, const float *bias, bool add,
                  float *C, int64_t ldc)
{
    vec c[MR][2];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < 2; v++)
            c[i][v] = add ? load(C + i * ldc + v * W) : bias ? load(bias + v * W) : all(0);
    micro(rows, 2, K, A, row, step, panel, NR, c);
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < 2; v++)
            store(C + i * ldc + v * W, c[i][v]);
}

// A block at the right edge of C works on a copy of it that is two vectors wide.
static void copy_block(int64_t rows, int64_t columns, const float *from, int64_t from_step, float *to, int64_t to_step)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++)
            to[i * to_step + j] = from[i * from_step + j];
}

// All rows against one panel.
static void meet(bool ta, int64_t M, int64_t K, const float *A, int64_t lda, const float *panel, const target *t)
{
    float edge[MR * NR] = {0}, bias[NR] = {0};
    const bool whole = t->columns == NR;
    const int64_t blocks = (M + MR - 1) / MR;
    if (t->bias)
        memcpy(bias, t->bias, sizeof *bias * (size_t)t->columns);
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t from = b * M / blocks, rows = (b + 1) * M / blocks - from, ldc = whole ? t->ldc : NR;
        float *C = whole ? t->C + from * t->ldc : edge;
        const float *offset = t->bias ? bias : NULL;
        if (!whole && t->add)
            copy_block(rows, t->columns, t->C + from * t->ldc, t->ldc, edge, NR);
        if (ta)
            WITH_ROWS(rows, block(ROWS, K, A + from, 1, lda, panel, offset, t->add, C, ldc))
        else
            WITH_ROWS(rows, block(ROWS, K, A + from * lda, lda, 1, panel, offset, t->add, C, ldc))
        if (!whole)
            copy_block(rows, t->columns, edge, NR, t->C + from * t->ldc, t->ldc);
    }
}

void KERNEL(gemm)(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B, int64_t ldb,
                  const float *bias, bool add, float *C, int64_t ldc)
{
    float panel[DEPTH * NR] __attribute__((aligned(64)));
    for (int64_t k = 0; k == 0 || k < K; k += DEPTH) {
        const int64_t deep = K - k < DEPTH ? K - k : DEPTH;
        for (int64_t j = 0; j < N; j += NR) {
            const int64_t columns = N - j < NR ? N - j : NR;
            const target t = { C + j, ldc, columns, bias ? bias + j : NULL, add || k > 0 };
            if (tb)
                pack_transposed(deep, columns, B + j * ldb + k, ldb, panel);
            else
                pack(deep, columns, B + k * ldb + j, ldb, panel);
            meet(ta, M, deep, ta ? A + k * lda : A + k, lda, panel, &t);
        }
    }
}
