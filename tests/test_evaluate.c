// Evaluation and training of the harness: counts, prefixes, the same numbers on any team, rates, stages, going on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "harness/train.h"
#include "results/json.h"

static const char *const description =
    "{ sweep: t, task: { name: word-problem, group: S3, start: bos }, train: { lengths: 6, steps: 20, batch: 8, "
    "optimizer: { name: adamw, lr: 0.01 } }, evaluate: { lengths: [3, 9, 20], examples: 33 }, "
    "model: { name: psm-softmax, d_model: 8, heads: 2, chunk: 2 } }";

typedef struct bench { cell *cell; setup setup; workshop shop; } bench;

static bench open_bench_of(const char *text, int threads)
{
    bench b = { .shop = { .life = arena_new(), .step = arena_new(), .team = team_new(threads), .backend = CPU } };
    diag *d = diag_new();
    b.cell = cell_read(text, 3, b.shop.life, d);
    diag_print(d, stdout);
    assert_non_null(b.cell);
    assert_true(setup_open(&b.setup, &b.cell->variant->options, 3, b.shop.life, d));
    network_init(b.setup.network, 3);
    network_stage(b.setup.network, 0, 1, true);
    diag_free(d);
    return b;
}

static bench open_bench(int threads) { return open_bench_of(description, threads); }

static void close_bench(bench *b)
{
    team_free((team *)b->shop.team);
    arena_free(b->shop.step);
    arena_free(b->shop.life);
}

static evaluation evaluate_at(bench *b, const int *lengths, int n)
{
    evaluation e;
    assert_true(evaluate(&e, &b->setup, SPLIT_TEST, lengths, n, 33, &b->shop));
    return e;
}

// Counting by hand, from the predictions at each example's own tokens.
static void counts_what_is_wrong(void **state)
{
    bench b = open_bench(1);
    const int lengths[] = { 3, 9, 20 };
    const evaluation e = evaluate_at(&b, lengths, 3);
    const task_floor *floors = b.setup.data.task->floors;
    int64_t errors[3] = {0}, squared[3] = {0}, sequences[3] = {0}, last[3] = {0}, of_floor[3][MAX_FLOORS] = {{0}};
    for (int i = 0; i < 33; i++) {
        const arena_mark start = arena_save(b.shop.step);
        graph g = { .step = b.shop.step, .team = b.shop.team, .backend = REFERENCE };
        const batch one = batch_make(&b.setup.data, SPLIT_TEST, 20, i, 1, b.shop.step);
        const head_loss h = batch_loss(&one, b.setup.network, &g);
        for (int l = 0; l < 3; l++) {
            int wrong = 0;
            for (int t = 0; t < lengths[l]; t++) wrong += tensor_ints(h.predictions)[t] != tensor_ints(one.targets)[t];
            errors[l] += wrong;
            squared[l] += (int64_t)wrong * wrong;
            sequences[l] += wrong > 0;
            last[l] += tensor_ints(h.predictions)[lengths[l] - 1] != tensor_ints(one.targets)[lengths[l] - 1];
        }
        for (int f = 0; floors[f].name; f++) {              // the start mark is asked nothing: target t is of token t + 1
            int said[21];
            floors[f].predict(b.setup.data.self, tensor_ints(one.tokens), one.T, said);
            for (int l = 0; l < 3; l++)
                for (int t = 0; t < lengths[l]; t++) of_floor[l][f] += said[t + 1] != tensor_ints(one.targets)[t];
        }
        arena_restore(b.shop.step, start);
    }
    for (int l = 0; l < 3; l++) {
        const tally *t = &e.length[l];
        assert_int_equal(t->supervised, 33 * lengths[l]);
        assert_int_equal(t->errors, errors[l]);
        assert_int_equal(t->errors_squared, squared[l]);
        assert_int_equal(t->sequence_errors, sequences[l]);
        assert_int_equal(t->last_errors, last[l]);
        assert_memory_equal(t->floor_errors, of_floor[l], sizeof of_floor[l]);
    }
    int64_t by_position = 0, first = 0;
    assert_int_equal(e.positions, 20);
    for (int p = 0; p < e.positions; p++) {
        by_position += e.position_errors[p];
        first += e.first_errors[p];
    }
    assert_int_equal(by_position, errors[2]);
    assert_int_equal(first, sequences[2]);
    close_bench(&b);
}

