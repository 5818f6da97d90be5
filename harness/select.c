#include "harness/select.h"

#include <math.h>
#include <string.h>
#include "results/json.h"

typedef struct trials { double sum; int n, ended; } trials;

// A diverged trial counts as all wrong; a failed one has not ended.
static bool see_trial(const row *r, void *data)
{
    trials *t = data;
    const char *status = r->result ? json_text_at(r->result, "status.status", "") : "";
    const json_t *curve = r->result ? json_at(r->result, "measured.validation_curve") : NULL;
    const bool diverged = strcmp(status, run_status_names[RUN_DIVERGED]) == 0;
    if (!diverged && strcmp(status, run_status_names[RUN_DONE]) != 0) return true;
    t->sum += diverged ? 1 : json_real_at(json_array_get(curve, json_array_size(curve) - 1), "token_error");
    t->ended++;
    return true;
}

// Mean validation error of a variant's trials; NaN while some have not ended.
static bool trial_error(double *mean, const sweep *s, const variant *v, const store *st, error *e)
{
    trials t = {0};
    for (int i = 0; i < s->n; i++) {
        if (s->cell[i].variant != v || !s->cell[i].trial) continue;
        t.n++;
        if (!store_read(st, s->cell[i].id, NULL, see_trial, &t, e)) return false;
    }
    *mean = t.ended == t.n ? t.sum / t.n : (double)NAN;
    return true;
}

bool select_rivals(const variant *a, const variant *b)
{
    return strcmp(a->label, b->label) == 0 && strcmp(a->group, b->group) == 0;
}

// Among the variants that differ only in what is chosen, from the first of them.
static bool choose_one(selection *x, const sweep *s, int first, const char **chosen, const store *st, arena *a, error *e)
{
    int best = first, n = 0, n_open = 0;
    double lowest = INFINITY;
    for (int v = first; v < s->n_variants; v++) {
        double mean = 0;
        if (!select_rivals(&s->variant[first], &s->variant[v])) continue;
        if (!trial_error(&mean, s, &s->variant[v], st, e)) return false;
        n++;
        n_open += isnan(mean);
        if (mean < lowest) {
            lowest = mean;
            best = v;
        }
    }
    if (n_open && n > 1) {
        x->open++;
        return true;
    }
    x->reported[best] = true;
    if (n > 1)
        *chosen = arena_text(a, "%s%s %s %s (validation error %.4f%s)", *chosen, **chosen ? ";" : "", s->variant[best].label,
                             s->variant[best].point, lowest, s->variant[best].edge ? ", at the edge of its grid" : "");
    return true;
}

bool select_points(selection *x, const sweep *s, const store *st, arena *a, error *e)
{
    *x = (selection){ .reported = arena_zero(a, s->n_variants * sizeof(bool)) };
    const char *chosen = "";
    for (int v = 0; v < s->n_variants; v++) {
        bool seen = false;
        for (int u = 0; u < v; u++) seen |= select_rivals(&s->variant[u], &s->variant[v]);
        if (!s->selects) x->reported[v] = true;
        else if (!seen && !choose_one(x, s, v, &chosen, st, a, e)) return false;
    }
    if (s->selects)
        x->sentence = arena_text(a, "Grid points were chosen by the lowest mean validation error at the trained lengths over %d "
                                    "seeds that are not reported:%s.",
                                 s->variant[0].options.select.seeds.n, chosen);
    return true;
}
