// Statistics on counts and on seeds. Nothing here knows a store or a model. The unit of an evaluation is the sequence
// (errors inside one cluster: once a state is lost, every later token is wrong); the unit of a comparison is the seed.
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct interval { double low, high; } interval;

#define Z95           1.959963984540054                 // two-sided 95 %
#define Z95_ONE_SIDED 1.6448536269514722                // one-sided 95 %

// Wilson's interval of a share, errors out of n. n = 0: [0, 1]. A bound used alone (one-sided) is one end of it, taken
// with Z95_ONE_SIDED: wilson(e, n, Z95_ONE_SIDED).high lies above the truth in 95 % of the cases.
interval wilson(double errors, double n, double z);

// What an evaluation counts at one length.
typedef struct error_counts {
    double sequences;                                   // independent test sequences
    double supervised;                                  // scored positions, in all of them
    double errors;                                      // wrong among them
    double errors_squared;                              // Σ over sequences of (its errors)²
    double sequence_errors;                             // sequences with at least one error
} error_counts;

// Interval of errors / supervised with sequences as clusters. With m = supervised / sequences, the same in every one:
//   s² = (Σe² − (Σe)²/n) / (n − 1),   errors/supervised ± z·√(s²/n) / m         (ratio estimator; Cochran 1977, §6, §9)
// That normal approximation fails where few sequences fail. Below CLUSTERED_FAILURES of them the rate is taken apart into
// p, the failing share, with Wilson's interval, and m, the failing sequences' mean error, with Student's, joined by MOVER
// (Zou & Donner 2008):  p·m − √((m·(p − p_low))² + (p·(m − m_low))²),  and likewise above. (With m taken as known that is
// Wilson's interval times m, which covered the truth in 89 % of simulated cases instead of 95 %; this one in 94 to 98 %.)
// When none failed, m is taken as 1, nothing being known of how a failing one would look: the upper bound is never 0.
enum { CLUSTERED_FAILURES = 20 };
interval clustered_interval(const error_counts *, double z);

double t_quantile(double p, double degrees);            // inverse of Student's distribution function; degrees of freedom > 0

// Over seeds. The arrays are not changed; infinities are allowed (a diverged run) and sort last. NaN is not.
double   mean_of(const double *x, int n);
double   median_of(const double *x, int n);             // n = 0: NaN
double   quantile_of(const double *x, int n, double p); // linear between order statistics (type 7), p in [0, 1]
interval t_interval(const double *x, int n, double level);      // of the mean; n < 2: [−∞, ∞]

// Two-sided permutation test of a difference of means between two groups of seeds: the share of all regroupings whose
// difference is at least as large as the one seen. Exact up to PERMUTATION_EXACT regroupings, else from
// PERMUTATION_DRAWS random ones, the seen one counted (p ≥ 1/(draws + 1)); the draws are addressed, so equal data give
// equal p. `smallest` is the smallest p that groups of these sizes can give at all: 5 against 5 seeds, 2/252 = 0.008.
enum { PERMUTATION_EXACT = 400000, PERMUTATION_DRAWS = 99999 };
typedef struct permutation_result { double difference, p, smallest; bool exact; } permutation_result;
permutation_result permutation_test(const double *x, int n, const double *y, int m);

// Holm's step-down: adjusted[i] = the smallest family-wise level at which hypothesis i is rejected.
void holm_adjust(const double *p, int n, double *adjusted);

// How far a model holds: the largest t such that the mean error at positions max(first, t − 7) … t, and of every window
// before, has an upper bound (one-sided 95 %, Wilson, n = sequences) below HORIZON_ERROR. position_errors[i]: how many of
// `sequences` are wrong at position first + i; every position is scored in every sequence. With 24 sequences or fewer
// even no error at all bounds nothing below 0.1, and t is first − 1.
enum { HORIZON_WINDOW = 8 };
#define HORIZON_ERROR 0.1
typedef struct horizon { int t; bool open; } horizon;   // open: the evaluation ends there, the horizon is at least t
horizon horizon_of(const double *position_errors, int positions, int first, double sequences);
