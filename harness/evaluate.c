#include "harness/evaluate.h"

#include <math.h>
#include <string.h>
#include "results/json.h"

enum { TOKENS_A_BATCH = 16384, ROWS_A_BATCH = 512 };

// One pass over the examples at the longest of the lengths [from, to); the shorter ones are its prefixes.
typedef struct pass { evaluation *e; const network *network; const dataset *data; const workshop *w; int from, to, *limit; } pass;

static void count_position(tally *t, bool wrong, double loss, int64_t *errors_of_sequence, bool *last)
{
    t->supervised++;
    t->errors += wrong;
    t->loss += loss;
    *errors_of_sequence += wrong;
    *last = wrong;
}

// Row by row of one example: the supervised tokens before limit[i] belong to length i.
static void count_example(const pass *p, const int *row, const int *target, const int *predicted, const real *loss, int n, int T)
{
    evaluation *e = p->e;
    for (int i = p->from; i < p->to; i++) {
        tally *t = &e->length[i];
        int64_t errors = 0;
        bool last = false;
        for (int k = 0; k < n && row[k] % T < p->limit[i]; k++)
            count_position(t, predicted[k] != target[k], loss ? (double)loss[k] : 0, &errors, &last);
        t->errors_squared += errors * errors;
        t->sequence_errors += errors > 0;
        t->last_errors += last;
    }
    if (!e->one_pass) return;
    bool failed = false;
    for (int k = 0; k < n && k < e->positions; k++) {
        const bool wrong = predicted[k] != target[k];
        e->position_errors[k] += wrong;
        e->first_errors[k] += wrong && !failed;
        failed |= wrong;
    }
}

static void count_floors(const pass *p, const int *input, const int *row, const int *target, int n, int T, int *output)
{
    const task *task = p->data->task;
    for (int f = 0; task->floors && task->floors[f].name && f < MAX_FLOORS; f++) {
        task->floors[f].predict(p->data->self, input, T, output);
        for (int i = p->from; i < p->to; i++)
            for (int k = 0; k < n && row[k] % T < p->limit[i]; k++)
                p->e->length[i].floor_errors[f] += output[row[k] % T] != target[k];
    }
}

// The state is lost with the first wrong answer, so that only the first held-out transition of a sequence is measured.
static void count_held_out(const pass *p, const int *input, const int *row, const int *target, const int *predicted, int n, int T,
                           bool *taken)
{
    int first = 0;
    if (!dataset_holds_out(p->data)) return;
    dataset_held_out(p->data, input, T, taken);
    while (first < T && !taken[first]) first++;
    for (int i = p->from; i < p->to; i++) {
        tally *t = &p->e->length[i];
        int k = 0;
        for (; k < n && row[k] % T < p->limit[i] && row[k] % T < first; k++) {
            t->before_held_out++;
            t->before_held_out_errors += predicted[k] != target[k];
        }
        if (k < n && row[k] % T < p->limit[i]) {
            t->held_out++;
            t->held_out_errors += predicted[k] != target[k];
        }
    }
}

static void count_batch(const pass *p, const batch *b, const head_loss *h)
{
    const int *row = tensor_ints(b->rows), *target = tensor_ints(b->targets), *predicted = tensor_ints(h->predictions);
    int *output = arena_take(p->w->step, b->T * sizeof *output);
    bool *taken = arena_take(p->w->step, b->T * sizeof *taken);
    for (int i = 0, from = 0; i < b->B; i++) {
        int to = from;
        while (to < b->supervised && row[to] / b->T == i) to++;
        count_example(p, row + from, target + from, predicted + from, tensor_data(h->row_loss) + from, to - from, b->T);
        const int *input = tensor_ints(b->tokens) + (int64_t)i * b->T;
        count_floors(p, input, row + from, target + from, to - from, b->T, output);
        count_held_out(p, input, row + from, target + from, predicted + from, to - from, b->T, taken);
        from = to;
    }
}

static void open_positions(evaluation *e, int positions, arena *life)
{
    e->positions = positions;
    e->position_errors = arena_zero(life, positions * sizeof(int64_t));
    e->first_errors = arena_zero(life, positions * sizeof(int64_t));
}

static void find_limits(pass *p, arena *a)
{
    p->limit = arena_take(a, p->e->n * sizeof(int));
    for (int i = p->from; i < p->to; i++) p->limit[i] = dataset_tokens(p->data, p->e->length[i].length);
}

static bool run_pass(pass *p)
{
    const workshop *w = p->w;
    const int length = p->e->length[p->to - 1].length, T = dataset_tokens(p->data, length);
    const int rows = TOKENS_A_BATCH / T < 1 ? 1 : TOKENS_A_BATCH / T > ROWS_A_BATCH ? ROWS_A_BATCH : TOKENS_A_BATCH / T;
    find_limits(p, w->life);
    for (int first = 0; first < p->e->examples; first += rows) {
        if (w->stopped && w->stopped()) return false;
        const arena_mark start = arena_save(w->step);
        const int B = p->e->examples - first < rows ? p->e->examples - first : rows;
        graph g = { .step = w->step, .team = w->team, .backend = w->backend };
        const batch b = batch_make(p->data, p->e->split, length, first, B, w->step);
        if (p->e->one_pass && !p->e->position_errors) open_positions(p->e, b.supervised / B, w->life);
        const head_loss h = batch_loss(&b, p->network, &g);
        count_batch(p, &b, &h);
        arena_restore(w->step, start);
    }
    return true;
}

