#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/check.h"
#include "base/rng.h"
#include "results/statistics.h"

static void near_(double found, double expected, double tolerance, const char *file, int line)
{
    if (!(fabs(found - expected) <= tolerance)) {
        print_error("%s:%d: %.12g, expected %.12g\n", file, line, found, expected);
        fail();
    }
}
#define NEAR(found, expected, tolerance) near_(found, expected, tolerance, __FILE__, __LINE__)

// By hand, with z = 1.96 as 1.959963984540054 and (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n):
//   0 of 10: high = z²/(n + z²) = 3.841458821/13.841458821 = 0.277532799862;
//   5 of 10: centre 0.5, half = z·√(0.025 + 0.00960364705)/1.3841458821 = 0.263409...; 1 of 3 from the same formula.
static void test_wilson(void **state)
{
    const double z2 = Z95 * Z95;
    interval i = wilson(0, 10, Z95);
    NEAR(i.low, 0, 0);
    NEAR(i.high, z2 / (10 + z2), 1e-15);
    NEAR(i.high, 0.277532799862, 1e-11);
    i = wilson(10, 10, Z95);
    NEAR(i.low, 1 - 0.277532799862, 1e-11);
    NEAR(i.high, 1, 0);
    i = wilson(5, 10, Z95);
    NEAR(i.low, 0.236593090512, 1e-11);                 // 0.5 − 0.263406909488
    NEAR(i.high, 0.763406909488, 1e-11);
    i = wilson(3, 3, Z95);                              // 3/(3 + z²)
    NEAR(i.low, 3 / (3 + z2), 1e-15);
    i = wilson(0, 0, Z95);
    NEAR(i.high - i.low, 1, 0);
    // the bounds solve |p − p̂| = z·√(p(1 − p)/n)
    i = wilson(7, 50, Z95_ONE_SIDED);
    NEAR(fabs(i.high - 0.14) / sqrt(i.high * (1 - i.high) / 50), Z95_ONE_SIDED, 1e-12);
    NEAR(fabs(i.low - 0.14) / sqrt(i.low * (1 - i.low) / 50), Z95_ONE_SIDED, 1e-12);
}

static void test_quantiles_of_distributions(void **state)
{
    // Closed forms: one degree of freedom, tan(π(p − ½)); two, (2p − 1)·√(2/(1 − (2p − 1)²)) … with a = 2p − 1.
    NEAR(t_quantile(0.975, 1), tan(M_PI * 0.475), 1e-10);
    NEAR(t_quantile(0.9, 2), 0.8 * sqrt(2 / (1 - 0.64)), 1e-12);
    // four: t = 2·√(cos(acos(√α)/3)/√α − 1) with α = 4p(1 − p)
    const double root = sqrt(4 * 0.975 * 0.025);
    NEAR(t_quantile(0.975, 4), 2 * sqrt(cos(acos(root) / 3) / root - 1), 1e-11);
    NEAR(t_quantile(0.975, 1e7), Z95, 1e-6);                            // the normal distribution is its limit
    NEAR(t_quantile(0.95, 1e7), Z95_ONE_SIDED, 1e-6);
    NEAR(t_quantile(0.025, 4), -t_quantile(0.975, 4), 1e-12);
}

static void test_over_seeds(void **state)
{
    const double x[] = { 3, 1, 2, INFINITY }, two[] = { 1, 3 };
    NEAR(median_of(x, 3), 2, 0);
    NEAR(median_of(x, 2), 2, 0);
    NEAR(median_of(x, 4), 2.5, 0);
    NEAR(quantile_of(x, 3, 0.25), 1.5, 0);
    assert_true(isinf(quantile_of(x, 4, 1)));
    const double half_diverged[] = { 0.5, INFINITY, INFINITY, 0.25 };
    assert_true(isinf(median_of(half_diverged, 4)));
    assert_true(isnan(median_of(x, 0)));
    const interval i = t_interval(two, 2, 0.95);        // mean 2, s/√n = 1, one degree of freedom
    NEAR(i.low, 2 - tan(M_PI * 0.475), 1e-9);
    NEAR(i.high, 2 + tan(M_PI * 0.475), 1e-9);
    assert_true(isinf(t_interval(two, 1, 0.95).high));
}

