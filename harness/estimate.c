#include "harness/estimate.h"

#include <stdio.h>
#include <string.h>
#include "harness/command.h"
#include "harness/progress.h"
#include "harness/runner.h"
#include "harness/stages.h"
#include "harness/train.h"
#include "results/grid.h"

// Seconds a step takes on one thread, from the fastest of a few real ones at the longest stage.
static double seconds_a_step(const variant *v)
{
    workshop w = { .life = arena_new(), .step = arena_new(), .team = team_new(1), .backend = CPU };
    diag *d = diag_new();
    setup s;
    double best = 1e30;
    CHECK(setup_open(&s, &v->options, 0, w.life, d), "a checked model cannot be opened");
    stage *stages;
    const int n = train_stages(&v->options.train, w.life, &stages);
    network_init(s.network, 0);
    network_stage(s.network, n - 1, n, true);
    for (int i = 0; i < 4; i++) {
        const arena_mark start = arena_save(w.step);
        const double before = progress_clock();
        const segment *longest = stage_longest(&stages[n - 1]);
        const batch b = batch_make(datasets_find(&s.data, longest->task), SPLIT_TRAIN, longest->length, 0, longest->batch,
                                   w.step);
        train_step(&s, &v->options.train, &b, i, &w, NULL);
        arena_restore(w.step, start);
        if (progress_clock() - before < best) best = progress_clock() - before;
    }
    diag_free(d);
    team_free((team *)w.team);
    arena_free(w.step);
    arena_free(w.life);
    return best;
}

static bool see_done(const row *r, void *data)
{
    *(bool *)data = r->result && r->evaluation;
    return true;
}

static const char *duration(double seconds, arena *a)
{
    if (seconds < 100)  return arena_text(a, "%.0f s", seconds);
    if (seconds < 7200) return arena_text(a, "%.0f min", seconds / 60);
    return arena_text(a, "%.1f h", seconds / 3600);
}

int estimate_print(const sweep *s, const bool *chosen, const char *folder, arena *a)
{
    error e = {0};
    store *st = store_open(folder, false, a, &e);
    static const char *const heading[] = { "model", "grid point", "runs", "done", "parameters", "steps", "ms/step",
                                           "at most, each" };
    grid *g = grid_new(LEN(heading), a);
    double all = 0;
    int runs_all = 0;
    for (size_t i = 0; i < LEN(heading); i++) grid_column(g, (int)i, heading[i], i < 2);
    for (int v = 0; v < s->n_variants; v++) {
        const variant *x = &s->variant[v];
        int runs = 0, done = 0;
        for (int i = 0; i < s->n; i++) {
            bool ended = false;
            if (s->cell[i].variant != x || !chosen[i]) continue;
            if (st) store_read(st, s->cell[i].id, s->cell[i].evaluation, see_done, &ended, &e);
            runs++;
            done += ended;
        }
        if (runs == 0) continue;
        const double step = seconds_a_step(x), each = step * x->options.train.steps;
        all += each * (runs - done);
        runs_all += runs;
        memcpy(grid_row(g), (const char *[]){ x->label, x->point, arena_text(a, "%d", runs), arena_text(a, "%d", done),
                                              arena_text(a, "%lld", (long long)variant_parameters(x)),
                                              arena_text(a, "%d", x->options.train.steps),
                                              arena_text(a, "%.1f", step * 1000), duration(each, a) }, sizeof heading);
    }
    grid_print(stdout, g, TABLE_TEXT, false);
    printf("\n%d runs; training takes at most %s on %d cores, measured at the longest length on one thread; shorter stages and "
           "early stops take less\n", runs_all, duration(all / cores_available(), a), cores_available());
    return EXIT_DONE;
}
