#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "results/table.h"
#include "base/check.h"

// ---- numbers for people

const char *table_number(double x, arena *a)
{
    if (isnan(x))
        return "–";
    if (isinf(x))
        return "diverged";
    if (x == 0)
        return "0";
    return arena_text(a, fabs(x) < 1e-4 ? "%.0e" : fabs(x) < 0.1 ? "%.4f" : "%.3f", x);
}

const char *table_count(double x, arena *a)
{
    static const struct { double size; const char *unit; } units[] = { { 1e9, "G" }, { 1e6, "M" }, { 1e3, "k" } };
    if (isnan(x))
        return "–";
    for (size_t i = 0; i < LEN(units); i++)
        if (x >= 0.9995 * units[i].size)
            return arena_text(a, x < 9.995 * units[i].size ? "%.2f%s" : x < 99.95 * units[i].size ? "%.1f%s" : "%.0f%s",
                x / units[i].size, units[i].unit);
    return arena_text(a, "%.0f", x);
}

const char *table_seconds(double x, arena *a)
{
    if (isnan(x))
        return "–";
    return x < 99.5 ? arena_text(a, x < 9.95 ? "%.1f s" : "%.0f s", x) : x < 5940 ? arena_text(a, "%.1f min", x / 60)
        : arena_text(a, "%.1f h", x / 3600);
}

// ---- columns: each knows its heading, its text and whether this sweep needs it

typedef struct layout {
    const summary *s;
    metric metric;
    bool   groups, rules, one_length;   // is there a grid, a rule of success; do all models share the trained length?
    bool   horizons;
    arena *arena;
} layout;

typedef struct column {
    const char *heading;                // "%s" stands for the sweep's length, where it is one for all
    int         times;                  // of the trained length that the column is about; −1: the end of the evaluation
    bool        left;
    bool       (*shown)(const layout *);
    const char *(*cell)(const model_summary *, const struct column *, const layout *);
} column;

static bool shown_groups(const layout *l)   { return l->groups; }
static bool shown_rules(const layout *l)    { return l->rules; }
static bool shown_lengths(const layout *l)  { return !l->one_length; }
static bool shown_horizons(const layout *l) { return l->horizons; }

// The evaluated length that stands for `times` the trained one: at most a quarter of it away; 0: none.
static int length_for(const model_summary *m, int times)
{
    if (times < 0)
        return m->n_lengths ? m->lengths[m->n_lengths - 1] : 0;
    const int wanted = times * m->trained_length, found = model_nearest(m, wanted);
    return 4 * abs(found - wanted) <= wanted && (times == 1 || found > m->trained_length) ? found : 0;
}

// The first model's lengths speak for all where they agree.
static int common_length(const layout *l, int times)
{
    int common = 0;
    for (int i = 0; i < l->s->n_models; i++) {
        const int length = length_for(&l->s->models[i], times);
        if (length && common && length != common)
            return 0;
        common = length ? length : common;
    }
    return common;
}

static bool shown_twice(const layout *l)
{
    return !common_length(l, 2) || common_length(l, 2) != common_length(l, -1);
}

static bool shown_end(const layout *l)
{
    return !common_length(l, 1) || common_length(l, 1) != common_length(l, -1);
}

static const char *cell_model(const model_summary *m, const column *c, const layout *l)
{
    return model_learned(m) ? m->label : arena_text(l->arena, "%s †", m->label);
}

static const char *cell_group(const model_summary *m, const column *c, const layout *l)
{
    return m->group;
}

static const char *cell_trained(const model_summary *m, const column *c, const layout *l)
{
    return arena_text(l->arena, "%d", m->trained_length);
}


static const char *cell_seeds(const model_summary *m, const column *c, const layout *l)
{
    return arena_text(l->arena, m->seeds == m->n_runs ? "%d" : "%d of %d", m->seeds, m->n_runs);
}

static const char *cell_solved(const model_summary *m, const column *c, const layout *l)
{
    if (!m->solved_of)
        return "–";
    return arena_text(l->arena, "%d/%d [%.0f–%.0f %%]", m->solved, m->solved_of, 100 * m->success.low, 100 * m->success.high);
}

