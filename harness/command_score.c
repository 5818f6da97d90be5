// score: somebody else's predictions for an export, counted as our own are.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/check.h"
#include "base/npy.h"
#include "harness/command.h"
#include "harness/evaluate.h"
#include "harness/external.h"
#include "harness/spec.h"
#include "harness/stages.h"
#include "results/table.h"

typedef struct score_flags { const char *name, *store, *sweep; int seed, trained_length, format; } score_flags;
static const param score_params[] = {
    TEXT  (score_flags, name, "''", "put the scores into the store, as a row of this name, marked (external)"),
    TEXT  (score_flags, store, "results/runs", "folder of the results"),
    INT   (score_flags, seed, "auto", 0, INT_MAX,
           "seed of the training behind the row: rows of one name are its seeds; by default the export's"),
    INT   (score_flags, trained_length, "auto", 1, 1 << 20,
           "the longest length that was trained, in symbols; by default the sweep's"),
    TEXT  (score_flags, sweep, "''", "a sweep file: its task must be the export's; shows the lengths that it evaluates"),
    CHOICE(score_flags, format, "text", table_format_names, "form"),
    {0}
};

typedef struct scoring {
    const score_flags *flags;
    const char        *spec_path, *predictions_path;
    spec               spec;
    dataset            data;
    npy                predictions;
    const cell_options *sweep;          // of the sweep's first model with this task; NULL: no sweep
    int                trained_length;  // 0: not known
    int                n, *lengths;     // counted
    evaluation         counts;
    arena             *arena;
} scoring;

// ---- what was given

static bool read_predictions(scoring *s, diag *d)
{
    const npy *p = &s->predictions;
    error e = {0};
    if (!npy_read(s->predictions_path, &s->predictions, s->arena, &e))
        diag_error(d, (mark){0}, "%s", e.text);
    else if (p->rank != 2 || p->dim[0] != s->spec.count || p->dim[1] != s->spec.tokens)
        diag_error(d, (mark){0}, "%s is %s; the export asks for an id a token, [%d, %d]%s", s->predictions_path,
                   npy_shape(p, s->arena), s->spec.count, s->spec.tokens,
                   p->rank == 3 && p->dim[2] == s->spec.vocabulary.output ? ": of scores the argmax" : "");
    return diag_errors(d) == 0;
}

static bool same_task(const param_object *a, const param_object *b, arena *memory)
{
    return strcmp(param_print_object(a, PRINT_CHANGED, memory), param_print_object(b, PRINT_CHANGED, memory)) == 0;
}

static bool is_slice(const cell_options *o, const spec *s, arena *a)
{
    for (int i = 0; i < o->evaluate.slices.n; i++) {
        const slice_options *slice = (const slice_options *)o->evaluate.slices.items + i;
        if (slice->length == s->length && slice->task.type && same_task(&slice->task, &s->task, a)) return true;
    }
    return false;
}

// The sweep's model that was given this task, and the longest length that any such one was trained at.
static bool find_in_sweep(scoring *s, diag *d)
{
    const char *path = s->flags->sweep;
    if (!*path) return true;
    const sweep *of = sweep_load(path, s->arena, d);
    if (!of) return false;
    int longest = 0;
    for (int i = 0; i < of->n_variants; i++) {
        const cell_options *o = &of->variant[i].options;
        if (!same_task(&o->task, &s->spec.task, s->arena) && !is_slice(o, &s->spec, s->arena)) continue;
        if (!s->sweep) s->sweep = o;
        longest = train_longest(&o->train) > longest ? train_longest(&o->train) : longest;
    }
    if (!s->sweep)
        diag_error(d, (mark){ path, 0, 0 }, "its task is %s, the export's is %s: the row would stand in no table of it",
                   param_print_object(&of->variant[0].options.task, PRINT_CHANGED, s->arena),
                   param_print_object(&s->spec.task, PRINT_CHANGED, s->arena));
    if (!s->trained_length) s->trained_length = longest;
    return s->sweep;
}

// A name becomes a part of a folder's.
static bool check_name(const scoring *s, diag *d)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+";
    const char *name = s->flags->name;
    if (!*name) return true;
    if (strspn(name, letters) != strlen(name) || strlen(name) > 80)
        diag_error(d, (mark){0}, "--name '%s': at most 80 letters of a-z A-Z 0-9 . - _ +", name);
    if (s->spec.split != SPLIT_TEST)
        diag_error(d, (mark){0}, "tables hold test errors: --name takes an export of --split test, this one is of '%s'",
                   spec_split_words[s->spec.split]);
    if (!s->trained_length)
        diag_error(d, (mark){0},
                   "--name needs --trained-length N (or --sweep): the longest length that the model was trained at");
    return diag_errors(d) == 0;
}

// ---- counting

