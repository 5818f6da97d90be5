#include "harness/result.h"

#include <math.h>
#include <string.h>
#include "harness/build.h"
#include "harness/stages.h"
#include "nn/cpu.h"
#include "nn/gemm.h"
#include "nn/optimizer.h"
#include "results/json.h"

// ---- measured: from the log alone, times left out

static json_t *events(const json_t *log, const char *event, const char *const *keys, bool as_object)
{
    json_t *out = json_array();
    size_t i;
    json_t *line;
    json_array_foreach(log, i, line) {
        if (strcmp(json_text_at(line, "event", ""), event) != 0) continue;
        json_t *entry = as_object ? json_object() : json_array();
        for (const char *const *key = keys; *key; key++) {
            json_t *value = json_object_get(line, *key);
            if (as_object) json_object_set(entry, *key, value);
            else           json_array_append(entry, value);
        }
        json_array_append_new(out, entry);
    }
    return out;
}

static json_t *measured_json(const cell_options *o, const setup *s, const json_t *log, const train_outcome *out)
{
    static const char *const stage_keys[] = { "stage", "step", "length", "rate", NULL };
    static const char *const loss_keys[]  = { "step", "loss", "error", NULL };
    static const char *const check_keys[] = { "step", "length", "token_error", "sequence_error", "last_error", "loss", NULL };
    json_t *stages = events(log, "stage", stage_keys, true), *loss = events(log, "train", loss_keys, false);
    const json_t *last = json_array_get(loss, json_array_size(loss) - 1);
    const int stage = (int)json_array_size(stages) - 1;
    enum { FAR = 4096 };                                         // a space this long that is still seen whole has no novel length
    const int novel = dataset_novel_from(&s->data.base, train_distinct(&o->train, (double)out->examples), FAR);
    return json_pack("{s:I, s:I, s:i, s:i, s:o, s:o, s:o}", "steps", json_integer_value(json_array_get(last, 0)),
                     "examples", (json_int_t)out->examples, "stage_reached", stage,
                     "novel_from", novel > FAR ? -1 : novel, "stages", stages, "loss_curve", loss,
                     "validation_curve", events(log, "validation", check_keys, true));
}

// ---- cost

static double sum_of(const json_t *log, const char *key)
{
    double sum = 0;
    size_t i;
    json_t *line;
    json_array_foreach(log, i, line) {
        const json_t *value = json_object_get(line, key);
        if (value) sum += json_to_real(value);
    }
    return sum;
}

static double last_tokens(const json_t *log)
{
    double tokens = 0;
    size_t i;
    json_t *line;
    json_array_foreach(log, i, line)
        if (json_object_get(line, "tokens")) tokens = json_real_at(line, "tokens");
    return tokens;
}

// Bytes that inference keeps for one sequence after `tokens` tokens, counted from what a stream took.
static int64_t state_bytes(const network *n, int tokens)
{
    arena *memory = arena_new(), *work = arena_new();
    team *one = team_new(1);
    stream s;
    stream_begin(&s, n, 1, memory, work, one);
    real *hidden = arena_take(work, ((const common_options *)n->options)->d_model * sizeof(real));
    for (int t = 0, token = 0; t < tokens; t++) stream_step(&s, n, &token, hidden);
    const int64_t bytes = (int64_t)arena_used(memory);
    team_free(one);
    arena_free(work);
    arena_free(memory);
    return bytes;
}

static json_t *depth_json(const cell_options *o, const setup *s)
{
    const architecture *a = (const architecture *)o->model.type;
    if (!a->depth) return NULL;
    arena *memory = arena_new();
    json_t *depths = json_array();
    int *lengths;
    for (int n = evaluate_lengths(&o->evaluate, memory, &lengths), i = 0; i < n; i++)
        json_array_append_new(depths, json_pack("[i, i]", lengths[i],
                                                a->depth(o->model.options, dataset_tokens(&s->data.base, lengths[i]))));
    arena_free(memory);
    return depths;
}

static json_t *cost_json(const cell_options *o, const setup *s, const json_t *log, const train_outcome *out)
{
    const double wall = sum_of(log, "wall");
    const int tokens = dataset_tokens(&s->data.base, train_longest(&o->train));
    json_t *cost = json_pack("{s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:i}", "wall_seconds", json_from_real(wall),
                             "cpu_seconds", json_from_real(sum_of(log, "cpu")),
                             "tokens_per_second", json_from_real(last_tokens(log) / wall), "flops", json_from_real(out->flops),
                             "peak_bytes", (json_int_t)out->peak_bytes, "parameters", (json_int_t)s->network->model.parameters,
                             "state_bytes", (json_int_t)state_bytes(s->network, tokens), "state_tokens", tokens);
    json_t *depth = depth_json(o, s);
    if (depth) json_object_set_new(cost, "agg_depth", depth);
    return cost;
}

// ---- the whole

json_t *environment_json(int threads)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i}", "version", BUILD_VERSION, "commit", BUILD_COMMIT,
                     "compiler", BUILD_COMPILER, "flags", BUILD_FLAGS, "precision", sizeof(real) == 4 ? "float" : "double", "cpu",
                     cpu_name(), "level", cpu_level_names[cpu_current()],
                     "blas", gemm_library(), "threads", threads);
}

static json_t *cell_json(const cell_options *o, int seed)
{
    arena *a = arena_new();
    json_t *cell = json_object();
    for (const param *p = cell_params(); p->name; p++)
        if (p->offset != offsetof(cell_options, sweep) && p->offset != offsetof(cell_options, seeds) &&
            p->offset != offsetof(cell_options, init) && p->offset != offsetof(cell_options, plot))
            json_object_set_new(cell, p->name, json_string(param_value(p, o, a)));
    json_object_set_new(cell, "seed", json_integer(seed));
    arena_free(a);
    return cell;
}

json_t *result_json(const cell_options *o, int seed, const setup *s, const json_t *log, const train_outcome *out, int threads)
{
    return json_pack("{s:i, s:o, s:o, s:o, s:o}", "format", 1, "cell", cell_json(o, seed), "measured",
                     measured_json(o, s, log, out), "cost", cost_json(o, s, log, out), "environment", environment_json(threads));
}
