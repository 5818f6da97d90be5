#include "harness/train.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/arrays.h"
#include "harness/progress.h"
#include "harness/stages.h"
#include "nn/optimizer.h"
#include "results/json.h"

// What a checkpoint holds beside the weights: everything that the next step depends on, and the sums of an unfinished line.
typedef struct progress {
    int64_t step, stage, stage_step, examples, stop_at, window;
    double  running, window_loss, window_error, tokens, flops;
} progress;
typedef struct trainer {
    run *run;
    const cell_options *options;
    const setup *setup;
    const workshop *shop;
    int n_stages;
    stage *stage;
    int epoch;                          // batches after which this stage's come again; 0: never
    progress p;
    double checkpoint_every, last_checkpoint, wall, cpu;
    error *error;
} trainer;

// ---- one step

step_result train_step(const setup *s, const train_options *o, const batch *b, int64_t step, const workshop *w,
                       graph_timing *timing)
{
    const optimizer *opt = (const optimizer *)o->optimizer.type;
    const schedule *schedule_of = (const schedule *)o->schedule.type;
    const double rate = opt->rate(o->optimizer.options) * schedule_of->share(o->schedule.options, step, o->steps);
    const int64_t count = step + 1;
    model *m = &s->network->model;
    graph g = { .step = w->step, .team = w->team, .backend = w->backend, .record = true, .timing = timing };
    model_clear_grad(m);
    nn_dropout_key(&g, s->data.base.seed, (uint64_t)step);
    const head_loss h = batch_loss(b, s->network, &g);
    const double loss = (double)tensor_data(h.loss)[0];
    int wrong = 0;
    for (int i = 0; i < b->supervised; i++) wrong += tensor_ints(h.predictions)[i] != tensor_ints(b->targets)[i];
    graph_backward(&g, h.loss);
    const double norm = opt->update(o->optimizer.options, m, w->team, &rate, &count);
    return (step_result){ .loss = loss, .error = (double)wrong / b->supervised, .norm = norm };
}

// ---- the log

static bool log_line(trainer *t, json_t *line)
{
    const bool written = run_log(t->run, line, t->error);
    json_decref(line);
    return written;
}

static double rate_at(const trainer *t, int64_t step)
{
    const train_options *o = &t->options->train;
    return ((const optimizer *)o->optimizer.type)->rate(o->optimizer.options) *
           ((const schedule *)o->schedule.type)->share(o->schedule.options, step, o->steps);
}

static bool log_stage(trainer *t)
{
    return log_line(t, json_pack("{s:s, s:I, s:I, s:i, s:o}", "event", "stage", "stage", (json_int_t)t->p.stage, "step",
                                 (json_int_t)t->p.step,
                                 "length", stage_longest(&t->stage[t->p.stage])->length, "rate",
                                 json_from_real(rate_at(t, t->p.step))));
}

// A line for the steps since the last one: their mean loss and error. Times are what differs between equal runs.
static bool log_window(trainer *t)
{
    if (t->p.window == 0) return true;
    const double n = (double)t->p.window, wall = progress_clock(), cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
    json_t *line = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o}", "event", "train", "step", (json_int_t)t->p.step,
                             "stage", (json_int_t)t->p.stage, "loss", json_from_real(t->p.window_loss / n),
                             "error", json_from_real(t->p.window_error / n), "tokens", json_from_real(t->p.tokens),
                             "wall", json_from_real(wall - t->wall), "cpu", json_from_real(cpu - t->cpu));
    t->wall = wall;
    t->cpu = cpu;
    t->p.window = 0;
    t->p.window_loss = t->p.window_error = 0;
    return log_line(t, line);
}

static bool validate(trainer *t, double *token_error)
{
    const segment *longest = stage_longest(&t->stage[t->p.stage]);
    const int length = longest->length;
    const arena_mark start = arena_save(t->shop->life);
    workshop whole = *t->shop;              // a validation is not interrupted: a checkpoint lies before it or behind it
    whole.stopped = NULL;
    evaluation e;
    evaluate(&e, t->setup->network, datasets_find(&t->setup->data, longest->task), SPLIT_VALIDATION, &length, 1,
             t->options->validate.examples, &whole);
    const tally *c = e.length;
    *token_error = evaluation_error(&e, length);
    json_t *line = json_pack("{s:s, s:I, s:i, s:o, s:o, s:o, s:o}", "event", "validation", "step", (json_int_t)t->p.step,
                             "length", length, "token_error", json_from_real(*token_error),
                             "sequence_error", json_from_real((double)c->sequence_errors / e.examples),
                             "last_error", json_from_real((double)c->last_errors / e.examples),
                             "loss", json_from_real(c->loss / (double)c->supervised));
    arena_restore(t->shop->life, start);
    return log_line(t, line);
}

