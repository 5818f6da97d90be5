#include "harness/model_file.h"

#include "harness/weights.h"

typedef struct vocabulary { int input, output; } vocabulary;
static const param vocabulary_params[] = {
    INT(vocabulary, input,  NULL, 1, 1 << 24, "symbols that are read"),
    INT(vocabulary, output, NULL, 1, 1 << 24, "symbols to answer with"),
    {0}
};
typedef struct extras { vocabulary vocabulary; int seed; } extras;
static const param extra_params[] = {
    SECTION(extras, vocabulary, vocabulary_params, "sizes of the vocabularies"),
    INT    (extras, seed, "0", 0, INT_MAX, "of the initial weights"),
    {0}
};

// What belongs to a sweep may stand there and means nothing here.
static const char *const not_the_models[] = { "vocabulary", "seed", "label", "with" };

bool model_file_read(model_file *m, const char *path, arena *a, diag *d)
{
    const yaml *file = yaml_file(path, a, d);
    if (!file) return false;
    if (file->kind != YAML_MAP || !yaml_get(file, "name") || !yaml_get(file, "vocabulary")) {
        diag_error(d, file->at, "a model is a map, as in "
                   "{ name: transformer, d_model: 64, vocabulary: { input: 10, output: 10 } }");
        return false;
    }
    extras own;
    const yaml *model = file, *about = NULL;
    for (const param *p = extra_params; p->name; p++) {
        const yaml *value = yaml_get(file, p->name);
        if (value) about = yaml_with(about, p->name, value->at, value, a);
    }
    for (size_t i = 0; i < LEN(not_the_models); i++) model = yaml_without(model, not_the_models[i], a);
    param_defaults(extra_params, &own, a);
    bool good = param_read(extra_params, &own, about, "the model", a, d);
    good &= param_read_object(architecture_family(), &m->description, model, a, d);
    m->inputs = own.vocabulary.input, m->outputs = own.vocabulary.output, m->seed = own.seed;
    return good;
}

network *model_file_open(const model_file *m, int64_t tokens, const char *weights, arena *life, diag *d)
{
    safetensors file;
    error err = {{0}};
    if (!network_fits(&m->description, m->inputs, m->outputs, tokens, d)) return NULL;
    network *n = network_open(&m->description, m->inputs, m->outputs, life);
    if (!weights) {
        network_init(n, (uint64_t)m->seed);
        network_stage(n, 0, 1, true);
        return n;
    }
    if (!safetensors_read(weights, &file, life, &err)) {
        diag_error(d, (mark){0}, "%s", err.text);
        return NULL;
    }
    if (!weights_take(&n->model, &file, weights, d)) return NULL;
    network_stage(n, 0, 1, false);
    return n;
}