static void test_permutations(void **state)
{
    // 3 against 3, all of one group above the other: 2 of the 20 regroupings are as large
    permutation_result r = permutation_test((double[]){ 1, 2, 3 }, 3, (double[]){ 4, 5, 6 }, 3);
    NEAR(r.p, 2.0 / 20, 1e-15);
    NEAR(r.smallest, 2.0 / 20, 1e-15);
    NEAR(r.difference, -3, 1e-15);
    assert_true(r.exact);
    // {1, 4} against {2, 3}: both means 2.5, everything is as large
    NEAR(permutation_test((double[]){ 1, 4 }, 2, (double[]){ 2, 3 }, 2).p, 1, 0);
    // {1, 2} against {3, 4, 5}, differences of means by enumeration: −2.5 for {1,2}, +2.5 for {4,5}; the others smaller
    r = permutation_test((double[]){ 1, 2 }, 2, (double[]){ 3, 4, 5 }, 3);
    NEAR(r.p, 2.0 / 10, 1e-15);
    NEAR(r.smallest, 1.0 / 10, 1e-15);
    NEAR(permutation_test((double[]){ 1, 2, 3, 4, 5 }, 5, (double[]){ 6, 7, 8, 9, 10 }, 5).p, 2.0 / 252, 1e-15);
    // too many to list: 20 against 20 of the same distribution, p is that of the draws and repeats bit for bit
    double x[20], y[20];
    rng random = rng_start((uint64_t[]){ 5, RNG_TESTS }, 2);
    for (int i = 0; i < 20; i++)
        x[i] = rng_normal(&random), y[i] = rng_normal(&random);
    r = permutation_test(x, 20, y, 20);
    assert_false(r.exact);
    NEAR(r.p, 0.5, 0.499);
    NEAR(permutation_test(x, 20, y, 20).p, r.p, 0);
    NEAR(r.smallest, 1.0 / (PERMUTATION_DRAWS + 1), 0);
    for (int i = 0; i < 20; i++)
        y[i] = x[i] + 100;
    NEAR(permutation_test(x, 20, y, 20).p, r.smallest, 0);
}

// Under no difference, p ≤ 0.1 must come in at most a tenth of the cases.
static void test_permutation_level(void **state)
{
    int rejected = 0;
    enum { TRIALS = 2000 };
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        double x[5], y[5];
        rng random = rng_start((uint64_t[]){ 6, RNG_TESTS, trial }, 3);
        for (int i = 0; i < 5; i++)
            x[i] = rng_normal(&random), y[i] = rng_normal(&random);
        rejected += permutation_test(x, 5, y, 5).p <= 0.1;
    }
    NEAR((double)rejected / TRIALS, 24.0 / 252, 0.02);   // attainable p are multiples of 2/252: 0.0952 is the last below 0.1
}

// Holm 1979: sorted p times (m, m − 1, …), never falling, at most 1.
static void test_holm(void **state)
{
    const double p[] = { 0.01, 0.04, 0.03, 0.005 };
    const double expected[] = { 0.03, 0.06, 0.06, 0.02 };
    double adjusted[4];
    holm_adjust(p, 4, adjusted);
    for (int i = 0; i < 4; i++)
        NEAR(adjusted[i], expected[i], 1e-15);
    holm_adjust((double[]){ 0.9, 0.6 }, 2, adjusted);
    NEAR(adjusted[0], 1, 0);
}

// ---- the clustered interval

