// MODEL.yaml: one entry of a sweep's `models:`, with `vocabulary: { input, output }` and a `seed`.
#pragma once
#include "architectures/architecture.h"

typedef struct model_file {
    param_object description;
    int          inputs, outputs, seed;
} model_file;

// False after reports.
bool     model_file_read(model_file *, const char *path, arena *, diag *);
// `tokens`: the longest that will be read. Its weights come from the seed or, with a path, from a safetensors file. NULL after
// reports.
network *model_file_open(const model_file *, int64_t tokens, const char *weights, arena *life, diag *);
