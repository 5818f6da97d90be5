#include "harness/external.h"

#include <string.h>
#include "harness/evaluate.h"
#include "harness/stages.h"
#include "plots/setting.h"
#include "results/json.h"

static const char evaluation_name[] = "external";       // evaluate-external.json
static const char prefix[] = "external.";

static const char *task_text(const param_object *task, arena *a) { return param_print_object(task, PRINT_CHANGED, a); }

// ---- into the store

static json_t *result_of(const external *x, arena *a)
{
    return json_pack("{s:{s:s, s:s, s:i, s:i, s:i}, s:{}}", "cell", "external", x->label, "task", task_text(x->task, a),
                     "task_version", x->task->type->version, "trained_length", x->trained_length, "seed", x->seed, "measured");
}

typedef struct found { int trained_length; json_t *evaluation; } found;

static bool see_found(const row *r, void *data)
{
    found *f = data;
    f->trained_length = (int)json_int_at(r->result, "cell.trained_length", 0);
    f->evaluation = r->evaluation ? json_deep_copy(r->evaluation) : NULL;
    return true;
}

// What the old evaluation has under this key of other lengths than the new one.
static void keep_others(json_t *counts, const json_t *old, const char *key)
{
    json_t *to = json_object_get(counts, key), *entry;
    const json_int_t length = json_int_at(json_array_get(to, 0), "length", 0);
    size_t i;
    json_array_foreach(json_object_get(old, key), i, entry)
        if (json_int_at(entry, "length", 0) != length) json_array_append(to, entry);
}

// An evaluation of one pass holds all lengths; else the lengths that were scored one by one come together here.
static bool merge(json_t *counts, const json_t *old, const char *folder, diag *d)
{
    const json_int_t at = json_int_at(counts, "evaluated_at", 0), before = json_int_at(old, "evaluated_at", 0);
    const json_int_t n = json_int_at(counts, "sequences", 0), had = json_int_at(old, "sequences", 0);
    if (at < before)
        diag_error(d, (mark){0}, "%s holds a score at length %lld, of which every shorter one is read: length %lld adds nothing",
                   folder, (long long)before, (long long)at);
    else if (!at && n != had)
        diag_error(d, (mark){0},
                   "%s holds scores on %lld examples a length, this export has %lld: use the same count, or another name", folder,
                   (long long)had, (long long)n);
    else if (!at) {
        keep_others(counts, old, "lengths");
        keep_others(counts, old, "exports");
    }
    return diag_errors(d) == 0;
}

// The cell is ours: ended, with whatever it held before.
static bool add_counts(store *s, run *r, const char *id, const external *x, const json_t *counts, diag *d, error *e)
{
    found f = {0};
    if (!store_read(s, id, evaluation_name, see_found, &f, e)) return false;
    json_t *whole = json_deep_copy(counts);
    if (f.trained_length != x->trained_length)
        diag_error(d, (mark){0},
                   "%s was said to be trained to length %d, now %d: say the same, use another name, or remove the folder",
                   run_folder(r), f.trained_length, x->trained_length);
    const bool good = !diag_errors(d) && (!f.evaluation || merge(whole, f.evaluation, run_folder(r), d)) &&
                      run_evaluation(r, evaluation_name, whole, e);
    json_decref(whole);
    json_decref(f.evaluation);
    return good;
}

bool external_store(store *s, const external *x, const json_t *counts, const char **id, arena *a, diag *d, error *e)
{
    const char *config = arena_text(a, "external: %s\ntask: %s\nversions: { task: %d }\nseed: %d\n", x->label,
                                    task_text(x->task, a), x->task->type->version, x->seed);
    *id = arena_text(a, "%s%s.s%d.%s", prefix, x->label, x->seed, hash_text(config, a));
    run *r;
    const claim claimed = store_claim(s, *id, config, &r, e);
    if (claimed == CLAIM_BUSY) error_set(e, "%s: another process is storing a score there", *id);
    if (claimed == CLAIM_BUSY || claimed == CLAIM_ERROR) return false;
    json_t *result = result_of(x, a);
    const bool good = (claimed == CLAIM_ENDED || run_finish(r, RUN_DONE, NULL, result, e)) &&
                      add_counts(s, r, *id, x, counts, d, e);
    json_decref(result);
    run_close(r);
    return good;
}

// ---- out of the store

typedef struct entry { const char *id, *label, *task; int version, seed, trained_length; json_t *result, *evaluation; } entry;
typedef struct collection { const store *store; entry *entry; int n, room; arena *arena; error *error; bool good; } collection;

static bool see_entry(const row *r, void *data)
{
    collection *c = data;
    if (!r->result) return true;                        // cut off before it was one
    if (c->n == c->room) {
        entry *wider = arena_take(c->arena, (size_t)(c->room = 2 * c->room + 16) * sizeof *wider);
        if (c->n) memcpy(wider, c->entry, (size_t)c->n * sizeof *wider);
        c->entry = wider;
    }
    c->entry[c->n++] = (entry){
        .id = arena_copy(c->arena, r->id), .label = arena_copy(c->arena, json_text_at(r->result, "cell.external", "?")),
        .task = arena_copy(c->arena, json_text_at(r->result, "cell.task", "")),
        .version = (int)json_int_at(r->result, "cell.task_version", 0),
        .seed = (int)json_int_at(r->result, "cell.seed", 0),
        .trained_length = (int)json_int_at(r->result, "cell.trained_length", 0),
        .result = json_incref((json_t *)r->result), .evaluation = json_incref((json_t *)r->evaluation),
    };
    return true;
}