// Median [min–max] over seeds; of one seed its value (95 % interval over test sequences).
static const char *spread_text(const spread *s, interval of_one, arena *a)
{
    const char *middle = table_number(s->median, a);
    const interval in = s->n == 1 ? of_one : (interval){ s->low, s->high };
    if (s->n == 0 || isnan(in.low) || (isinf(s->low) && isinf(s->high)))
        return middle;
    return arena_text(a, s->n == 1 ? "%s (%s–%s)" : "%s [%s–%s]", middle, table_number(in.low, a), table_number(in.high, a));
}

static const char *cell_error(const model_summary *m, const column *c, const layout *l)
{
    const int length = length_for(m, c->times);
    const spread s = model_error(m, l->metric, length, l->arena);
    interval of_one = { (double)NAN, (double)NAN };
    for (int i = 0; s.n == 1 && i < m->n_runs; i++)
        if (!isnan(run_error(m->runs[i], l->metric, length)))
            of_one = run_interval(m->runs[i], l->metric, length);
    const char *text = spread_text(&s, of_one, l->arena);
    const bool says_where = s.n && c->times < 0 && !(l->one_length && common_length(l, -1));
    return says_where ? arena_text(l->arena, "%s at %d", text, length) : text;
}

static const char *cell_horizon(const model_summary *m, const column *c, const layout *l)
{
    const spread *h = &m->horizon;
    if (h->n == 0)
        return "–";
    const char *middle = arena_text(l->arena, "%s%g", m->horizon_open ? "≥ " : "", h->median);
    return h->n == 1 || h->low == h->high ? middle : arena_text(l->arena, "%s [%g–%g]", middle, h->low, h->high);
}

static const char *cell_reach(const model_summary *m, const column *c, const layout *l)
{
    for (int i = 0; i < REACHES; i++)
        if (summary_reach[i] == c->times && !isnan(m->reach[i]))
            return arena_text(l->arena, "%.0f %%", 100 * m->reach[i]);
    return "–";
}

static const char *cell_parameters(const model_summary *m, const column *c, const layout *l)
{
    return table_count(m->parameters, l->arena);
}

static const char *cell_memory(const model_summary *m, const column *c, const layout *l)
{
    return table_count(m->state_bytes, l->arena);
}

static const char *cell_steps(const model_summary *m, const column *c, const layout *l)
{
    return isnan(m->steps.median) ? "–" : arena_text(l->arena, "%.0f", m->steps.median);
}

static const char *cell_speed(const model_summary *m, const column *c, const layout *l)
{
    return table_count(m->tokens_per_second, l->arena);
}

static const char *cell_time(const model_summary *m, const column *c, const layout *l)
{
    return table_seconds(m->train_seconds.median, l->arena);
}


static const char *cell_to_solve(const model_summary *m, const column *c, const layout *l)
{
    const spread *s = &m->steps_to_solve;
    if (s->n == 0)
        return "–";
    return arena_text(l->arena, s->n == m->seeds ? "%.0f" : "%.0f (%d)", s->median, s->n);
}

static const column error_columns[] = {
    { "model", 0, true, NULL, cell_model },
    { "grid point", 0, true, shown_groups, cell_group },
    { "trained at", 0, false, shown_lengths, cell_trained },
    { "seeds", 0, false, NULL, cell_seeds },
    { "solved", 0, false, shown_rules, cell_solved },
    { "error at %s", 1, false, NULL, cell_error },
    { "error at %s", 2, false, shown_twice, cell_error },
    { "error at %s", -1, false, shown_end, cell_error },
    { "horizon", 0, false, shown_horizons, cell_horizon },
};

static const column cost_columns[] = {
    { "model", 0, true, NULL, cell_model },
    { "grid point", 0, true, shown_groups, cell_group },
    { "reach 1×", 1, false, shown_horizons, cell_reach },
    { "2×", 2, false, shown_horizons, cell_reach },
    { "4×", 4, false, shown_horizons, cell_reach },
    { "10×", 10, false, shown_horizons, cell_reach },
    { "parameters", 0, false, NULL, cell_parameters },
    { "state bytes", 0, false, NULL, cell_memory },
    { "steps", 0, false, NULL, cell_steps },
    { "to solve", 0, false, shown_rules, cell_to_solve },
    { "training", 0, false, NULL, cell_time },
    { "tokens/s", 0, false, NULL, cell_speed },
};

