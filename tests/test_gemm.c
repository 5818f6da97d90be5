// Matrix products against three plain loops in double: all transpositions, ragged shapes, strides longer than a row, added or
// not; and the same bits for any number of threads.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/rng.h"
#include "nn/cpu.h"
#include "nn/gemm.h"

static const int64_t shapes[][3] = {
    {1, 1, 1}, {1, 17, 5}, {3, 1, 7}, {2, 3, 0}, {5, 7, 33}, {18, 18, 32}, {31, 33, 65}, {64, 64, 64}, {100, 3, 200},
    {7, 130, 19}, {32, 96, 1152}, {1152, 96, 32}, {128, 512, 300}, {300, 130, 70}, {20, 20, 2000}, {513, 40, 129},
    {33, 200, 700}, {1, 300, 300}, {0, 4, 4}, {20, 900, 400},
};
static const real tolerance = sizeof(real) == 4 ? (real)2e-6 : (real)1e-14;     // of Σ|a·b|

typedef struct product { bool ta, tb, add; int64_t M, N, K, lda, ldb, ldc, size_c; real *A, *B, *C; } product;

static real *numbers(int64_t n, rng *random)
{
    real *x = malloc(sizeof *x * (size_t)(n + 1));
    for (int64_t i = 0; i < n; i++)
        x[i] = (real)(rng_unit(random) - 0.5);
    return x;
}

static product product_new(const int64_t shape[3], int kind, rng *random)
{
    const int64_t M = shape[0], N = shape[1], K = shape[2];
    product p = { kind & 1, kind & 2, kind & 4, M, N, K };
    p.lda = (p.ta ? M : K) + 3;
    p.ldb = (p.tb ? K : N) + 5;
    p.ldc = N + 2;
    p.size_c = M * p.ldc;
    p.A = numbers((p.ta ? K : M) * p.lda, random);
    p.B = numbers((p.tb ? N : K) * p.ldb, random);
    p.C = numbers(p.size_c, random);
    return p;
}

static void product_free(product *p)
{
    free(p->A);
    free(p->B);
    free(p->C);
}

static void check_product(const product *p, const real *C)
{
    for (int64_t i = 0; i < p->M; i++)
        for (int64_t j = 0; j < p->ldc; j++) {
            const real was = p->C[i * p->ldc + j];
            double sum = j < p->N && !p->add ? 0 : (double)was, size = fabs(sum) + 1e-30;
            for (int64_t k = 0; j < p->N && k < p->K; k++) {
                const double a = (double)p->A[p->ta ? k * p->lda + i : i * p->lda + k];
                const double b = (double)p->B[p->tb ? j * p->ldb + k : k * p->ldb + j];
                sum += a * b;
                size += fabs(a * b);
            }
            if (!(fabs((double)C[i * p->ldc + j] - sum) <= (double)tolerance * size))
                fail_msg("[%lld, %lld, %lld] %s%s%s, entry %lld, %lld: %.9g, not %.9g", (long long)p->M, (long long)p->N,
                         (long long)p->K, p->ta ? "ta " : "", p->tb ? "tb " : "", p->add ? "add" : "", (long long)i, (long long)j,
                         (double)C[i * p->ldc + j], sum);
        }
}

static void test_products(void **state)
{
    const uint64_t address[] = { 1, RNG_TESTS };
    rng random = rng_start(address, 2);
    team *teams[] = { team_new(1), team_new(2), team_new(3), team_new(7) };
    for (cpu_level level = 0; level < LEVELS; level++) {
        if (!cpu_supports(level))
            continue;
        cpu_use(level);
        for (size_t s = 0; s < LEN(shapes); s++)
            for (int kind = 0; kind < 8; kind++) {
                product p = product_new(shapes[s], kind, &random);
                const size_t bytes = sizeof(real) * (size_t)p.size_c;
                real *C = malloc(bytes + 1), *one = malloc(bytes + 1);
                memcpy(C, p.C, bytes);
                gemm(p.ta, p.tb, p.M, p.N, p.K, p.A, p.lda, p.B, p.ldb, p.add, C, p.ldc);
                check_product(&p, C);
                for (size_t t = 0; t < LEN(teams); t++) {
                    memcpy(C, p.C, bytes);
                    gemm_team(teams[t], p.ta, p.tb, p.M, p.N, p.K, p.A, p.lda, p.B, p.ldb, p.add, C, p.ldc);
                    if (t == 0) {
                        check_product(&p, C);
                        memcpy(one, C, bytes);
                    }
                    assert_memory_equal(C, one, bytes);
                }
                free(C);
                free(one);
                product_free(&p);
            }
    }
    for (size_t t = 0; t < LEN(teams); t++)
        team_free(teams[t]);
}

static void test_library_says_what_it_is(void **state)
{
    assert_true(strlen(gemm_library()) > 4);
}

int main(void)
{
    gemm_start();
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_products), cmocka_unit_test(test_library_says_what_it_is) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