static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static void add_length(scoring *s, int length)
{
    char why[256];
    bool seen = length < 1 || length > s->spec.length || !dataset_fits(&s->data, length, why, sizeof why);
    for (int i = 0; i < s->n; i++) seen |= s->lengths[i] == length;
    if (!seen) s->lengths[s->n++] = length;
}

// Where examples can be cut short: every length, or MANY of them spread out, and those that somebody will ask for.
static void choose_lengths(scoring *s)
{
    enum { MANY = 512 };
    int *asked = NULL;
    const int L = s->spec.length, n = s->sweep ? evaluate_lengths(&s->sweep->evaluate, s->arena, &asked) : 0;
    s->lengths = arena_take(s->arena, (MANY + n + 2) * sizeof(int));
    add_length(s, L);
    if (!dataset_prefixes(&s->data)) return;
    for (int i = 1; i <= MANY; i++) add_length(s, L <= MANY ? i : (int)((int64_t)L * i / MANY));
    for (int i = 0; i < n; i++) add_length(s, asked[i]);
    add_length(s, s->trained_length);
    qsort(s->lengths, s->n, sizeof(int), by_value);
}

// One example's predictions, each a possible answer; where nothing is asked also SPEC_IGNORE.
static bool read_row(const scoring *s, int64_t row, const int *target, int *predicted, diag *d)
{
    for (int t = 0; t < s->spec.tokens; t++) {
        const int64_t id = npy_at(&s->predictions, row, t);
        predicted[t] = (int)id;
        if ((id >= 0 && id < s->spec.vocabulary.output) || (id == SPEC_IGNORE && target[t] == TASK_IGNORE)) continue;
        if (id == SPEC_IGNORE)
            diag_error(d, (mark){0}, "%s: row %lld, column %d is %d, no prediction, where an answer is asked",
                       s->predictions_path, (long long)row, t, SPEC_IGNORE);
        else
            diag_error(d, (mark){0}, "%s: row %lld, column %d is %lld; answers are ids from 0 to %d", s->predictions_path,
                       (long long)row, t, (long long)id, s->spec.vocabulary.output - 1);
        return false;
    }
    return true;
}

// Tokens and targets are made anew; what the export's spec says of them must be true.
static bool count(scoring *s, diag *d)
{
    const size_t bytes = (size_t)s->spec.tokens * sizeof(int);
    int *input = arena_take(s->arena, bytes), *target = arena_take(s->arena, bytes), *predicted = arena_take(s->arena, bytes);
    arena *step = arena_new();
    uint64_t hash = 0;
    bool good = true;
    evaluation_open(&s->counts, &s->data, (data_split)s->spec.split, s->lengths, s->n, s->spec.count, s->arena);
    for (int64_t i = 0; good && i < s->spec.count; i++) {
        const arena_mark start = arena_save(step);
        spec_example(&s->spec, &s->data, i, input, target);
        hash = spec_hash_example(hash, input, target, s->spec.tokens);
        good = read_row(s, i, target, predicted, d);
        if (good) evaluation_add(&s->counts, &s->data, input, target, predicted, s->arena, step);
        arena_restore(step, start);
    }
    arena_free(step);
    if (good && strcmp(spec_hash_text(hash, s->arena), s->spec.data) != 0) {
        diag_error(d, (mark){ s->spec_path, 0, 0 },
                   "this program makes other examples of the task '%s' than those exported: export again", s->data.task->name);
        good = false;
    }
    return good;
}

// As a run's evaluation, but for what cannot be known, and with what was exported.
static json_t *counts_json(const scoring *s)
{
    json_t *counts = evaluation_json(&s->counts, &s->data, (double)NAN), *length;
    size_t i;
    json_array_foreach(json_object_get(counts, "lengths"), i, length) {
        json_object_set_new(length, "loss", json_null());
        if (!s->data.disjoint) json_object_set_new(length, "overlap", json_null());
    }
    json_object_set_new(counts, "exports", json_pack("[{s:i, s:i, s:i, s:s}]", "length", s->spec.length, "seed", s->spec.seed,
                                                     "first", s->spec.first, "data", s->spec.data));
    return counts;
}

// ---- showing

static bool is_shown(const scoring *s, const run_summary *r, int i)
{
    enum { ROWS = 12 };
    int *asked = NULL;
    const int length = r->lengths[i].length, n = s->sweep ? evaluate_lengths(&s->sweep->evaluate, s->arena, &asked) : 0;
    bool shown = length == s->spec.length || length == s->trained_length || r->n_lengths <= ROWS;
    for (int j = 0; j < n; j++) shown |= asked[j] == length;
    return shown || (n == 0 && (i + 1) * ROWS / r->n_lengths > i * ROWS / r->n_lengths);
}

static const char *error_text(const run_summary *r, metric m, int length, arena *a)
{
    const interval in = run_interval(r, m, length);
    return arena_text(a, "%s (%s–%s)", table_number(run_error(r, m, length), a), table_number(in.low, a),
                      table_number(in.high, a));
}