static const char *heading_of(const column *c, const layout *l)
{
    if (!strchr(c->heading, '%'))
        return c->heading;
    const int length = l->one_length ? common_length(l, c->times) : 0;
    const char *place = length ? arena_text(l->arena, "%d", length)
        : c->times < 0 ? "the end" : c->times == 1 ? "trained length" : arena_text(l->arena, "%d×", c->times);
    return arena_text(l->arena, c->heading, place);
}

static layout layout_of(const summary *s, const table_options *o)
{
    layout l = { .s = s, .metric = o->metric, .one_length = true, .arena = s->arena };
    for (int i = 0; i < s->n_models; i++) {
        const model_summary *m = &s->models[i];
        l.groups |= *m->group != 0;
        l.rules |= m->rule.length > 0;
        l.horizons |= m->horizon.n > 0;
        l.one_length &= m->trained_length == s->models[0].trained_length;
    }
    return l;
}

static void print_columns(FILE *f, const layout *l, const column *columns, int n, table_format format, bool colour)
{
    const column *shown[16];
    int k = 0;
    for (int i = 0; i < n; i++)
        if (!columns[i].shown || columns[i].shown(l))
            shown[k++] = &columns[i];
    grid *g = grid_new(k, l->arena);
    for (int i = 0; i < k; i++)
        grid_column(g, i, heading_of(shown[i], l), shown[i]->left);
    for (int m = 0; m < l->s->n_models; m++) {
        const char **at = grid_row(g);
        for (int i = 0; i < k; i++)
            at[i] = shown[i]->cell(&l->s->models[m], shown[i], l);
    }
    grid_print(f, g, format, colour);
}

// ---- a column a slice

static const char *slice_text(const model_summary *m, const char *name, const layout *l)
{
    const spread s = model_slice_error(m, l->metric, name, l->arena);
    interval of_one = { (double)NAN, (double)NAN };
    for (int i = 0; s.n == 1 && i < m->n_runs; i++)
        if (run_slice(m->runs[i], name))
            of_one = counts_interval(&run_slice(m->runs[i], name)->at, l->metric);
    return spread_text(&s, of_one, l->arena);
}

static void print_slices(FILE *f, const layout *l, table_format format, bool colour)
{
    const char *const *names = l->s->slices;
    const int n = l->s->n_slices, front = l->groups ? 2 : 1;
    if (n == 0)
        return;
    grid *g = grid_new(front + n, l->arena);
    grid_column(g, 0, "model", true);
    if (l->groups)
        grid_column(g, 1, "grid point", true);
    for (int i = 0; i < n; i++)
        grid_column(g, front + i, arena_text(l->arena, "error, %s", names[i]), false);
    for (int i = 0; i < l->s->n_models; i++) {
        const model_summary *m = &l->s->models[i];
        const char **at = grid_row(g);
        *at++ = cell_model(m, NULL, l);
        if (l->groups)
            *at++ = m->group;
        for (int j = 0; j < n; j++)
            *at++ = slice_text(m, names[j], l);
    }
    grid_print(f, g, format, colour);
    putc('\n', f);
}

// ---- a row a seed