// ---- checkpoints: weights and moments by name, the progress as text (reals in hexadecimal, so that every bit comes back)

typedef struct progress_field { const char *name; size_t offset; bool whole; } progress_field;
#define WHOLE(f) { #f, offsetof(progress, f), true }
#define BROKEN(f) { #f, offsetof(progress, f), false }
static const progress_field progress_fields[] = {
    WHOLE(step), WHOLE(stage), WHOLE(stage_step), WHOLE(examples), WHOLE(stop_at), WHOLE(window),
    BROKEN(running), BROKEN(window_loss), BROKEN(window_error), BROKEN(tokens), BROKEN(flops),
};

static bool save_checkpoint(trainer *t)
{
    arena *a = t->shop->step;
    const arena_mark start = arena_save(a);
    named_array *arrays;
    const int n = model_arrays(&t->setup->network->model, true, &arrays, a);
    const char *state[LEN(progress_fields)][2];
    for (size_t i = 0; i < LEN(progress_fields); i++) {
        const char *field = (const char *)&t->p + progress_fields[i].offset;
        state[i][0] = progress_fields[i].name;
        state[i][1] = progress_fields[i].whole ? arena_text(a, "%" PRId64, *(const int64_t *)field) :
            arena_text(a, "%a", *(const double *)field);
    }
    const bool saved = run_checkpoint(t->run, arrays, n, state, LEN(progress_fields), t->error);
    arena_restore(a, start);
    t->last_checkpoint = progress_clock();
    return saved;
}

// True where there was a checkpoint; false with an empty error: begin at the beginning.
static bool load_checkpoint(trainer *t)
{
    arena *a = t->shop->step;
    const arena_mark start = arena_save(a);
    named_array *arrays;
    safetensors file;
    const int n = model_arrays(&t->setup->network->model, true, &arrays, a);
    const bool found = run_resume(t->run, arrays, n, &file, a, t->error);
    for (size_t i = 0; found && i < LEN(progress_fields); i++) {
        char *field = (char *)&t->p + progress_fields[i].offset;
        const char *text = safetensors_metadata(&file, progress_fields[i].name);
        if (!text) text = "0";
        if (progress_fields[i].whole) *(int64_t *)field = strtoll(text, NULL, 10);
        else                          *(double *)field  = strtod(text, NULL);
    }
    arena_restore(a, start);
    return found;
}

// ---- the loop

static double flops_of(const graph_timing *timing)
{
    double sum = 0;
    for (int i = 0; i < op_list_length; i++) sum += timing[i].flops;
    return 3 * sum;                                                 // backward: twice the forward products
}

static int largest_batch(const stage *s)
{
    int most = 0;
    for (int i = 0; i < s->n; i++) most = s->segment[i].batch > most ? s->segment[i].batch : most;
    return most;
}

// In a finite set the batch's turn is its address, so that an epoch is the last one again, in the same order.
static step_result one_step(trainer *t, double *tokens)
{
    const int64_t turn = t->epoch ? t->p.stage_step % t->epoch : t->p.stage_step;
    const segment s = stage_segment(&t->stage[t->p.stage], &t->setup->data, turn, t->epoch ? turn : t->p.step);
    const int64_t first = t->epoch ? turn * largest_batch(&t->stage[t->p.stage]) : t->p.examples;
    const arena_mark start = arena_save(t->shop->step);
    graph_timing *timing = arena_zero(t->shop->step, op_list_length * sizeof *timing);
    const batch b = batch_make(datasets_find(&t->setup->data, s.task), SPLIT_TRAIN, s.length, first, s.batch, t->shop->step);
    const step_result r = train_step(t->setup, &t->options->train, &b, t->p.step, t->shop, timing);
    t->p.flops += flops_of(timing);
    arena_restore(t->shop->step, start);
    t->p.examples += s.batch;
    t->p.tokens += *tokens = (double)b.B * b.T;
    return r;
}

static void find_epoch(trainer *t)
{
    const int examples = t->options->train.examples;
    t->epoch = examples == AUTO_INT ? 0 : stage_epoch(&t->stage[t->p.stage], &t->setup->data, examples);
}

static bool enter_stage(trainer *t, int64_t stage)
{
    t->p.stage = stage;
    t->p.stage_step = 0;
    network_stage(t->setup->network, (int)stage, t->n_stages, true);
    find_epoch(t);
    return log_stage(t);
}

