#include "harness/options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "architectures/architecture.h"
#include "harness/stages.h"
#include "nn/optimizer.h"
#include "plots/plot.h"
#include "tasks/task.h"

enum { LONGEST = 1 << 20 };
static const param any_length = AN_INT(1, LONGEST, "symbols");
static const param any_seed   = AN_INT(0, INT_MAX, "seed");

static const param uniform_params[] = {
    LIST(uniform_lengths, uniform, NULL, &any_length, "[shortest, longest]: every step draws its length"),
    {0}
};
static const param lengths_alternatives[] = {
    AN_INT   (1, LONGEST, "one length, in symbols"),
    A_LIST   (&any_length, 0, 0, "one stage a length, in this order"),
    A_SECTION(uniform_lengths, uniform_params, "lengths drawn step by step"),
    {0}
};
static const param stage_lengths_alternatives[] = {
    AN_INT   (1, LONGEST, "one length, in symbols"),
    A_MAP    (1, LONGEST, "length: batch, taken in turns"),
    A_SECTION(uniform_lengths, uniform_params, "lengths drawn step by step"),
    {0}
};
static const param advance_params[] = {
    REAL(advance_options, training_error_below, "auto", 0, 1, "to the next stage when the running training error is below this"),
    REAL(advance_options, average, "0.9", 0, 1, "weight of the past in the running error"),
    INT (advance_options, every, "25", 1, LONGEST, "steps between two looks at it"),
    INT (advance_options, steps, "auto", 1, INT_MAX, "to the next stage after so many steps"),
    {0}
};
static param segment_params[] = {                       // `of` of the task is set below, as in the tables after it
    INT      (segment_options, length, NULL, 1, LONGEST, "symbols"),
    INT      (segment_options, batch, "auto", 1, 1 << 20, "examples a step; auto: train.batch"),
    REAL     (segment_options, share, "1", 0, 1e9, "of the steps, relative to the other segments'"),
    OBJECT_OF(segment_options, task, "auto", NULL, "what differs from the task's options, as in { pairs: 4 }"),
    {0}
};
static const param any_segment = A_SECTION(segment_options, segment_params, "examples of one length and task");
static param stage_params[] = {
    ONE_OF   (stage_options, lengths, "auto", stage_lengths_alternatives, "lengths of this stage, in symbols"),
    LIST     (stage_options, segments, "[]", &any_segment, "instead of lengths: a mixture, drawn step by step by share"),
    OBJECT_OF(stage_options, task, "auto", NULL, "what differs from the task's options in this stage, as in { pairs: 4 }"),
    SECTION  (stage_options, advance, advance_params, "when the next stage begins"),
    {0}
};
static const param any_stage = A_SECTION(stage_options, stage_params, "a stage of training");
static param slice_params[] = {
    TEXT     (slice_options, name, "auto", "heads its column; auto: the length and what differs"),
    INT      (slice_options, length, NULL, 1, LONGEST, "symbols"),
    OBJECT_OF(slice_options, task, "auto", NULL, "what differs from the task's options, as in { pairs: 4 }"),
    {0}
};
static const param any_slice = A_SECTION(slice_options, slice_params, "another setting of the task");

static const char *const after_words[] = { "last", "any", NULL };
static const param stop_params[] = {
    REAL  (stop_options, validation_error_below, "auto", 0, 1, "stop early once the validation token error is below this"),
    CHOICE(stop_options, after_stage, "last", after_words, "only in the last stage, or in any"),
    INT   (stop_options, keep, "1000", 0, INT_MAX, "steps that are still trained once it is"),
    {0}
};
static const param validate_params[] = {
    INT(validate_options, every, "500", 0, INT_MAX, "steps between two validations; 0: none"),
    INT(validate_options, examples, "1024", 1, 1 << 24, "examples of each validation"),
    {0}
};
static const param range_params[] = {
    INT(length_range, from, NULL, 1, LONGEST, "shortest length, in symbols"),
    INT(length_range, to,   NULL, 1, LONGEST, "longest length"),
    INT(length_range, step, "1",  1, LONGEST, "distance of two lengths"),
    {0}
};
static const param evaluate_alternatives[] = {
    AN_INT   (1, LONGEST, "one length, in symbols"),
    A_LIST   (&any_length, 0, 0, "these lengths"),
    A_SECTION(length_range, range_params, "from, to, step"),
    {0}
};
static const param evaluate_params[] = {
    ONE_OF(evaluate_options, lengths, NULL, evaluate_alternatives, "lengths evaluated once, at the end, on the test split"),
    INT   (evaluate_options, examples, "2048", 1, 1 << 24, "test examples"),
    LIST  (evaluate_options, slices, "[]", &any_slice, "other settings of the task, each evaluated by itself"),
    {0}
};
static const param solved_params[] = {
    INT (solved_options, length, "auto", 1, LONGEST, "length at which success is judged; auto: the longest trained"),
    REAL(solved_options, token_error_below, "0.01", 0, 1, "success: a token error below this there"),
    {0}
};
static const param any_path = A_TEXT("a path of the grid");
static const param select_grid_alternatives[] = { A_TEXT("one path of the grid"), A_LIST(&any_path, 0, 0, "several"), {0} };
static const char *const by_words[] = { "validation_error", NULL };
static const param select_params[] = {
    ONE_OF(select_options, grid, "auto", select_grid_alternatives, "paths of the grid whose value is chosen; auto: all"),
    CHOICE(select_options, by, "validation_error", by_words,
           "the lowest mean of the last validation's token error is chosen; test data never choose"),
    LIST  (select_options, seeds, "[]", &any_seed,
           "seeds of the trials, other than the report's; none: nothing is chosen, every grid point is reported"),
    {0}
};
static const param plot_params[] = {
    CHOICE(plot_settings, x, "length", plot_x_names,
           "what the error is drawn against: the evaluated lengths, the slices, or the trained length"),
    CHOICE(plot_settings, panels, "auto", plot_panels_names,
           "grid: a panel a grid point; none: one panel; auto: panels, if they are 2 to 12"),
    BOOL  (plot_settings, log_x, "false", "logarithmic length axis"),
    BOOL  (plot_settings, log_y, "false", "logarithmic error axis"),
    {0}
};

