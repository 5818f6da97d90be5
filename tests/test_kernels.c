// The kernels that no op's test reaches in full: the exponential over its whole range, sums, the optimiser's step.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/rng.h"
#include "nn/cpu.h"
#include "nn/kernels.h"

static void each_level(void (*test)(void))
{
    for (cpu_level level = 0; level < LEVELS; level++)
        if (cpu_supports(level)) {
            cpu_use(level);
            assert_int_equal(cpu_current(), level);
            test();
        }
}

// In units of the last place of the right answer, a double.
static double ulps(float y, double right)
{
    const double unit = ldexp(1, (int)fmax(floor(log2(right)), -126) - 23);
    return fabs((double)y - right) / unit;
}

static void exp_everywhere(void)
{
    enum { N = 1 << 16 };
    float *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
    double worst = 0;
    for (int pass = 0; pass < 16; pass++) {
        for (int i = 0; i < N; i++)
            x[i] = -87.33f + (88.72f + 87.33f) * (float)(i * 16 + pass) / (N * 16);
        kernel->exp_each(x, y, N);
        for (int i = 0; i < N; i++)
            worst = fmax(worst, isnan(y[i]) ? 1e9 : ulps(y[i], exp((double)x[i])));
    }
    if (!(worst <= 1))
        fail_msg("exp is %g ulp off at %s", worst, cpu_level_names[cpu_current()]);
    free(x);
    free(y);
}

static void exp_at_the_ends(void)
{
    const float x[] = { 0, -0.0f, -88, -1000, -INFINITY, 88.8f, 1000, INFINITY, NAN, 1, -1e38f, 1e38f, 1e-40f };
    const float expected[] = { 1, 1, 0, 0, 0, INFINITY, INFINITY, INFINITY, NAN, 2.7182817459f, 0, INFINITY, 1 };
    for (int n = 0; n <= 13; n++) {                 // every length: no tail reads or writes too much
        float y[14];
        for (int i = 0; i < 14; i++)
            y[i] = -7;
        kernel->exp_each(x, y, n);
        for (int i = 0; i < 14; i++) {
            const float right = i < n ? expected[i] : -7;
            assert_true(isnan(right) ? (bool)isnan(y[i]) : y[i] == right);
        }
    }
}

static void test_exp(void **state) { each_level(exp_everywhere); }
static void test_exp_ends(void **state) { each_level(exp_at_the_ends); }

static void sums_of_squares(void)
{
    float x[67];
    double right = 0;
    for (int i = 0; i < 67; i++) {
        x[i] = i == 5 ? 1e30f : (float)i - 30;      // its square does not fit a float
        right += (double)x[i] * (double)x[i];
    }
    assert_true(fabs(kernel->sum_squares(x, 67) - right) <= 1e-14 * right);
    x[5] = -25;
    assert_true(kernel->sum_squares(x, 67) == 30 * 31 * 61 / 6 + 36 * 37 * 73 / 6);
    assert_true(kernel->sum_squares(x, 0) == 0);
}

static void test_sum_squares(void **state) { each_level(sums_of_squares); }

static void sums_of_columns(void)
{
    enum { ROWS = 700, COLUMNS = 77, LD = 80 };
    float *x = malloc(sizeof *x * ROWS * LD), y[COLUMNS + 1];
    const uint64_t address[] = { 3, RNG_TESTS };
    rng random = rng_start(address, 2);
    for (int i = 0; i < ROWS * LD; i++)
        x[i] = (float)rng_normal(&random);
    for (int add = 0; add < 2; add++) {
        for (int c = 0; c <= COLUMNS; c++)
            y[c] = 9;
        kernel->column_sums(x, ROWS, LD, COLUMNS, y, add);
        for (int c = 0; c < COLUMNS; c++) {
            double right = add ? 9 : 0;
            for (int r = 0; r < ROWS; r++)
                right += (double)x[r * LD + c];
            assert_true(fabs((double)y[c] - right) <= 1e-4);
        }
        assert_true(y[COLUMNS] == 9);
    }
    free(x);
}

static void test_column_sums(void **state) { each_level(sums_of_columns); }

static void one_row_of_loss(void)
{
    float x[16] = { 1, 3, -2, 3, 0, -INFINITY, 2, 1, 1, 1, 1, 3, 9, NAN, 9, 9 };      // 12 logits; nothing beyond counts
    int prediction = -5;
    const float ignored = kernel->head_loss_row(x, 12, -1, 1, false, &prediction);
    assert_true(ignored == 0 && prediction == 1);                   // the first of three largest
    double sum = 0;
    for (int i = 0; i < 12; i++)
        sum += exp((double)x[i]);
    assert_true(fabs((double)kernel->head_loss_row(x, 12, 4, 2, true, &prediction) - log(sum)) <= 1e-6);
    assert_true(fabs((double)x[3] - 2 * exp(3) / sum) <= 1e-6);
    assert_true(fabs((double)x[4] - 2 * (1 / sum - 1)) <= 1e-6 && x[5] == 0);
    float bad[16] = { 0, NAN, 1, 9 };
    assert_true(isnan(kernel->head_loss_row(bad, 3, 0, 1, false, &prediction)) && prediction == 2);
}

static void test_head_loss_row(void **state) { each_level(one_row_of_loss); }

static void test_levels(void **state)
{
    assert_true(cpu_supports(LEVEL_BASELINE));
    assert_true(cpu_supports(cpu_best()));
    assert_true(strlen(cpu_name()) > 0);
    for (cpu_level level = 0; level < LEVELS; level++)
        assert_non_null(cpu_blas_coretype(level));
    assert_null(cpu_level_names[LEVELS]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp), cmocka_unit_test(test_exp_ends), cmocka_unit_test(test_sum_squares),
        cmocka_unit_test(test_column_sums), cmocka_unit_test(test_head_loss_row), cmocka_unit_test(test_levels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