// T answers a sequence; its state is lost with chance `lost` at each, and then every answer is wrong with chance 0.9.
static error_counts draw_counts(int sequences, int T, double lost, uint64_t trial)
{
    error_counts c = { .sequences = sequences, .supervised = (double)sequences * T };
    rng random = rng_start((uint64_t[]){ 7, RNG_TESTS, trial }, 3);
    for (int i = 0; i < sequences; i++) {
        double errors = 0;
        bool gone = false;
        for (int t = 0; t < T; t++) {
            gone = gone || rng_unit(&random) < lost;
            errors += gone && rng_unit(&random) < 0.9;
        }
        c.errors += errors;
        c.errors_squared += errors * errors;
        c.sequence_errors += errors > 0;
    }
    return c;
}

// E[errors]/T: position t (from 1) is wrong with chance 0.9·(1 − (1 − lost)^t).
static double true_rate(int T, double lost)
{
    double sum = 0;
    for (int t = 1; t <= T; t++)
        sum += 0.9 * (1 - pow(1 - lost, t));
    return sum / T;
}

typedef struct coverage { double clustered, naive, upper; } coverage;

static coverage simulate(int sequences, int T, double lost, int trials)
{
    const double truth = true_rate(T, lost);
    coverage covered = { 0, 0, 0 };
    for (int trial = 0; trial < trials; trial++) {
        const error_counts c = draw_counts(sequences, T, lost, (uint64_t)trial);
        const interval clustered = clustered_interval(&c, Z95), naive = wilson(c.errors, c.supervised, Z95);
        covered.clustered += clustered.low <= truth && truth <= clustered.high;
        covered.naive += naive.low <= truth && truth <= naive.high;
        covered.upper += truth <= clustered_interval(&c, Z95_ONE_SIDED).high;
    }
    return (coverage){ covered.clustered / trials, covered.naive / trials, covered.upper / trials };
}

static void test_coverage(void **state)
{
    const coverage often = simulate(200, 40, 0.01, 2000);           // a third of the sequences fail
    NEAR(often.clustered, 0.95, 0.015);
    NEAR(often.upper, 0.95, 0.02);
    assert_true(often.naive < 0.5);
    const coverage seldom = simulate(400, 40, 0.0005, 2000);        // about 8 of 400 fail
    NEAR(seldom.clustered, 0.95, 0.015);
    assert_true(seldom.naive < 0.5);
    print_message("coverage of 95 %%: %.3f (a third fail), %.3f (a fiftieth); from token counts %.3f, %.3f; one-sided %.3f, "
                  "%.3f\n", often.clustered, seldom.clustered, often.naive, seldom.naive, often.upper, seldom.upper);
}

// The estimator by hand: 4·25 sequences of 2 answers with 0, 1, 1, 2 errors: rate 1/2, s² = Σ(e − 1)²/99 = 50/99.
static void test_clustered_by_hand(void **state)
{
    error_counts c = { .sequences = 100, .supervised = 200, .errors = 100, .errors_squared = 150, .sequence_errors = 75 };
    interval i = clustered_interval(&c, Z95);
    const double half = Z95 * sqrt(50.0 / 99 / 100) / 2;
    NEAR(i.low, 0.5 - half, 1e-12);
    NEAR(i.high, 0.5 + half, 1e-12);
    // no failing sequence: Wilson's bound of the share, times 1
    c = (error_counts){ .sequences = 2048, .supervised = 2048 * 18 };
    i = clustered_interval(&c, Z95);
    NEAR(i.low, 0, 0);
    NEAR(i.high, wilson(0, 2048, Z95).high, 1e-15);
    // 4 failing of 1000, 6 wrong of 10 in each: the mean is known, Wilson's bounds times 0.6
    c = (error_counts){ .sequences = 1000, .supervised = 10000, .errors = 24, .errors_squared = 144, .sequence_errors = 4 };
    i = clustered_interval(&c, Z95);
    NEAR(i.high, 0.6 * wilson(4, 1000, Z95).high, 1e-15);
    NEAR(i.low, 0.6 * wilson(4, 1000, Z95).low, 1e-15);
    // 4 and 8 wrong of 10: s² = 0.08, standard error 0.2, Student's half with one degree of freedom 2.54, cut to [0.1, 1]
    c = (error_counts){ .sequences = 1000, .supervised = 10000, .errors = 12, .errors_squared = 80, .sequence_errors = 2 };
    i = clustered_interval(&c, Z95);
    NEAR(i.high, 0.0012 + hypot(0.6 * (wilson(2, 1000, Z95).high - 0.002), 0.002 * 0.4), 1e-14);
    // every sequence wrong from end to end: no spread, but 30 sequences do not prove an error of 1
    c = (error_counts){ .sequences = 30, .supervised = 300, .errors = 300, .errors_squared = 3000, .sequence_errors = 30 };
    i = clustered_interval(&c, Z95);
    NEAR(i.low, wilson(30, 30, Z95).low, 1e-12);
    NEAR(i.high, 1, 0);
    c = (error_counts){ 0 };
    i = clustered_interval(&c, Z95);
    NEAR(i.low, 0, 0);
    NEAR(i.high, 1, 0);
}

