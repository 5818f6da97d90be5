// One block, x += mixer(norm(x)); x += mlp(norm(x)), of which every backbone and PSM's Agg and Inf are made. Without residual:
// x = mixer(norm(x)); x = mlp(norm(x)). With a short convolution the mixer reads SiLU(conv(norm(x))).
#pragma once
#include "architectures/architecture.h"

typedef enum { BLOCK_NORM_LAYER, BLOCK_NORM_RMS, BLOCK_NORM_NONE } block_norm;
typedef enum { MLP_NONE, MLP_GELU, MLP_SWIGLU } mlp_kind;
extern const char *const block_norm_words[], *const mlp_words[];

typedef struct block_options {
    int    norm, mlp, mlp_width;        // mlp_width AUTO_INT: as mlp_auto_width has it
    double norm_eps;
    int    short_conv, positions;       // short_conv: its width, 0: none
    double rope_base, dropout;          // dropout: of what each branch adds, and of attention's probabilities
    bool   residual;
} block_options;

// gelu: 4·D, as GPT-2; swiglu: 8·D/3 rounded up to a multiple of 256, as fla.
int64_t mlp_auto_width(int mlp, int64_t D);

// A norm: "PREFIX.gain", "PREFIX.bias"; none is the identity.
typedef struct block_norm_layer { int kind; double eps; tensor *gain, *bias; } block_norm_layer;

typedef struct block {
    layer            layer;
    block_norm_layer norm[2];           // before the mixer, before the MLP
    tensor          *conv, *conv_bias;  // [D, width], the last tap is the current token's; [D]; or NULL
    int              mlp;
    bool             residual;
    double           dropout;
    tensor          *gate, *up, *up_bias, *down, *down_bias;    // [D, width] twice, [width], [width, D], [D]; swiglu: no
                                                                // biases, gelu: no gate
} block;

// "PREFIX.norm1.gain", "PREFIX.short_conv.weight", "PREFIX.mixer.…", "PREFIX.norm2.gain", "PREFIX.mlp.up.weight" …
void block_build(model *, block *, const char *prefix, const block_options *, const mixer *, const void *mixer_options, int D);
int  block_branches(const block_options *);         // residual branches a block, for scaled initialisations
bool block_convolves(const block_options *, const mixer *);      // whether this mixer gets a short convolution

// The stream between blocks is a sum that is not yet taken: x + r (r NULL: x alone); the next norm takes both in one pass.
typedef struct residual { tensor *x, *r; } residual;                                            // [B, T, D]
residual block_forward(const block *, graph *, residual);
// Only the rows from `first` on are wanted, [B, T − first, D].
residual block_forward_part(const block *, graph *, residual, attention_mask, int64_t first);

// The state of s->B sequences; block_step changes x [B, D] in place, block_feed only the state.
void    *block_begin(const block *, stream *);
void     block_step(const block *, stream *, void *state, real *x);
void     block_feed(const block *, stream *, void *state, const real *x);
int64_t  block_state_bytes(const block_options *, const mixer *, const void *mixer_options, int D, int64_t T);      // by theory

// The norm that ends a stack. `fill`: the gain's own initialisation, NULL: ones.
void     norm_build(model *, block_norm_layer *, const char *prefix, int kind, double eps, int D, void (*fill)(tensor *, rng *));
tensor  *norm_forward(const block_norm_layer *, graph *, residual);
void     norm_step(const block_norm_layer *, int B, int D, const real *x, real *y);             // x and y may be one
