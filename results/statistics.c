#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "results/statistics.h"
#include "base/check.h"
#include "base/rng.h"

static double normal_below(double x) { return erfc(-x / sqrt(2)) / 2; }         // Φ(x)
static double clamp01(double x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

// Wilson 1927: the shares p whose normal test at z does not reject errors/n:
//   (p̂ + z²/2n ± z·√(p̂(1 − p̂)/n + z²/4n²)) / (1 + z²/n)
interval wilson(double errors, double n, double z)
{
    if (!(n > 0))
        return (interval){ 0, 1 };
    const double p = errors / n, z2 = z * z / n;
    const double centre = p + z2 / 2, half = sqrt(z2 * (p * (1 - p) + z2 / 4));
    const interval in = { clamp01((centre - half) / (1 + z2)), clamp01((centre + half) / (1 + z2)) };
    return (interval){ errors <= 0 ? 0 : in.low, errors >= n ? 1 : in.high };      // exactly, not but for rounding
}

// The failing sequences' mean error per position, with Student's interval at the same level as z; wherever that says
// nothing (one sequence, no squares) it lies between one error in a sequence and all wrong.
static interval failing_mean(const error_counts *c, double mean, double per_sequence, double z)
{
    const double f = c->sequence_errors;
    const double variance = (c->errors_squared - c->errors * c->errors / f) / (f - 1) / (per_sequence * per_sequence);
    const interval widest = { 1 / per_sequence, 1 };
    if (!(f > 1 && variance >= 0))
        return widest;
    const double half = t_quantile(normal_below(z), f - 1) * sqrt(variance / f);
    return (interval){ fmax(widest.low, mean - half), fmin(widest.high, mean + half) };
}

static interval few_failures(const error_counts *c, double z)
{
    const double per_sequence = c->supervised / c->sequences, p = c->sequence_errors / c->sequences;
    const interval share = wilson(c->sequence_errors, c->sequences, z);
    if (!(c->sequence_errors > 0))
        return share;
    const double m = c->errors / c->sequence_errors / per_sequence;
    const interval mean = failing_mean(c, m, per_sequence, z);
    return (interval){ clamp01(p * m - hypot(m * (p - share.low), p * (m - mean.low))),
        clamp01(p * m + hypot(m * (share.high - p), p * (mean.high - m))) };
}

interval clustered_interval(const error_counts *c, double z)
{
    const double n = c->sequences, per_sequence = c->supervised / n;
    if (!(n > 0 && c->supervised > 0))
        return (interval){ 0, 1 };
    if (c->sequence_errors < CLUSTERED_FAILURES)
        return few_failures(c, z);
    const double rate = c->errors / c->supervised;
    const double variance = n > 1 ? (c->errors_squared - c->errors * c->errors / n) / (n - 1) : 0;
    if (!(variance > 1e-12 * c->errors_squared / n))    // every sequence has as many errors as every other: no spread to go by
        return wilson(rate * n, n, z);
    const double half = z * sqrt(variance / n) / per_sequence;
    return (interval){ clamp01(rate - half), clamp01(rate + half) };
}

// ---- quantiles of distributions

// Regularised incomplete beta I_x(a, b) by its continued fraction (Lentz), DLMF 8.17.22; it converges fast for
// x < (a + 1)/(a + b + 2).
static double beta_below(double x, double a, double b)
{
    if (x <= 0 || x >= 1)
        return x > 0;
    if (x > (a + 1) / (a + b + 2))
        return 1 - beta_below(1 - x, b, a);
    const double tiny = 1e-300;
    double c = 1, d = 1 - (a + b) * x / (a + 1), fraction;
    d = 1 / (fabs(d) < tiny ? tiny : d);
    fraction = d;
    for (int m = 1; m < 10000; m++) {
        const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        double change = 1;
        for (int half = 0; half < 2; half++) {
            const double term = half ? odd : even;
            d = 1 + term * d, d = 1 / (fabs(d) < tiny ? tiny : d);
            c = 1 + term / c, c = fabs(c) < tiny ? tiny : c;
            change = c * d;
            fraction *= change;
        }
        if (fabs(change - 1) < 1e-16)
            break;
    }
    return fraction * exp(a * log(x) + b * log1p(-x) + lgamma(a + b) - lgamma(a) - lgamma(b)) / a;
}

// P(T ≤ t) = ½ I_{ν/(ν + t²)}(ν/2, ½) for t ≤ 0.
static double t_below(double t, double degrees)
{
    const double tail = beta_below(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
    return t < 0 ? tail : 1 - tail;
}

// The lower tail's, which has the digits. By bisection: exact to rounding, and no table of coefficients to trust.
static double lower_quantile(double p, double degrees)
{
    double low = -1, high = 0;
    while (t_below(low, degrees) > p)
        low *= 2;
    for (int i = 0; i < 200 && low < high; i++) {
        const double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high)
            break;
        *(t_below(middle, degrees) < p ? &low : &high) = middle;
    }
    return low + (high - low) / 2;
}

double t_quantile(double p, double degrees)
{
    CHECK(p > 0 && p < 1 && degrees > 0, "a quantile at p = %g with %g degrees of freedom", p, degrees);
    return p < 0.5 ? lower_quantile(p, degrees) : -lower_quantile(1 - p, degrees);
}

// ---- over seeds

double mean_of(const double *x, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += x[i];
    return sum / n;                                     // n = 0: NaN
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double quantile_of(const double *x, int n, double p)
{
    CHECK(p >= 0 && p <= 1, "a quantile at p = %g", p);
    if (n <= 0)
        return NAN;
    double *sorted = malloc((size_t)n * sizeof *sorted);
    CHECK(sorted, "no memory for %d numbers", n);
    memcpy(sorted, x, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, ascending);
    const double place = p * (n - 1);
    const int below = (int)floor(place), above = below + (below + 1 < n);
    const double share = place - below;
    // ∞ − ∞ is NaN, and 0·∞ too: neighbours are mixed only where both count and differ
    const double value = share == 0 || sorted[below] == sorted[above] ? sorted[below]
                       : sorted[below] + share * (sorted[above] - sorted[below]);
    free(sorted);
    return value;
}

double median_of(const double *x, int n) { return quantile_of(x, n, 0.5); }

interval t_interval(const double *x, int n, double level)
{
    if (n < 2)
        return (interval){ -INFINITY, INFINITY };
    const double mean = mean_of(x, n);
    double squares = 0;
    for (int i = 0; i < n; i++)
        squares += (x[i] - mean) * (x[i] - mean);
    const double half = t_quantile(0.5 + level / 2, n - 1) * sqrt(squares / (n - 1) / n);
    return (interval){ mean - half, mean + half };
}

// ---- comparisons

// C(n, k), or infinity's stand-in once it passes `limit`.
static double regroupings(int n, int k, double limit)
{
    double count = 1;
    for (int i = 1; i <= k && count <= limit * n; i++)
        count = count * (n - k + i) / i;
    return rint(count);
}

// The next set of k indices below n in lexicographic order; false after the last.
static bool next_choice(int *index, int k, int n)
{
    int i = k - 1;
    while (i >= 0 && index[i] == n - k + i)
        i--;
    if (i < 0)
        return false;
    index[i]++;
    for (int j = i + 1; j < k; j++)
        index[j] = index[j - 1] + 1;
    return true;
}

// All observations, the first group's first; the difference of means depends on the sum of the chosen n alone.
typedef struct regrouping { double *all; int *index; int n, m; double total, seen; } regrouping;

static double difference(const regrouping *r)
{
    double sum = 0;
    for (int i = 0; i < r->n; i++)
        sum += r->all[r->index[i]];
    return sum / r->n - (r->total - sum) / r->m;
}

// As large as the one seen, but for rounding: the sums are added in another order.
static bool as_large(const regrouping *r, double d) { return fabs(d) >= fabs(r->seen) - 1e-9 * (fabs(r->seen) + 1e-12); }

static double exact_share(regrouping *r)
{
    double count = 0, large = 0;
    do {
        large += as_large(r, difference(r));
        count++;
    } while (next_choice(r->index, r->n, r->n + r->m));
    return large / count;
}

static double drawn_share(regrouping *r)
{
    const int N = r->n + r->m;
    double large = 1;
    for (uint64_t draw = 0; draw < PERMUTATION_DRAWS; draw++) {
        rng random = rng_start((uint64_t[]){ 0, RNG_BOOTSTRAP, draw }, 3);
        for (int i = 0; i < N; i++)
            r->index[i] = i;
        for (int i = 0; i < r->n; i++) {                // the first n of a shuffle
            const int j = i + (int)rng_below(&random, (uint64_t)(N - i)), kept = r->index[i];
            r->index[i] = r->index[j];
            r->index[j] = kept;
        }
        large += as_large(r, difference(r));
    }
    return large / (PERMUTATION_DRAWS + 1);
}

permutation_result permutation_test(const double *x, int n, const double *y, int m)
{
    if (n < 1 || m < 1)
        return (permutation_result){ NAN, 1, 1, true };
    const int N = n + m;
    regrouping r = { malloc((size_t)N * sizeof *r.all), malloc((size_t)N * sizeof *r.index), n, m, 0, 0 };
    CHECK(r.all && r.index, "no memory for %d numbers", N);
    for (int i = 0; i < N; i++) {
        r.all[i] = i < n ? x[i] : y[i - n];
        r.index[i] = i;
        r.total += r.all[i];
    }
    r.seen = difference(&r);
    const double all = regroupings(N, n < m ? n : m, PERMUTATION_EXACT);
    const bool exact = all <= PERMUTATION_EXACT;        // n = m: the groups swapped are as large, so at least two are
    permutation_result result = { r.seen, exact ? exact_share(&r) : drawn_share(&r),
                                  exact ? (n == m ? 2 : 1) / all : 1.0 / (PERMUTATION_DRAWS + 1), exact };
    free(r.all);
    free(r.index);
    return result;
}

void holm_adjust(const double *p, int n, double *adjusted)
{
    double floor_so_far = 0;
    bool *done = calloc((size_t)n + 1, sizeof *done);
    CHECK(done, "no memory for %d comparisons", n);
    for (int rank = 0; rank < n; rank++) {
        int smallest = -1;
        for (int i = 0; i < n; i++)
            if (!done[i] && (smallest < 0 || p[i] < p[smallest]))
                smallest = i;
        done[smallest] = true;
        floor_so_far = fmax(floor_so_far, fmin(1, (n - rank) * p[smallest]));
        adjusted[smallest] = floor_so_far;
    }
    free(done);
}

horizon horizon_of(const double *position_errors, int positions, int first, double sequences)
{
    double window = 0;
    for (int i = 0; i < positions; i++) {
        window += position_errors[i] - (i >= HORIZON_WINDOW ? position_errors[i - HORIZON_WINDOW] : 0);
        const int width = i + 1 < HORIZON_WINDOW ? i + 1 : HORIZON_WINDOW;
        if (!(wilson(window / width, sequences, Z95_ONE_SIDED).high < HORIZON_ERROR))
            return (horizon){ first + i - 1, false };
    }
    return (horizon){ first + positions - 1, positions > 0 };
}
