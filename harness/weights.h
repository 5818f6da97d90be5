// A model's weights in a safetensors file: under their own names, as `init` writes them, or as "weight.NAME" among other
// arrays, as checkpoints have them.
#pragma once
#include "base/safetensors.h"
#include "nn/model.h"

bool weights_save(const model *, const char *path, const char *const (*metadata)[2], int n_metadata, arena *, error *);

// Into the model, F32 and F64 both. Every missing, extra or misshapen array is reported with both shapes.
bool weights_take(model *, const safetensors *, const char *path, diag *);

const char *shape_text(const int64_t *dim, int rank, arena *);                  // "[128, 384]"
