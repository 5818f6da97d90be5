// bench: what a training step costs, op by op, beside what this machine's matrix products can do; how fast tasks make examples.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/bench_tasks.h"
#include "harness/command.h"
#include "harness/progress.h"
#include "harness/runner.h"
#include "harness/stages.h"
#include "harness/train.h"
#include "nn/cpu.h"
#include "nn/gemm.h"
#include "results/statistics.h"
#include "results/grid.h"

typedef struct bench_flags { int threads; double seconds; const char *only; bool ops; } bench_flags;
static const param bench_params[] = {
    INT (bench_flags, threads, "auto", 1, 256, "threads; by default all cores"),
    REAL(bench_flags, seconds, "2", 0.01, 600, "seconds of measured steps for each model; each task gets a tenth"),
    TEXT(bench_flags, only, "''", "only models whose label contains this"),
    BOOL(bench_flags, ops, "true", "the share of each op"),
    {0}
};

enum { MAX_STEPS = 20000, PEAK = 768 };

// GFLOP/s of a large square product on this team: the ceiling that a step is compared with.
static double peak_gflops(const team *t, arena *a)
{
    const arena_mark start = arena_save(a);
    const size_t bytes = PEAK * PEAK * sizeof(real);
    real *A = arena_zero(a, bytes), *B = arena_zero(a, bytes), *C = arena_zero(a, bytes);
    double best = 1e30;
    for (int i = 0; i < 10; i++) {
        const double before = progress_clock();
        gemm_team(t, false, false, PEAK, PEAK, PEAK, A, PEAK, B, PEAK, false, C, PEAK);
        if (progress_clock() - before < best) best = progress_clock() - before;
    }
    arena_restore(a, start);
    return 2e-9 * PEAK * PEAK * PEAK / best;
}

typedef struct measured {
    double        ms, low, gflop, products_ms;
    int           steps, timed;
    graph_timing *timing;
    size_t        peak_bytes;
} measured;

static batch bench_batch(const setup *s, const stage *last, const workshop *w)
{
    const segment *longest = stage_longest(last);
    return batch_make(datasets_find(&s->data, longest->task), SPLIT_TRAIN, longest->length, 0, longest->batch, w->step);
}

static measured measure(const variant *v, const workshop *w, double seconds)
{
    diag *d = diag_new();
    setup s;
    stage *stages;
    CHECK(setup_open(&s, &v->options, 0, w->life, d), "a checked model cannot be opened");
    const int n = train_stages(&v->options.train, w->life, &stages);
    network_init(s.network, 0);
    network_stage(s.network, n - 1, n, true);
    measured m = { .timing = arena_zero(w->life, op_list_length * sizeof(graph_timing)) };
    double *ms = arena_take(w->life, MAX_STEPS * sizeof *ms);
    double begun = progress_clock();
    for (int i = 0; m.steps < MAX_STEPS && (m.steps < 5 || progress_clock() - begun < seconds); i++) {
        const arena_mark start = arena_save(w->step);
        const double before = progress_clock();
        const batch b = bench_batch(&s, &stages[n - 1], w);
        train_step(&s, &v->options.train, &b, i % v->options.train.steps, w, NULL);
        arena_restore(w->step, start);
        if (i < 3) begun = progress_clock();                                // warm-up: memory is touched, caches fill
        else       ms[m.steps++] = 1e3 * (progress_clock() - before);
    }
    for (m.timed = 0; m.timed < 10; m.timed++) {
        const arena_mark start = arena_save(w->step);
        const batch b = bench_batch(&s, &stages[n - 1], w);
        if (m.timed == 0) gemm_record_begin();
        train_step(&s, &v->options.train, &b, 0, w, m.timing);
        if (m.timed == 0) gemm_record_end();
        arena_restore(w->step, start);
    }
    m.ms = median_of(ms, m.steps);
    m.low = quantile_of(ms, m.steps, 0);
    m.products_ms = 1e3 * gemm_record_replay(w->team, 5);
    for (int i = 0; i < op_list_length; i++) m.gflop += 3e-9 * m.timing[i].flops / m.timed;
    m.peak_bytes = arena_peak(w->step);
    diag_free(d);
    return m;
}