// The running error begins at the stage's first batch, so that an easy stage is left as soon as a look finds it learned.
static bool advance(trainer *t, const step_result *r)
{
    const stage *s = &t->stage[t->p.stage];
    t->p.running = t->p.stage_step == 0 ? r->error : s->average * t->p.running + (1 - s->average) * r->error;
    t->p.stage_step++;
    if (t->p.stage + 1 == t->n_stages) return true;
    const bool learned = t->p.stage_step % s->every == 0 && t->p.running < s->training_error_below;     // NaN: never
    const bool over = s->steps != AUTO_INT && t->p.stage_step >= s->steps;
    return !(learned || over) || (log_window(t) && enter_stage(t, t->p.stage + 1));
}

static bool look_at_validation(trainer *t)
{
    const cell_options *o = t->options;
    const bool due = o->validate.every && (t->p.step % o->validate.every == 0 || t->p.step == o->train.steps);
    double token_error;
    if (!due) return true;
    if (!validate(t, &token_error)) return false;
    const stop_options *stop = &o->train.stop;
    const bool here = stop->after_stage == AFTER_ANY || t->p.stage + 1 == t->n_stages;
    if (here && t->p.stop_at == 0 && token_error < stop->validation_error_below) {
        t->p.stop_at = t->p.step + stop->keep;
        return log_line(t, json_pack("{s:s, s:I, s:I}", "event", "stop", "step", (json_int_t)t->p.step, "at",
                                     (json_int_t)t->p.stop_at));
    }
    return true;
}

static bool finished(const trainer *t)
{
    return t->p.step >= t->options->train.steps || (t->p.stop_at && t->p.step >= t->p.stop_at);
}

static train_end train_loop(trainer *t, train_watcher watch, void *data, char reason[128])
{
    while (!finished(t)) {
        if (t->shop->stopped && t->shop->stopped()) return save_checkpoint(t) ? TRAIN_INTERRUPTED : TRAIN_ERROR;
        double tokens;
        const int64_t stage = t->p.stage;
        const step_result r = one_step(t, &tokens);
        t->p.step++;
        if (!isfinite(r.loss) || !isfinite(r.norm)) {
            snprintf(reason, 128, "%s is not finite at step %" PRId64, isfinite(r.loss) ? "the gradient" : "the loss", t->p.step);
            return TRAIN_DIVERGED;
        }
        t->p.window++;
        t->p.window_loss += r.loss;
        t->p.window_error += r.error;
        const train_progress now = { t->p.step, t->options->train.steps, (int)stage, t->n_stages,
                                     stage_longest(&t->stage[stage])->length, r.loss, r.error, tokens };
        if (watch) watch(&now, data);
        if (!advance(t, &r) || (t->p.step % LOG_EVERY == 0 && !log_window(t))) return TRAIN_ERROR;
        if (!look_at_validation(t)) return TRAIN_ERROR;
        if (progress_clock() - t->last_checkpoint >= t->checkpoint_every && !save_checkpoint(t)) return TRAIN_ERROR;
    }
    return log_window(t) && save_checkpoint(t) ? TRAIN_DONE : TRAIN_ERROR;
}

train_outcome train(run *r, const cell_options *o, const setup *s, int seed, double checkpoint_every, const workshop *w,
                    train_watcher watch, void *data, error *e)
{
    trainer t = { .run = r, .options = o, .setup = s, .shop = w, .checkpoint_every = checkpoint_every, .error = e };
    train_outcome out = { .end = TRAIN_ERROR };
    t.n_stages = train_stages(&o->train, w->life, &t.stage);
    t.wall = t.last_checkpoint = progress_clock();
    t.cpu = clock_seconds(CLOCK_PROCESS_CPUTIME_ID);
    const bool resumed = load_checkpoint(&t);
    if (e->text[0]) {                                                   // damaged and set aside: the run begins again
        fprintf(stderr, "warning: %s\n", e->text);
        *e = (error){0};
    }
    if (resumed) {
        network_stage(s->network, (int)t.p.stage, t.n_stages, false);
        find_epoch(&t);
    } else {
        network_init(s->network, (uint64_t)seed);
        if (!enter_stage(&t, 0)) return out;
    }
    out.end = train_loop(&t, watch, data, out.reason);
    if (out.end == TRAIN_DIVERGED && !log_window(&t)) out.end = TRAIN_ERROR;
    out.examples = t.p.examples;
    out.flops = t.p.flops;
    out.peak_bytes = arena_peak(w->step) + arena_used(w->life);
    return out;
}
