#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "results/summary.h"
#include "results/json.h"
#include "base/check.h"

const char *const metric_names[METRICS + 1] = { "token_error", "last_error", "sequence_error", "loss", NULL };
const char *const cell_state_names[CELL_STATES] = { "done", "diverged", "failed", "not evaluated", "running", "interrupted",
    "missing" };
const int summary_reach[REACHES] = { 1, 2, 4, 10 };

static const double NONE = NAN;

// ---- one run, from its JSON

static double *read_reals(const json_t *array, int *n, arena *a)
{
    *n = (int)json_array_size(array);
    double *x = arena_take(a, ((size_t)*n + 1) * sizeof *x);
    for (int i = 0; i < *n; i++)
        x[i] = json_to_real(json_array_get(array, (size_t)i));
    return x;
}

static void read_length(length_counts *l, const json_t *from, double sequences)
{
    l->length = (int)json_int_at(from, "length", 0);
    l->counts = (error_counts){ sequences, json_real_at(from, "supervised"), json_real_at(from, "errors"),
                                json_real_at(from, "errors_squared"), json_real_at(from, "sequence_errors") };
    l->last_errors = json_real_at(from, "last_errors");
    l->loss = json_real_at(from, "loss");
    l->overlap = json_real_at(from, "overlap");
    l->held_out = json_real_at(from, "held_out.supervised");
    l->held_out_errors = json_real_at(from, "held_out.errors");
    l->before_held_out = json_real_at(from, "before_held_out.supervised");
    l->before_held_out_errors = json_real_at(from, "before_held_out.errors");
}

// The floor's slot of a run by name, made when new.
static struct floor_counts *floor_of(run_summary *r, const char *name, int room, arena *a)
{
    for (int i = 0; i < r->n_floors; i++)
        if (strcmp(r->floors[i].name, name) == 0)
            return &r->floors[i];
    if (r->n_floors == room)
        return NULL;
    struct floor_counts *f = &r->floors[r->n_floors++];
    f->name = arena_copy(a, name);
    f->errors = arena_take(a, ((size_t)r->n_lengths + 1) * sizeof *f->errors);
    for (int i = 0; i < r->n_lengths; i++)
        f->errors[i] = NONE;
    return f;
}

static void read_floors(run_summary *r, const json_t *const *from, arena *a)
{
    enum { ROOM = 32 };
    r->floors = arena_zero(a, ROOM * sizeof *r->floors);
    for (int i = 0; i < r->n_lengths; i++) {
        const char *name;
        json_t *floor;
        json_object_foreach(json_at(from[i], "floors"), name, floor) {
            struct floor_counts *f = floor_of(r, name, ROOM, a);
            if (f)
                f->errors[i] = json_real_at(floor, "errors");
        }
    }
}

static void read_slices(run_summary *r, const json_t *slices, arena *a)
{
    size_t i;
    json_t *slice;
    r->slices = arena_zero(a, (json_array_size(slices) + 1) * sizeof *r->slices);
    json_array_foreach(slices, i, slice) {
        r->slices[r->n_slices].name = arena_copy(a, json_text_at(slice, "name", ""));
        r->slices[r->n_slices].chance = json_real_at(slice, "chance");
        read_length(&r->slices[r->n_slices++].at, slice, r->sequences);
    }
}

static int by_json_length(const void *a, const void *b)
{
    const json_int_t x = json_int_at(*(const json_t *const *)a, "length", 0);
    const json_int_t y = json_int_at(*(const json_t *const *)b, "length", 0);
    return (x > y) - (x < y);
}