const param *cell_params(void)
{
    static param train_params[] = {
        ONE_OF   (train_options, lengths, "auto", lengths_alternatives,
                  "lengths trained, in symbols: one, a list of stages, or { uniform: [2, 18] }"),
        LIST     (train_options, stages, "[]", &any_stage, "stages written out, instead of lengths"),
        SECTION  (train_options, advance, advance_params, "when the next stage begins"),
        INT      (train_options, steps, NULL, 1, INT_MAX, "training steps in all"),
        INT      (train_options, batch, "64", 1, 1 << 20, "examples a step"),
        INT      (train_options, examples, "auto", 1, INT_MAX,
                  "size of a finite training set that comes again in every epoch; auto: every batch is new"),
        SECTION  (train_options, stop, stop_params, "stop early"),
        OBJECT_OF(train_options, optimizer, "{ name: adamw }", &optimizer_family, "how weights are updated"),
        OBJECT_OF(train_options, schedule, "{ name: constant }", &schedule_family, "learning rate over the steps"),
        {0}
    };
    static param table[] = {
        TEXT     (cell_options, sweep, NULL, "name of the sweep: names its tables and figures"),
        LIST     (cell_options, seeds, "[0]", &any_seed, "one training each"),
        OBJECT_OF(cell_options, task, NULL, NULL, "what is learned"),
        SECTION  (cell_options, train, train_params, "training"),
        SECTION  (cell_options, validate, validate_params, "validation while training, at the stage's lengths"),
        SECTION  (cell_options, evaluate, evaluate_params, "evaluation on the test split, once, at the end"),
        SECTION  (cell_options, solved, solved_params, "what success means"),
        ONE_OF   (cell_options, init, "auto", init_alternatives, "initialisation of every model that has none of its own"),
        OBJECT_OF(cell_options, model, NULL, NULL, "one entry of `models`"),
        SECTION  (cell_options, select, select_params, "the grid point that is reported, chosen on validation data"),
        SECTION  (cell_options, plot, plot_params, "the figure"),
        {0}
    };
    param *const with_objects[] = { table, stage_params, segment_params, slice_params };
    for (size_t i = 0; i < LEN(with_objects); i++)
        for (param *p = with_objects[i]; p->name; p++)
            if (p->type == PARAM_OBJECT) p->of = strcmp(p->name, "model") ? task_family() : architecture_family();
    return table;
}

// ---- evaluation

