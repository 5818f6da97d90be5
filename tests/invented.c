#include <string.h>
#include "invented.h"
#include "base/rng.h"
#include "results/json.h"

static const double CHANCE = 59.0 / 60;

json_t *invented_result(const invented *v)
{
    const bool diverged = v->state == CELL_DIVERGED, failed = v->state == CELL_FAILED;
    return json_pack("{s:i, s:{s:s, s:s}, s:{s:i, s:i, s:i, s:[{s:i,s:i,s:f}, {s:i,s:i,s:f}]}, s:{s:f, s:f, s:i, s:i}}",
        "format", 1,
                     "status", "status", diverged ? "diverged" : failed ? "failed" : "done", "reason", diverged
                         ? "loss is nan at step 310" : failed ? "killed by signal 9" : "",
                     "measured", "steps", diverged ? 310 : 7000, "stage_reached", 9, "novel_from", 5,
                     "validation_curve", "step", 500, "length", v->trained, "token_error", 0.5, "step",
                         1000 + 500 * (int)(v->seed % 5), "length", v->trained, "token_error", v->early < 0.001 ? 0.002 : 0.4,
                     "cost", "wall_seconds", 240.0 + 10 * (double)v->seed, "tokens_per_second", 19000.0, "parameters", 802936,
                         "state_bytes", 12288);
}

// Errors by position of one sequence: right until the state is lost, then wrong but for lucky guesses.
static void one_sequence(const invented *v, int i, bool *wrong)
{
    uint64_t label = hash_bytes(v->label, strlen(v->label), 0);
    rng random = rng_start((uint64_t[]){ 1, RNG_TESTS, label, (uint64_t)v->seed, (uint64_t)i }, 5);
    bool lost = false;
    for (int t = 1; t <= v->longest; t++) {
        lost |= rng_unit(&random) < (t <= v->trained ? v->early : v->late);
        wrong[t] = lost && rng_unit(&random) < CHANCE;
    }
}

json_t *invented_evaluation(const invented *v)
{
    enum { LONGEST = 400 };
    int64_t errors[LONGEST + 1] = { 0 }, squared[LONGEST + 1] = { 0 }, any[LONGEST + 1] = { 0 }, at[LONGEST + 1] = { 0 },
        first[LONGEST + 1] = { 0 };
    for (int i = 0; i < v->sequences; i++) {
        bool wrong[LONGEST + 1];
        one_sequence(v, i, wrong);
        int64_t so_far = 0;
        for (int t = 1; t <= v->longest; t++) {
            first[t] += wrong[t] && so_far == 0;
            at[t] += wrong[t];
            so_far += wrong[t];
            errors[t] += so_far;
            squared[t] += so_far * so_far;
            any[t] += so_far > 0;
        }
    }
    json_t *lengths = json_array(), *position_errors = json_array(), *first_errors = json_array();
    for (int t = 1; t <= v->longest; t++) {
        json_array_append_new(position_errors, json_integer(at[t]));
        json_array_append_new(first_errors, json_integer(first[t]));
        if (t < v->trained || (t - v->trained) % v->step)
            continue;
        const int64_t supervised = (int64_t)t * v->sequences;
        json_array_append_new(lengths, json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:{s:{s:I}}}", "length", t,
            "supervised", (json_int_t)supervised, "errors", (json_int_t)errors[t],
            "errors_squared", (json_int_t)squared[t], "sequence_errors", (json_int_t)any[t], "last_errors", (json_int_t)at[t],
                "loss", 4.1 * (double)errors[t] / (double)supervised,
            "overlap", t < 20 ? 1.2e-7 : 0.0, "floors", "last symbol", "errors",
                (json_int_t)(supervised * (t < 60 ? 90 : 95) / 100)));
    }
    json_t *slices = json_array();
    for (int i = 0; v->slices && v->slices[i]; i++) {
        json_t *slice = json_copy(json_array_get(lengths, (size_t)i));
        json_object_set_new(slice, "name", json_string(v->slices[i]));
        json_object_set_new(slice, "chance", json_real(CHANCE));
        json_array_append_new(slices, slice);
    }
    return json_pack("{s:i, s:s, s:i, s:i, s:f, s:o, s:o, s:{s:i, s:o, s:o}}", "format", 1, "split", "test", "sequences",
        v->sequences, "evaluated_at", v->longest, "chance", CHANCE,
                     "lengths", lengths, "slices", slices, "positions", "first", 1, "position_errors", position_errors,
                     "first_errors", first_errors);
}

void invented_add(summary *s, const invented *v)
{
    const bool ended = v->state <= CELL_UNEVALUATED;
    json_t *result = ended ? invented_result(v) : NULL, *evaluation = v->state == CELL_DONE ? invented_evaluation(v) : NULL;
    const row found = { .id = "invented", .result = result, .evaluation = evaluation, .last_step = v->state == CELL_STARTED
        ? 120 : -1, .busy = v->state == CELL_RUNNING };
    summary_add(s, &(summary_cell){ v->label, v->group ? v->group : "", v->seed, v->trained, { v->trained, TOKEN_ERROR, 0.01 },
        &found, v->external, v->compared });
    json_decref(result);
    json_decref(evaluation);
}
