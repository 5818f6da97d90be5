#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "invented.h"
#include "base/check.h"
#include "results/json.h"
#include "results/table.h"

static arena *memory;

static int set_up(void **state)
{
    memory = arena_new();
    return 0;
}

static int tear_down(void **state)
{
    arena_free(memory);
    return 0;
}

static void near_(double found, double expected, double tolerance, int line)
{
    if (!(fabs(found - expected) <= tolerance)) {
        print_error("line %d: %.12g, expected %.12g\n", line, found, expected);
        fail();
    }
}
#define NEAR(found, expected, tolerance) near_(found, expected, tolerance, __LINE__)

// Notes are broken into lines: joined again, so that their words can be looked for.
static char *printed(const summary *s, table_format format, const table_options *o)
{
    char *text;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    table_print(f, s, format, o);
    assert_int_equal(fclose(f), 0);
    for (char *line; (line = strstr(text, "\n  "));)
        memmove(line, line + 2, strlen(line + 2) + 1);
    char *copy = arena_copy(memory, text);
    free(text);
    return copy;
}

static void has(const char *text, const char *part)
{
    if (!strstr(text, part)) {
        print_error("'%s' is not in:\n%s\n", part, text);
        fail();
    }
}

static void has_not(const char *text, const char *part)
{
    if (strstr(text, part)) {
        print_error("'%s' is in:\n%s\n", part, text);
        fail();
    }
}

// ---- a store of three cells, by hand

typedef struct addition { summary *s; summary_cell cell; } addition;

static bool add_row(const row *r, void *data)
{
    addition *add = data;
    add->cell.row = r;
    summary_add(add->s, &add->cell);
    return true;
}

static summary *committed_store(void)
{
    static const char *const ids[] = { "word-problem.psm-softmax.s0.9f3c", "word-problem.mamba.s1.47d2",
        "word-problem.transformer.s0.11aa", "absent" };
    static const char *const labels[] = { "psm-softmax", "mamba", "transformer", "gla" };
    error err = { 0 };
    const store *st = store_open(TEST_DATA "/store-1", false, memory, &err);
    summary *s = summary_new(&(summary_head){ .sweep = "small", .task = "word-problem (A4)" }, memory);
    for (size_t i = 0; i < LEN(ids); i++) {
        addition add = { s, { labels[i], "", i == 1, 4, { 4, TOKEN_ERROR, 0.01 }, NULL } };
        assert_true(store_read(st, ids[i], "18-178-2048", add_row, &add, &err));
    }
    summary_finish(s);
    return s;
}

static void test_summary_of_a_store(void **state)
{
    const summary *s = committed_store();
    assert_int_equal(s->n_models, 4);
    const run_summary *psm = s->runs[0];
    assert_int_equal(psm->state, CELL_DONE);
    assert_int_equal(psm->solved, 1);                   // 5/1024 < 0.01
    NEAR(run_error(psm, TOKEN_ERROR, 4), 5.0 / 1024, 0);
    NEAR(run_error(psm, LAST_ERROR, 8), 110.0 / 256, 0);
    NEAR(run_error(psm, SEQUENCE_ERROR, 8), 130.0 / 256, 0);
    NEAR(run_error(psm, LOSS, 8), 0.9, 0);
    assert_true(isnan(run_error(psm, TOKEN_ERROR, 5)));
    NEAR(run_interval(psm, LAST_ERROR, 8).high, wilson(110, 256, Z95).high, 0);
    const error_counts eight = { 256, 2048, 377, 1303, 130 };
    NEAR(run_interval(psm, TOKEN_ERROR, 8).low, clustered_interval(&eight, Z95).low, 0);
    // windows from 1 on: 0, 0, 2/3, 5/4 of 256: fine; at 5 67/5 = 13.4 of 256, 5.2 %, bound 8 %; at 6 157/6 = 26, over 10 %
    assert_int_equal(psm->horizon.t, 5);
    assert_false(psm->horizon.open);
    assert_int_equal(psm->steps, 50);
    assert_int_equal(psm->steps_to_solve, 50);
    assert_int_equal(psm->novel_from, 4);
    NEAR(psm->parameters, 25324, 0);
    NEAR(s->models[0].chance, 11.0 / 12, 0);
    NEAR(s->models[0].floors[0].error[1], 1850.0 / 2048, 0);
    NEAR(model_overlap(&s->models[0], 4), 0.31, 0);
    assert_int_equal(s->runs[1]->state, CELL_DIVERGED);
    assert_int_equal(s->runs[1]->solved, 0);
    assert_int_equal(s->runs[1]->horizon.t, 0);
    assert_string_equal(s->runs[1]->reason, "loss is nan at step 30");
    assert_true(isinf(run_error(s->runs[1], TOKEN_ERROR, 4)));
    assert_int_equal(s->runs[2]->state, CELL_STARTED);
    assert_int_equal(s->runs[3]->state, CELL_MISSING);
}

