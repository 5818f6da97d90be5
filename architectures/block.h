// One residual block, x += mixer(norm(x)); x += mlp(norm(x)), of which every backbone and PSM's Agg and Inf are made.
#pragma once
#include "architectures/architecture.h"

typedef enum { BLOCK_NORM_LAYER, BLOCK_NORM_RMS, BLOCK_NORM_NONE } block_norm;
typedef enum { MLP_NONE, MLP_GELU } mlp_kind;
extern const char *const block_norm_words[], *const mlp_words[];

typedef struct block_options { int norm, mlp, mlp_width; double norm_eps; } block_options;     // mlp_width AUTO_INT: 4·D

// A norm: "PREFIX.gain", "PREFIX.bias"; none is the identity.
typedef struct block_norm_layer { int kind; double eps; tensor *gain, *bias; } block_norm_layer;

typedef struct block {
    layer            layer;
    block_norm_layer norm[2];           // before the mixer, before the MLP
    int              mlp;
    tensor          *up, *up_bias, *down, *down_bias;           // [D, width], [width], [width, D], [D]
} block;

// "PREFIX.norm1.gain", "PREFIX.mixer.…", "PREFIX.norm2.gain", "PREFIX.mlp.up.weight" …
void block_build(model *, block *, const char *prefix, const block_options *, const mixer *, const void *mixer_options, int D);
int  block_branches(const block_options *);         // residual branches a block, for scaled initialisations

// The stream between blocks is a sum that is not yet taken: x + r (r NULL: x alone); the next norm takes both in one pass.
typedef struct residual { tensor *x, *r; } residual;                                            // [B, T, D]
residual block_forward(const block *, graph *, residual);
// Only the rows from `first` on are wanted, [B, T − first, D].
residual block_forward_part(const block *, graph *, residual, attention_mask, int64_t first);

// The state of s->B sequences; block_step changes x [B, D] in place, block_feed only the state.
void    *block_begin(const block *, stream *);
void     block_step(const block *, stream *, void *state, real *x);
void     block_feed(const block *, stream *, void *state, const real *x);

// The norm that ends a stack. `fill`: the gain's own initialisation, NULL: ones.
void     norm_build(model *, block_norm_layer *, const char *prefix, int kind, double eps, int D, void (*fill)(tensor *, rng *));
tensor  *norm_forward(const block_norm_layer *, graph *, residual);
void     norm_step(const block_norm_layer *, int B, int D, const real *x, real *y);             // x and y may be one
