// What the tests of single tasks share: opening one from text, what a wrong one is answered, floors by name, χ².
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <math.h>
#include <cmocka.h>
#include "base/check.h"
#include "tests/solvers/open.h"

enum { MOST_TOKENS = 512 };             // of the examples that floor_error() sees

// Opened with seed 1.
static inline dataset open_task(const char *name, const char *options, arena *a)
{
    dataset data;
    diag *d = diag_new();
    if (!open_dataset(&data, name, options, 1, a, d)) {
        diag_print(d, stderr);
        fail_msg("%s %s can't be opened", name, options);
    }
    diag_free(d);
    return data;
}

// Refused with one report, which contains this and says where.
static inline void expect_refusal(const char *name, const char *options, const char *message)
{
    arena *a = arena_new();
    diag *d = diag_new();
    dataset data;
    char *text;
    size_t bytes;
    const bool opened = open_dataset(&data, name, options, 1, a, d);
    FILE *out = open_memstream(&text, &bytes);
    diag_print(d, out);
    fclose(out);
    if (opened || diag_errors(d) != 1 || !strstr(text, message) || !strstr(text, ": error: "))
        fail_msg("%s %s is answered with: %s", name, options, text);
    free(text);
    diag_free(d);
    arena_free(a);
}

static inline const task_floor *find_floor(const dataset *data, const char *name)
{
    const task_floor *f = data->task->floors;
    while (f->name && strcmp(f->name, name))
        f++;
    assert_non_null(f->name);
    return f;
}

// Share of the asked positions at which the floor is wrong.
static inline double floor_error(const dataset *data, const char *name, int length, int examples)
{
    const task_floor *f = find_floor(data, name);
    const int tokens = dataset_tokens(data, length);
    int64_t asked = 0, wrong = 0;
    for (int i = 0; i < examples; i++) {
        int input[MOST_TOKENS], target[MOST_TOKENS], output[MOST_TOKENS];
        dataset_example(data, SPLIT_TEST, length, i, input, target);
        f->predict(data->self, input, tokens, output);
        for (int t = 0; t < tokens; t++) {
            asked += target[t] != TASK_IGNORE;
            wrong += target[t] != TASK_IGNORE && output[t] != target[t];
        }
    }
    return (double)wrong / asked;
}

// χ² of counts against probabilities (NULL: all alike), in standard deviations from its mean. Seeds are fixed, so that a test
// passes or fails for good; 4.5 is far outside chance.
static inline void expect_distribution(const int *count, const double *probability, int cells, const char *what)
{
    double total = 0, sum = 0;
    for (int i = 0; i < cells; i++)
        total += count[i];
    for (int i = 0; i < cells; i++) {
        const double expected = probability ? total * probability[i] : total / cells;
        sum += (count[i] - expected) * (count[i] - expected) / expected;
    }
    const double z = (sum - (cells - 1)) / sqrt(2.0 * (cells - 1));
    if (!(fabs(z) < 4.5))
        fail_msg("%s: χ² is %.1f standard deviations away", what, z);
}
