#include "harness/datasets.h"

#include <string.h>
#include "base/check.h"
#include "harness/stages.h"

// ---- overrides, in the tree

typedef struct completion { const yaml *tree; arena *arena; diag *diag; } completion;

// The task at `path` becomes `base` with what is written there; without anything there, it stays absent and `base` holds.
static const yaml *complete(completion *c, const char *path, const yaml *base)
{
    const yaml *own = yaml_at(c->tree, path);
    if (!own || own->kind != YAML_MAP) return base;                 // anything but a map is a fault that the reading reports
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

// What is kept from training is kept from all of it: a setting that holds out less would train what another one tests.
static bool keeps_the_same(const param_object *base, const param_object *own, arena *a, diag *d)
{
    static const char *const kept[] = { "holdout_transitions", "disjoint" };
    for (const param *p = own->type->options; p->name; p++)
        for (size_t i = 0; i < LEN(kept); i++) {
            const char *everywhere = param_value(p, base->options, a), *here = param_value(p, own->options, a);
            if (strcmp(p->name, kept[i]) != 0 || strcmp(everywhere, here) == 0) continue;
            diag_error(d, own->at,
                       "'%s' is %s in the sweep's task and %s here: what is kept from training must be the same everywhere",
                       p->name, everywhere, here);
            return false;
        }
    return true;
}

static bool add(datasets *s, const param_object *base, const param_object *task, uint64_t seed, arena *a, diag *d)
{
    if (!task || !task->type || datasets_find(s, task) != &s->base) return true;
    dataset *own = &s->other[s->n];
    if (!keeps_the_same(base, task, a, d) || !dataset_open(own, task, seed, a, d)) return false;
    const task_size size = s->base.task->size(s->base.self), other = own->task->size(own->self);
    s->of[s->n++] = task;
    if (size.input == other.input && size.output == other.output) return true;
    diag_error(d, task->at,
               "the task has %d input and %d output symbols, with these options %d and %d: a model has one vocabulary",
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
        for (int j = 0; j < stages[i].n; j++) good &= add(s, &o->task, stages[i].segment[j].task, seed, a, d);
    const slice_options *slice = o->evaluate.slices.items;
    for (int i = 0; i < o->evaluate.slices.n; i++) good &= add(s, &o->task, &slice[i].task, seed, a, d);
    return good;
}

const dataset *datasets_find(const datasets *s, const param_object *task)
{
    for (int i = 0; i < s->n; i++)
        if (s->of[i] == task) return &s->other[i];
    return &s->base;
}
