#include "harness/sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/spec.h"
#include "harness/stages.h"
#include "harness/train.h"
#include "nn/optimizer.h"

// ---- one variant: from its tree to options

static const char *task_text(const cell_options *o, arena *a) { return param_print_object(&o->task, PRINT_CHANGED, a); }

static mark place(const yaml *tree, const char *path)
{
    const yaml *node = yaml_at(tree, path);
    return node ? node->at : tree->at;
}

// Is there an example of this length? How many tokens it has; 0 after a report.
static int check_length(const variant *v, const dataset *data, int length, const char *path, diag *d)
{
    char why[256] = "";
    if (dataset_fits(data, length, why, sizeof why)) return dataset_tokens(data, length);
    diag_error(d, place(v->tree, path), "length %d: %s", length, why);
    return 0;
}

static int larger(int a, int b) { return a > b ? a : b; }

// Slices are told apart by their names.
static void check_slices(const variant *v, arena *a, diag *d)
{
    const cell_options *o = &v->options;
    for (int i = 0; i < o->evaluate.slices.n; i++)
        for (int j = 0; j < i; j++)
            if (strcmp(slice_name(o, i, a), slice_name(o, j, a)) == 0)
                diag_error(d, place(v->tree, arena_text(a, "evaluate.slices.%d", i)),
                           "two slices are called '%s': give one a name of its own, as in name: hard", slice_name(o, i, a));
}

// Every length that is trained or evaluated, in its setting of the task, and whether the model reaches the longest.
static void check_lengths(const variant *v, const datasets *data, arena *a, diag *d)
{
    const cell_options *o = &v->options;
    const slice_options *slice = o->evaluate.slices.items;
    stage *stages;
    int *lengths, tokens = 0;
    for (int n = train_stages(&o->train, a, &stages), i = 0; i < n; i++)
        for (int j = 0; j < stages[i].n; j++) {
            const segment *s = &stages[i].segment[j];
            tokens = larger(tokens, check_length(v, datasets_find(data, s->task), s->length,
                                                 o->train.stages.n ? "train.stages" : "train.lengths", d));
        }
    for (int n = evaluate_lengths(&o->evaluate, a, &lengths), i = 0; i < n; i++)
        tokens = larger(tokens, check_length(v, &data->base, lengths[i], "evaluate.lengths", d));
    for (int i = 0; i < o->evaluate.slices.n; i++)
        tokens = larger(tokens, check_length(v, datasets_find(data, &slice[i].task), slice[i].length, "evaluate.slices", d));
    check_slices(v, a, d);
    const architecture *arch = (const architecture *)o->model.type;
    if (arch->fits) arch->fits(o->model.options, tokens, o->model.at, d);
}

// Rules that need the opened task and the model: lengths that exist, positions that reach, vocabularies that fit.
static bool variant_check(const variant *v, diag *d)
{
    const int before = diag_errors(d);
    const cell_options *o = &v->options;
    arena *a = arena_new();
    datasets data;
    if (cell_options_check(o, v->tree, d) && datasets_open(&data, o, 0, a, d)) {
        check_lengths(v, &data, a, d);
        const task_size size = data.base.task->size(data.base.self);
        const common_options *common = o->model.options;
        if (common->tie && size.input != size.output)
            diag_error(d, o->model.at, "'tie' needs equal vocabularies, the task has %d input and %d output symbols", size.input,
                       size.output);
    }
    arena_free(a);
    return diag_errors(d) == before;
}

static bool variant_read(variant *v, arena *a, diag *d)
{
    const int before = diag_errors(d);
    v->tree = datasets_tree(v->tree, a, d);
    param_defaults(cell_params(), &v->options, a);
    if (!param_read(cell_params(), &v->options, v->tree, "the sweep", a, d) || diag_errors(d) > before) return false;
    v->text = param_print(cell_params(), &v->options, PRINT_ALL, a);
    return variant_check(v, d);
}

// ---- identity