static void test_table_of_a_store(void **state)
{
    const char *text = printed(committed_store(), TABLE_TEXT, NULL);
    has(text, "error at 4");
    has(text, "error at 8");
    has(text, "0.0049 (");                              // 5/1024 with its interval: one seed
    has(text, "0.184 (");                               // 377/2048
    has(text, "mamba †");
    has(text, "diverged");
    has(text, "1/1 [21–100 %]");
    has(text, "Not finished: mamba 1 diverged; transformer 1 interrupted; gla 1 missing.");
    has(text, "chance 0.917");
    has(text, "last symbol 0.879 / 0.903 at 4 / 8");
    has(text, "31 % at 4, under 0.01 % at 8");
    has(text, "under 1 % seen from length 4 on");
    has(text, "fewer than 5 seeds");
    has(text, "25.3k");
}

// ---- over seeds

static summary *invented_sweep(int seeds)
{
    summary *s = summary_new(&(summary_head){ "s5", "word-problem (S5)", "The learning rate was chosen on validation." }, memory);
    for (int i = 0; i < seeds; i++) {
        invented_add(s, &(invented){ "psm-softmax", "", i, CELL_DONE, 18, 98, 8, 1e-5, i == 2 ? 0.01 : 1e-5, 300 });
        invented_add(s, &(invented){ "transformer", "", i, i == 1 ? CELL_DIVERGED : CELL_DONE, 18, 98, 8, 0.03, 0.2, 300 });
    }
    summary_finish(s);
    return s;
}

static void test_over_seeds(void **state)
{
    const summary *s = invented_sweep(5);
    const model_summary *psm = &s->models[0], *transformer = &s->models[1];
    assert_int_equal(psm->seeds, 5);
    assert_int_equal(psm->solved, 5);
    NEAR(psm->success.low, wilson(5, 5, Z95).low, 0);
    assert_int_equal(transformer->solved, 0);
    assert_int_equal(transformer->solved_of, 5);        // the diverged one too
    const spread end = model_error(psm, TOKEN_ERROR, 98, memory);
    assert_int_equal(end.n, 5);
    double x[5];
    for (int i = 0; i < 5; i++)
        x[i] = run_error(psm->runs[i], TOKEN_ERROR, 98);
    NEAR(end.median, median_of(x, 5), 0);
    NEAR(end.high, x[2], 0);
    assert_true(isinf(model_error(transformer, TOKEN_ERROR, 98, memory).high));
    assert_true(psm->horizon_open);                     // four of five hold to the end
    NEAR(psm->horizon.median, 98, 0);
    assert_true(psm->horizon.low < 98 && psm->horizon.low > 18);
    NEAR(psm->reach[0], 1, 0);
    assert_true(isnan(psm->reach[3]));                  // the evaluation ends before 180
    NEAR(transformer->reach[0], 0, 0);
    NEAR(transformer->reach[3], 0, 0);                  // all failed before: known without a longer evaluation
    assert_true(model_learned(psm) && !model_learned(transformer));
    assert_int_equal(model_nearest(psm, 36), 34);
}

static void test_notes(void **state)
{
    const table_options all = { .seeds = true, .compare = true };
    const char *text = printed(invented_sweep(5), TABLE_TEXT, &all);
    has(text, "transformer †");
    has(text, "5/5 [57–100 %]");
    has(text, "≥ 98 [");
    has(text, "error at 34");
    has(text, "The learning rate was chosen on validation.");
    has(text, "diverged: loss is nan at step 310");
    has(text, "1 comparison, corrected by Holm");
    has(text, "no p can be below 0.0079");
    has(text, "psm-softmax at 98: mean");               // all solved: a mean is allowed
    has_not(text, "transformer at 98: mean");           // one diverged
    has_not(text, "fewer than 5 seeds");
    has(printed(invented_sweep(3), TABLE_TEXT, NULL), "fewer than 5 seeds");
}

// Wherever a line breaks, the columns are as wide as their widest cell.
static void test_columns_line_up(void **state)
{
    char *text = printed(invented_sweep(5), TABLE_TEXT, NULL);
    const char *heading = strtok(text, "\n");
    const int width = text_width(heading);
    for (int i = 0; i < 2; i++)
        assert_int_equal(text_width(strtok(NULL, "\n")), width);
    assert_int_equal(text_width("≥ 98 †"), 6);
    assert_int_equal(text_width("e\xcc\x81t"), 2);      // a combining accent
    assert_int_equal(text_width("表"), 2);
    assert_int_equal(text_width("\xff\x80x"), 3);       // not UTF-8: a column a byte
    assert_int_equal(text_width("a\xe2\x89"), 3);       // cut in the middle of a character
}

