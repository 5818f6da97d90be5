// Evaluation: counts, prefixes, held-out transitions.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "cell_bench.h"
#include "results/json.h"

static const char *const description =
    "{ sweep: t, task: { name: word-problem, group: S3, start: bos }, train: { lengths: 6, steps: 20, batch: 8, "
    "optimizer: { name: adamw, lr: 0.01 } }, evaluate: { lengths: [3, 9, 20], examples: 33 }, "
    "model: { name: psm-softmax, d_model: 8, heads: 2, chunk: 2 } }";

static bench open_bench(int threads) { return open_bench_of(description, threads); }

static evaluation evaluate_at(bench *b, const int *lengths, int n)
{
    evaluation e;
    assert_true(evaluate(&e, b->setup.network, &b->setup.data.base, SPLIT_TEST, lengths, n, 33, &b->shop));
    return e;
}

// Counting by hand, from the predictions at each example's own tokens.
static void counts_what_is_wrong(void **state)
{
    bench b = open_bench(1);
    const int lengths[] = { 3, 9, 20 };
    const evaluation e = evaluate_at(&b, lengths, 3);
    const task_floor *floors = b.setup.data.base.task->floors;
    int64_t errors[3] = {0}, squared[3] = {0}, sequences[3] = {0}, last[3] = {0}, of_floor[3][MAX_FLOORS] = {{0}};
    for (int i = 0; i < 33; i++) {
        const arena_mark start = arena_save(b.shop.step);
        graph g = { .step = b.shop.step, .team = b.shop.team, .backend = REFERENCE };
        const batch one = batch_make(&b.setup.data.base, SPLIT_TEST, 20, i, 1, b.shop.step);
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
            floors[f].predict(b.setup.data.base.self, tensor_ints(one.tokens), one.T, said);
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
    const batch whole = batch_make(&b.setup.data.base, SPLIT_TEST, 20, 0, 4, b.shop.step);
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

// Of each sequence one answer, the first that knows of a held-out transition, and apart from it those that know of none:
// held out, its errors, before, its errors. Shorter lengths are cut from the longest where that makes them examples.
static void held_out_by_hand(bench *b, int length, bool last, int64_t count[4])
{
    const dataset *data = &b->setup.data.base;
    for (int i = 0; i < 33; i++) {
        const arena_mark start = arena_save(b->shop.step);
        graph g = { .step = b->shop.step, .team = b->shop.team, .backend = REFERENCE };
        const batch one = batch_make(data, SPLIT_TEST, last ? length : 20, i, 1, b->shop.step);
        const head_loss h = batch_loss(&one, b->setup.network, &g);
        bool taken[21], known = false;
        dataset_held_out(data, tensor_ints(one.tokens), one.T, taken);
        for (int t = 0; t < length && !known; t++) {                    // symbol t is token t + 1
            const int k = last ? 0 : t;                                 // the answer; with `last` there is but one
            const bool wrong = tensor_ints(h.predictions)[k] != tensor_ints(one.targets)[k];
            known = taken[t + 1];
            if (!known && last && t < length - 1) continue;
            count[known ? 0 : 2]++;
            count[known ? 1 : 3] += wrong;
        }
        arena_restore(b->shop.step, start);
    }
}

static void counts_held_out_transitions(void **state)
{
    static const char *const scored[] = { "all", "last" };
    const int lengths[] = { 3, 9, 20 };
    for (int c = 0; c < 2; c++) {
        char text[512];
        snprintf(text, sizeof text, "{ sweep: t, task: { name: word-problem, group: S3, start: bos, scored: %s, "
                 "holdout_transitions: 0.1 }, train: { lengths: 6, steps: 20 }, evaluate: { lengths: [3, 9, 20], examples: 33 }, "
                 "model: { name: psm-softmax, d_model: 8, heads: 2, chunk: 2 } }", scored[c]);
        bench b = open_bench_of(text, 1);
        const evaluation e = evaluate_at(&b, lengths, 3);
        json_t *json = evaluation_json(&e, &b.setup.data.base, 100);
        for (int l = 0; l < 3; l++) {
            static const char *const keys[] = { "held_out.supervised", "held_out.errors", "before_held_out.supervised",
                                                "before_held_out.errors" };
            const json_t *written = json_array_get(json_object_get(json, "lengths"), l);
            int64_t count[4] = {0};
            held_out_by_hand(&b, lengths[l], c == 1, count);
            assert_true(count[0] > 0 && count[1] > 0 && count[2] > 0);
            for (int k = 0; k < 4; k++) assert_int_equal(json_int_at(written, keys[k], -1), count[k]);
        }
        json_decref(json);
        close_bench(&b);
    }
}

static void says_nothing_of_none_held_out(void **state)
{
    bench b = open_bench(1);
    const evaluation e = evaluate_at(&b, (const int[]){ 3 }, 1);
    json_t *json = evaluation_json(&e, &b.setup.data.base, 100);
    assert_null(json_at(json_array_get(json_object_get(json, "lengths"), 0), "held_out"));
    json_decref(json);
    close_bench(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(counts_what_is_wrong), cmocka_unit_test(prefixes_are_examples),
                                        cmocka_unit_test(counts_held_out_transitions),
                                        cmocka_unit_test(says_nothing_of_none_held_out) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
