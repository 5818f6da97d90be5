// Sweep files into cells: expansion, identity, and that what a cell's process reads is what its parent meant.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "base/file.h"
#include "harness/stages.h"
#include "harness/sweep.h"

#define HEAD "sweep: t\ntask: { name: word-problem, group: S3 }\nevaluate: { lengths: 8 }\n"
#define TRAIN "train: { lengths: 4, steps: 10 }\n"
#define MODEL "models: [{ name: transformer, d_model: 8 }]\n"

static arena *memory;

static sweep *load(const char *text)
{
    char path[] = "/tmp/scanbench-sweep-XXXXXX";
    error e = {0};
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && file_write(path, text, strlen(text), &e));
    diag *d = diag_new();
    sweep *s = sweep_load(path, memory, d);
    diag_print(d, stdout);
    diag_free(d);
    close(fd);
    unlink(path);
    assert_non_null(s);
    return s;
}

// Results are found by these names: one that changes throws away everybody's results. If a change is meant (a fixed bug, a
// changed default), its owner's version goes up, and the new name is written here.
static const struct { const char *text, *id; } identities[] = {
    { HEAD TRAIN MODEL, "word-problem.transformer.s0.bf12c558feba7d97" },
    { HEAD TRAIN "seeds: [7]\n" MODEL, "word-problem.transformer.s7.bf088358feb1b8ec" },
    { HEAD "train: { lengths: [2, 4], advance: { steps: 5 }, steps: 10 }\n" MODEL,
      "word-problem.transformer.s0.8b2e8e1d7579f50d" },
    { HEAD "train: { lengths: { uniform: [2, 4] }, steps: 10 }\n" MODEL, "word-problem.transformer.s0.8c6cced27e468d31" },
    { HEAD "train: { stages: [{ lengths: { 4: 8, 8: 4 }, advance: { steps: 5 } }, { lengths: 8 }], steps: 10 }\n" MODEL,
      "word-problem.transformer.s0.246afdf46bdcf8a7" },
    { HEAD "train: { lengths: 4, steps: 10, optimizer: { name: adamw, lr: 3.0e-3 }, "
      "schedule: { name: cosine, warmup: 5 } }\n" MODEL, "word-problem.transformer.s0.23899e93d257eee0" },
    { HEAD TRAIN "init: { matrices: 0.1 }\n" MODEL, "word-problem.transformer.s0.57a4df89f67f3f2e" },
    { HEAD TRAIN "models: [{ name: transformer, d_model: 8, positions: none, layers: 3, heads: 2 }]\n",
      "word-problem.transformer.s0.b27217d2853be3ed" },
    { HEAD TRAIN "models: [{ name: psm-softmax, d_model: 8, chunk: 2 }]\n", "word-problem.psm-softmax.s0.db09d4174cf1464c" },
    { HEAD TRAIN "models: [{ name: hybrid, d_model: 8, stack: [attention, { mixer: attention, heads: 2 }] }]\n",
      "word-problem.hybrid.s0.323d60d91b83c394" },
};

static void keeps_identities(void **state)
{
    bool same = true;
    for (size_t i = 0; i < LEN(identities); i++) {
        const sweep *s = load(identities[i].text);
        if (strcmp(s->cell[0].id, identities[i].id) != 0) {
            printf("# %zu is now %s\n", i, s->cell[0].id);
            same = false;
        }
    }
    assert_true(same);
}

static const char *id_of(const char *text) { return load(text)->cell[0].id; }

static void names_only_what_is_trained(void **state)
{
    const char *plain = id_of(HEAD TRAIN MODEL);
    static const char *const same[] = {
        "sweep: other\ntask: { name: word-problem, group: S3 }\nevaluate: { lengths: [8, 12], examples: 64 }\n" TRAIN MODEL,
        HEAD TRAIN "solved: { length: 4, token_error_below: 0.2 }\nplot: { log_y: true }\n" MODEL,
        HEAD TRAIN "models: [{ name: transformer, label: other, d_model: 8 }]\n",
        HEAD TRAIN "models: [{ name: transformer, d_model: 8, heads: 4, tie: false }]\n",
        HEAD "train: { lengths: 4, steps: 10, batch: 64, optimizer: { name: adamw } }\n" MODEL,
    };
    for (size_t i = 0; i < LEN(same); i++) assert_string_equal(id_of(same[i]), plain);
    static const char *const other[] = {
        HEAD "train: { lengths: 4, steps: 11 }\n" MODEL,
        HEAD TRAIN "validate: { every: 5 }\n" MODEL,
        HEAD TRAIN "models: [{ name: transformer, d_model: 16 }]\n",
        "sweep: t\ntask: { name: word-problem, group: S3, start: bos }\nevaluate: { lengths: 8 }\n" TRAIN MODEL,
    };
    for (size_t i = 0; i < LEN(other); i++) assert_string_not_equal(id_of(other[i]), plain);
}

