#include "harness/cell.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include "harness/arrays.h"
#include "harness/progress.h"
#include "harness/result.h"
#include "harness/signals.h"
#include "harness/stages.h"
#include "results/json.h"

typedef struct job {
    cell     *cell;
    setup     setup;
    workshop  shop;
    int       threads;
    double    checkpoint_every;
    store    *store;
    run      *run;
    error     error;
} job;

static int fail(const job *j)
{
    fprintf(stderr, "%s\n", j->error.text);
    return CELL_STORE_STATUS;
}

// At most ten lines a second.
static void report(const train_progress *p, void *data)
{
    static double last;
    const double now = progress_clock();
    if (now - last < 0.1 && p->step < p->steps) return;
    last = now;
    printf("step %lld %lld %d %d %d %g %g %g\n", (long long)p->step, (long long)p->steps, p->stage, p->stages, p->length, p->loss,
           p->error, p->tokens);
    fflush(stdout);
}

static bool finish(job *j, const train_outcome *out)
{
    const cell_options *o = &j->cell->variant->options;
    json_t *log = store_log(j->store, j->cell->id, &j->error);
    if (!log) return false;
    json_t *result = result_json(o, j->cell->seed, &j->setup, log, out, j->threads);
    const bool diverged = out->end == TRAIN_DIVERGED;
    const bool written = run_finish(j->run, diverged ? RUN_DIVERGED : RUN_DONE, out->reason, result, &j->error);
    json_decref(result);
    json_decref(log);
    return written;
}

// What an evaluation needs to know of the training, from its result.
typedef struct ended { bool trained; int stage; double examples; } ended;

static bool see_end(const row *r, void *data)
{
    ended *e = data;
    e->trained = r->result && strcmp(json_text_at(r->result, "status.status", ""), run_status_names[RUN_DONE]) == 0;
    e->stage = (int)json_int_at(r->result, "measured.stage_reached", 0);
    e->examples = json_real_at(r->result, "measured.examples");
    return true;
}

// The weights come from the checkpoint, whether the training has ended just now or long ago.
static bool load_weights(job *j, int stage_reached)
{
    stage *stages;
    const int n_stages = train_stages(&j->cell->variant->options.train, j->shop.life, &stages);
    network_stage(j->setup.network, stage_reached, n_stages, false);
    named_array *arrays;
    safetensors file;
    const int n = model_arrays(&j->setup.network->model, false, &arrays, j->shop.life);
    return run_resume(j->run, arrays, n, &file, j->shop.life, &j->error) ||
           error_set(&j->error, "%s: no checkpoint to evaluate: train it again with --retry all", run_folder(j->run));
}

// False when interrupted.
static bool add_slices(const job *j, json_t *counts, double draws)
{
    const cell_options *o = &j->cell->variant->options;
    for (int i = 0; i < o->evaluate.slices.n; i++) {
        const slice_options *s = (const slice_options *)o->evaluate.slices.items + i;
        const dataset *data = datasets_find(&j->setup.data, &s->task);
        if (i == 0) json_object_set_new(counts, "slices", json_array());
        evaluation e;
        if (!evaluate(&e, j->setup.network, data, SPLIT_TEST, &s->length, 1, o->evaluate.examples, &j->shop)) return false;
        json_array_append_new(json_object_get(counts, "slices"), slice_json(&e, data, slice_name(o, i, j->shop.life), draws));
    }
    return true;
}

static bool evaluate_cell(job *j, bool *interrupted)
{
    const cell_options *o = &j->cell->variant->options;
    ended end = {0};
    if (!store_read(j->store, j->cell->id, NULL, see_end, &end, &j->error)) return false;
    if (!end.trained) return true;
    printf("evaluate\n");
    fflush(stdout);
    if (!load_weights(j, end.stage)) return false;
    int *lengths;
    evaluation e;
    const int n = evaluate_lengths(&o->evaluate, j->shop.life, &lengths);
    const double draws = train_distinct(&o->train, end.examples);
    if (!evaluate(&e, j->setup.network, &j->setup.data.base, SPLIT_TEST, lengths, n, o->evaluate.examples, &j->shop)) {
        *interrupted = true;
        return true;
    }
    json_t *counts = evaluation_json(&e, &j->setup.data.base, draws);
    if (!add_slices(j, counts, draws)) {
        json_decref(counts);
        *interrupted = true;
        return true;
    }
    const bool written = run_evaluation(j->run, j->cell->evaluation, counts, &j->error);
    json_decref(counts);
    return written;
}

static int work(job *j)
{
    bool interrupted = false;
    const claim claimed = store_claim(j->store, j->cell->id, j->cell->config, &j->run, &j->error);
    if (claimed == CLAIM_ERROR) return fail(j);
    if (claimed == CLAIM_BUSY) return CELL_BUSY_STATUS;
    if (claimed == CLAIM_MINE) {
        const train_outcome out = train(j->run, &j->cell->variant->options, &j->setup, j->cell->seed, j->checkpoint_every,
                                        &j->shop, report, NULL, &j->error);
        if (out.end == TRAIN_INTERRUPTED) return CELL_INTERRUPTED_STATUS;
        if (out.end == TRAIN_ERROR || !finish(j, &out)) return fail(j);
    }
    if (!run_has_evaluation(j->run, j->cell->evaluation) && !evaluate_cell(j, &interrupted)) return fail(j);
    return interrupted ? CELL_INTERRUPTED_STATUS : CELL_DONE_STATUS;
}

static char *read_all(FILE *in, arena *a)
{
    size_t used = 0, room = 1 << 16;
    char *text = malloc(room);
    for (size_t n; text && (n = fread(text + used, 1, room - used - 1, in)) > 0;) {
        used += n;
        if (room - used < 2) text = realloc(text, room *= 2);
    }
    CHECK(text, "no memory for the cell's description");
    text[used] = 0;
    char *kept = arena_copy(a, text);
    free(text);
    return kept;
}

int cell_main(int argc, char **argv)
{
    CHECK(argc == 5, "cell SEED THREADS CHECKPOINT-SECONDS STORE");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    job j = { .threads = atoi(argv[2]), .checkpoint_every = atof(argv[3]) };
    j.shop = (workshop){ .life = arena_new(), .step = arena_new(), .team = team_new(j.threads), .stopped = signals_stop,
                         .backend = CPU };
    diag *d = diag_new();
    j.cell = cell_read(read_all(stdin, j.shop.life), atoi(argv[1]), j.shop.life, d);
    if (!j.cell || !setup_open(&j.setup, &j.cell->variant->options, j.cell->seed, j.shop.life, d)) diag_print(d, stderr);
    CHECK(!diag_errors(d), "a cell that its parent has read cannot be read again");
    j.store = store_open(argv[4], true, j.shop.life, &j.error);
    if (!j.store) return fail(&j);
    const int status = work(&j);
    if (j.run) run_close(j.run);
    return status;
}
