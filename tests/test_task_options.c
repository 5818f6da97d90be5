// Random valid options, drawn from every task's table: whatever is accepted gives examples of the announced size, ids within
// the vocabularies, floors that answer, and the same again.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>
#include "base/check.h"
#include "tests/solvers/open.h"

enum { CONFIGURATIONS = 60, LONGEST = 70, ROOM = 8192 };

// Values for what a table leaves open: texts and alternatives.
static const struct { const char *task, *option, *values[8]; } given[] = {
    { "word-problem", "group",      { "S3", "S5", "A4", "A5", "Z7", "Z300", "A4xZ5", "S6" } },
    { "word-problem", "symbols",    { "all", "generators", "transpositions", "{ moves: 3 }", "[0, 1, 2]", "all", "generators",
                                      "{ moves: 5 }" } },
    { "automaton",    "definition", { "{ symbols: [a], states: [p, q], start: p, next: [[q], [p]], output: [0, 1] }",
                                      "{ symbols: [a, b], states: [p, q], start: q, next: [[q, p], [p, q]], output: [3, 1] }",
                                      "{ symbols: [a, b, c], states: [p, q], start: q, next: [[q, p, p], [p, q, p]], "
                                      "output: [0, 1] }" } } };

static const char *given_value(const char *task, const char *option, rng *r)
{
    for (size_t i = 0; i < LEN(given); i++)
        if (!strcmp(given[i].task, task) && !strcmp(given[i].option, option)) {
            int n = 0;
            while (n < (int)LEN(given[i].values) && given[i].values[n])
                n++;
            return given[i].values[rng_below(r, n)];
        }
    fail_msg("%s: nothing is known of '%s'", task, option);
    return NULL;
}

// Either end of the range, or a number near the lower one.
static const char *random_value(const task *t, const param *p, rng *r, arena *a)
{
    const char *const *words = p->of;
    const int choice = (int)rng_below(r, 8);
    int n = 0;
    switch (p->type) {
    case PARAM_INT:
        if (choice < 2)
            return arena_text(a, "%.0f", choice ? p->min : p->max);
        return arena_text(a, "%.0f", fmin(p->max, p->min + (double)rng_below(r, choice < 6 ? 12 : 100)));
    case PARAM_REAL:
        return real_text(choice < 2 ? choice ? p->min : p->max : p->min + rng_unit(r) * (p->max - p->min), a);
    case PARAM_BOOL:
        return choice % 2 ? "true" : "false";
    case PARAM_CHOICE:
        while (words[n])
            n++;
        return words[rng_below(r, n)];
    default:
        return given_value(t->name, p->name, r);
    }
}

// Half of the options, and those that must be given.
static const char *random_options(const task *t, rng *r, arena *a)
{
    const char *text = "{";
    for (const param *p = t->options; p->name; p++)
        if (!p->initial || rng_below(r, 2))
            text = arena_text(a, "%s %s: %s,", text, p->name, random_value(t, p, r, a));
    return arena_text(a, "%s }", text);
}

static void expect_ids(const dataset *data, const char *options, int length, const int *id, int least, int below)
{
    const int tokens = dataset_tokens(data, length);
    for (int t = 0; t < tokens; t++)
        if (id[t] < least || id[t] >= below)
            fail_msg("%s %s, length %d: %d at %d", data->task->name, options, length, id[t], t);
    if (id[tokens] != -12345)
        fail_msg("%s %s, length %d: written behind the end", data->task->name, options, length);
}

static void try_length(const dataset *data, const char *options, int length)
{
    static int input[ROOM], target[ROOM], output[ROOM], again[ROOM];
    const task_size size = data->task->size(data->self);
    const int tokens = dataset_tokens(data, length);
    int asked = 0;
    assert_in_range(tokens, 1, ROOM - 1);
    input[tokens] = target[tokens] = output[tokens] = -12345;
    dataset_example(data, SPLIT_TRAIN, length, 3, input, target);
    expect_ids(data, options, length, input, 0, size.input);
    expect_ids(data, options, length, target, TASK_IGNORE, size.output);
    for (int t = 0; t < tokens; t++)
        asked += target[t] != TASK_IGNORE;
    dataset_example(data, SPLIT_TRAIN, length, 3, again, output);
    if (!asked || memcmp(again, input, tokens * sizeof *input) || memcmp(output, target, tokens * sizeof *input))
        fail_msg("%s %s, length %d: nothing is asked, or not the same again", data->task->name, options, length);
    for (const task_floor *f = data->task->floors; f->name; f++) {
        f->predict(data->self, input, tokens, output);
        output[tokens] = -12345;
        expect_ids(data, options, length, output, 0, size.output);
    }
    assert_true(isfinite(data->task->space(data->self, length)));
}

static void random_configurations(void **state)
{
    for (int i = 0; i < task_list_length; i++) {
        const uint64_t address[] = { 1, RNG_TESTS, i };
        rng r = rng_start(address, LEN(address));
        int opened = 0, tried = 0;
        for (int k = 0; k < CONFIGURATIONS; k++) {
            arena *a = arena_new();
            diag *d = diag_new();
            dataset data;
            const char *options = random_options(task_list[i], &r, a);
            const bool ok = open_dataset(&data, task_list[i]->name, options, k, a, d);
            if (ok != (diag_errors(d) == 0))
                fail_msg("%s %s: %s", task_list[i]->name, options, ok ? "opened with errors" : "refused without a word");
            opened += ok;
            for (int length = 1; ok && length <= LONGEST; length += 1 + (int)rng_below(&r, 4)) {
                char why[256];
                if (!dataset_fits(&data, length, why, sizeof why) || dataset_tokens(&data, length) >= ROOM)
                    continue;
                try_length(&data, options, length);
                tried++;
            }
            diag_free(d);
            arena_free(a);
        }
        if (opened < CONFIGURATIONS / 5 || tried < CONFIGURATIONS)
            fail_msg("%s: only %d of %d opened, %d lengths tried", task_list[i]->name, opened, CONFIGURATIONS, tried);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(random_configurations) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