static void read_evaluation(run_summary *r, const json_t *e, arena *a)
{
    const json_t *lengths = json_at(e, "lengths");
    r->n_lengths = (int)json_array_size(lengths);
    r->sequences = json_real_at(e, "sequences");
    r->chance = json_real_at(e, "chance");
    r->lengths = arena_zero(a, ((size_t)r->n_lengths + 1) * sizeof *r->lengths);
    const json_t **sorted = arena_take(a, ((size_t)r->n_lengths + 1) * sizeof *sorted);
    for (int i = 0; i < r->n_lengths; i++)
        sorted[i] = json_array_get(lengths, (size_t)i);
    qsort(sorted, (size_t)r->n_lengths, sizeof *sorted, by_json_length);
    for (int i = 0; i < r->n_lengths; i++)
        read_length(&r->lengths[i], sorted[i], r->sequences);
    read_floors(r, sorted, a);
    read_slices(r, json_at(e, "slices"), a);
    int n_first;
    r->first_position = (int)json_int_at(e, "positions.first", 1);
    r->position_errors = read_reals(json_at(e, "positions.position_errors"), &r->n_positions, a);
    r->first_errors = read_reals(json_at(e, "positions.first_errors"), &n_first, a);
    if (n_first != r->n_positions)
        r->first_errors = NULL;
    if (r->n_positions > 0 && r->sequences > 0)
        r->horizon = horizon_of(r->position_errors, r->n_positions, r->first_position, r->sequences);
}

static cell_state state_of(const row *cell)
{
    if (!cell || !cell->result)
        return !cell ? CELL_MISSING : cell->busy ? CELL_RUNNING : cell->last_step >= 0 ? CELL_STARTED : CELL_MISSING;
    const char *status = json_text_at(cell->result, "status.status", "failed");
    if (strcmp(status, run_status_names[RUN_DIVERGED]) == 0)
        return CELL_DIVERGED;
    if (strcmp(status, run_status_names[RUN_DONE]) != 0)
        return CELL_FAILED;
    return cell->evaluation ? CELL_DONE : CELL_UNEVALUATED;
}

// The first step at which validation met the rule, at its length or a longer one.
static int64_t steps_to_solve(const json_t *curve, const solved_rule *rule)
{
    size_t i;
    json_t *point;
    if (rule->length > 0)
        json_array_foreach(curve, i, point)
            if (json_int_at(point, "length", 0) >= rule->length && json_real_at(point, metric_names[rule->metric]) < rule->below)
                return json_int_at(point, "step", -1);
    return -1;
}

// [[length, depth], …] → the lengths at which the depth is greater than before.
static const char *depth_text(const json_t *depths, arena *a)
{
    const char *text = "";
    json_int_t before = -1;
    size_t i;
    json_t *pair;
    json_array_foreach(depths, i, pair) {
        const json_int_t depth = json_integer_value(json_array_get(pair, 1));
        if (depth > before)
            text = arena_text(a, "%s%s%lld at %lld", text, *text ? ", " : "", (long long)depth,
                              (long long)json_integer_value(json_array_get(pair, 0)));
        before = depth > before ? depth : before;
    }
    return text;
}

static void read_result(run_summary *r, const json_t *result, arena *a)
{
    r->agg_depth = depth_text(json_at(result, "cost.agg_depth"), a);
    r->reason = arena_copy(a, json_text_at(result, "status.reason", ""));
    r->steps = json_int_at(result, "measured.steps", -1);
    r->stage_reached = (int)json_int_at(result, "measured.stage_reached", -1);
    r->novel_from = (int)json_int_at(result, "measured.novel_from", -1);
    r->steps_to_solve = steps_to_solve(json_at(result, "measured.validation_curve"), &r->rule);
    r->train_seconds = json_real_at(result, "cost.wall_seconds");
    r->tokens_per_second = json_real_at(result, "cost.tokens_per_second");
    r->parameters = json_real_at(result, "cost.parameters");
    r->state_bytes = json_real_at(result, "cost.state_bytes");
    r->peak_bytes = json_real_at(result, "cost.peak_bytes");
    r->flops = json_real_at(result, "cost.flops");
}

static int meets_rule(const run_summary *r)
{
    if (r->rule.length <= 0)
        return -1;
    const double reached = run_error(r, r->rule.metric, r->rule.length);
    return isnan(reached) ? -1 : reached < r->rule.below;
}

summary *summary_new(const summary_head *head, arena *a)
{
    summary *s = arena_zero(a, sizeof *s);
    s->head = (summary_head){ arena_copy(a, head->sweep ? head->sweep : ""), arena_copy(a, head->task ? head->task : ""),
                              head->selection ? arena_copy(a, head->selection) : NULL };
    s->arena = a;
    return s;
}

