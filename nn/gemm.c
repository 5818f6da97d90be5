#include "nn/gemm.h"

#include <omp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef REAL_DOUBLE
#include "nn/kernels.h"
#endif
#ifdef USE_OPENBLAS
#include <cblas.h>
#endif

// Products up to this many numbers in op(B) are faster in our own kernels (float), which copy less and hold the bias; the
// library's larger blocks pay beyond.
enum { OWN_MOST = 1 << 18 };

static void put_bias(int64_t M, int64_t N, const real *bias, real *C, int64_t ldc)
{
    for (int64_t i = 0; i < M; i++)
        if (bias)
            memcpy(C + i * ldc, bias, sizeof *C * (size_t)N);
        else
            memset(C + i * ldc, 0, sizeof *C * (size_t)N);
}

#if defined USE_OPENBLAS
#ifdef REAL_DOUBLE
#define cblas_gemm cblas_dgemm
#else
#define cblas_gemm cblas_sgemm
#endif
static void library(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const real *A, int64_t lda, const real *B, int64_t ldb,
                    bool add, real *C, int64_t ldc)
{
    cblas_gemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, (int)M, (int)N, (int)K, 1, A,
               (int)lda, B, (int)ldb, add ? 1 : 0, C, (int)ldc);
}
#elif defined REAL_DOUBLE
// Plain loops; the inner one runs along a row of C, or of B where that is transposed.
static void library(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const real *A, int64_t lda, const real *B, int64_t ldb,
                    bool add, real *C, int64_t ldc)
{
    if (!add)
        put_bias(M, N, NULL, C, ldc);
    for (int64_t i = 0; i < M; i++)
        for (int64_t k = 0; k < K; k++) {
            const real a = ta ? A[k * lda + i] : A[i * lda + k];
            for (int64_t j = 0; j < N; j++)
                C[i * ldc + j] += a * (tb ? B[j * ldb + k] : B[k * ldb + j]);
        }
}
#else
static void library(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const real *A, int64_t lda, const real *B, int64_t ldb,
                    bool add, real *C, int64_t ldc)
{
    kernel->gemm(ta, tb, M, N, K, A, lda, B, ldb, NULL, add, C, ldc);
}
#endif

// ---- the recorder of bench: what product() was asked for

typedef struct call { bool ta, tb, add; int64_t M, N, K, lda, ldb, ldc; const real *A, *B, *bias; real *C; } call;
enum { RECORD_ROOM = 1 << 18 };
static bool       recording;
static call      *recorded;
static atomic_int n_recorded;

static void record(call c)
{
    const int i = atomic_fetch_add(&n_recorded, 1);
    CHECK(i < RECORD_ROOM, "more than %d products in one recording", RECORD_ROOM);
    recorded[i] = c;
}

void gemm_record_begin(void)
{
    if (!recorded)
        recorded = malloc(RECORD_ROOM * sizeof *recorded);
    CHECK(recorded, "no memory for a recording");
    n_recorded = 0;
    recording = true;
}

void gemm_record_end(void) { recording = false; }

static void product(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const real *A, int64_t lda, const real *B, int64_t ldb,
                    const real *bias, bool add, real *C, int64_t ldc)
{
    if (M == 0 || N == 0)
        return;
    if (recording)
        record((call){ ta, tb, add, M, N, K, lda, ldb, ldc, A, B, bias, C });
#ifndef REAL_DOUBLE
    if (N * K <= OWN_MOST) {
        kernel->gemm(ta, tb, M, N, K, A, lda, B, ldb, bias, add, C, ldc);
        return;
    }
#endif
    if (bias || (K == 0 && !add))
        put_bias(M, N, bias, C, ldc);
    if (K > 0)
        library(ta, tb, M, N, K, A, lda, B, ldb, add || bias, C, ldc);
}

static void replay(int64_t from, int64_t to, void *scratch, void *data)
{
    for (int64_t i = from; i < to; i++) {
        const call *c = &recorded[i];
        product(c->ta, c->tb, c->M, c->N, c->K, c->A, c->lda, c->B, c->ldb, c->bias, c->add, c->C, c->ldc);
    }
}

double gemm_record_replay(const team *t, int times)
{
    double best = 0;
    for (int i = 0; i < times; i++) {
        const double begun = omp_get_wtime();
        team_each(t, n_recorded, 1, replay, NULL);
        const double took = omp_get_wtime() - begun;
        if (i == 0 || took < best)
            best = took;
    }
    return best;
}

void gemm(bool ta, bool tb, int64_t M, int64_t N, int64_t K, const real *A, int64_t lda, const real *B, int64_t ldb,
          bool add, real *C, int64_t ldc)
{
    product(ta, tb, M, N, K, A, lda, B, ldb, NULL, add, C, ldc);
}

// A library of several threads would be called from ours: each call stays on one.
void gemm_start(void)
{
    omp_set_num_threads(1);
#ifdef USE_OPENBLAS
    openblas_set_num_threads(1);
#endif
}

const char *gemm_library(void)
{
#ifdef USE_OPENBLAS
    static const char *const threading[] = { "sequential", "pthread", "openmp" };
    static char text[256];
    const char *config = openblas_get_config();                     // "OpenBLAS 0.3.21 NO_LAPACKE … Haswell MAX_THREADS=64"
    const int parallel = openblas_get_parallel();
    snprintf(text, sizeof text, "%.*s (%s, %s)", (int)(strcspn(config + 9, " ") + 9), config,
             parallel >= 0 && parallel < 3 ? threading[parallel] : "unknown", openblas_get_corename());
    return text;
#else
    return "own kernels";
#endif
}