// A shorter length is read off the longest one's prefix: the same hidden vectors as the cut example's own.
static void prefixes_are_examples(void **state)
{
    bench b = open_bench(1);
    graph g = { .step = b.shop.step, .team = b.shop.team, .backend = CPU };
    const batch whole = batch_make(&b.setup.data, SPLIT_TEST, 20, 0, 4, b.shop.step);
    const int64_t D = 8;
    const tensor *long_hidden = network_forward(b.setup.network, &g, whole.tokens);
    for (int T = 1; T < whole.T; T++) {
        tensor *cut = tensor_index(b.shop.step, 4, T);
        for (int i = 0; i < 4; i++) memcpy(tensor_ints(cut) + i * T, tensor_ints(whole.tokens) + i * whole.T, T * sizeof(int));
        const tensor *hidden = network_forward(b.setup.network, &g, cut);
        for (int i = 0; i < 4; i++)
            for (int64_t j = 0; j < T * D; j++) {
                const real x = tensor_data(hidden)[i * T * D + j], y = tensor_data(long_hidden)[i * whole.T * D + j];
                if (!(fabs(x - y) <= (real)1e-5)) fail_msg("length %d: %g against %g", T, (double)x, (double)y);
            }
    }
    close_bench(&b);
}

static void same_step_on_any_team(void **state)
{
    double loss[3] = {0}, norm[3] = {0};
    static const int threads[] = { 1, 3, 7 };
    for (int k = 0; k < 3; k++) {
        bench b = open_bench(threads[k]);
        for (int step = 0; step < 5; step++) {
            const arena_mark start = arena_save(b.shop.step);
            const batch one = batch_make(&b.setup.data, SPLIT_TRAIN, 6, step * 8, 8, b.shop.step);
            const step_result r = train_step(&b.setup, &b.cell->variant->options.train, &one, step, &b.shop, NULL);
            loss[k] = r.loss;
            norm[k] = r.norm;
            arena_restore(b.shop.step, start);
        }
        close_bench(&b);
    }
    for (int k = 1; k < 3; k++) {
        assert_memory_equal(&loss[k], &loss[0], sizeof *loss);
        assert_memory_equal(&norm[k], &norm[0], sizeof *norm);
    }
}

// Two steps of equal shapes take the same addresses, and from the second on no memory from the system.
static void steps_do_not_allocate(void **state)
{
    bench b = open_bench(1);
    void *first = NULL;
    size_t peak = 0;
    for (int step = 0; step < 3; step++) {
        const arena_mark start = arena_save(b.shop.step);
        const batch one = batch_make(&b.setup.data, SPLIT_TRAIN, 6, step * 8, 8, b.shop.step);
        train_step(&b.setup, &b.cell->variant->options.train, &one, step, &b.shop, NULL);
        void *last = arena_take(b.shop.step, 64);
        if (step == 0) {
            first = last;
            peak = arena_peak(b.shop.step);
        }
        assert_ptr_equal(last, first);
        assert_int_equal(arena_peak(b.shop.step), peak);
        arena_restore(b.shop.step, start);
    }
    close_bench(&b);
}

// With one step behind it Adam moves a weight by the learning rate, whatever its gradient: the warm-up's first rate is a fifth
// of the peak. The second step's gradient is another one, but no weight moves by more than the rate.
static void rates_are_of_the_step(void **state)
{
    bench b = open_bench_of("{ sweep: t, task: { name: word-problem, group: S3 }, train: { lengths: 6, steps: 20, batch: 8, "
                            "optimizer: { lr: 0.01, weight_decay: 0 }, schedule: { name: constant, warmup: 5 } }, "
                            "evaluate: { lengths: 6 }, model: { name: transformer, d_model: 8, heads: 2 } }", 1);
    const model *m = &b.setup.network->model;
    real *before = arena_take(b.shop.life, (size_t)m->size * sizeof *before);
    for (int step = 0; step < 7; step++) {
        const arena_mark start = arena_save(b.shop.step);
        const batch same = batch_make(&b.setup.data, SPLIT_TRAIN, 6, 0, 8, b.shop.step);
        double most = 0;
        memcpy(before, m->data, (size_t)m->size * sizeof *before);
        train_step(&b.setup, &b.cell->variant->options.train, &same, step, &b.shop, NULL);
        for (int64_t i = 0; i < m->size; i++) most = fmax(most, fabs((double)(m->data[i] - before[i])));
        const double rate = 0.01 * fmin(1, (step + 1) / 5.0);
        if (!(fabs(most - rate) <= 0.1 * rate)) fail_msg("step %d: %g, not %g", step, most, rate);
        arena_restore(b.shop.step, start);
    }
    close_bench(&b);
}