// What was trained elsewhere is told by its label, with its own last length, and is not among what "we trained".
static void test_external(void **state)
{
    summary *s = summary_new(&(summary_head){ "s5", "word-problem (S5)", NULL }, memory);
    for (int i = 0; i < 2; i++) {
        invented_add(s, &(invented){ "gru", "", i, CELL_DONE, 18, 98, 8, 0.002, 0.1, 300 });
        invented_add(s, &(invented){ "gru", "", i, CELL_DONE, 18, 50, 8, 0.002, 0.1, 200, .external = true });
    }
    summary_finish(s);
    assert_int_equal(s->n_models, 2);                   // of one name, and yet two
    assert_string_equal(s->models[1].label, "gru (external)");
    const char *text = printed(s, TABLE_TEXT, NULL);
    has(text, "error at the end");
    has(text, " at 98 ");
    has(text, " at 50 ");
    has(text, "(external): trained by another program");
    has_not(printed(invented_sweep(5), TABLE_TEXT, NULL), "(external)");
    char *method;
    size_t bytes;
    FILE *f = open_memstream(&method, &bytes);
    table_method(f, s);
    fclose(f);
    for (char *line; (line = strstr(method, "\n  "));)
        memmove(line, line + 2, strlen(line + 2) + 1);
    has(method, "we trained 1 model with 2 seeds each");
    has(method, "on 300 unseen test sequences at lengths up to 98");
    has(method, "(external): trained by another program");
    free(method);
}

static void test_other_formats(void **state)
{
    const summary *s = invented_sweep(5);
    const char *md = printed(s, TABLE_MARKDOWN, NULL), *tex = printed(s, TABLE_TEX, NULL), *csv = printed(s, TABLE_CSV, NULL);
    has(md, "| model | seeds | solved | error at 18 |");
    has(md, "| :-- | --: |");
    has(md, "- solved: token\\_error below 0.01 at length 18");
    has(tex, "\\begin{tabular}{lrrrrrr}");
    has(tex, "$\\geq$ 98");
    has(tex, "\\%");
    has(csv, "model,grid,trained_length");
    has(csv, "\npsm-softmax,,18,5,5,5,5,");
    int rows = 0;
    for (const char *p = csv; *p; p++)
        rows += *p == '\n';
    assert_int_equal(rows, 3);
    grid *g = grid_new(2, memory);
    grid_column(g, 0, "a,b", true);
    grid_column(g, 1, "c\"d", false);
    char *text;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    grid_print(f, g, TABLE_CSV, false);
    fclose(f);
    assert_string_equal(text, "\"a,b\",\"c\"\"d\"\n");
    free(text);
}

static void test_export(void **state)
{
    const summary *s = invented_sweep(2);
    char *text;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    assert_true(table_export(f, s, true));
    fclose(f);
    int lines = 0, diverged = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        error err = { 0 };
        json_t *o = json_parse(line, strlen(line), "line", &err);
        assert_non_null(o);
        diverged += strcmp(json_text_at(o, "state", ""), "diverged") == 0;
        if (lines == 0)
            NEAR(json_real_at(o, "token_error"), json_real_at(o, "errors") / json_real_at(o, "supervised"), 0);
        json_decref(o);
    }
    assert_int_equal(lines, 3 * 11 + 1);                // lengths 18, 26 … 98 of three runs, and the diverged one
    assert_int_equal(diverged, 1);
    free(text);
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        assert_false(table_export(full, s, false));
        fclose(full);
    }
}

// Each length's evaluation says so many first answers after a held-out transition, and so many before.
static void add_held_out(summary *s, int64_t seed, int errors)
{
    const invented v = { "psm-softmax", "", seed, CELL_DONE, 18, 50, 8, 1e-5, 1e-5, 300 };
    json_t *result = invented_result(&v), *evaluation = invented_evaluation(&v), *length;
    size_t i;
    json_array_foreach(json_object_get(evaluation, "lengths"), i, length) {
        json_object_set_new(length, "held_out", json_pack("{s:i, s:i}", "supervised", 200, "errors", errors));
        json_object_set_new(length, "before_held_out", json_pack("{s:i, s:i}", "supervised", 1000, "errors", 20));
    }
    const row found = { .id = "invented", .result = result, .evaluation = evaluation, .last_step = -1 };
    summary_add(s, &(summary_cell){ v.label, "", seed, 18, { 18, TOKEN_ERROR, 0.01 }, &found });
    json_decref(result);
    json_decref(evaluation);
}

