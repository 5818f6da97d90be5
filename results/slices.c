// Other settings of the task that runs were evaluated at.
#include <math.h>
#include <string.h>
#include "results/summary.h"

void summary_slices(summary *s)
{
    int room = 0;
    for (int i = 0; i < s->n_runs; i++)
        room += s->runs[i]->n_slices;
    s->slices = arena_take(s->arena, ((size_t)room + 1) * sizeof *s->slices);
    s->n_slices = 0;
    for (int i = 0; i < s->n_runs; i++)
        for (int j = 0; j < s->runs[i]->n_slices; j++) {
            bool seen = false;
            for (int k = 0; k < s->n_slices; k++)
                seen |= strcmp(s->slices[k], s->runs[i]->slices[j].name) == 0;
            if (!seen)
                s->slices[s->n_slices++] = s->runs[i]->slices[j].name;
        }
}

const slice_counts *run_slice(const run_summary *r, const char *name)
{
    for (int i = 0; i < r->n_slices; i++)
        if (strcmp(r->slices[i].name, name) == 0)
            return &r->slices[i];
    return NULL;
}

spread model_slice_error(const model_summary *m, metric which, const char *slice, arena *a)
{
    const arena_mark start = arena_save(a);
    double *x = arena_take(a, ((size_t)m->n_runs + 1) * sizeof *x);
    for (int i = 0; i < m->n_runs; i++) {
        const slice_counts *at = run_slice(m->runs[i], slice);
        x[i] = m->runs[i]->state == CELL_DIVERGED ? (double)INFINITY : at ? counts_error(&at->at, which) : (double)NAN;
    }
    const spread s = spread_known(x, m->n_runs);
    arena_restore(a, start);
    return s;
}