void summary_add(summary *s, const summary_cell *cell)
{
    arena *a = s->arena;
    if (s->n_runs == s->room) {
        run_summary **wider = arena_take(a, (size_t)(s->room = 2 * s->room + 16) * sizeof *wider);
        if (s->n_runs)
            memcpy(wider, s->runs, (size_t)s->n_runs * sizeof *wider);
        s->runs = wider;
    }
    run_summary *r = s->runs[s->n_runs++] = arena_zero(a, sizeof *r);
    *r = (run_summary){ .id = arena_copy(a, cell->row ? cell->row->id : ""), .external = cell->external,
        .label = cell->external ? arena_text(a, "%s (external)", cell->label) : arena_copy(a, cell->label),
        .group = arena_copy(a, cell->group ? cell->group : ""),
        .compared = arena_copy(a, cell->compared ? cell->compared : cell->group ? cell->group : ""), .reason = "",
        .seed = cell->seed, .state = state_of(cell->row),
        .trained_length = cell->trained_length, .rule = cell->solved, .sequences = NONE, .chance = NONE, .horizon = { -1, false },
        .steps = -1, .steps_to_solve = -1, .stage_reached = -1, .novel_from = -1, .train_seconds = NONE,
        .tokens_per_second = NONE,
        .parameters = NONE, .state_bytes = NONE, .peak_bytes = NONE, .flops = NONE };
    if (cell->row && cell->row->result)
        read_result(r, cell->row->result, a);
    else if (cell->row && cell->row->last_step >= 0)
        r->steps = cell->row->last_step;
    if (r->state == CELL_DONE)
        read_evaluation(r, cell->row->evaluation, a);
    if (r->state == CELL_DIVERGED)
        r->horizon = (horizon){ 0, false };
    r->solved = meets_rule(r);
}

// ---- what one run says

const length_counts *run_at(const run_summary *r, int length)
{
    for (int i = 0; i < r->n_lengths; i++)
        if (r->lengths[i].length == length)
            return &r->lengths[i];
    return NULL;
}

double counts_error(const length_counts *l, metric m)
{
    const error_counts *c = &l->counts;
    switch (m) {
    case TOKEN_ERROR:    return c->errors / c->supervised;
    case LAST_ERROR:     return l->last_errors / c->sequences;
    case SEQUENCE_ERROR: return c->sequence_errors / c->sequences;
    case LOSS:           return l->loss;
    case METRICS:        break;
    }
    return NONE;
}

interval counts_interval(const length_counts *l, metric m)
{
    if (m == LOSS || isnan(counts_error(l, m)))
        return (interval){ NONE, NONE };
    if (m == TOKEN_ERROR)
        return clustered_interval(&l->counts, Z95);
    return wilson(m == LAST_ERROR ? l->last_errors : l->counts.sequence_errors, l->counts.sequences, Z95);
}

double run_error(const run_summary *r, metric m, int length)
{
    const length_counts *l = run_at(r, length);
    return r->state == CELL_DIVERGED ? (double)INFINITY : l ? counts_error(l, m) : NONE;
}

interval run_interval(const run_summary *r, metric m, int length)
{
    const length_counts *l = run_at(r, length);
    return l ? counts_interval(l, m) : (interval){ NONE, NONE };
}

// ---- a model over its seeds

static spread spread_of(const double *x, int n)
{
    return (spread){ n, median_of(x, n), quantile_of(x, n, 0), quantile_of(x, n, 1) };
}

// Of [n] values, the known ones.
spread spread_known(double *x, int n)
{
    int known = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(x[i]))
            x[known++] = x[i];
    return spread_of(x, known);
}

typedef double run_value(const run_summary *);
static bool trained(const run_summary *r)             { return r->state <= CELL_DIVERGED || r->state == CELL_UNEVALUATED; }
static double value_steps(const run_summary *r)       { return r->steps >= 0 && trained(r) ? (double)r->steps : NONE; }
static double value_to_solve(const run_summary *r)    { return r->steps_to_solve >= 0 ? (double)r->steps_to_solve : NONE; }
static double value_seconds(const run_summary *r)     { return r->state == CELL_FAILED ? NONE : r->train_seconds; }
static double value_parameters(const run_summary *r)  { return r->parameters; }
static double value_state(const run_summary *r)       { return r->state_bytes; }
static double value_speed(const run_summary *r)       { return r->tokens_per_second; }
static double value_horizon(const run_summary *r)     { return r->horizon.t >= 0 ? r->horizon.t : NONE; }
static double value_horizon_or_more(const run_summary *r) { return r->horizon.open ? (double)INFINITY : value_horizon(r); }
static double value_chance(const run_summary *r)      { return r->chance; }
static double value_sequences(const run_summary *r)   { return r->sequences; }
static double value_novel(const run_summary *r)       { return r->novel_from >= 0 ? r->novel_from : NONE; }