static void test_held_out(void **state)
{
    summary *s = summary_new(&(summary_head){ .sweep = "s5", .task = "word-problem (S5)" }, memory);
    add_held_out(s, 0, 150);
    add_held_out(s, 1, 180);
    summary_finish(s);
    NEAR(model_held_out(&s->models[0], false, 18, memory).median, 0.825, 1e-12);
    NEAR(model_held_out(&s->models[0], true, 18, memory).high, 0.02, 1e-12);
    assert_int_equal(model_held_out(&s->models[0], false, 19, memory).n, 0);
    has(printed(s, TABLE_TEXT, NULL), "Held-out transitions: error at a sequence's first answer after one 0.825 [0.750–0.900], "
        "0.0200 [0.0200–0.0200] before, at 18; 0.825 [0.750–0.900], 0.0200 [0.0200–0.0200] before, at 34.");
    has_not(printed(invented_sweep(2), TABLE_TEXT, NULL), "Held-out");
    char *text;
    size_t bytes;
    FILE *f = open_memstream(&text, &bytes);
    assert_true(table_export(f, s, true));
    fclose(f);
    has(text, "\"held_out\":200,\"held_out_errors\":150,\"before_held_out\":1000,\"before_held_out_errors\":20");
    free(text);
}

// Grid points and models that were trained at different lengths.
static void test_groups_and_lengths(void **state)
{
    summary *s = summary_new(&(summary_head){ "grid", "task", NULL }, memory);
    invented_add(s, &(invented){ "gla", "lr 0.001", 0, CELL_DONE, 18, 98, 8, 1e-5, 0.01, 100 });
    invented_add(s, &(invented){ "gla", "lr 0.003", 0, CELL_DONE, 34, 98, 8, 1e-5, 0.01, 100 });
    summary_finish(s);
    assert_int_equal(s->n_models, 2);
    const char *text = printed(s, TABLE_TEXT, NULL);
    has(text, "grid point");
    has(text, "trained at");
    has(text, "error at trained length");
    has(text, "error at the end");
    has(text, "at 98");
    has(text, "solved: gla (lr 0.001) token_error below 0.01 at length 18; gla (lr 0.003) token_error");
}

// Nothing in the store yet: a table of dashes, no crash, and no statistics of nothing.
static void test_empty(void **state)
{
    summary *s = summary_new(&(summary_head){ "none", "task", NULL }, memory);
    summary_finish(s);
    printed(s, TABLE_TEXT, &(table_options){ .seeds = true, .compare = true });
    for (int i = 0; i < 3; i++)
        summary_add(s, &(summary_cell){ "gla", "", i, 18, { 18, TOKEN_ERROR, 0.01 }, NULL });
    summary_finish(s);
    const char *text = printed(s, TABLE_TEXT, &(table_options){ .seeds = true, .compare = true });
    has(text, "0 of 3");
    has(text, "gla 3 missing");
    has_not(text, "nan");
    char *method;
    size_t bytes;
    FILE *f = open_memstream(&method, &bytes);
    table_method(f, s);
    fclose(f);
    has(method, "No run of this sweep has been evaluated yet.");
    free(method);
}

// Files that are JSON of the right format, but not what we write.
static void test_strange_files(void **state)
{
    static const char *const results[] = { "{}", "{\"status\": 3, \"measured\": [1], \"cost\": \"x\"}",
        "{\"status\": {\"status\": \"done\"}, \"measured\": {\"validation_curve\": {\"a\": 1}}}" };
    static const char *const evaluations[] = { "{}", "{\"lengths\": 3, \"positions\": []}",
        "{\"lengths\": [1, {}, {\"length\": 18, \"floors\": [2]}], \"positions\": {\"position_errors\": [\"x\", null], "
        "\"first_errors\": [1]}, \"sequences\": 5}" };
    summary *s = summary_new(&(summary_head){ "strange", "task", NULL }, memory);
    for (size_t i = 0; i < LEN(results); i++)
        for (size_t j = 0; j < LEN(evaluations); j++) {
            json_t *result = json_loads(results[i], 0, NULL), *evaluation = json_loads(evaluations[j], 0, NULL);
            summary_add(s, &(summary_cell){ "m", "", (int64_t)(3 * i + j), 18, { 18, TOKEN_ERROR, 0.01 },
                &(row){ .id = "x", .result = result, .evaluation = evaluation } });
            json_decref(result);
            json_decref(evaluation);
        }
    summary_finish(s);
    has_not(printed(s, TABLE_TEXT, &(table_options){ .seeds = true, .compare = true }), "nan");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_summary_of_a_store), TEST(test_table_of_a_store), TEST(test_over_seeds), TEST(test_notes),
            TEST(test_columns_line_up),
        TEST(test_external), TEST(test_other_formats), TEST(test_export), TEST(test_held_out), TEST(test_groups_and_lengths),
        TEST(test_empty), TEST(test_strange_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
