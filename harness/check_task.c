#include "harness/check_task.h"

#include <math.h>
#include "base/check.h"

enum { EXAMPLES = 64, FLOOR_EXAMPLES = 2000, LONGEST = 40 };

typedef struct pages { int *input, *target; } pages;           // one example

static pages example_of(const dataset *data, data_split split, int length, int64_t i, arena *a)
{
    const size_t bytes = (size_t)dataset_tokens(data, length) * sizeof(int);
    const pages p = { arena_take(a, bytes), arena_take(a, bytes) };
    dataset_example(data, split, length, i, p.input, p.target);
    return p;
}

static int unequal(pages a, pages b, int tokens)
{
    int n = 0;
    for (int t = 0; t < tokens; t++) n += a.input[t] != b.input[t] || a.target[t] != b.target[t];
    return n;
}

// The lengths that have examples, up to LONGEST and the worked example's own: see() is called with each.
static void each_length(const dataset *data, void (*see)(const dataset *, int length, task_measure *, arena *), task_measure *m,
                        arena *a)
{
    char why[256];
    for (int length = 1; length <= LONGEST || length <= data->task->example_length; length++) {
        if (length > LONGEST) length = data->task->example_length;
        const arena_mark start = arena_save(a);
        if (dataset_fits(data, length, why, sizeof why)) see(data, length, m, a);
        arena_restore(a, start);
    }
}

// Backwards and again: the same examples.
static void see_purity(const dataset *data, int length, task_measure *m, arena *a)
{
    const int tokens = dataset_tokens(data, length);
    pages first[8];
    for (int i = 0; i < (int)LEN(first); i++) first[i] = example_of(data, SPLIT_TRAIN, length, i, a);
    for (int i = (int)LEN(first) - 1; i >= 0; i--)
        m->value += unequal(first[i], example_of(data, SPLIT_TRAIN, length, i, a), tokens);
}

static void see_range(const dataset *data, int length, task_measure *m, arena *a)
{
    const task_size size = data->task->size(data->self);
    const int tokens = dataset_tokens(data, length);
    for (int i = 0; i < 8; i++) {
        const pages p = example_of(data, SPLIT_TEST, length, i, a);
        int asked = 0;
        for (int t = 0; t < tokens; t++) {
            m->value += p.input[t] < 0 || p.input[t] >= size.input;
            m->value += p.target[t] < TASK_IGNORE || p.target[t] >= size.output;
            asked += p.target[t] != TASK_IGNORE;
        }
        m->value += asked == 0;
    }
}

// How many of the examples another split or another seed has under the same number; all of them: they are the same draws.
static double share_of_repeats(const dataset *data, const dataset *other, data_split split, arena *a)
{
    const int length = data->task->example_length, tokens = dataset_tokens(data, length);
    int same = 0;
    for (int i = 0; i < EXAMPLES; i++)
        same += unequal(example_of(data, SPLIT_TRAIN, length, i, a), example_of(other, split, length, i, a), tokens) == 0;
    return (double)same / EXAMPLES;
}

static int count_held_out(const dataset *data, data_split split, int length, int64_t i, int *transitions, arena *a)
{
    const int tokens = dataset_tokens(data, length);
    const pages p = example_of(data, split, length, i, a);
    bool *taken = arena_take(a, (size_t)tokens * sizeof *taken);
    int n = 0;
    *transitions = dataset_held_out(data, p.input, tokens, taken);
    for (int t = 0; t < tokens; t++) n += taken[t];
    return n;
}

static void see_held_out(const dataset *data, int length, task_measure *m, arena *a)
{
    int transitions;
    for (int i = 0; i < 2 * EXAMPLES; i++)
        m->value += count_held_out(data, i % 2 ? SPLIT_VALIDATION : SPLIT_TRAIN, length, i, &transitions, a);
}

// Of the transitions that test examples take. It is the option's share where every one is as likely as another.
static double held_out_share(const dataset *data, arena *a)
{
    int64_t held = 0, all = 0;
    for (int i = 0; i < FLOOR_EXAMPLES; i++) {
        const arena_mark start = arena_save(a);
        int transitions;
        held += count_held_out(data, SPLIT_TEST, data->task->example_length, i, &transitions, a);
        all  += transitions;
        arena_restore(a, start);
    }
    return (double)held / (double)all;
}

static double floor_error(const dataset *data, const task_floor *f, arena *a)
{
    const int length = data->task->example_length, tokens = dataset_tokens(data, length);
    int *output = arena_take(a, (size_t)tokens * sizeof *output);
    int64_t asked = 0, wrong = 0;
    for (int i = 0; i < FLOOR_EXAMPLES; i++) {
        const arena_mark start = arena_save(a);
        const pages p = example_of(data, SPLIT_TEST, length, i, a);
        f->predict(data->self, p.input, tokens, output);
        for (int t = 0; t < tokens; t++) {
            asked += p.target[t] != TASK_IGNORE;
            wrong += p.target[t] != TASK_IGNORE && p.target[t] != output[t];
        }
        arena_restore(a, start);
    }
    return (double)wrong / (double)asked;
}

int check_task(const dataset *data, const param_object *description, task_measure m[MAX_TASK_MEASURES], arena *a, diag *d)
{
    const task *t = data->task;
    dataset other;
    int n = 0;
    m[n++] = (task_measure){ "purity", "an example drawn again is another one", 0, 0 };
    each_length(data, see_purity, &m[0], a);
    m[n++] = (task_measure){ "range", "ids outside the vocabularies, examples that ask nothing", 0, 0 };
    each_length(data, see_range, &m[1], a);
    m[n++] = (task_measure){ "other split", "training and test examples are the same draws",
                             share_of_repeats(data, data, SPLIT_TEST, a), 0.999 };
    if (dataset_open(&other, description, data->seed + 1, a, d))
        m[n++] = (task_measure){ "other seed", "two seeds give the same examples", share_of_repeats(data, &other, SPLIT_TRAIN, a),
                                 0.999 };
    if (dataset_holds_out(data)) {
        m[n++] = (task_measure){ "held out: training", "held-out transitions in training and validation examples", 0, 0 };
        each_length(data, see_held_out, &m[n - 1], a);
        const double share = held_out_share(data, a);
        m[n++] = (task_measure){ "held out: test", "their share of the transitions in test examples", share, NAN };
        m[n++] = (task_measure){ "held out: absent", "no test example takes one", share == 0, 0 };
    }
    m[n++] = (task_measure){ "floor: chance", "", dataset_chance(data), NAN };
    for (const task_floor *f = t->floors; f && f->name && n < MAX_TASK_MEASURES; f++)
        m[n++] = (task_measure){ arena_text(a, "floor: %s", f->name), f->summary, floor_error(data, f, a), NAN };
    return n;
}