static void print_lengths(const scoring *s, const run_summary *r)
{
    static const metric shown[] = { TOKEN_ERROR, SEQUENCE_ERROR, LAST_ERROR };
    static const char *const headings[] = { "token error", "sequence error", "last error" };
    arena *a = s->arena;
    grid *g = grid_new(1 + (int)LEN(shown) + r->n_floors, a);
    grid_column(g, 0, "length", false);
    for (size_t i = 0; i < LEN(shown); i++) grid_column(g, 1 + (int)i, headings[i], false);
    for (int i = 0; i < r->n_floors; i++) grid_column(g, 1 + (int)LEN(shown) + i, r->floors[i].name, false);
    for (int i = 0; i < r->n_lengths; i++) {
        if (!is_shown(s, r, i)) continue;
        const length_counts *l = &r->lengths[i];
        const char **at = grid_row(g);
        *at++ = arena_text(a, "%d", l->length);
        for (size_t j = 0; j < LEN(shown); j++) *at++ = error_text(r, shown[j], l->length, a);
        for (int j = 0; j < r->n_floors; j++) *at++ = table_number(r->floors[j].errors[i] / l->counts.supervised, a);
    }
    grid_print(stdout, g, s->flags->format, false);
}

static void print_scores(const scoring *s, const json_t *counts)
{
    arena *a = s->arena;
    json_t *result = json_pack("{s:{s:s}}", "status", "status", run_status_names[RUN_DONE]);
    const row scored = { .id = "", .result = result, .evaluation = counts, .last_step = -1 };
    summary *sum = summary_new(&(summary_head){0}, a);
    summary_add(sum, &(summary_cell){ .label = s->flags->name, .trained_length = s->trained_length, .row = &scored });
    const run_summary *r = sum->runs[0];
    print_lengths(s, r);
    json_decref(result);
    if (s->flags->format != TABLE_TEXT) return;
    printf("\n%s: %s, length %d, %s examples %d to %lld of seed %d\n"
           "In brackets 95 %% intervals over sequences; on the right the token errors of shallow strategies; chance %s\n",
           s->predictions_path, param_print_object(&s->spec.task, PRINT_CHANGED, a), s->spec.length,
           spec_split_words[s->spec.split], s->spec.first, (long long)s->spec.first + s->spec.count - 1, s->spec.seed,
           table_number(r->chance, a));
    if (r->horizon.t >= 0) printf("horizon: %s%d symbols\n", r->horizon.open ? "≥ " : "", r->horizon.t);
}

static int store_scores(const scoring *s, const json_t *counts, diag *d)
{
    const external x = { .label = s->flags->name, .seed = s->flags->seed == AUTO_INT ? s->spec.seed : s->flags->seed,
                         .trained_length = s->trained_length, .task = &s->spec.task };
    error e = {0};
    const char *id;
    store *st = store_open(s->flags->store, true, s->arena, &e);
    if (st && external_store(st, &x, counts, &id, s->arena, d, &e)) {
        if (s->flags->format == TABLE_TEXT)
            printf("stored: %s/%s; every sweep with this task shows it as '%s (external)'\n", s->flags->store, id, x.label);
        return EXIT_DONE;
    }
    if (diag_errors(d)) return wrong_input(d);
    fprintf(stderr, "error: %s\n", e.text);
    return EXIT_STORE;
}

static int run_score(const void *flags, const char *const *words, int n, arena *a, diag *d)
{
    const score_flags *f = flags;
    scoring s = { .flags = f, .spec_path = words[0], .predictions_path = words[1], .arena = a,
                  .trained_length = f->trained_length == AUTO_INT ? 0 : f->trained_length };
    if (!spec_read(&s.spec, &s.data, words[0], a, d) || !read_predictions(&s, d) || !find_in_sweep(&s, d) || !check_name(&s, d))
        return wrong_input(d);
    choose_lengths(&s);
    if (!count(&s, d)) return wrong_input(d);
    json_t *counts = counts_json(&s);
    print_scores(&s, counts);
    const int status = *f->name ? store_scores(&s, counts, d) : EXIT_DONE;
    json_decref(counts);
    return status;
}

const command command_score = {
    .name = "score", .arguments = "SPEC.yaml PREDICTIONS.npy",
    .summary = "errors of another program's predictions for an export of scanbench sample",
    .help = "PREDICTIONS holds an id a token, int32 or int64 [examples, tokens]; -100 may stand where nothing is asked. Targets "
            "are made anew from\n"
            "the spec. With --name the scores become a row of the store, which table, plot, export and status of every sweep "
            "with the same task show.",
    .flags = score_params, .flags_size = sizeof(score_flags), .least = 2, .most = 2, .run = run_score,
};
