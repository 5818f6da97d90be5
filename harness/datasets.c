#include "harness/datasets.h"

#include <string.h>
#include "harness/stages.h"

// ---- overrides, in the tree

typedef struct completion { const yaml *tree; arena *arena; diag *diag; } completion;

// The task at `path` becomes `base` with what is written there; without anything there, it stays absent and `base` holds.
static const yaml *complete(completion *c, const char *path, const yaml *base)
{
    const yaml *own = yaml_at(c->tree, path);
    if (!own || own->kind != YAML_MAP) return base;                         // anything but a map is a fault that the reading reports
    const yaml *whole = base, *name = yaml_get(own, "name"), *of = yaml_get(base, "name");
    if (name && of && strcmp(name->text, of->text)) {
        diag_error(c->diag, name->at, "the task is '%s' everywhere in a sweep, only its options may differ", of->text);
        return base;
    }
    for (int i = 0; i < own->n; i++) whole = yaml_with(whole, own->key[i]->text, own->key[i]->at, own->item[i], c->arena);
    yaml *here = arena_take(c->arena, sizeof *here);
    *here = *whole;
    here->at = own->at;
    c->tree = yaml_with(c->tree, path, own->at, here, c->arena);
    return here;
}

static int entries(const yaml *tree, const char *path)
{
    const yaml *list = yaml_at(tree, path);
    return list && list->kind == YAML_LIST ? list->n : 0;
}

const yaml *datasets_tree(const yaml *tree, arena *a, diag *d)
{
    completion c = { tree, a, d };
    const yaml *base = yaml_get(tree, "task");
    if (base && base->kind == YAML_SCALAR) base = yaml_with(base, "name", base->at, base, a);          // `task: parity`
    if (!base || base->kind != YAML_MAP) return tree;
    for (int i = 0; i < entries(tree, "train.stages"); i++) {
        const yaml *of_stage = complete(&c, arena_text(a, "train.stages.%d.task", i), base);
        for (int j = 0; j < entries(tree, arena_text(a, "train.stages.%d.segments", i)); j++)
            complete(&c, arena_text(a, "train.stages.%d.segments.%d.task", i, j), of_stage);
    }
    for (int i = 0; i < entries(tree, "evaluate.slices"); i++) complete(&c, arena_text(a, "evaluate.slices.%d.task", i), base);
    return c.tree;
}

// ---- opened

static bool add(datasets *s, const param_object *task, uint64_t seed, arena *a, diag *d)
{
    if (!task || !task->type || datasets_find(s, task) != &s->base) return true;
    const dataset *base = &s->base;
    dataset *own = &s->other[s->n];
    if (!dataset_open(own, task, seed, a, d)) return false;
    const task_size size = base->task->size(base->self), other = own->task->size(own->self);
    s->of[s->n++] = task;
    if (size.input == other.input && size.output == other.output) return true;
    diag_error(d, task->at, "the task has %d input and %d output symbols, with these options %d and %d: a model has one vocabulary",
               size.input, size.output, other.input, other.output);
    return false;
}

bool datasets_open(datasets *s, const cell_options *o, uint64_t seed, arena *a, diag *d)
{
    *s = (datasets){0};
    if (!dataset_open(&s->base, &o->task, seed, a, d)) return false;
    stage *stages;
    const int n = train_stages(&o->train, a, &stages);
    int most = o->evaluate.slices.n;
    for (int i = 0; i < n; i++) most += stages[i].n;
    s->of = arena_take(a, most * sizeof *s->of);
    s->other = arena_take(a, most * sizeof *s->other);
    bool good = true;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < stages[i].n; j++) good &= add(s, stages[i].segment[j].task, seed, a, d);
    for (int i = 0; i < o->evaluate.slices.n; i++) good &= add(s, &((const slice_options *)o->evaluate.slices.items)[i].task, seed, a, d);
    return good;
}

const dataset *datasets_find(const datasets *s, const param_object *task)
{
    for (int i = 0; i < s->n; i++)
        if (s->of[i] == task) return &s->other[i];
    return &s->base;
}