void evaluation_open(evaluation *e, const dataset *data, data_split split, const int *lengths, int n, int examples, arena *life)
{
    *e = (evaluation){ .split = split, .examples = examples, .n = n, .one_pass = dataset_prefixes(data),
                       .length = arena_zero(life, n * sizeof(tally)) };
    for (int i = 0; i < n; i++) e->length[i].length = lengths[i];
}

// As a pass counts an example of its own.
void evaluation_add(evaluation *e, const dataset *data, const int *input, const int *target, const int *predicted, arena *life,
                    arena *step)
{
    const int T = dataset_tokens(data, e->length[e->n - 1].length);
    pass p = { .e = e, .data = data, .to = e->n };
    int *row = arena_take(step, T * sizeof *row), *wanted = arena_take(step, T * sizeof *wanted),
        *given = arena_take(step, T * sizeof *given);
    int n = 0;
    for (int t = 0; t < T; t++) {
        if (target[t] == TASK_IGNORE) continue;
        row[n] = t;
        wanted[n] = target[t];
        given[n++] = predicted[t];
    }
    CHECK(e->one_pass || e->n == 1, "%d lengths of a task whose examples cannot be cut short", e->n);
    if (e->one_pass && !e->position_errors) open_positions(e, n, life);
    find_limits(&p, step);
    count_example(&p, row, wanted, given, NULL, n, T);
    count_floors(&p, input, row, wanted, n, T, arena_take(step, T * sizeof(int)));
    count_held_out(&p, input, row, wanted, given, n, T, arena_take(step, T * sizeof(bool)));
}

bool evaluate(evaluation *e, const network *network, const dataset *data, data_split split, const int *lengths, int n,
              int examples, const workshop *w)
{
    evaluation_open(e, data, split, lengths, n, examples, w->life);
    if (e->one_pass) return run_pass(&(pass){ .e = e, .network = network, .data = data, .w = w, .to = n });
    for (int i = 0; i < n; i++)
        if (!run_pass(&(pass){ .e = e, .network = network, .data = data, .w = w, .from = i, .to = i + 1 })) return false;
    return true;
}

double evaluation_error(const evaluation *e, int length)
{
    for (int i = 0; i < e->n; i++)
        if (e->length[i].length == length) return (double)e->length[i].errors / (double)e->length[i].supervised;
    return NAN;
}

static json_t *length_json(const evaluation *e, const tally *t, const dataset *data, double draws)
{
    json_t *floors = json_object();
    const task_floor *f = data->task->floors;
    for (int i = 0; f && f[i].name && i < MAX_FLOORS; i++)
        json_object_set_new(floors, f[i].name, json_pack("{s:I}", "errors", (json_int_t)t->floor_errors[i]));
    json_t *json = json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "length", t->length, "supervised",
                             (json_int_t)t->supervised,
                     "errors", (json_int_t)t->errors, "errors_squared", (json_int_t)t->errors_squared,
                     "sequence_errors", (json_int_t)t->sequence_errors, "last_errors", (json_int_t)t->last_errors,
                     "loss", json_from_real(t->loss / (double)t->supervised),
                     "overlap", json_from_real(dataset_overlap(data, t->length, draws)), "floors", floors);
    if (dataset_holds_out(data)) {
        json_object_set_new(json, "held_out", json_pack("{s:I, s:I}", "supervised", (json_int_t)t->held_out,
                                                        "errors", (json_int_t)t->held_out_errors));
        json_object_set_new(json, "before_held_out", json_pack("{s:I, s:I}", "supervised", (json_int_t)t->before_held_out,
                                                               "errors", (json_int_t)t->before_held_out_errors));
    }
    return json;
}

static json_t *counts_json(const int64_t *count, int n)
{
    json_t *array = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(array, json_integer(count[i]));
    return array;
}

json_t *evaluation_json(const evaluation *e, const dataset *data, double training_draws)
{
    json_t *lengths = json_array();
    for (int i = 0; i < e->n; i++) json_array_append_new(lengths, length_json(e, &e->length[i], data, training_draws));
    json_t *json = json_pack("{s:i, s:s, s:i, s:i, s:o, s:o}", "format", 1, "split", data_split_names[e->split],
                             "sequences", e->examples, "evaluated_at", e->one_pass ? e->length[e->n - 1].length : 0,
                             "chance", json_from_real(dataset_chance(data)), "lengths", lengths);
    if (e->one_pass)
        json_object_set_new(json, "positions", json_pack("{s:i, s:o, s:o}", "first", 1,
            "position_errors", counts_json(e->position_errors, e->positions), "first_errors",
            counts_json(e->first_errors, e->positions)));
    return json;
}

// ---- slices

const char *slice_name(const cell_options *o, int slice, arena *a)
{
    const slice_options *s = (const slice_options *)o->evaluate.slices.items + slice;
    if (strcmp(s->name, "auto") != 0) return s->name;
    const char *name = arena_text(a, "%d", s->length);
    for (const param *p = s->task.type ? s->task.type->options : NULL; p && p->name; p++) {
        const char *own = param_value(p, s->task.options, a);
        if (strcmp(own, param_value(p, o->task.options, a)) != 0) name = arena_text(a, "%s %s %s", name, p->name, own);
    }
    return name;
}

json_t *slice_json(const evaluation *e, const dataset *data, const char *name, double training_draws)
{
    json_t *slice = length_json(e, &e->length[0], data, training_draws);
    json_object_set_new(slice, "name", json_string(name));
    json_object_set_new(slice, "chance", json_from_real(dataset_chance(data)));
    return slice;
}
