// A model's weights: declared once each, with name, shape, kind and decay; kept in one flat buffer, as are their
// gradients and moments. Checkpoints, `init`, documentation and budgets all read this list.
#pragma once
#include "base/param.h"
#include "base/rng.h"
#include "nn/tensor.h"

typedef enum { DECAY, NO_DECAY } decay;         // weight decay: on matrices, embeddings included; never on vectors

// What a weight is, for initialisation. The presets (nn/init.c) give each kind its law.
typedef enum {
    WEIGHT_MATRIX,          // a linear map
    WEIGHT_RESIDUAL,        // a linear map whose output is added to the residual stream
    WEIGHT_EMBEDDING,       // token embedding
    WEIGHT_POSITION,        // learned positions
    WEIGHT_STATE,           // a learned state: PSM's identity and segment
    WEIGHT_HEAD,            // the head's [V, D]
    WEIGHT_CONVOLUTION,     // depthwise
    WEIGHT_BIAS, WEIGHT_GAIN,
    WEIGHT_KINDS
} weight_kind;

// init: gpt2, or { preset: gpt2, matrices: 0.06, embedding: 0.2 }: a preset with a std of one's own for some kinds.
typedef enum { INIT_GPT2, INIT_MAMBA, INIT_FLA, INIT_XLSTM, INIT_ZOOLOGY, INIT_PSM } init_preset;
typedef struct init_options {
    int    preset;
    double matrices, residual, embedding, positions, states, head, convolution;    // std; AUTO_REAL: as the preset has it
} init_options;
extern const param init_params[];         // `matrices` given: residual and head follow it; `embedding` given: positions follow it

typedef struct weight {
    const char *name;                           // "layers.0.mixer.qkv.weight"
    tensor      tensor;                         // views into the flat buffers
    weight_kind kind;
    decay       decay;
    void      (*fill)(tensor *, rng *);         // an initialisation of its own; NULL: the kind's
    int         fan_in;                         // for uniform laws: rows of the matrix
} weight;

typedef struct model {
    arena      *life;
    weight     *weight;                         // [n], in the order declared
    int         n, room;
    int64_t     size;                           // reals in each flat buffer (alignment gaps included, always zero)
    real       *data, *grad, *moment[2];        // set by model_close
    int64_t     parameters;
    int         depth;                          // residual branches of the model, for scaled initialisations
} model;

void    model_open(model *, arena *life);
// Declares a weight; its data exist from model_close on (the tensor stays where it is). The name is copied.
tensor *model_weight(model *, const char *name, int rank, const int64_t *dim, weight_kind);
tensor *model_weight_own(model *, const char *name, int rank, const int64_t *dim, decay, void (*fill)(tensor *, rng *));
void    model_close(model *);                                                      // allocates the buffers, all zero
void    model_init(model *, const init_options *, uint64_t seed);                  // weight by weight, addressed by (seed, name)
weight *model_find(const model *, const char *name);                               // NULL where there is none
void    model_copy(model *, const char *from_prefix, const char *to_prefix);    // data and moments of every weight under a prefix
void    model_clear_grad(model *);