// ---- the horizon

static horizon horizon_after(int good, int positions, double after, double sequences)
{
    double errors[500];
    for (int i = 0; i < positions; i++)
        errors[i] = i < good ? 0 : after * sequences;
    return horizon_of(errors, positions, 1, sequences);
}

static void test_horizon(void **state)
{
    // perfect to 100, then always wrong: 2048 sequences need a window mean below about 0.0896, so the first wrong position
    // among eight, 1/8, is already too many
    horizon h = horizon_after(100, 300, 1, 2048);
    assert_int_equal(h.t, 100);
    assert_false(h.open);
    // error 0.4 after: one in eight is 0.05 (bound below 0.1), two are 0.1: the second ends it
    assert_int_equal(horizon_after(100, 300, 0.4, 2048).t, 101);
    h = horizon_after(300, 300, 1, 2048);
    assert_int_equal(h.t, 300);
    assert_true(h.open);
    // wrong from the first position on, and right for the first three of a shorter window
    assert_int_equal(horizon_after(0, 300, 1, 2048).t, 0);
    assert_int_equal(horizon_after(3, 300, 0.3, 2048).t, 4);       // 0.3/4 = 0.075, its bound 0.085; at t = 5 0.6/5 = 0.12
}

static void test_horizon_bound(void **state)
{
    // a constant error: below the bound everywhere or nowhere. Wilson at p = 0.09 and n = 2048: 0.101; p = 0.08: 0.0904
    assert_int_equal(horizon_after(0, 200, 0.09, 2048).t, 0);
    assert_true(horizon_after(0, 200, 0.08, 2048).open);
    // no error at all, but too few sequences to bound anything: z²/(n + z²) < 0.1 needs n > 9·2.7055 = 24.35
    assert_int_equal(horizon_after(200, 200, 0, 24).t, 0);
    assert_int_equal(horizon_after(200, 200, 0, 25).t, 200);
    // every window before counts: a bad stretch at 50 … 60 ends it although later windows are good
    double errors[100] = { 0 };
    for (int i = 49; i < 60; i++)
        errors[i] = 1000;
    assert_int_equal(horizon_of(errors, 100, 1, 1000).t, 49);
    // positions that start later: t counts from there
    assert_int_equal(horizon_of(errors, 100, 5, 1000).t, 53);
    assert_false(horizon_of(errors, 0, 1, 1000).open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wilson), cmocka_unit_test(test_quantiles_of_distributions), cmocka_unit_test(test_over_seeds),
        cmocka_unit_test(test_permutations), cmocka_unit_test(test_permutation_level), cmocka_unit_test(test_holm),
        cmocka_unit_test(test_coverage), cmocka_unit_test(test_clustered_by_hand), cmocka_unit_test(test_horizon),
            cmocka_unit_test(test_horizon_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
