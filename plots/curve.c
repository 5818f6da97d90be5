#include <math.h>
#include "plots/curve.h"

const curve_kind curve_kinds[PLOT_YS] = {
    [PLOT_TOKEN_ERROR]    = { "token error",                   TOKEN_ERROR,    false, true,  true,  true },
    [PLOT_LAST_ERROR]     = { "error at the last position",    LAST_ERROR,     false, true,  true,  false },
    [PLOT_SEQUENCE_ERROR] = { "sequence error",                SEQUENCE_ERROR, false, true,  false, false },
    [PLOT_LOSS]           = { "loss (nats)",                   LOSS,           false, false, false, false },
    [PLOT_POSITION_ERROR] = { "error at the position",         -1,             true,  true,  true,  false },
    [PLOT_PREFIX_ERROR]   = { "share with an error so far",    -1,             true,  true,  false, false },
};

point curve_point(const run_summary *r, plot_y y, int x)
{
    const int which = curve_kinds[y].metric;
    const point none = { NAN, NAN, NAN, NAN }, diverged = { INFINITY, NAN, NAN, NAN };
    if (r->state == CELL_DIVERGED)
        return diverged;
    if (!curve_kinds[y].positions) {
        const length_counts *l = run_at(r, x);
        const interval in = run_interval(r, (metric)which, x);
        const double unit = !l ? (double)NAN : which == TOKEN_ERROR ? l->counts.supervised : l->counts.sequences;
        return (point){ run_error(r, (metric)which, x), in.low, in.high, 0.5 / unit };
    }
    const int i = x - r->first_position;
    const bool prefix = y == PLOT_PREFIX_ERROR;
    if (i < 0 || i >= r->n_positions || (prefix && !r->first_errors))
        return none;
    double errors = prefix ? 0 : r->position_errors[i];
    for (int j = 0; prefix && j <= i; j++)
        errors += r->first_errors[j];
    const interval in = wilson(errors, r->sequences, Z95);
    return (point){ errors / r->sequences, in.low, in.high, 0.5 / r->sequences };
}

const int *curve_xs(const model_summary *m, plot_y y, int *n, arena *a)
{
    if (!curve_kinds[y].positions) {
        *n = m->n_lengths;
        return m->lengths;
    }
    int first = 1, last = 0;
    for (int i = 0; i < m->n_runs; i++)
        if (m->runs[i]->n_positions > 0) {
            first = m->runs[i]->first_position;
            last = first + m->runs[i]->n_positions - 1 > last ? first + m->runs[i]->n_positions - 1 : last;
        }
    *n = last < first ? 0 : last - first + 1;
    int *x = arena_take(a, ((size_t)*n + 1) * sizeof *x);
    for (int i = 0; i < *n; i++)
        x[i] = first + i;
    return x;
}

point curve_median(const model_summary *m, plot_y kind, int x, arena *a)
{
    double *y = arena_take(a, ((size_t)m->n_runs + 1) * sizeof *y), half = NAN;
    int n = 0;
    for (int i = 0; i < m->n_runs; i++) {
        const point p = curve_point(m->runs[i], kind, x);
        if (isnan(p.y))
            continue;
        y[n++] = p.y;
        half = fmin(half, p.half);                      // of a NaN and a number, the number
    }
    return (point){ median_of(y, n), NAN, NAN, half };
}
