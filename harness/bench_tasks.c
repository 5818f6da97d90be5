#include "harness/bench_tasks.h"

#include <stdio.h>
#include <string.h>
#include "base/check.h"
#include "harness/arguments.h"
#include "harness/command.h"
#include "harness/progress.h"
#include "nn/cpu.h"
#include "results/grid.h"
#include "results/statistics.h"
#include "results/table.h"

// What is asked of a generator: so many tokens a second on one core.
typedef struct size { const char *task, *options; int length; double tokens_per_second; } size;
static const size sizes[] = {
    { "word-problem", "{ group: S5, start: bos }", 18, 50e6 },
    { "mqar", "{ vocabulary: 8192, pairs: 64 }", 512, 10e6 },
};
enum { SENSIBLE = 256, WINDOWS = 9, WIDE = 60 };

// Processor time of this thread: what else the machine does is not in it.
static double thread_seconds(void) { return clock_seconds(CLOCK_THREAD_CPUTIME_ID); }

// Of examples first … first + n − 1.
static double seconds_of(const dataset *data, int length, int64_t first, int64_t n, int *input, int *target)
{
    const double before = thread_seconds();
    for (int64_t i = first; i < first + n; i++) dataset_example(data, SPLIT_TRAIN, length, i, input, target);
    return thread_seconds() - before;
}

// Median over short windows.
static double tokens_per_second(const dataset *data, int length, double seconds, arena *a)
{
    const int T = dataset_tokens(data, length);
    int *input = arena_take(a, T * sizeof(int)), *target = arena_take(a, T * sizeof(int));
    int64_t n = 1, first = 0;
    while (seconds_of(data, length, 0, n, input, target) < seconds / WINDOWS / 2) n *= 2;
    double rate[WINDOWS];
    for (int i = 0; i < WINDOWS; i++, first += n) rate[i] = (double)n * T / seconds_of(data, length, first, n, input, target);
    return median_of(rate, WINDOWS);
}

static void add_row(grid *g, const char *options, const dataset *data, int length, double seconds, double asked, arena *a)
{
    const double rate = tokens_per_second(data, length, seconds, a);
    const char **at = grid_row(g);
    at[0] = data->task->name;
    at[1] = text_width(options) > WIDE ? arena_text(a, "%.*s…", WIDE - 1, options) : options;
    at[2] = arena_text(a, "%d", length);
    at[3] = arena_text(a, "%.1f", rate * 1e-6);
    at[4] = asked > 0 ? arena_text(a, "%.0f", asked * 1e-6) : "";
    at[5] = arena_text(a, "%.2f", 1e6 * dataset_tokens(data, length) / rate);
}

// The size asked for in `sizes`, or the worked example made longer, as near to SENSIBLE as there is one.
static bool add_task(grid *g, const task *t, double seconds, arena *a, diag *d)
{
    size at = { t->name, t->example_options, SENSIBLE, 0 };
    for (size_t i = 0; i < LEN(sizes); i++)
        if (strcmp(sizes[i].task, t->name) == 0) at = sizes[i];
    param_object description;
    dataset data;
    char why[256];
    const yaml *options = yaml_parse(at.options, t->name, a, d);
    const yaml *tree = options ? arguments_object(&at.task, 1, a, d) : NULL;
    for (int i = 0; tree && options->kind == YAML_MAP && i < options->n; i++)
        tree = yaml_with(tree, options->key[i]->text, options->at, options->item[i], a);
    if (!tree || !param_read_object(task_family(), &description, tree, a, d) || !dataset_open(&data, &description, 0, a, d))
        return false;
    while (at.length > t->example_length && !dataset_fits(&data, at.length, why, sizeof why)) at.length--;
    add_row(g, at.options, &data, at.length, seconds, at.tokens_per_second, a);
    return true;
}

int bench_tasks(const char *const *words, int n, double seconds, arena *a, diag *d)
{
    static const char *const headings[] = { "task", "options", "length", "M tokens/s", "asked", "µs an example" };
    grid *g = grid_new(LEN(headings), a);
    for (size_t i = 0; i < LEN(headings); i++) grid_column(g, (int)i, headings[i], i < 2);
    if (n > 0) {
        dataset data;
        param_object description;
        int length;
        if (!arguments_dataset(words, n, &data, &description, &length, 0, a, d)) return wrong_input(d);
        const char *options = "";
        for (int i = 1; i < n; i++)
            if (strncmp(words[i], "length=", 7) != 0) options = arena_text(a, "%s%s%s", options, *options ? " " : "", words[i]);
        add_row(g, options, &data, length, seconds, 0, a);
    }
    for (int i = 0; n == 0 && i < task_list_length; i++)
        if (!add_task(g, task_list[i], seconds, a, d)) return wrong_input(d);
    printf("%s, one core, processor time\n\n", cpu_name());
    grid_print(stdout, g, TABLE_TEXT, false);
    return EXIT_DONE;
}
