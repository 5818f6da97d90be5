// A model's weights as named arrays: "weight.NAME", and where asked its moments, "moment1.NAME", "moment2.NAME".
#pragma once
#include "base/safetensors.h"
#include "nn/model.h"

int model_arrays(const model *, bool moments, named_array **, arena *);        // how many; they point into the model