// Over the runs where the value is known.
static spread over_runs(const model_summary *m, run_value *value, arena *a)
{
    const arena_mark start = arena_save(a);
    double *x = arena_take(a, ((size_t)m->n_runs + 1) * sizeof *x);
    for (int i = 0; i < m->n_runs; i++)
        x[i] = value(m->runs[i]);
    const spread s = spread_known(x, m->n_runs);
    arena_restore(a, start);
    return s;
}

static int by_value(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static void collect_lengths(model_summary *m, arena *a)
{
    int n = 0;
    for (int i = 0; i < m->n_runs; i++)
        n += m->runs[i]->n_lengths;
    m->lengths = arena_take(a, ((size_t)n + 1) * sizeof *m->lengths);
    n = 0;
    for (int i = 0; i < m->n_runs; i++)
        for (int j = 0; j < m->runs[i]->n_lengths; j++)
            m->lengths[n++] = m->runs[i]->lengths[j].length;
    qsort(m->lengths, (size_t)n, sizeof *m->lengths, by_value);
    m->n_lengths = 0;
    for (int i = 0; i < n; i++)
        if (i == 0 || m->lengths[i] != m->lengths[i - 1])
            m->lengths[m->n_lengths++] = m->lengths[i];
}

// One shallow strategy at one length, over all seeds together.
static double pooled_floor(const model_summary *m, const char *name, int length)
{
    double errors = 0, supervised = 0;
    for (int i = 0; i < m->n_runs; i++) {
        const run_summary *r = m->runs[i];
        const length_counts *l = run_at(r, length);
        for (int f = 0; l && f < r->n_floors; f++)
            if (strcmp(r->floors[f].name, name) == 0 && !isnan(r->floors[f].errors[l - r->lengths])) {
                errors += r->floors[f].errors[l - r->lengths];
                supervised += l->counts.supervised;
            }
    }
    return errors / supervised;                         // NaN where not measured
}

static void collect_floors(model_summary *m, arena *a)
{
    const run_summary *widest = NULL;                   // all seeds have the same task: one run names them all
    for (int i = 0; i < m->n_runs; i++)
        if (!widest || m->runs[i]->n_floors > widest->n_floors)
            widest = m->runs[i];
    m->n_floors = widest ? widest->n_floors : 0;
    m->floors = arena_zero(a, ((size_t)m->n_floors + 1) * sizeof *m->floors);
    for (int f = 0; f < m->n_floors; f++) {
        m->floors[f].name = widest->floors[f].name;
        m->floors[f].error = arena_take(a, ((size_t)m->n_lengths + 1) * sizeof(double));
        for (int i = 0; i < m->n_lengths; i++)
            m->floors[f].error[i] = pooled_floor(m, m->floors[f].name, m->lengths[i]);
    }
}

// Share of seeds whose horizon is at least `length`; NaN where an evaluation ended before it could tell.
static double share_reaching(const model_summary *m, int length)
{
    int known = 0, reached = 0;
    for (int i = 0; i < m->n_runs; i++) {
        const horizon h = m->runs[i]->horizon;
        if (h.open && h.t < length)
            return NONE;
        known += h.t >= 0;
        reached += h.t >= length;
    }
    return known ? (double)reached / known : NONE;
}

static int by_seed(const void *a, const void *b)
{
    const run_summary *x = *(run_summary *const *)a, *y = *(run_summary *const *)b;
    return (x->seed > y->seed) - (x->seed < y->seed);
}

static void finish_model(model_summary *m, arena *a)
{
    qsort(m->runs, (size_t)m->n_runs, sizeof *m->runs, by_seed);
    for (int i = 0; i < m->n_runs; i++) {
        const run_summary *r = m->runs[i];
        m->count[r->state]++;
        m->solved_of += r->solved >= 0;
        m->solved += r->solved == 1;
    }
    m->seeds = m->count[CELL_DONE] + m->count[CELL_DIVERGED];
    m->success = wilson(m->solved, m->solved_of, Z95);
    collect_lengths(m, a);
    collect_floors(m, a);
    m->horizon = over_runs(m, value_horizon, a);
    m->horizon_open = over_runs(m, value_horizon_or_more, a).median > m->horizon.median;
    for (int i = 0; i < REACHES; i++)
        m->reach[i] = share_reaching(m, summary_reach[i] * m->trained_length);
    m->steps = over_runs(m, value_steps, a);
    m->steps_to_solve = over_runs(m, value_to_solve, a);
    m->train_seconds = over_runs(m, value_seconds, a);
    m->parameters = over_runs(m, value_parameters, a).median;
    m->state_bytes = over_runs(m, value_state, a).median;
    m->tokens_per_second = over_runs(m, value_speed, a).median;
    m->chance = over_runs(m, value_chance, a).median;
    m->sequences = over_runs(m, value_sequences, a).median;
    const spread novel = over_runs(m, value_novel, a);
    m->novel_from = novel.n ? (int)novel.high : -1;     // seeds that stopped early drew less; the longest holds for all
}

static model_summary *model_of(summary *s, const run_summary *r)
{
    for (int i = 0; i < s->n_models; i++)
        if (strcmp(s->models[i].label, r->label) == 0 && strcmp(s->models[i].group, r->group) == 0)
            return &s->models[i];
    model_summary *m = &s->models[s->n_models++];
    *m = (model_summary){ .label = r->label, .group = r->group, .compared = r->compared, .external = r->external,
                          .trained_length = r->trained_length, .rule = r->rule };
    m->runs = arena_take(s->arena, (size_t)s->n_runs * sizeof *m->runs);
    return m;
}

void summary_finish(summary *s)
{
    s->models = arena_zero(s->arena, ((size_t)s->n_runs + 1) * sizeof *s->models);
    s->n_models = 0;
    for (int i = 0; i < s->n_runs; i++) {
        model_summary *m = model_of(s, s->runs[i]);
        m->runs[m->n_runs++] = s->runs[i];
    }
    for (int i = 0; i < s->n_models; i++)
        finish_model(&s->models[i], s->arena);
    summary_slices(s);
}

spread model_error(const model_summary *m, metric which, int length, arena *a)
{
    const arena_mark start = arena_save(a);
    double *x = arena_take(a, ((size_t)m->n_runs + 1) * sizeof *x);
    for (int i = 0; i < m->n_runs; i++)
        x[i] = run_error(m->runs[i], which, length);
    const spread s = spread_known(x, m->n_runs);
    arena_restore(a, start);
    return s;
}

spread model_held_out(const model_summary *m, bool before, int length, arena *a)
{
    const arena_mark start = arena_save(a);
    double *x = arena_take(a, ((size_t)m->n_runs + 1) * sizeof *x);
    for (int i = 0; i < m->n_runs; i++) {
        const length_counts *l = run_at(m->runs[i], length);
        x[i] = !l ? NONE : before ? l->before_held_out_errors / l->before_held_out : l->held_out_errors / l->held_out;
    }
    const spread s = spread_known(x, m->n_runs);
    arena_restore(a, start);
    return s;
}

int model_nearest(const model_summary *m, int length)
{
    int nearest = 0;
    for (int i = 0; i < m->n_lengths; i++)
        if (!nearest || abs(m->lengths[i] - length) < abs(nearest - length))
            nearest = m->lengths[i];
    return nearest;
}

double model_overlap(const model_summary *m, int length)
{
    double largest = NONE;                              // of seeds that trained for different times
    for (int i = 0; i < m->n_runs; i++) {
        const length_counts *l = run_at(m->runs[i], length);
        if (l)
            largest = fmax(largest, l->overlap);        // of a NaN and a number, the number
    }
    return largest;
}

bool model_learned(const model_summary *m) { return m->solved_of == 0 || 2 * m->solved >= m->solved_of; }