static void print_seeds(FILE *f, const layout *l, table_format format, bool colour)
{
    static const char *const headings[] = { "model", "grid point", "seed", "state", "solved", "at trained length", "at the end",
        "horizon", "steps", "to solve", "training" };
    const int skip = l->groups ? 0 : 1, columns = (int)LEN(headings) - skip;     // without a grid the second column is left out
    arena *a = l->arena;
    grid *g = grid_new(columns, a);
    for (int i = 0; i < columns; i++)
        grid_column(g, i, headings[i + (i > 0) * skip], i + skip < 2 || i + skip == 3 || i == 0);
    for (int i = 0; i < l->s->n_models; i++) {
        const model_summary *m = &l->s->models[i];
        for (int j = 0; j < m->n_runs; j++) {
            const run_summary *r = m->runs[j];
            const char **at = grid_row(g);
            *at++ = r->label;
            if (l->groups)
                *at++ = r->group;
            *at++ = arena_text(a, "%lld", (long long)r->seed);
            *at++ = *r->reason ? arena_text(a, "%s: %s", cell_state_names[r->state], r->reason) : cell_state_names[r->state];
            *at++ = r->solved < 0 ? "–" : r->solved ? "yes" : "no";
            *at++ = table_number(run_error(r, l->metric, length_for(m, 1)), a);
            *at++ = table_number(run_error(r, l->metric, length_for(m, -1)), a);
            *at++ = r->horizon.t < 0 ? "–" : arena_text(a, "%s%d", r->horizon.open ? "≥ " : "", r->horizon.t);
            *at++ = r->steps < 0 ? "–" : arena_text(a, "%lld", (long long)r->steps);
            *at++ = r->steps_to_solve < 0 ? "–" : arena_text(a, "%lld", (long long)r->steps_to_solve);
            *at++ = table_seconds(r->train_seconds, a);
        }
    }
    grid_print(f, g, format, colour);
}

// ---- plain numbers, for a spreadsheet

static const char *plain(double x, arena *a) { return isnan(x) ? "" : arena_text(a, "%.10g", x); }

static void print_csv(FILE *f, const layout *l)
{
    static const char *const headings[] = { "model", "grid", "trained_length", "runs", "seeds", "solved", "solved_of",
        "success_low", "success_high",
        "length_trained", "trained_median", "trained_min", "trained_max", "length_twice", "twice_median", "twice_min",
        "twice_max",
        "length_end", "end_median", "end_min", "end_max", "horizon_median", "horizon_min", "horizon_max", "horizon_is_bound",
        "reach_1", "reach_2", "reach_4", "reach_10", "parameters", "state_bytes", "steps", "steps_to_solve", "train_seconds",
        "tokens_per_second", "chance" };
    static const int times[] = { 1, 2, -1 };
    arena *a = l->arena;
    grid *g = grid_new(LEN(headings), a);
    for (int i = 0; i < (int)LEN(headings); i++)
        grid_column(g, i, headings[i], true);
    for (int i = 0; i < l->s->n_models; i++) {
        const model_summary *m = &l->s->models[i];
        const char **at = grid_row(g);
        *at++ = m->label, *at++ = m->group;
        const double counts[] = { m->trained_length, m->n_runs, m->seeds, m->solved, m->solved_of,
            m->solved_of ? m->success.low : (double)NAN, m->solved_of ? m->success.high : (double)NAN };
        for (size_t j = 0; j < LEN(counts); j++)
            *at++ = plain(counts[j], a);
        for (size_t j = 0; j < LEN(times); j++) {
            const int length = length_for(m, times[j]);
            const spread s = model_error(m, l->metric, length, a);
            *at++ = length ? plain(length, a) : "", *at++ = plain(s.median, a), *at++ = plain(s.low, a), *at++ = plain(s.high, a);
        }
        const double rest[] = { m->horizon.median, m->horizon.low, m->horizon.high, m->horizon.n ? m->horizon_open : (double)NAN,
            m->reach[0], m->reach[1], m->reach[2], m->reach[3], m->parameters, m->state_bytes, m->steps.median,
            m->steps_to_solve.median,
            m->train_seconds.median, m->tokens_per_second, m->chance };
        for (size_t j = 0; j < LEN(rest); j++)
            *at++ = plain(rest[j], a);
    }
    grid_print(f, g, TABLE_CSV, false);
}

void table_print(FILE *f, const summary *s, table_format format, const table_options *options)
{
    static const table_options defaults;
    const table_options *o = options ? options : &defaults;
    const layout l = layout_of(s, o);
    if (format == TABLE_CSV) {
        if (o->seeds)
            print_seeds(f, &l, format, false);
        else
            print_csv(f, &l);
        return;
    }
    print_columns(f, &l, error_columns, LEN(error_columns), format, o->colour);
    putc('\n', f);
    print_slices(f, &l, format, o->colour);
    print_columns(f, &l, cost_columns, LEN(cost_columns), format, o->colour);
    if (o->seeds) {
        putc('\n', f);
        print_seeds(f, &l, format, o->colour);
    }
    putc('\n', f);
    table_notes(f, s, format, o);
}