static void expands(void **state)
{
    const sweep *s = load(HEAD TRAIN "seeds: [0, 1, 2]\nmodels:\n  - { name: transformer, d_model: 8 }\n"
                          "  - { name: transformer, label: b, d_model: 8, with: { train.steps: 20 } }\n"
                          "grid: { train.optimizer.lr: [0.001, 0.002], models.b.layers: [1, 2] }\n");
    assert_int_equal(s->n_variants, 2 + 4);         // the first model does not see the second's layers
    assert_int_equal(s->n, 18);
    assert_string_equal(s->variant[0].point, "train.optimizer.lr=0.001");
    assert_int_equal(s->variant[0].options.train.steps, 10);
    assert_int_equal(s->variant[5].options.train.steps, 20);
    assert_string_equal(s->variant[5].point, "train.optimizer.lr=0.002 models.b.layers=2");
    const sweep *named = load(HEAD TRAIN "models: [{ name: transformer, d_model: 8 }]\n"
                                         "grid: { train.lengths: { short: 4, long: { uniform: [4, 9] } } }\n");
    assert_int_equal(named->n_variants, 2);
    assert_string_equal(named->variant[1].point, "train.lengths=long");
    assert_int_equal(named->variant[1].options.train.lengths.which, LENGTHS_UNIFORM);
    for (int i = 0; i < s->n; i++)
        for (int j = 0; j < i; j++) assert_string_not_equal(s->cell[i].id, s->cell[j].id);
}

// The sweep's `init` may be varied and overridden like anything else; a model's own stays.
static void hands_out_init(void **state)
{
    const sweep *s = load(HEAD TRAIN "init: { matrices: 0.1 }\nmodels:\n  - { name: transformer, d_model: 8 }\n"
                          "  - { name: transformer, label: own, d_model: 8, init: { matrices: 0.3 } }\n"
                          "  - { name: transformer, label: with, d_model: 8, with: { init.matrices: 0.4 } }\n"
                          "grid: { init.embedding: [0.01, 0.02] }\n");
    assert_int_equal(s->n, 6);
    static const char *const text[] = { "init: { matrices: 0.1, embedding: 0.01 }", "init: { matrices: 0.1, embedding: 0.02 }",
                                        "init: { matrices: 0.3 }", "init: { matrices: 0.3 }",
                                        "init: { matrices: 0.4, embedding: 0.01 }", "init: { matrices: 0.4, embedding: 0.02 }" };
    for (int i = 0; i < 6; i++)
        if (!strstr(s->cell[i].config, text[i])) fail_msg("cell %d has no %s:\n%s", i, text[i], s->cell[i].config);
}

static void reads_back_what_it_wrote(void **state)
{
    for (size_t i = 0; i < LEN(identities); i++) {
        const sweep *s = load(identities[i].text);
        diag *d = diag_new();
        const cell *c = cell_read(s->cell[0].variant->text, s->cell[0].seed, memory, d);
        diag_print(d, stdout);
        assert_non_null(c);
        assert_string_equal(c->id, s->cell[0].id);
        assert_string_equal(c->config, s->cell[0].config);
        assert_string_equal(c->evaluation, s->cell[0].evaluation);
        diag_free(d);
    }
}

static void orders_stages_and_lengths(void **state)
{
    stage *stages;
    int *lengths;
    const cell_options *o = &load(identities[4].text)->variant[0].options;
    assert_int_equal(train_stages(&o->train, memory, &stages), 2);
    assert_int_equal(stages[0].n, 2);
    assert_int_equal(stages[0].segment[1].length, 8);
    assert_int_equal(stages[0].segment[1].batch, 4);
    assert_int_equal(stages[0].steps, 5);
    assert_int_equal(train_longest(&o->train), 8);
    assert_int_equal(solved_length(o), 8);
    o = &load("sweep: t\ntask: { name: word-problem, group: S3 }\nevaluate: { lengths: [9, 3, 9, 5] }\n" TRAIN MODEL)
             ->variant[0].options;
    assert_int_equal(evaluate_lengths(&o->evaluate, memory, &lengths), 3);
    assert_int_equal(lengths[0], 3);
    assert_int_equal(lengths[2], 9);
}

int main(void)
{
    memory = arena_new();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_identities), cmocka_unit_test(names_only_what_is_trained), cmocka_unit_test(expands),
        cmocka_unit_test(hands_out_init),
        cmocka_unit_test(reads_back_what_it_wrote), cmocka_unit_test(orders_stages_and_lengths),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_free(memory);
    return failed;
}