static void see_cell(const char *id, void *data)
{
    collection *c = data;
    if (c->good && strncmp(id, prefix, strlen(prefix)) == 0)
        c->good = store_read(c->store, id, evaluation_name, see_entry, c, c->error);
}

static bool is_of_task(const entry *x, const param_object *task, arena *a)
{
    return x->version == task->type->version && strcmp(x->task, task_text(task, a)) == 0;
}

static json_t *entry_at(const entry *x, int length)
{
    size_t i;
    json_t *at;
    json_array_foreach(json_at(x->evaluation, "lengths"), i, at)
        if (json_int_at(at, "length", 0) == length) return at;
    return NULL;
}

// What was scored on the sweep's slices under the same label and seed.
static json_t *slices_of(const collection *c, const entry *x, const cell_options *o)
{
    json_t *slices = json_array();
    for (int i = 0; i < o->evaluate.slices.n; i++) {
        const slice_options *s = (const slice_options *)o->evaluate.slices.items + i;
        for (int j = 0; j < c->n; j++) {
            const entry *y = &c->entry[j];
            if (strcmp(x->label, y->label) != 0 || x->seed != y->seed ||
                !is_of_task(y, s->task.type ? &s->task : &o->task, c->arena)) continue;
            if (json_int_at(y->evaluation, "sequences", 0) != json_int_at(x->evaluation, "sequences", 0)) continue;
            json_t *slice = json_copy(entry_at(y, s->length));
            if (slice) json_object_set_new(slice, "name", json_string(slice_name(o, i, c->arena)));
            if (slice) json_array_append_new(slices, slice);
        }
    }
    return slices;
}

// The evaluation as the sweep asks for it; NULL where no length of it was scored.
static json_t *asked(const collection *c, const entry *x, const cell_options *o)
{
    int *lengths;
    json_t *of = json_array();
    for (int n = evaluate_lengths(&o->evaluate, c->arena, &lengths), i = 0; i < n; i++) {
        json_t *at = entry_at(x, lengths[i]);
        if (at) json_array_append(of, at);
    }
    json_t *evaluation = json_array_size(of) ? json_copy(x->evaluation) : NULL;
    if (evaluation) json_object_set(evaluation, "lengths", of);
    if (evaluation) json_object_set_new(evaluation, "slices", slices_of(c, x, o));
    json_decref(of);
    return evaluation;
}

// The sweep's model that it stands beside: one with the task; of several one that is evaluated where this was scored and trained
// at the same length. NULL: none has the task.
static const variant *beside(const collection *c, const entry *x, const sweep *s)
{
    const variant *best = NULL;
    for (int i = 0, most = 0; i < s->n_variants; i++) {
        const cell_options *o = &s->variant[i].options;
        if (!is_of_task(x, &o->task, c->arena)) continue;
        json_t *evaluation = asked(c, x, o);
        const int fits = 1 + 2 * (evaluation != NULL) + (train_longest(&o->train) == x->trained_length);
        json_decref(evaluation);
        if (fits > most) best = &s->variant[i];
        if (fits > most) most = fits;
    }
    return best;
}

// Of the grid point what is true of this row too: its task, and its lengths.
static const char *group_of(const entry *x, const variant *v, arena *a)
{
    static const char *const shared[] = { "task", "evaluate", "train.lengths", "train.stages" };
    const size_t n = train_longest(&v->options.train) == x->trained_length ? LEN(shared) : 2;
    const grid_point point = point_read(v->group, a);
    const char *group = "";
    for (int i = 0; i < point.n; i++)
        for (size_t j = 0; j < n; j++) {
            const char *path = point.at[i].path, *rest = path + strlen(shared[j]);
            if (strncmp(path, shared[j], strlen(shared[j])) == 0 && (!*rest || *rest == '.'))
                group = arena_text(a, "%s%s%s=%s", group, *group ? " " : "", path, point.at[i].value);
        }
    return group;
}

static void add_entry(summary *sum, const collection *c, const entry *x, const variant *v)
{
    const cell_options *o = &v->options;
    json_t *evaluation = asked(c, x, o);
    const row shown = { .id = x->id, .result = x->result, .evaluation = evaluation, .last_step = -1 };
    const int length = o->solved.length == AUTO_INT ? x->trained_length : o->solved.length;
    summary_add(sum, &(summary_cell){ .label = x->label, .group = group_of(x, v, c->arena), .seed = x->seed, .external = true,
        .trained_length = x->trained_length, .solved = { length, TOKEN_ERROR, o->solved.token_error_below }, .row = &shown });
    json_decref(evaluation);
}

bool external_add(summary *sum, const sweep *s, const store *st, bool (*chosen)(const char *name, void *), void *data, arena *a,
                  error *e)
{
    collection c = { .store = st, .arena = a, .error = e, .good = true };
    store_each(st, see_cell, &c);
    for (int i = 0; i < c.n; i++) {
        const entry *x = &c.entry[i];
        const variant *v = c.good ? beside(&c, x, s) : NULL;
        if (v && chosen(arena_text(a, "%s (external) s%d", x->label, x->seed), data)) add_entry(sum, &c, x, v);
    }
    for (int i = 0; i < c.n; i++) {
        json_decref(c.entry[i].result);
        json_decref(c.entry[i].evaluation);
    }
    return c.good;
}
