#include "harness/spec.h"

#include <string.h>
#include "base/check.h"

const char *const spec_split_words[] = { "train", "validation", "test", NULL };

static const param vocabulary_params[] = {
    INT(spec_vocabulary, input,  NULL, 1, INT_MAX, "ids of tokens.npy: below this"),
    INT(spec_vocabulary, output, NULL, 1, INT_MAX, "ids of targets.npy and of predictions: below this"),
    {0}
};

// In the order of the file; the hash, which is of what stands before it, comes last.
static const param *spec_params(void)
{
    static param table[] = {
        OBJECT_OF(spec, task, NULL, NULL, "the task"),
        INT      (spec, version, NULL, 1, INT_MAX, "of the task's generator"),
        INT      (spec, length, NULL, 1, INT_MAX, "symbols of an example"),
        CHOICE   (spec, split, NULL, spec_split_words, "whose examples"),
        INT      (spec, seed, NULL, 0, INT_MAX, "of the data"),
        INT      (spec, first, NULL, 0, INT_MAX, "index of the first example"),
        INT      (spec, count, NULL, 1, INT_MAX, "examples"),
        INT      (spec, tokens, NULL, 1, INT_MAX, "tokens of an example"),
        SECTION  (spec, vocabulary, vocabulary_params, "sizes"),
        INT      (spec, ignore, NULL, SPEC_IGNORE, SPEC_IGNORE, "target where nothing is asked"),
        TEXT     (spec, data, NULL, "hash of all ids"),
        TEXT     (spec, hash, NULL, "hash of the lines above"),
        {0}
    };
    table[0].of = task_family();
    return table;
}

static const char *text_before_hash(const spec *s, arena *a)
{
    char *text = "";
    for (const param *p = spec_params(); p[1].name; p++)
        text = arena_text(a, "%s%s: %s\n", text, p->name,
                          p->type == PARAM_OBJECT ? param_print_object(&s->task, PRINT_CHANGED, a) : param_value(p, s, a));
    return text;
}

const char *spec_hash_text(uint64_t hash, arena *a) { return arena_text(a, "%016llx", (unsigned long long)hash); }

static const char *hash_of(const spec *s, arena *a)
{
    const char *text = text_before_hash(s, a);
    return spec_hash_text(hash_bytes(text, strlen(text), 0), a);
}

const char *spec_text(const spec *s, arena *a)
{
    const param *last = spec_params();
    while (last[1].name) last++;
    return arena_text(a, "# What tokens.npy and targets.npy hold; scanbench score reads this. A changed line is noticed.\n"
                         "%s%s: %s\n",
                      text_before_hash(s, a), last->name, param_value(last, s, a));
}

void spec_example(const spec *s, const dataset *data, int64_t i, int *input, int *target)
{
    dataset_example(data, (data_split)s->split, s->length, s->first + i, input, target);
}

uint64_t spec_hash_example(uint64_t hash, const int *input, const int *target, int tokens)
{
    hash = hash_bytes(input, (uint64_t)tokens * sizeof *input, hash);
    return hash_bytes(target, (uint64_t)tokens * sizeof *target, hash);
}

void spec_complete(spec *s, const dataset *data, arena *a)
{
    const task_size size = data->task->size(data->self);
    s->version = data->task->version;
    s->tokens = dataset_tokens(data, s->length);
    s->vocabulary = (spec_vocabulary){ size.input, size.output };
    s->ignore = SPEC_IGNORE;
    const size_t bytes = (size_t)s->tokens * sizeof(int);
    int *input = arena_take(a, bytes), *target = arena_take(a, bytes);
    uint64_t hash = 0;
    for (int64_t i = 0; i < s->count; i++) {
        spec_example(s, data, i, input, target);
        hash = spec_hash_example(hash, input, target, s->tokens);
    }
    s->data = spec_hash_text(hash, a);
    s->hash = hash_of(s, a);
}

// What the file says against what this program would export. The place is the file's: any line may be the wrong one.
static bool check_spec(const spec *s, dataset *data, mark at, arena *a, diag *d)
{
    char why[256];
    if (strcmp(s->hash, hash_of(s, a)) != 0)
        diag_error(d, at, "the hash does not fit: this is not as `scanbench sample` wrote it; export again");
    else if (s->version != s->task.type->version)
        diag_error(d, at, "made by version %d of the task '%s', this program has version %d: export again", s->version,
                   s->task.type->name, s->task.type->version);
    else if (dataset_open(data, &s->task, (uint64_t)s->seed, a, d)) {
        const task_size size = data->task->size(data->self);
        if (dataset_fits(data, s->length, why, sizeof why) && dataset_tokens(data, s->length) == s->tokens &&
            size.input == s->vocabulary.input && size.output == s->vocabulary.output) return true;
        diag_error(d, at, "the task '%s' has become another one since: export again", s->task.type->name);
    }
    return false;
}

bool spec_read(spec *s, dataset *data, const char *path, arena *a, diag *d)
{
    const yaml *file = yaml_file(path, a, d);
    if (!file) return false;
    param_defaults(spec_params(), s, a);
    const mark whole = { path, 0, 0 };
    if (file->kind != YAML_MAP || !yaml_get(file, "hash")) {
        diag_error(d, whole, "not the spec.yaml of an export: scanbench sample TASK … --format npy -o DIR writes one");
        return false;
    }
    return param_read(spec_params(), s, file, "the export", a, d) && check_spec(s, data, whole, a, d);
}
