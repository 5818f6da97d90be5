// Matrix products (Goto & van de Geijn 2008, in small): B goes through in panels two vectors wide and DEPTH deep, copied so that
// they lie together, and each panel meets all rows of A. A is read where it stands, or, transposed, from a copy.
#include "nn/kernels/micro.h"

enum { DEPTH = 256, BLOCK = 192 };                              // panels of 16 or 32 kB; rows of A copied at a time

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

// A stored [K, M]: panels of MR rows, [k][MR], so that a step along k is a step in memory.
static void pack_rows(int64_t K, int64_t M, const float *A, int64_t lda, int64_t blocks, float *restrict packed)
{
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t from = b * M / blocks, rows = (b + 1) * M / blocks - from;
        float *panel = packed + b * DEPTH * MR;
        WITH_ROWS(rows, for (int64_t k = 0; k < K; k++) memcpy(panel + k * MR, A + k * lda + from, sizeof(float) * ROWS))
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

// All rows against one panel. packed: A is a copy made by pack_rows.
static void meet(int64_t M, int64_t blocks, int64_t K, const float *A, int64_t lda, bool packed, const float *panel, const target *t)
{
    float edge[MR * NR] = {0}, bias[NR] = {0};
    const bool whole = t->columns == NR;
    if (t->bias)
        memcpy(bias, t->bias, sizeof *bias * (size_t)t->columns);
    for (int64_t b = 0; b < blocks; b++) {
        const int64_t from = b * M / blocks, rows = (b + 1) * M / blocks - from, ldc = whole ? t->ldc : NR;
        float *C = whole ? t->C + from * t->ldc : edge;
        const float *offset = t->bias ? bias : NULL;
        if (!whole && t->add)
            copy_block(rows, t->columns, t->C + from * t->ldc, t->ldc, edge, NR);
        if (packed)
            WITH_ROWS(rows, block(ROWS, K, A + b * DEPTH * MR, 1, MR, panel, offset, t->add, C, ldc))
        else
            WITH_ROWS(rows, block(ROWS, K, A + from * lda, lda, 1, panel, offset, t->add, C, ldc))
        if (!whole)
            copy_block(rows, t->columns, edge, NR, t->C + from * t->ldc, t->ldc);
    }
}

static void product(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B, int64_t ldb,
                    const float *bias, bool add, float *C, int64_t ldc)
{
    float panel[DEPTH * NR] __attribute__((aligned(64))), packed[(BLOCK + MR) * DEPTH] __attribute__((aligned(64)));
    const int64_t blocks = (M + MR - 1) / MR;
    for (int64_t k = 0; k == 0 || k < K; k += DEPTH) {
        const int64_t deep = K - k < DEPTH ? K - k : DEPTH;
        if (ta)
            pack_rows(deep, M, A + k * lda, lda, blocks, packed);
        for (int64_t j = 0; j < N; j += NR) {
            const int64_t columns = N - j < NR ? N - j : NR;
            const target t = { C + j, ldc, columns, bias ? bias + j : NULL, add || k > 0 };
            if (tb)
                pack_transposed(deep, columns, B + j * ldb + k, ldb, panel);
            else
                pack(deep, columns, B + k * ldb + j, ldb, panel);
            meet(M, blocks, deep, ta ? packed : A + k, lda, ta, panel, &t);
        }
    }
}

void KERNEL(gemm)(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const float *A, int64_t lda, const float *B, int64_t ldb,
                  const float *bias, bool add, float *C, int64_t ldc)
{
    for (int64_t i = 0; i < M; i += BLOCK)
        product(ta, tb, M - i < BLOCK ? M - i : BLOCK, N, K, ta ? A + i : A + i * lda, lda, B, ldb, bias, add, C + i * ldc, ldc);
}
