// A mixer: one causal sequence mixer, [B, T, D] → [B, T, D], in two independently written forms. `forward` sees all positions
// and is differentiable (training); `step` sees one token and an explicit state (inference). Each is the other's oracle.
#pragma once
#include "base/param.h"
#include "nn/model.h"
#include "nn/ops.h"

// How a model knows where a token stands: by a table added to the embedding, by turning queries and keys (RoPE), by a cost of
// distance (ALiBi). The latter two are the backbone's option and the mixer's to heed.
typedef enum { POSITIONS_NONE, POSITIONS_LEARNED, POSITIONS_ROPE, POSITIONS_ALIBI } position_kind;

// One use of a mixer in a model.
typedef struct mixer mixer;
typedef struct layer {
    const mixer *mixer;
    const void  *options;               // of the mixer
    const char  *prefix;                // "layers.0.mixer", "agg.1.mixer"
    int          D;                     // width of the model
    tensor     **weight;                // the mixer's own, as its build left them
    position_kind positions;            // what the backbone says to mixers with positions of their own …
    double      rope_base, dropout;     // … and to those with probabilities, which dropout thins while training
} layer;

// Inference, token by token, for B sequences at once. What must last from token to token is taken from `memory` (its bytes
// in use are the state bytes that we report); `work` is given back after each token.
typedef struct stream {
    int         B;
    int64_t     position;               // of the token being read, from 0
    arena      *memory, *work;
    const team *team;
    void       *state;                  // the architecture's
} stream;

struct mixer {
    OBJECT;
    const char *architecture, *block;   // its published block: an architecture's name, the backbone's defaults in it; NULL: none
    bool     (*fits)   (const void *options, int D, mark at, diag *);             // heads must divide D …; may be NULL
    void     (*build)  (model *, layer *);                                        // declares weights, fills layer->weight
    tensor  *(*forward)(const layer *, graph *, tensor *x);                       // [B, T, D] → [B, T, D]
    // PSM's Agg and Inf: under either mask, only rows from `first` on are wanted: [B, T, D] → [B, T − first, D]. May be NULL.
    tensor  *(*forward_part)(const layer *, graph *, tensor *x, attention_mask, int64_t first);
    void    *(*begin)  (const layer *, stream *);                                 // the state of s->B sequences
    // [B, D] → [B, D]; y NULL: only the state is wanted.
    void     (*step)   (const layer *, stream *, void *state, const real *x, real *y);
    int64_t  (*state_bytes)(const void *options, int D, int64_t T);               // after T tokens, one sequence, by theory
    int      (*head_width)(const void *options, int D);         // of a mixer that heeds rope and alibi; NULL: it has no positions
    const struct affine_form *affine;   // its pairs, where it is an affine recurrence (affine.h); else NULL
    bool     convolves;                 // has a short convolution of its own: the backbone adds none
};

extern const mixer *const mixer_list[];          // made by the build
extern const int          mixer_list_length;
const object_family *mixer_family(void);

// What mixers are written with. "PREFIX.name" declared with the dimensions that follow the kind:
tensor *layer_weight_shape(model *, const layer *, const char *name, weight_kind, int rank, const int64_t *dim);
#define layer_weight(model_, layer_, name, kind, ...) layer_weight_shape(model_, layer_, name, kind, TENSOR_DIMS_(__VA_ARGS__))
// y = x·W[:, first … first+columns) + b there, for the B rows of one token: x [B, K], y [B, columns].
void    layer_linear_step(const stream *, const real *x, const tensor *W, const tensor *b, int64_t first, int64_t columns,
                          real *y);
// x[:, from … to), [N, T, D] → [N, to − from, D]
tensor *mixer_rows(graph *, tensor *x, int64_t from, int64_t to);
