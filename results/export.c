// Tidy data: one record a run and length or slice, nothing summarised, so that any other program can make its own tables.
#include <math.h>
#include <string.h>
#include "results/table.h"
#include "results/json.h"
#include "base/check.h"

static json_t *real_or_null(double x) { return isnan(x) ? json_null() : json_from_real(x); }

static json_t *count_or_null(double x)
{
    return isnan(x) ? json_null() : x == rint(x) && fabs(x) < 9e15 ? json_integer((json_int_t)x) : json_from_real(x);
}

static json_t *known_or_null(int64_t x) { return x < 0 ? json_null() : json_integer(x); }

static void add(json_t *record, const char *key, json_t *value)
{
    CHECK(json_object_set_new(record, key, value) == 0, "'%s' is not UTF-8", key);
}

static json_t *run_record(const summary *s, const run_summary *r)
{
    json_t *o = json_object();
    add(o, "sweep", json_string(s->head.sweep));
    add(o, "model", json_string(r->label));
    add(o, "grid", json_string(r->group));
    add(o, "seed", json_integer(r->seed));
    add(o, "id", json_string(r->id));
    add(o, "state", json_string(cell_state_names[r->state]));
    add(o, "reason", json_string(r->reason));
    add(o, "solved", r->solved < 0 ? json_null() : json_boolean(r->solved));
    add(o, "trained_length", json_integer(r->trained_length));
    add(o, "steps", known_or_null(r->steps));
    add(o, "steps_to_solve", known_or_null(r->steps_to_solve));
    add(o, "horizon", known_or_null(r->horizon.t));
    add(o, "horizon_is_bound", r->horizon.t < 0 ? json_null() : json_boolean(r->horizon.open));
    add(o, "novel_from", known_or_null(r->novel_from));
    add(o, "train_seconds", real_or_null(r->train_seconds));
    add(o, "tokens_per_second", real_or_null(r->tokens_per_second));
    add(o, "flops", real_or_null(r->flops));
    add(o, "peak_bytes", count_or_null(r->peak_bytes));
    add(o, "parameters", count_or_null(r->parameters));
    add(o, "state_bytes", count_or_null(r->state_bytes));
    add(o, "chance", real_or_null(r->chance));
    return o;
}

// slice: its name, or "" for a length of the sweep's own task. l NULL: a run without an evaluation still has its record, with
// nulls, so that nobody takes it for absent.
static void add_length(json_t *o, const length_counts *l, const char *slice)
{
    static const length_counts none = { .counts = { NAN, NAN, NAN, NAN, NAN }, .last_errors = NAN, .loss = NAN, .overlap = NAN,
                                        .held_out = NAN, .held_out_errors = NAN, .before_held_out = NAN,
                                        .before_held_out_errors = NAN };
    const length_counts *c = l ? l : &none;
    const interval in = l ? counts_interval(l, TOKEN_ERROR) : (interval){ NAN, NAN };
    add(o, "slice", json_string(slice));
    add(o, "length", l ? json_integer(l->length) : json_null());
    add(o, "sequences", count_or_null(c->counts.sequences));
    add(o, "supervised", count_or_null(c->counts.supervised));
    add(o, "errors", count_or_null(c->counts.errors));
    add(o, "errors_squared", count_or_null(c->counts.errors_squared));
    add(o, "sequence_errors", count_or_null(c->counts.sequence_errors));
    add(o, "last_errors", count_or_null(c->last_errors));
    add(o, "token_error", real_or_null(c->counts.errors / c->counts.supervised));
    add(o, "token_error_low", real_or_null(in.low));
    add(o, "token_error_high", real_or_null(in.high));
    add(o, "sequence_error", real_or_null(c->counts.sequence_errors / c->counts.sequences));
    add(o, "last_error", real_or_null(c->last_errors / c->counts.sequences));
    add(o, "loss", real_or_null(c->loss));
    add(o, "overlap", real_or_null(c->overlap));
    add(o, "held_out", count_or_null(c->held_out));
    add(o, "held_out_errors", count_or_null(c->held_out_errors));
    add(o, "before_held_out", count_or_null(c->before_held_out));
    add(o, "before_held_out_errors", count_or_null(c->before_held_out_errors));
}

static void put_csv_record(FILE *f, const json_t *record, bool heading, arena *a)
{
    const char *key, *separator = "";
    json_t *value;
    json_object_foreach((json_t *)record, key, value) {
        fputs(separator, f);
        separator = ",";
        if (heading)
            put_field(f, key, TABLE_CSV);
        else if (json_is_string(value))
            put_field(f, json_string_value(value), TABLE_CSV);
        else if (!json_is_null(value)) {
            const char *line = json_line(value, a);
            fwrite(line, 1, strlen(line) - 1, f);       // without its end
        }
    }
    putc('\n', f);
}

static void put_record(FILE *f, json_t *record, bool jsonl, bool *heading, arena *a)
{
    const arena_mark start = arena_save(a);
    if (jsonl)
        fputs(json_line(record, a), f);
    else {
        if (*heading)
            put_csv_record(f, record, true, a);
        put_csv_record(f, record, false, a);
    }
    *heading = false;
    arena_restore(a, start);
    json_decref(record);
}

bool table_export(FILE *f, const summary *s, bool jsonl)
{
    bool heading = true;
    for (int i = 0; i < s->n_runs; i++) {
        const run_summary *r = s->runs[i];
        for (int j = 0; j < (r->n_lengths ? r->n_lengths : 1) + r->n_slices; j++) {
            const slice_counts *slice = j < r->n_slices ? &r->slices[j] : NULL;
            json_t *record = run_record(s, r);
            add_length(record, slice ? &slice->at : r->n_lengths ? &r->lengths[j - r->n_slices] : NULL, slice ? slice->name : "");
            put_record(f, record, jsonl, &heading, s->arena);
        }
    }
    return fflush(f) == 0 && !ferror(f);
}