static int ascending(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int evaluate_lengths(const evaluate_options *o, arena *a, int **lengths)
{
    const length_range *range = o->lengths.value;
    const param_list *list = o->lengths.value;
    int n = 1;
    if (o->lengths.which == EVALUATE_RANGE) n = (range->to - range->from) / range->step + 1;
    if (o->lengths.which == EVALUATE_LIST)  n = list->n;
    int *l = *lengths = arena_take(a, n * sizeof(int));
    for (int i = 0; i < n; i++) {
        if (o->lengths.which == EVALUATE_RANGE)     l[i] = range->from + i * range->step;
        else if (o->lengths.which == EVALUATE_LIST) l[i] = ((int *)list->items)[i];
        else                                        l[i] = *(int *)o->lengths.value;
    }
    qsort(l, n, sizeof *l, ascending);
    int unique = 0;
    for (int i = 0; i < n; i++)
        if (i == 0 || l[i] != l[unique - 1]) l[unique++] = l[i];
    return unique;
}

int solved_length(const cell_options *o)
{
    return o->solved.length == AUTO_INT ? train_longest(&o->train) : o->solved.length;
}

// ---- rules across fields

static mark place(const yaml *tree, const char *path)
{
    const yaml *node = yaml_at(tree, path);
    return node ? node->at : tree->at;
}

static bool fault(diag *d, mark at, const char *text)
{
    diag_error(d, at, "%s", text);
    return false;
}

static bool check_uniform(const param_one_of *lengths, int uniform, mark at, diag *d)
{
    if (!lengths->value || lengths->which != uniform) return true;
    const param_list *range = &((const uniform_lengths *)lengths->value)->uniform;
    const int *l = range->items;
    return (range->n == 2 && l[0] <= l[1]) || fault(d, at, "'uniform' takes [shortest, longest], as in { uniform: [2, 18] }");
}

static bool check_train(const train_options *o, const yaml *tree, diag *d)
{
    const mark at = place(tree, "train.lengths");
    bool good = check_uniform(&o->lengths, LENGTHS_UNIFORM, at, d);
    if (!o->lengths.value && o->stages.n == 0)
        good = fault(d, place(tree, "train"), "'train' needs 'lengths' (18, [2, 4, 8] or { uniform: [2, 18] }) or 'stages'");
    if (o->lengths.value && o->stages.n > 0)
        good = fault(d, at, "'lengths' and 'stages' exclude each other: the stages carry their own lengths");
    if (o->lengths.value && o->lengths.which == LENGTHS_STAGES && ((const param_list *)o->lengths.value)->n == 0)
        good = fault(d, at, "'lengths' is empty: write at least one length");
    const bool several = o->lengths.value && o->lengths.which == LENGTHS_STAGES && ((const param_list *)o->lengths.value)->n > 1;
    if (several && isnan(o->advance.training_error_below) && o->advance.steps == AUTO_INT)
        good = fault(d, place(tree, "train"),
                     "several lengths need 'advance': { training_error_below: 0.05 } or { steps: 1000 }");
    for (int i = 0; i < o->stages.n; i++) {
        const stage_options *s = (const stage_options *)o->stages.items + i;
        good &= check_uniform(&s->lengths, STAGE_UNIFORM, place(tree, "train.stages"), d);
        if (!s->lengths.value == !s->segments.n)
            good = fault(d, place(tree, "train.stages"),
                         "a stage has either 'lengths' or 'segments': { lengths: 64 } or { segments: [{ length: 64 }] }");
        double share = 0;
        for (int j = 0; j < s->segments.n; j++) share += ((const segment_options *)s->segments.items)[j].share;
        if (s->segments.n && !(share > 0))
            good = fault(d, place(tree, "train.stages"), "the segments' shares are all 0: no step could choose one");
        if (i + 1 < o->stages.n && isnan(s->advance.training_error_below) && s->advance.steps == AUTO_INT)
            good = fault(d, place(tree, "train.stages"),
                         "every stage but the last needs 'advance': { steps: 300 } or { training_error_below: 0.05 }");
    }
    return good;
}

// A finite set gives at least one batch to every stage.
static bool check_examples(const train_options *o, const yaml *tree, diag *d)
{
    bool good = true;
    arena *a = arena_new();
    stage *stages;
    for (int n = o->examples == AUTO_INT ? 0 : train_stages(o, a, &stages), i = 0; i < n && good; i++)
        for (int j = 0; j < stages[i].n && good; j++)
            if (stages[i].segment[j].batch > o->examples) {
                diag_error(d, place(tree, "train.examples"), "%d training examples are less than a batch of %d", o->examples,
                           stages[i].segment[j].batch);
                good = false;
            }
    arena_free(a);
    return good;
}

static bool check_select(const cell_options *o, const yaml *tree, diag *d)
{
    const param_list *trials = &o->select.seeds, *seeds = &o->seeds;
    const mark at = place(tree, "select");
    bool good = true;
    for (int i = 0; i < trials->n; i++)
        for (int j = 0; j < seeds->n; j++)
            if (((int *)trials->items)[i] == ((int *)seeds->items)[j])
                good = fault(d, at, "a seed that chooses must not be reported: 'select.seeds' and 'seeds' share one");
    if (trials->n && o->validate.every == 0)
        good = fault(d, at, "'select' looks at the validation error: 'validate.every' must not be 0");
    return good;
}

bool cell_options_check(const cell_options *o, const yaml *tree, diag *d)
{
    bool good = check_train(&o->train, tree, d) && check_examples(&o->train, tree, d);
    good &= check_select(o, tree, d);
    if (o->seeds.n == 0) good = fault(d, place(tree, "seeds"), "'seeds' is empty: write at least one, as in [0, 1, 2]");
    if (o->evaluate.lengths.which == EVALUATE_RANGE) {
        const length_range *r = o->evaluate.lengths.value;
        if (r->to < r->from) good = fault(d, place(tree, "evaluate.lengths"), "'to' is below 'from'");
    }
    if (o->evaluate.lengths.which == EVALUATE_LIST && ((const param_list *)o->evaluate.lengths.value)->n == 0)
        good = fault(d, place(tree, "evaluate.lengths"), "'lengths' is empty: write at least one length");
    if (!isnan(o->train.stop.validation_error_below) && o->validate.every == 0)
        good = fault(d, place(tree, "train.stop"), "'stop' looks at the validation error: 'validate.every' must not be 0");
    return good;
}
