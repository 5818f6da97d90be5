// Data blocks: $d<panel>_<curve>_<seed + 1> (0: the median): x, y, y where it is not zero, y where it is (on a log axis, where
// zero is drawn at half of one error), low, high; $chance<panel>, $floor<panel>: x, y.
#include <math.h>
#include <string.h>
#include "plots/figure.h"

static void put_number(FILE *script, double x)
{
    if (isfinite(x))
        fprintf(script, " %.9g", x);
    else
        fputs(" NaN", script);
}

static void widen(figure *f, double y)
{
    if (!isfinite(y))
        return;
    f->largest = fmax(f->largest, y);
    if (y > 0)
        f->smallest = fmin(f->smallest, y);
}

static void put_point(figure *f, int x, const point *p)
{
    const bool zero = f->o->log_y && p->y == 0;
    const double y = zero ? p->half : p->y, floor_y = f->o->log_y ? p->half : 0;
    fprintf(f->script, "%d", x);
    put_number(f->script, y);
    put_number(f->script, zero ? (double)NAN : y);
    put_number(f->script, zero ? y : (double)NAN);
    put_number(f->script, fmax(p->low, floor_y));
    put_number(f->script, p->high);
    putc('\n', f->script);
    widen(f, y);
    f->zeros |= zero;
}

static void put_curve_data(figure *f, int panel, int i)
{
    const curve *c = &f->sheet.panel[panel].curve[i];
    for (int j = -1; j < c->n_seeds; j++) {             // −1: the median
        if (j >= 0 && !curve_has(c, j))
            continue;
        fprintf(f->script, "$d%d_%d_%d << EOD\n", panel, i, j + 1);
        for (int k = 0; k < c->n; k++) {
            const point p = j < 0 ? curve_median(c, &f->sheet.axes, k, f->arena) : curve_point(c, &f->sheet.axes, j, k);
            put_point(f, c->x[k], &p);
        }
        fputs("EOD\n", f->script);
    }
    if (curve_drawn(c) && c->n > 0) {
        f->from = c->x[0] < f->from ? c->x[0] : f->from;
        f->to = c->x[c->n - 1] > f->to ? c->x[c->n - 1] : f->to;
    }
}

// ---- chance and floors

static bool same_references(const model_summary *m, const model_summary *o)
{
    bool same = fabs(m->chance - o->chance) <= 1e-9 && m->n_floors == o->n_floors;
    for (int i = 0; same && i < m->n_floors; i++)       // but for a test set's noise
        same = strcmp(m->floors[i].name, o->floors[i].name) == 0 && fabs(m->floors[i].error[0] - o->floors[i].error[0]) <= 0.05;
    return same;
}

// The first curve that has them, if no other's differ: else they belong to none of the curves.
static const curve *reference_curve(const panel *p)
{
    const curve *first = NULL;
    for (int i = 0; i < p->n; i++) {
        const curve *c = &p->curve[i];
        if (c->models[0]->n_lengths == 0 || c->models[0]->external)        // which may be evaluated at fewer lengths
            continue;
        first = first ? first : c;
        for (int k = 0; k < c->n_models && k < first->n_models; k++)
            if (!same_references(c->models[k], first->models[k]))
                return NULL;
    }
    return first;
}

static double floor_at(const model_summary *m, const char *name, int length)
{
    for (int i = 0; i < m->n_floors; i++)
        for (int k = 0; strcmp(m->floors[i].name, name) == 0 && k < m->n_lengths; k++)
            if (m->lengths[k] == length)
                return m->floors[i].error[k];
    return NAN;
}

// Of the shallow strategies the strongest at the greatest length is drawn (the table has them all).
static const char *strongest_floor(const model_summary *m, int length)
{
    const char *name = NULL;
    double least = INFINITY;
    for (int i = 0; i < m->n_floors; i++) {
        const double error = floor_at(m, m->floors[i].name, length);
        if (error < least) {
            least = error;
            name = m->floors[i].name;
        }
    }
    return name;
}

// A terminal's curves have no colours to keep apart: only chance.
static reference reference_of_lengths(const figure *f, const panel *p)
{
    const curve *c = reference_curve(p);
    if (!c)
        return (reference){ 0 };
    const bool trained = f->sheet.axes.x == PLOT_TRAINED;
    const int n = trained ? c->n : c->models[0]->n_lengths, *x = trained ? c->x : c->models[0]->lengths;
    const bool floored = f->kind->floors && f->format != PLOT_TERM;
    const char *name = floored ? strongest_floor(c->models[trained ? n - 1 : 0], x[n - 1]) : NULL;
    double *chance = arena_take(f->arena, (size_t)n * sizeof *chance), *floors = arena_take(f->arena, (size_t)n * sizeof *floors);
    for (int k = 0; k < n; k++) {
        const model_summary *m = c->models[trained ? k : 0];
        chance[k] = m->chance;
        floors[k] = name ? floor_at(m, name, x[k]) : (double)NAN;
    }
    return (reference){ n, x, f->kind->chance && !isnan(chance[0]) ? chance : NULL, name ? floors : NULL, name };
}

static double chance_of_slice(const panel *p, const char *name)
{
    for (int i = 0; i < p->n; i++)
        for (int j = 0; j < p->curve[i].models[0]->n_runs; j++) {
            const slice_counts *s = run_slice(p->curve[i].models[0]->runs[j], name);
            if (s && !isnan(s->chance))
                return s->chance;
        }
    return NAN;
}

static reference reference_of_slices(const figure *f, const panel *p)
{
    const axes *axes = &f->sheet.axes;
    if (p->n == 0 || axes->n_slices == 0 || !f->kind->chance)
        return (reference){ 0 };
    double *chance = arena_take(f->arena, (size_t)axes->n_slices * sizeof *chance);
    bool known = false;
    for (int k = 0; k < axes->n_slices; k++) {
        chance[k] = chance_of_slice(p, axes->slice[k]);
        known |= !isnan(chance[k]);
    }
    return (reference){ axes->n_slices, p->curve[0].x, known ? chance : NULL, NULL, NULL };
}

static void put_line(figure *f, const char *block, int panel, const double *y)
{
    if (!y)
        return;
    const reference *r = &f->reference[panel];
    fprintf(f->script, "$%s%d << EOD\n", block, panel);
    for (int k = 0; k < r->n; k++)
        if (!isnan(y[k])) {
            fprintf(f->script, "%d %.9g\n", r->x[k], y[k]);
            f->largest = fmax(f->largest, y[k]);
        }
    fputs("EOD\n", f->script);
}

void put_data(figure *f)
{
    f->reference = arena_zero(f->arena, ((size_t)f->sheet.n + 1) * sizeof *f->reference);
    for (int i = 0; i < f->sheet.n; i++) {
        const panel *p = &f->sheet.panel[i];
        for (int j = 0; j < p->n; j++)
            put_curve_data(f, i, j);
        f->reference[i] = f->sheet.axes.x == PLOT_SLICE ? reference_of_slices(f, p) : reference_of_lengths(f, p);
        put_line(f, "chance", i, f->reference[i].chance);
        put_line(f, "floor", i, f->reference[i].floor);
    }
}