// ---- whole trainings, in a store

static char folder[256];

static int make_folder(void **state)
{
    snprintf(folder, sizeof folder, "%s/scanbench-train-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static train_end train_in(const char *place, bench *b, train_watcher watch, void *data)
{
    error e = {{0}};
    run *r;
    store *s = store_open(arena_text(b->shop.life, "%s/%s", folder, place), true, b->shop.life, &e);
    assert_non_null(s);
    assert_int_equal(store_claim(s, b->cell->id, b->cell->config, &r, &e), CLAIM_MINE);
    const train_outcome out = train(r, &b->cell->variant->options, &b->setup, 3, 1e9, &b->shop, watch, data, &e);
    assert_string_equal(e.text, "");
    run_close(r);
    return out.end;
}

static json_t *log_in(const char *place, const bench *b)
{
    error e = {{0}};
    const store *s = store_open(arena_text(b->shop.life, "%s/%s", folder, place), false, b->shop.life, &e);
    json_t *log = store_log(s, b->cell->id, &e), *line;
    size_t i;
    assert_non_null(log);
    json_array_foreach(log, i, line) {                      // what differs between equal runs
        json_object_del(line, "wall");
        json_object_del(line, "cpu");
    }
    return log;
}

// The last line of an event.
static const json_t *last_line(const json_t *log, const char *event)
{
    const json_t *line, *found = NULL;
    size_t i;
    json_array_foreach(log, i, line)
        if (strcmp(json_text_at(line, "event", ""), event) == 0) found = line;
    return found;
}

// A training is its steps, one by one, on the training examples in order; what it says of validation is of validation examples.
static void trains_and_validates_on_their_splits(void **state)
{
    static const char *const text =
        "{ sweep: t, task: { name: word-problem, group: S3 }, train: { lengths: { uniform: [6, 6] }, steps: 20, batch: 8, "
        "optimizer: { lr: 0.01 }, schedule: { name: linear, warmup: 3 } }, validate: { every: 10, examples: 50 }, "
        "evaluate: { lengths: 6 }, model: { name: transformer, d_model: 8, heads: 2, dropout: 0.1 } }";
    bench b = open_bench_of(text, 1), by_hand = open_bench_of(text, 1);
    assert_int_equal(train_in("splits", &b, NULL, NULL), TRAIN_DONE);
    for (int step = 0; step < 20; step++) {
        const arena_mark start = arena_save(by_hand.shop.step);
        const batch next = batch_make(&by_hand.setup.data, SPLIT_TRAIN, 6, step * 8, 8, by_hand.shop.step);
        train_step(&by_hand.setup, &by_hand.cell->variant->options.train, &next, step, &by_hand.shop, NULL);
        arena_restore(by_hand.shop.step, start);
    }
    const model *m = &b.setup.network->model;
    assert_memory_equal(m->data, by_hand.setup.network->model.data, (size_t)m->size * sizeof(real));
    evaluation e;
    assert_true(evaluate(&e, &by_hand.setup, SPLIT_VALIDATION, (const int[]){ 6 }, 1, 50, &by_hand.shop));
    json_t *log = log_in("splits", &b);
    assert_true(json_int_at(last_line(log, "validation"), "step", 0) == 20);
    assert_true(json_real_at(last_line(log, "validation"), "token_error") == evaluation_error(&e, 6));
    assert_true(json_real_at(last_line(log, "validation"), "loss") == e.length->loss / (double)e.length->supervised);
    json_decref(log);
    close_bench(&by_hand);
    close_bench(&b);
}

// The first validation of the last stage is good enough: four more steps.
static void stops_early_in_the_last_stage(void **state)
{
    bench b = open_bench_of("{ sweep: t, task: { name: word-problem, group: S3 }, train: { lengths: [1, 2], steps: 60, batch: 8, "
                            "advance: { steps: 7 }, stop: { validation_error_below: 1, keep: 4 } }, "
                            "validate: { every: 5, examples: 50 }, evaluate: { lengths: 6 }, "
                            "model: { name: transformer, d_model: 8, heads: 2 } }", 1);
    assert_int_equal(train_in("stops", &b, NULL, NULL), TRAIN_DONE);
    json_t *log = log_in("stops", &b);
    assert_int_equal(json_int_at(last_line(log, "stop"), "step", 0), 10);
    assert_int_equal(json_int_at(last_line(log, "stop"), "at", 0), 14);
    assert_int_equal(json_int_at(last_line(log, "train"), "step", 0), 14);
    json_decref(log);
    close_bench(&b);
}

// The step at which stage i begins, −1: never.
static int64_t begins(const json_t *log, int stage)
{
    const json_t *line;
    size_t i;
    json_array_foreach(log, i, line)
        if (strcmp(json_text_at(line, "event", ""), "stage") == 0 && json_int_at(line, "stage", -1) == stage)
            return json_int_at(line, "step", -1);
    return -1;
}

typedef struct { int64_t right, wrong; } answers;           // the first step whose one answer is right, steps before it

static void see_answer(const train_progress *p, void *data)
{
    answers *a = data;
    if (!a->right && p->error == 0) a->right = p->step;
    a->wrong += !a->right;
}

// One answer a step: the error is 1 or 0, and only 0 is below 1.
static void stages_end_below_the_bound(void **state)
{
    bench b = open_bench_of("{ sweep: t, task: { name: word-problem, group: S3 }, train: { lengths: [1, 2], steps: 60, batch: 1, "
                            "advance: { training_error_below: 1, average: 0, every: 1 } }, validate: { every: 0 }, "
                            "evaluate: { lengths: 6 }, model: { name: transformer, d_model: 8, heads: 2 } }", 1);
    answers a = {0};
    assert_int_equal(train_in("stages", &b, see_answer, &a), TRAIN_DONE);
    json_t *log = log_in("stages", &b);
    assert_true(a.wrong > 0 && a.right > 0);
    assert_int_equal(begins(log, 0), 0);
    assert_int_equal(begins(log, 1), a.right);
    json_decref(log);
    close_bench(&b);
}

static bool every_seventh(void)
{
    static int asked;
    return ++asked % 7 == 0;
}

// Stopped after every few steps and begun anew from the checkpoint: the same log, the same weights.
static void interrupted_is_uninterrupted(void **state)
{
    static const char *const text =
        "{ sweep: t, task: { name: word-problem, group: Z2 }, train: { stages: [{ lengths: { uniform: [2, 5] }, "
        "advance: { steps: 12 } }, { lengths: { 1: 8, 2: 4 }, advance: { training_error_below: 0.08, average: 0.8, every: 5 } }, "
        "{ lengths: 5 }], steps: 90, optimizer: { lr: 0.01 }, schedule: { name: cosine, warmup: 5 } }, validate: { every: 30, examples: 16 }, "
        "evaluate: { lengths: 6 }, model: { name: psm-softmax, d_model: 8, heads: 2, dropout: 0.1, shared: until-last-stage } }";
    bench whole = open_bench_of(text, 1);
    assert_int_equal(train_in("whole", &whole, NULL, NULL), TRAIN_DONE);
    json_t *right = log_in("whole", &whole);
    const int64_t looks = begins(right, 2) - 12;            // the running error is looked at every five steps of the stage
    if (begins(right, 1) != 12 || !(looks > 5 && looks < 68 && looks % 5 == 0))
        fail_msg("the last stage begins %lld steps late", (long long)looks);
    for (bool done = false; !done;) {
        bench part = open_bench_of(text, 2);
        const model *m = &part.setup.network->model;
        part.shop.stopped = every_seventh;
        const train_end end = train_in("parts", &part, NULL, NULL);
        assert_true(end == TRAIN_DONE || end == TRAIN_INTERRUPTED);
        done = end == TRAIN_DONE;
        if (done) {
            json_t *log = log_in("parts", &part);
            assert_true(json_equal(log, right));
            assert_memory_equal(m->data, whole.setup.network->model.data, (size_t)m->size * sizeof(real));
            json_decref(log);
        }
        close_bench(&part);
    }
    json_decref(right);
    close_bench(&whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_is_wrong), cmocka_unit_test(prefixes_are_examples),
        cmocka_unit_test(same_step_on_any_team), cmocka_unit_test(steps_do_not_allocate), cmocka_unit_test(rates_are_of_the_step),
        cmocka_unit_test(trains_and_validates_on_their_splits), cmocka_unit_test(stops_early_in_the_last_stage),
        cmocka_unit_test(stages_end_below_the_bound), cmocka_unit_test(interrupted_is_uninterrupted),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
