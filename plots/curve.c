#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "plots/curve.h"

const curve_kind curve_kinds[PLOT_YS] = {
    [PLOT_TOKEN_ERROR]    = { "token error",                   TOKEN_ERROR,    false, true,  true,  true },
    [PLOT_LAST_ERROR]     = { "error at the last position",    LAST_ERROR,     false, true,  true,  false },
    [PLOT_SEQUENCE_ERROR] = { "sequence error",                SEQUENCE_ERROR, false, true,  false, false },
    [PLOT_LOSS]           = { "loss (nats)",                   LOSS,           false, false, false, false },
    [PLOT_POSITION_ERROR] = { "error at the position",         -1,             true,  true,  true,  false },
    [PLOT_PREFIX_ERROR]   = { "share with an error so far",    -1,             true,  true,  false, false },
};

// ---- x

axes axes_of(const summary *s, const plot_options *o)
{
    return (axes){ .y = o->y, .x = curve_kinds[o->y].positions ? PLOT_LENGTH : o->x, .n_slices = s->n_slices, .slice = s->slices };
}

// Every position of the longest evaluation: the first, and how many.
static int positions_of(const model_summary *m, int *n)
{
    int first = 1, last = 0;
    for (int i = 0; i < m->n_runs; i++)
        if (m->runs[i]->n_positions > 0) {
            first = m->runs[i]->first_position;
            last = first + m->runs[i]->n_positions - 1 > last ? first + m->runs[i]->n_positions - 1 : last;
        }
    *n = last < first ? 0 : last - first + 1;
    return first;
}

static void set_xs(curve *c, const axes *axes, arena *a)
{
    const model_summary *m = c->models[0];
    int first = 0;
    if (curve_kinds[axes->y].positions)
        first = positions_of(m, &c->n);
    else
        c->n = axes->x == PLOT_LENGTH ? m->n_lengths : axes->x == PLOT_SLICE ? axes->n_slices : c->n_models;
    int *x = arena_take(a, ((size_t)c->n + 1) * sizeof *x);
    for (int k = 0; k < c->n; k++)
        x[k] = axes->x == PLOT_TRAINED ? c->models[k]->trained_length
             : axes->x == PLOT_LENGTH && !curve_kinds[axes->y].positions ? m->lengths[k] : first + k;
    c->x = x;
}

// ---- seeds

static int by_seed(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// Every seed of any of the models once, ascending.
static int64_t *seeds_of(const curve *c, int *n, arena *a)
{
    int all = 0;
    for (int i = 0; i < c->n_models; i++)
        all += c->models[i]->n_runs;
    int64_t *seed = arena_take(a, ((size_t)all + 1) * sizeof *seed);
    all = 0;
    for (int i = 0; i < c->n_models; i++)
        for (int j = 0; j < c->models[i]->n_runs; j++)
            seed[all++] = c->models[i]->runs[j]->seed;
    qsort(seed, (size_t)all, sizeof *seed, by_seed);
    *n = 0;
    for (int i = 0; i < all; i++)
        if (i == 0 || seed[i] != seed[i - 1])
            seed[(*n)++] = seed[i];
    return seed;
}

static const run_summary *run_of(const model_summary *m, int64_t seed)
{
    for (int i = 0; i < m->n_runs; i++)
        if (m->runs[i]->seed == seed)
            return m->runs[i];
    return NULL;
}

curve curve_of(const axes *axes, int look, const model_summary *const *models, int n_models, arena *a)
{
    curve c = { .look = look, .n_models = n_models, .models = models };
    set_xs(&c, axes, a);
    const int64_t *seed = seeds_of(&c, &c.n_seeds, a);
    c.run = arena_take(a, ((size_t)c.n_seeds * (size_t)c.n + 1) * sizeof *c.run);
    for (int j = 0; j < c.n_seeds; j++)
        for (int k = 0; k < c.n; k++)
            c.run[j * c.n + k] = run_of(models[n_models > 1 ? k : 0], seed[j]);
    return c;
}

bool curve_has(const curve *c, int seed)
{
    for (int k = 0; k < c->n; k++)
        if (c->run[seed * c->n + k] && c->run[seed * c->n + k]->state == CELL_DONE)
            return true;
    return false;
}

int curve_drawn(const curve *c)
{
    int n = 0;
    for (int j = 0; j < c->n_seeds; j++)
        n += curve_has(c, j);
    return n;
}

bool curve_unlearned(const curve *c) { return c->n_models == 1 && !model_learned(c->models[0]); }

bool curve_seed_unlearned(const curve *c, int seed)
{
    return c->n_models == 1 && c->n > 0 && c->run[seed * c->n]->solved == 0;
}

// ---- y

static point point_of_counts(const length_counts *l, metric which)
{
    const interval in = counts_interval(l, which);
    const double unit = which == TOKEN_ERROR ? l->counts.supervised : l->counts.sequences;
    return (point){ counts_error(l, which), in.low, in.high, 0.5 / unit };
}

static point point_of_position(const run_summary *r, bool prefix, int position)
{
    const int i = position - r->first_position;
    if (i < 0 || i >= r->n_positions || (prefix && !r->first_errors))
        return (point){ NAN, NAN, NAN, NAN };
    double errors = prefix ? 0 : r->position_errors[i];
    for (int j = 0; prefix && j <= i; j++)
        errors += r->first_errors[j];
    const interval in = wilson(errors, r->sequences, Z95);
    return (point){ errors / r->sequences, in.low, in.high, 0.5 / r->sequences };
}

point curve_point(const curve *c, const axes *axes, int seed, int k)
{
    const run_summary *r = c->run[seed * c->n + k];
    if (r && r->state == CELL_DIVERGED)
        return (point){ INFINITY, NAN, NAN, NAN };
    if (r && curve_kinds[axes->y].positions)
        return point_of_position(r, axes->y == PLOT_PREFIX_ERROR, c->x[k]);
    const slice_counts *slice = r && axes->x == PLOT_SLICE ? run_slice(r, axes->slice[k]) : NULL;
    const length_counts *l = slice ? &slice->at : r && axes->x != PLOT_SLICE ? run_at(r, c->x[k]) : NULL;
    return l ? point_of_counts(l, (metric)curve_kinds[axes->y].metric) : (point){ NAN, NAN, NAN, NAN };
}

point curve_median(const curve *c, const axes *axes, int k, arena *a)
{
    double *y = arena_take(a, ((size_t)c->n_seeds + 1) * sizeof *y), half = NAN;
    int n = 0;
    for (int j = 0; j < c->n_seeds; j++) {
        const point p = curve_point(c, axes, j, k);
        if (isnan(p.y))
            continue;
        y[n++] = p.y;
        half = fmin(half, p.half);                      // of a NaN and a number, the number
    }
    return (point){ median_of(y, n), NAN, NAN, half };
}