// The canonical text names only what differs from the defaults, the versions of everything that computes, and the seed, so
// that a new option renames nothing. What does not change the training is not in it.
static const char *identity_text(const cell_options *o, int seed, arena *a)
{
    const object *used[64];
    const architecture *arch = (const architecture *)o->model.type;
    const int n = arch->versions ? arch->versions(o->model.options, used, 64) : 0;
    static const param trained[] = {
        { "train", PARAM_SECTION, offsetof(cell_options, train), "{}", sizeof(train_options), 0, NULL, "", 0 },
        { "validate", PARAM_SECTION, offsetof(cell_options, validate), "{}", sizeof(validate_options), 0, NULL, "", 0 },
    };
    param table[LEN(trained) + 1] = {0};
    for (size_t i = 0; i < LEN(trained); i++) {
        table[i] = trained[i];
        for (const param *p = cell_params(); p->name; p++)
            if (p->offset == table[i].offset) table[i].of = p->of;
    }
    char *text = arena_text(a, "task: %s\nmodel: %s\ntraining: %s\nversions: { trainer: %d, task: %d, %s: %d", task_text(o, a),
                            param_print_object(&o->model, PRINT_CHANGED, a), param_print(table, o, PRINT_CHANGED, a),
                            TRAINER_VERSION, o->task.type->version, arch->name, arch->version);
    for (int i = 0; i < n; i++) text = arena_text(a, "%s, %s: %d", text, used[i]->name, used[i]->version);
    return arena_text(a, "%s }\nseed: %d\n", text, seed);
}

static const char *evaluation_text(const cell_options *o, arena *a)
{
    int *lengths;
    const int n = evaluate_lengths(&o->evaluate, a, &lengths);
    char *text = arena_text(a, "split: test, examples: %d, version: %d, lengths:", o->evaluate.examples, EVALUATION_VERSION);
    for (int i = 0; i < n; i++) text = arena_text(a, "%s %d", text, lengths[i]);
    for (int i = 0; i < o->evaluate.slices.n; i++) {
        const slice_options *s = (const slice_options *)o->evaluate.slices.items + i;
        text = arena_text(a, "%s, slice %s: %d %s", text, slice_name(o, i, a), s->length,
                          s->task.type ? param_print_object(&s->task, PRINT_CHANGED, a) : "");
    }
    return text;
}

const char *hash_text(const char *text, arena *a)
{
    return spec_hash_text(hash_bytes(text, strlen(text), 0), a);
}

static void cell_name(cell *c, const variant *v, int seed, arena *a)
{
    const cell_options *o = &v->options;
    c->variant = v;
    c->seed = seed;
    c->config = identity_text(o, seed, a);
    c->id = arena_text(a, "%s.%s.s%d.%s", o->task.type->name, o->model.type->name, seed, hash_text(c->config, a));
    c->evaluation = hash_text(evaluation_text(o, a), a);
}

cell *cell_read(const char *text, int seed, arena *a, diag *d)
{
    variant *v = arena_zero(a, sizeof *v);
    v->tree = yaml_parse(text, "cell", a, d);
    if (!v->tree || !variant_read(v, a, d)) return NULL;
    cell *c = arena_zero(a, sizeof *c);
    cell_name(c, v, seed, a);
    return c;
}

bool setup_open(setup *s, const cell_options *o, int seed, arena *life, diag *d)
{
    if (!datasets_open(&s->data, o, (uint64_t)seed, life, d)) return false;
    s->size = s->data.base.task->size(s->data.base.self);
    s->network = network_open(&o->model, s->size.input, s->size.output, life);
    return true;
}

int64_t variant_parameters(const variant *v)
{
    arena *a = arena_new();
    diag *d = diag_new();
    setup s;
    const int64_t parameters = setup_open(&s, &v->options, 0, a, d) ? s.network->model.parameters : 0;
    diag_free(d);
    arena_free(a);
    return parameters;
}

// ---- expansion: models × grid × seeds, as edits of the file's tree

typedef struct expansion {
    const yaml *file, *grid;
    arena      *arena;
    diag       *diag;
    int         n_models, n_points;
    const char **label;                     // [n_models]
    const yaml **model;                     // [n_models]: the tree of a sweep with this one model
    variant    *variant;
    int         n_variants;
} expansion;

// The tree with a value at a path; what is wrong with the path is reported at the key that it was written as.
static const yaml *put(expansion *e, const yaml *tree, const char *path, const yaml *key, const yaml *value)
{
    const yaml *with = yaml_with(tree, path, key->at, value, e->arena);
    if (!with) diag_error(e->diag, key->at, "'%s' names a list entry that is not there", key->text);
    return with ? with : tree;
}

// A model's entry loses its label and overrides, and is read as the key `model`.
static const yaml *model_tree(expansion *e, const yaml *base, const yaml *entry)
{
    const yaml *with = yaml_get(entry, "with");
    const yaml *model = yaml_without(yaml_without(entry, "label", e->arena), "with", e->arena);
    const yaml *tree = yaml_with(base, "model", entry->at, model, e->arena);
    if (with && with->kind != YAML_MAP) {
        diag_error(e->diag, with->at, "'with' takes a map of paths, as in { train.steps: 9000 }");
        return tree;
    }
    for (int i = 0; with && i < with->n; i++) tree = put(e, tree, with->key[i]->text, with->key[i], with->item[i]);
    return tree;
}

