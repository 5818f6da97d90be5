// Evaluation and one training step of the harness: counts, prefixes, the same numbers on any team.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "harness/train.h"

static const char *const description =
    "{ sweep: t, task: { name: word-problem, group: S3, start: bos }, train: { lengths: 6, steps: 20, batch: 8, "
    "optimizer: { name: adamw, lr: 0.01 } }, evaluate: { lengths: [3, 9, 20], examples: 33 }, "
    "model: { name: psm-softmax, d_model: 8, heads: 2, chunk: 2 } }";

typedef struct bench { cell *cell; setup setup; workshop shop; } bench;

static bench open_bench(int threads)
{
    bench b = { .shop = { .life = arena_new(), .step = arena_new(), .team = team_new(threads), .backend = CPU } };
    diag *d = diag_new();
    b.cell = cell_read(description, 3, b.shop.life, d);
    diag_print(d, stdout);
    assert_non_null(b.cell);
    assert_true(setup_open(&b.setup, &b.cell->variant->options, 3, b.shop.life, d));
    network_init(b.setup.network, 3);
    network_stage(b.setup.network, 0, 1, true);
    diag_free(d);
    return b;
}

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
    int64_t errors[3] = {0}, squared[3] = {0}, sequences[3] = {0}, last[3] = {0};
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
        arena_restore(b.shop.step, start);
    }
    for (int l = 0; l < 3; l++) {
        const tally *t = &e.length[l];
        assert_int_equal(t->supervised, 33 * lengths[l]);
        assert_int_equal(t->errors, errors[l]);
        assert_int_equal(t->errors_squared, squared[l]);
        assert_int_equal(t->sequence_errors, sequences[l]);
        assert_int_equal(t->last_errors, last[l]);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_is_wrong), cmocka_unit_test(prefixes_are_examples),
        cmocka_unit_test(same_step_on_any_team), cmocka_unit_test(steps_do_not_allocate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
