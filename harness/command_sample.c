// sample: examples of a task, for eyes (text) or other programs (jsonl).
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include "harness/arguments.h"
#include "harness/command.h"
#include "tasks/task.h"

typedef struct sample_flags { int split, seed, first, count, format; } sample_flags;
static const char *const split_words[]  = { "train", "validation", "test", NULL };
static const char *const format_words[] = { "text", "jsonl", NULL };
static const param sample_params[] = {
    CHOICE(sample_flags, split, "test", split_words, "whose examples"),
    INT   (sample_flags, seed, "0", 0, INT_MAX, "seed of the data"),
    INT   (sample_flags, first, "0", 0, INT_MAX, "index of the first example"),
    INT   (sample_flags, count, "4", 1, INT_MAX, "how many"),
    CHOICE(sample_flags, format, "text", format_words, "for eyes, or an object a line: index, tokens, targets (null: not supervised)"),
    {0}
};

static void print_text(const dataset *data, int64_t index, const int *input, const int *target, int T, arena *a)
{
    const arena_mark start = arena_save(a);
    printf("%sexample %lld\n%s", index ? "\n" : "", (long long)index, dataset_text(data, input, target, T, a));
    arena_restore(a, start);
}

static void print_json(int64_t index, const int *input, const int *target, int T)
{
    printf("{\"index\":%lld,\"tokens\":[", (long long)index);
    for (int t = 0; t < T; t++) printf("%s%d", t ? "," : "", input[t]);
    printf("],\"targets\":[");
    for (int t = 0; t < T; t++) {
        if (target[t] == TASK_IGNORE) printf("%snull", t ? "," : "");
        else                          printf("%s%d", t ? "," : "", target[t]);
    }
    printf("]}\n");
}

// TASK key=value …: the keys are the task's options, and `length`.
static bool read_task(const char *const *words, int n, dataset *data, int *length, int seed, arena *a, diag *d)
{
    static const param table[] = { { "length", PARAM_INT, 0, "1", 1, 1 << 20, 0, "symbols of an example", 0 }, {0} };
    const object *type = object_find(task_family(), words[0]);
    if (type) *length = ((const task *)type)->example_length;
    const yaml *tree = arguments_object(words, n, a, d), *own = yaml_get(tree, "length");
    if (!tree || (own && !param_set(table, length, "length", yaml_flow(own, a), (mark){0}, a, d))) return false;
    param_object description;
    return param_read_object(task_family(), &description, own ? yaml_without(tree, "length", a) : tree, a, d) &&
           dataset_open(data, &description, (uint64_t)seed, a, d);
}

static int run_sample(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    const sample_flags *f = flags;
    dataset data;
    int length = 0;
    char why[256];
    if (!read_task(words, n, &data, &length, f->seed, a, d)) return wrong_input(d);
    if (!dataset_fits(&data, length, why, sizeof why)) {
        diag_error(d, (mark){0}, "length %d: %s", length, why);
        return wrong_input(d);
    }
    const int T = dataset_tokens(&data, length);
    int *input = arena_take(a, T * sizeof(int)), *target = arena_take(a, T * sizeof(int));
    for (int64_t i = f->first; i < (int64_t)f->first + f->count; i++) {
        dataset_example(&data, (data_split)f->split, length, i, input, target);
        if (f->format == 0) print_text(&data, i, input, target, T, a);
        else                print_json(i, input, target, T);
    }
    return EXIT_DONE;
}

const command command_sample = {
    .name = "sample", .arguments = "TASK [key=value …]", .summary = "examples of a task",
    .help = "The keys are the task's options (scanbench list TASK) and length.\nThe same seed, split and index always give the same example.",
    .flags = sample_params, .flags_size = sizeof(sample_flags), .least = 1, .most = 64, .run = run_sample,
};