static const char *model_label(expansion *e, const yaml *entry)
{
    const yaml *label = yaml_get(entry, "label"), *name = yaml_get(entry, "name");
    if (!name) diag_error(e->diag, entry->at, "a model needs a name, as in { name: transformer, d_model: 64 }");
    const yaml *node = label ? label : name;
    if (node && node->kind != YAML_SCALAR) {
        diag_error(e->diag, node->at, "a label is a text");
        node = NULL;
    }
    return node ? node->text : "?";
}

static bool expand_models(expansion *e)
{
    const yaml *models = yaml_get(e->file, "models");
    if (!models || models->kind != YAML_LIST || models->n == 0) {
        diag_error(e->diag, models ? models->at : e->file->at,
                   "'models' must be given: a list such as [{ name: transformer, d_model: 64 }]");
        return false;
    }
    const yaml *base = e->file;
    if (yaml_get(base, "model")) diag_error(e->diag, yaml_get(base, "model")->at, "unknown key 'model'; did you mean 'models'?");
    static const char *const own[] = { "models", "grid", "model" };
    for (size_t i = 0; i < LEN(own); i++) base = yaml_without(base, own[i], e->arena);
    e->n_models = models->n;
    e->label = arena_take(e->arena, models->n * sizeof *e->label);
    e->model = arena_take(e->arena, models->n * sizeof *e->model);
    for (int i = 0; i < models->n; i++) {
        const yaml *entry = models->item[i];
        if (entry->kind != YAML_MAP) {
            diag_error(e->diag, entry->at, "a model is a map, as in { name: transformer, d_model: 64 }");
            return false;
        }
        e->label[i] = model_label(e, entry);
        e->model[i] = model_tree(e, base, entry);
        for (int j = 0; j < i; j++)
            if (strcmp(e->label[i], e->label[j]) == 0)
                diag_error(e->diag, entry->at, "two models are called '%s': give one a label of its own, as in label: %s-2",
                           e->label[i], e->label[i]);
    }
    return diag_errors(e->diag) == 0;
}

static bool check_grid(expansion *e)
{
    e->n_points = 1;
    if (!e->grid) return true;
    if (e->grid->kind != YAML_MAP) {
        diag_error(e->diag, e->grid->at, "'grid' takes a map of paths, as in { train.optimizer.lr: [0.001, 0.003] }");
        return false;
    }
    for (int i = 0; i < e->grid->n; i++) {
        const yaml *values = e->grid->item[i];
        if (values->kind == YAML_SCALAR || values->n == 0) {
            diag_error(e->diag, values->at, "'%s' in 'grid' takes a list of values, or a map that names them",
                       e->grid->key[i]->text);
            return false;
        }
        if ((int64_t)e->n_points * values->n > 100000) {
            diag_error(e->diag, values->at, "the grid has more than 100000 points");
            return false;
        }
        e->n_points *= values->n;
    }
    return true;
}

// The path inside a variant's tree: "models.LABEL.chunk" is model.chunk for that model and nothing for others (NULL).
static const char *grid_path(expansion *e, const yaml *key, const char *label)
{
    if (strncmp(key->text, "models.", 7) != 0) return key->text;
    const size_t n = strlen(label);
    if (strncmp(key->text + 7, label, n) == 0 && key->text[7 + n] == '.')
        return arena_text(e->arena, "model.%s", key->text + 8 + n);
    for (int i = 0; i < e->n_models; i++) {
        const size_t length = strlen(e->label[i]);
        if (strncmp(key->text + 7, e->label[i], length) == 0 && key->text[7 + length] == '.') return NULL;
    }
    diag_error(e->diag, key->at, "'%s' names no model of this sweep: write models.LABEL.option", key->text);
    return NULL;
}

// Is the value at this path of the grid chosen by `select`?
static bool is_selected(const expansion *e, const char *path)
{
    const yaml *select = yaml_get(e->file, "select"), *grid = select ? yaml_get(select, "grid") : NULL;
    if (!select || !grid) return select != NULL;
    for (int i = 0; grid->kind == YAML_LIST && i < grid->n; i++)
        if (grid->item[i]->kind == YAML_SCALAR && strcmp(grid->item[i]->text, path) == 0) return true;
    return grid->kind == YAML_SCALAR && strcmp(grid->text, path) == 0;
}

