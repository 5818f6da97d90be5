// Training: the same numbers on any team, rates, stages, finite sets, going on.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cell_bench.h"
#include "harness/stages.h"
#include "results/json.h"

static const char *const description =
    "{ sweep: t, task: { name: word-problem, group: S3, start: bos }, train: { lengths: 6, steps: 20, batch: 8, "
    "optimizer: { name: adamw, lr: 0.01 } }, evaluate: { lengths: [3, 9, 20], examples: 33 }, "
    "model: { name: psm-softmax, d_model: 8, heads: 2, chunk: 2 } }";

static bench open_bench(int threads) { return open_bench_of(description, threads); }

static void same_step_on_any_team(void **state)
{
    double loss[3] = {0}, norm[3] = {0};
    static const int threads[] = { 1, 3, 7 };
    for (int k = 0; k < 3; k++) {
        bench b = open_bench(threads[k]);
        for (int step = 0; step < 5; step++) {
            const arena_mark start = arena_save(b.shop.step);
            const batch one = batch_make(&b.setup.data.base, SPLIT_TRAIN, 6, step * 8, 8, b.shop.step);
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
        const batch one = batch_make(&b.setup.data.base, SPLIT_TRAIN, 6, step * 8, 8, b.shop.step);
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
        const batch same = batch_make(&b.setup.data.base, SPLIT_TRAIN, 6, 0, 8, b.shop.step);
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
        const batch next = batch_make(&by_hand.setup.data.base, SPLIT_TRAIN, 6, step * 8, 8, by_hand.shop.step);
        train_step(&by_hand.setup, &by_hand.cell->variant->options.train, &next, step, &by_hand.shop, NULL);
        arena_restore(by_hand.shop.step, start);
    }
    const model *m = &b.setup.network->model;
    assert_memory_equal(m->data, by_hand.setup.network->model.data, (size_t)m->size * sizeof(real));
    evaluation e;
    assert_true(evaluate(&e, by_hand.setup.network, &by_hand.setup.data.base, SPLIT_VALIDATION, (const int[]){ 6 }, 1, 50,
                         &by_hand.shop));
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
        "{ lengths: 5 }], steps: 90, optimizer: { lr: 0.01 }, schedule: { name: cosine, warmup: 5 } }, validate: { every: 30, "
        "examples: 16 }, "
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

// ---- other settings of the task

// What a training's steps are made of, done by hand: batch `step` is of `length`, from example `first` on.
static void step_by_hand(bench *b, int step, const dataset *data, int length, int64_t first, int B)
{
    const arena_mark start = arena_save(b->shop.step);
    const batch next = batch_make(data, SPLIT_TRAIN, length, first, B, b->shop.step);
    train_step(&b->setup, &b->cell->variant->options.train, &next, step, &b->shop, NULL);
    arena_restore(b->shop.step, start);
}

static void same_weights(const bench *a, const bench *b)
{
    const model *m = &a->setup.network->model;
    assert_memory_equal(m->data, b->setup.network->model.data, (size_t)m->size * sizeof(real));
}

// A stage with its own pairs trains on that setting's examples and is validated there; the last one is the sweep's.
static void stages_have_settings_of_their_own(void **state)
{
    bench b = open_bench_of("{ sweep: t, task: { name: mqar, vocabulary: 32, pairs: 4 }, train: { stages: [{ lengths: 16, "
                            "task: { pairs: 2 }, advance: { steps: 4 } }, { lengths: { 16: 4, 24: 2 } }], steps: 8, batch: 8, "
                            "optimizer: { lr: 0.01 } }, validate: { every: 3, examples: 50 }, "
                            "evaluate: { lengths: 16 }, model: { name: transformer, d_model: 8, heads: 2 } }", 1);
    const datasets *data = &b.setup.data;
    assert_int_equal(data->n, 1);
    bench by_hand = open_bench_of(b.cell->variant->text, 1);
    assert_int_equal(train_in("settings", &b, NULL, NULL), TRAIN_DONE);
    for (int step = 0; step < 3; step++) step_by_hand(&by_hand, step, data->other, 16, step * 8, 8);
    evaluation e;
    assert_true(evaluate(&e, by_hand.setup.network, data->other, SPLIT_VALIDATION, (const int[]){ 16 }, 1, 50, &by_hand.shop));
    assert_int_equal(e.length->supervised, 100);
    json_t *log = log_in("settings", &b);
    const json_t *line;
    size_t i;
    json_array_foreach(log, i, line)
        if (strcmp(json_text_at(line, "event", ""), "validation") == 0 && json_int_at(line, "step", 0) == 3)
            assert_true(json_real_at(line, "loss") == e.length->loss / 100);
    step_by_hand(&by_hand, 3, data->other, 16, 24, 8);
    for (int step = 4; step < 8; step += 2) {
        step_by_hand(&by_hand, step, &data->base, 16, 20 + step * 3, 4);
        step_by_hand(&by_hand, step + 1, &data->base, 24, 24 + step * 3, 2);
    }
    same_weights(&b, &by_hand);
    json_decref(log);
    close_bench(&by_hand);
    close_bench(&b);
}

// Segments come by their shares, the same ones whenever they are asked for.
static void segments_come_by_their_shares(void **state)
{
    bench b = open_bench_of("{ sweep: t, task: { name: mqar, vocabulary: 32, pairs: 4 }, train: { stages: [{ segments: [{ "
                            "length: 16, "
                            "share: 3 }, { length: 24, batch: 4, task: { pairs: 2 } }, { length: 32, share: 0 }] }], steps: 9, "
                            "batch: 8 }, "
                            "evaluate: { lengths: 16 }, model: { name: transformer, d_model: 8, heads: 2 } }", 1);
    stage *stages;
    assert_int_equal(train_stages(&b.cell->variant->options.train, b.shop.life, &stages), 1);
    int count[3] = {0};
    for (int i = 0; i < 4000; i++) {
        const segment s = stage_segment(stages, &b.setup.data, i, i), again = stage_segment(stages, &b.setup.data, 0, i);
        assert_int_equal(s.length, again.length);
        assert_int_equal(s.batch, s.length == 24 ? 4 : 8);
        assert_ptr_equal(datasets_find(&b.setup.data, s.task), s.length == 24 ? b.setup.data.other : &b.setup.data.base);
        count[s.length / 8 - 2]++;
    }
    if (!(abs(count[0] - 3000) < 110) || count[2])           // four standard deviations
        fail_msg("%d, %d and %d of 4000 steps, for shares of 3, 1 and 0", count[0], count[1], count[2]);
    close_bench(&b);
}

// 26 examples in batches of 8 are three batches, which come again in the same order.
static void a_finite_set_comes_again(void **state)
{
    static const char *const text =
        "{ sweep: t, task: { name: word-problem, group: S3 }, train: { lengths: { uniform: [2, 9] }, examples: 26, steps: 8, "
        "batch: 8, "
        "optimizer: { lr: 0.01 } }, evaluate: { lengths: 6 }, model: { name: transformer, d_model: 8, heads: 2 } }";
    bench b = open_bench_of(text, 1), by_hand = open_bench_of(text, 1);
    assert_int_equal(train_in("finite", &b, NULL, NULL), TRAIN_DONE);
    stage *stages;
    train_stages(&b.cell->variant->options.train, b.shop.life, &stages);
    assert_int_equal(stage_epoch(stages, &b.setup.data, 26), 3);
    for (int step = 0; step < 8; step++)
        step_by_hand(&by_hand, step, &b.setup.data.base, stage_segment(stages, &b.setup.data, step % 3, step % 3).length,
                     step % 3 * 8, 8);
    same_weights(&b, &by_hand);
    assert_true(train_distinct(&b.cell->variant->options.train, 64) == 26);
    close_bench(&by_hand);
    close_bench(&b);
}

// Of a range, the lengths that the task knows: an expression has an odd number of symbols.
static void draws_lengths_that_there_are(void **state)
{
    bench b = open_bench_of("{ sweep: t, task: modular-arithmetic, train: { lengths: { uniform: [3, 39] }, steps: 1 }, evaluate: "
                            "{ lengths: 5 }, "
                            "model: { name: gru, d_model: 8 } }", 1);
    stage *stages;
    train_stages(&b.cell->variant->options.train, b.shop.life, &stages);
    int count[40] = {0};
    for (int i = 0; i < 1900; i++) count[stage_segment(stages, &b.setup.data, i, i).length]++;
    for (int length = 0; length < 40; length++)
        if (length % 2 == 0 || length < 3 ? count[length] > 0 : !(count[length] > 50 && count[length] < 150))
            fail_msg("length %d was drawn %d times of 1900, of 19 lengths", length, count[length]);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_step_on_any_team), cmocka_unit_test(steps_do_not_allocate), cmocka_unit_test(rates_are_of_the_step),
        cmocka_unit_test(trains_and_validates_on_their_splits), cmocka_unit_test(stops_early_in_the_last_stage),
        cmocka_unit_test(stages_end_below_the_bound), cmocka_unit_test(interrupted_is_uninterrupted),
        cmocka_unit_test(stages_have_settings_of_their_own), cmocka_unit_test(segments_come_by_their_shares),
        cmocka_unit_test(a_finite_set_comes_again), cmocka_unit_test(draws_lengths_that_there_are),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