// How a product is cut: tiles of C, and parts of K where those are too few. A function of the shape alone.
typedef struct grid { int64_t rows, columns, depth, down, across, parts; } grid;

static int64_t up_to(int64_t x, int64_t multiple) { return (x + multiple - 1) / multiple * multiple; }
static int64_t ratio(int64_t x, int64_t y)        { return (x + y - 1) / y; }
static int64_t clamp(int64_t x, int64_t low, int64_t high) { return x < low ? low : x > high ? high : x; }

// About 16 tiles where the product is worth it, tall before narrow: what is copied of op(B) for a tile pays over its rows.
// K is cut only where tiles are too few, in what a kernel takes in one go, or multiples of that.
enum { TILES = 16, TILE_WORK = 1 << 17, ROWS_LEAST = 64, ROWS_MOST = 192, ROWS_MULTIPLE = 12, COLUMNS_LEAST = 64, DEPTH = 256 };

static grid grid_of(int64_t M, int64_t N, int64_t K)
{
    const int64_t tiles = clamp((int64_t)((double)M * (double)N * (double)K / TILE_WORK), 1, TILES), k = K > 0 ? K : 1;
    const int64_t most_across = clamp(N / COLUMNS_LEAST, 1, tiles);
    grid g;
    g.rows    = clamp(up_to(ratio(M, ratio(tiles, most_across < 2 ? 1 : 2)), ROWS_MULTIPLE), ROWS_LEAST, ROWS_MOST);
    g.down    = ratio(M, g.rows);
    g.columns = clamp(up_to(ratio(N, ratio(tiles, g.down)), 32), COLUMNS_LEAST, N > COLUMNS_LEAST ? N : COLUMNS_LEAST);
    g.across  = ratio(N, g.columns);
    g.parts   = clamp(tiles / (g.down * g.across), 1, ratio(k, DEPTH));
    g.depth   = up_to(ratio(k, g.parts), 8);
    g.parts   = ratio(k, g.depth);
    if ((size_t)(g.parts * M * N) > TEAM_SCRATCH / sizeof(real)) {
        g.parts = 1;
        g.depth = K;
    }
    return g;
}

typedef struct job {
    bool ta, tb, add;
    int64_t M, N, K, lda, ldb, ldc;
    const real *A, *B, *bias;
    real *C, *partial;                          // partial: [parts, M, N]
    grid g;
} job;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void tile(int64_t from, int64_t to, void *scratch, void *data)
{
    const job *j = data;
    for (int64_t i = from; i < to; i++) {
        const int64_t part = i / (j->g.down * j->g.across), row = i / j->g.across % j->g.down * j->g.rows;
        const int64_t column = i % j->g.across * j->g.columns, k = part * j->g.depth;
        const int64_t M = least(j->g.rows, j->M - row), N = least(j->g.columns, j->N - column), K = least(j->g.depth, j->K - k);
        const real *A = j->A + (j->ta ? k * j->lda + row : row * j->lda + k);
        const real *B = j->B + (j->tb ? column * j->ldb + k : k * j->ldb + column);
        if (j->g.parts == 1)
            product(j->ta, j->tb, M, N, K, A, j->lda, B, j->ldb, j->bias ? j->bias + column : NULL, j->add,
                    j->C + row * j->ldc + column, j->ldc);
        else
            product(j->ta, j->tb, M, N, K, A, j->lda, B, j->ldb, NULL, false,
                    j->partial + (part * j->M + row) * j->N + column, j->N);
    }
}

static void sum_parts(int64_t from, int64_t to, void *scratch, void *data)
{
    const job *j = data;
    for (int64_t i = from; i < to; i++) {
        real *c = j->C + i * j->ldc;
        if (!j->add)
            put_bias(1, j->N, j->bias, c, j->ldc);
        for (int64_t p = 0; p < j->g.parts; p++) {
            const real *part = j->partial + (p * j->M + i) * j->N;
            for (int64_t n = 0; n < j->N; n++)
                c[n] += part[n];
        }
    }
}

static void run(const team *t, job *j)
{
    if (j->M == 0 || j->N == 0)
        return;
    j->g = grid_of(j->M, j->N, j->K);
    j->partial = team_parts(t);
    team_each(t, j->g.down * j->g.across * j->g.parts, 1, tile, j);
    if (j->g.parts > 1)
        team_each(t, j->M, 8, sum_parts, j);
}

void gemm_team(const team *t, bool ta, bool tb, int64_t M, int64_t N, int64_t K, const real *A, int64_t lda,
               const real *B, int64_t ldb, bool add, real *C, int64_t ldc)
{
    run(t, &(job){ .ta = ta, .tb = tb, .add = add, .M = M, .N = N, .K = K, .lda = lda, .ldb = ldb, .ldc = ldc,
                   .A = A, .B = B, .C = C });
}

void gemm_bias_team(const team *t, bool tb, int64_t M, int64_t N, int64_t K, const real *A, int64_t lda, const real *B,
                    int64_t ldb, const real *bias, real *C, int64_t ldc)
{
    run(t, &(job){ .tb = tb, .M = M, .N = N, .K = K, .lda = lda, .ldb = ldb, .ldc = ldc, .A = A, .B = B, .C = C,
                   .bias = bias });
}