static void check_selected_path(expansion *e, const yaml *path)
{
    if (path->kind != YAML_SCALAR || (e->grid && yaml_get(e->grid, path->text))) return;
    diag_error(e->diag, path->at, "'select' chooses '%s', which 'grid' does not vary", path->text);
}

static void check_select_paths(expansion *e)
{
    const yaml *select = yaml_get(e->file, "select"), *grid = select ? yaml_get(select, "grid") : NULL;
    if (select && !yaml_get(select, "seeds"))
        diag_error(e->diag, select->at, "'select' needs 'seeds' for its trials, as in seeds: [100, 101, 102]");
    if (select && !e->grid) diag_error(e->diag, select->at, "'select' needs a 'grid' to choose from");
    if (grid && grid->kind == YAML_SCALAR) check_selected_path(e, grid);
    for (int i = 0; grid && grid->kind == YAML_LIST && i < grid->n; i++) check_selected_path(e, grid->item[i]);
}

// A model without an `init` of its own gets the sweep's, which overrides and grid may have changed.
static const yaml *give_init(const expansion *e, const yaml *tree)
{
    const yaml *init = yaml_get(tree, "init");
    return init && !yaml_at(tree, "model.init") ? yaml_with(tree, "model.init", init->at, init, e->arena) : tree;
}

static void expand_point(expansion *e, int model, int point)
{
    variant v = { .label = e->label[model], .point = "", .group = "", .tree = e->model[model] };
    for (int i = 0; e->grid && i < e->grid->n; i++) {
        const yaml *values = e->grid->item[i];
        const int at = point % values->n;
        const yaml *value = values->item[at];
        point /= values->n;
        const char *path = grid_path(e, e->grid->key[i], v.label);
        if (!path) continue;
        v.tree  = put(e, v.tree, path, e->grid->key[i], value);
        const char *named = values->kind == YAML_MAP ? values->key[at]->text : yaml_flow(value, e->arena);
        const char *text = arena_text(e->arena, "%s=%s", e->grid->key[i]->text, named);
        v.point = arena_text(e->arena, "%s%s%s", v.point, *v.point ? " " : "", text);
        if (!is_selected(e, e->grid->key[i]->text)) v.group = arena_text(e->arena, "%s%s%s", v.group, *v.group ? " " : "", text);
        else v.edge |= value == values->item[0] || value == values->item[values->n - 1];
    }
    for (int i = 0; i < e->n_variants; i++)             // the grid does not touch this model: one variant is enough
        if (strcmp(e->variant[i].label, v.label) == 0 && strcmp(e->variant[i].point, v.point) == 0) return;
    v.tree = give_init(e, v.tree);
    if (variant_read(&v, e->arena, e->diag)) e->variant[e->n_variants++] = v;
}

static void expand_seeds(sweep *s, arena *a)
{
    for (int i = 0; i < s->n_variants; i++) s->n += s->variant[i].options.seeds.n + s->variant[i].options.select.seeds.n;
    s->cell = arena_zero(a, s->n * sizeof *s->cell);
    int n = 0;
    for (int i = 0; i < s->n_variants; i++) {
        const param_list *lists[] = { &s->variant[i].options.select.seeds, &s->variant[i].options.seeds };
        for (int k = 0; k < 2; k++)
            for (int j = 0; j < lists[k]->n; j++) {
                cell_name(&s->cell[n], &s->variant[i], ((int *)lists[k]->items)[j], a);
                s->cell[n++].trial = k == 0;
            }
        s->selects |= lists[0]->n > 0;
    }
}

sweep *sweep_load(const char *path, arena *a, diag *d)
{
    expansion e = { .file = yaml_file(path, a, d), .arena = a, .diag = d };
    if (!e.file) return NULL;
    if (e.file->kind != YAML_MAP) {
        diag_error(d, e.file->at, "a sweep is a map that begins with 'sweep: NAME'");
        return NULL;
    }
    e.grid = yaml_get(e.file, "grid");
    if (!expand_models(&e) || !check_grid(&e)) return NULL;
    check_select_paths(&e);
    e.variant = arena_zero(a, (size_t)e.n_models * e.n_points * sizeof *e.variant);
    for (int m = 0; m < e.n_models; m++)
        for (int p = 0; p < e.n_points; p++) expand_point(&e, m, p);
    if (diag_errors(d)) return NULL;
    sweep *s = arena_zero(a, sizeof *s);
    *s = (sweep){ .name = e.variant[0].options.sweep, .path = path, .n_variants = e.n_variants, .variant = e.variant };
    expand_seeds(s, a);
    return s;
}