static void print_ops(const measured *m, arena *a)
{
    static const char *const heading[] = { "  op", "calls", "ms", "share" };
    grid *g = grid_new(LEN(heading), a);
    for (size_t i = 0; i < LEN(heading); i++) grid_column(g, (int)i, heading[i], i == 0);
    for (int i = 0; i < op_list_length; i++) {
        const graph_timing *t = &m->timing[i];
        if (!t->calls) continue;
        const double ms = 1e3 * (t->forward + t->backward) / m->timed;
        const char **row = grid_row(g);
        row[0] = arena_text(a, "  %s", op_list[i]->name);
        row[1] = arena_text(a, "%lld", (long long)t->calls / m->timed);
        row[2] = arena_text(a, "%.3f", ms);
        row[3] = arena_text(a, "%.1f %%", 100 * ms / m->ms);
    }
    grid_print(stdout, g, TABLE_TEXT, false);
}

static int run_bench(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    const bench_flags *f = flags;
    if (strcmp(words[0], "tasks") == 0) return bench_tasks(words + 1, n - 1, f->seconds / 10, a, d);
    if (strcmp(words[0], "train") != 0 || n > 2) {
        diag_error(d, (mark){0},
                   "there is no bench '%s': write scanbench bench train [SWEEP.yaml], or bench tasks [TASK key=value …]",
                   n > 2 ? words[2] : words[0]);
        return wrong_input(d);
    }
    const sweep *s = sweep_load(n > 1 ? words[1] : "sweeps/bench.yaml", a, d);
    if (!s) return wrong_input(d);
    team *t = team_new(f->threads == AUTO_INT ? cores_available() : f->threads);
    const double peak = peak_gflops(t, a);
    printf("%s, %s, %s, %d thread%s, matrix products up to %.0f GFLOP/s\n", cpu_name(), cpu_level_names[cpu_current()],
           gemm_library(), team_threads(t), team_threads(t) == 1 ? "" : "s", peak);
    for (int v = 0; v < s->n_variants; v++) {
        const variant *x = &s->variant[v];
        if (!strstr(x->label, f->only)) continue;
        const workshop w = { .life = arena_new(), .step = arena_new(), .team = t, .backend = CPU };
        const measured m = measure(x, &w, f->seconds);
        printf("\n%s %s: %.2f ms a step (fastest %.2f, %d steps), %.0f useful GFLOP/s, %.0f %% of the peak; "
               "its matrix products alone %.2f ms, the step is %.2f times that; %.1f MB\n", x->label, x->point, m.ms, m.low,
               m.steps, m.gflop / m.ms * 1e3, 100 * m.gflop / m.ms * 1e3 / peak, m.products_ms, m.ms / m.products_ms,
               (double)m.peak_bytes / 1e6);
        if (f->ops) print_ops(&m, a);
        arena_free(w.step);
        arena_free(w.life);
    }
    team_free(t);
    return EXIT_DONE;
}

const command command_bench = {
    .name = "bench", .arguments = "train [SWEEP.yaml] | tasks [TASK key=value …]",
    .summary = "milliseconds of a training step, op by op, for every model of a sweep; tokens a second of every task",
    .help = "train: default sweeps/bench.yaml. A step is measured at the longest trained length. Useful FLOPs are those of the "
            "formulas, forward and twice that backward.\n"
            "The matrix products of one step are recorded and replayed alone: what is left is everything else.\n"
            "tasks: examples made on one core, by the processor time of the thread: other work on the machine does not count.",
    .flags = bench_params, .flags_size = sizeof(bench_flags), .least = 1, .most = 64, .run = run_bench,
};
