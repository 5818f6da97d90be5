// What the recurrent layers of torch.nn share: for each of `gates` gates a product with the input and one with the state, each
// with its bias, stored side by side ([D, gates·D]); as wide as the model.
#pragma once
#include "architectures/mixer.h"

enum { RECURRENT_INPUT, RECURRENT_INPUT_BIAS, RECURRENT_STATE, RECURRENT_STATE_BIAS };     // layer->weight

void    recurrent_build(model *, layer *, int gates);                                    // 3 or 4
tensor *recurrent_inputs(const layer *, graph *, tensor *x, int gates);                  // [B, T, D] → [B, T, gates·D]
// The same for one token, and of the state: x, h [B, D] → a, r [B, gates·D].
void    recurrent_products(const layer *, stream *, const real *x, const real *h, int gates, real *a, real *r);

static inline real recurrent_logistic(real x) { return 1 / (1 + exp(-x)); }
