// An architecture: tokens → hidden vectors, `forward` and `step`. Embedding and head are declared once for all, and the
// harness applies the head, at supervised positions only.
#pragma once
#include "architectures/mixer.h"

typedef struct network network;

typedef struct architecture {
    OBJECT;
    const mixer *mixer;                                                       // of a backbone of one mixer; else NULL
    // Rules that need more than the options: `tokens` is the longest that will be asked for. May be NULL.
    bool    (*fits)   (const void *options, int64_t tokens, mark at, diag *);
    void    (*build)  (network *);                                            // declares its weights
    void    (*stage)  (network *, int stage, int stages, bool begins);        // see network_stage; may be NULL
    tensor *(*forward)(const network *, graph *, tensor *tokens);             // INDEX [B, T] → [B, T, D]
    void    (*begin)  (const network *, stream *);                            // s->state
    void    (*step)   (const network *, stream *, const int *tokens, real *y);      // [B] → [B, D]
    int     (*versions)(const void *options, const object **used, int room);  // the mixers it uses, for the identity
    int     (*depth)  (const void *options, int64_t tokens);                  // PSM: most Agg in sequence; NULL: no such thing
    int64_t (*state_bytes)(const void *options, int64_t tokens);         // of one stream after them, by theory; NULL: its mixers'
} architecture;

extern const architecture *const architecture_list[];     // made by the build: those with a file of their own
extern const int                 architecture_list_length;

// Every architecture: those above, the published blocks of the mixers (`transformer`, …), and `hybrid`.
const object_family *architecture_family(void);

// A model ready to run: architecture, weights, embedding, head.
typedef struct common_options {                           // first in every architecture's options
    int          d_model;
    bool         tie, head_bias;
    param_one_of init;                                    // a preset's name, or a section of init_params
} common_options;
#define COMMON_PARAMS(T, preset) \
    { "d_model",   PARAM_INT,  offsetof(T, common.d_model),   NULL,    1, 65536, 0, "width of the hidden vectors", 0 }, \
    { "tie",       PARAM_BOOL, offsetof(T, common.tie),       "false", 0, 0,     0, "head = token embedding", 0 }, \
    { "head_bias", PARAM_BOOL, offsetof(T, common.head_bias), "false", 0, 0,     0, "a bias in the head", 0 }, \
    { "init",      PARAM_ONE_OF, offsetof(T, common.init),    preset,  0, 0,     init_alternatives, \
      "initialisation: a preset, or stds by kind of weight", 0 }
extern const param init_alternatives[];

struct network {
    const architecture *architecture;
    const void *options;                                  // of the architecture; begins with common_options
    int         inputs, outputs;                          // vocabularies
    model       model;
    tensor     *embedding;                                // "embed.tokens" [inputs, D]
    tensor     *head, *head_bias;                         // "head.weight" [outputs, D] or the embedding; "head.bias" or NULL
    init_options init;                                    // the preset with what the options change in it
    void       *self;                                     // the architecture's own
};

// What the options alone cannot say: `tokens` is the longest that will be asked for. Reports at the description's place.
bool     network_fits(const param_object *description, int inputs, int outputs, int64_t tokens, diag *);

// Declares and allocates everything in `life`; weights are zero until network_init or a checkpoint fills them.
network *network_open(const param_object *description, int inputs, int outputs, arena *life);
void     network_init(network *, uint64_t seed);
tensor  *network_forward(const network *, graph *, tensor *tokens);                            // [B, T] → [B, T, D]
// The stage of training, from 0, that the network is in: before its first step, after network_init. `begins`: it is entered
// now, and what it changes in the weights is done (PSM parts Agg from Inf); false: the weights are a checkpoint's of this stage.
void     network_stage(network *, int stage, int stages, bool begins);

// stream_begin takes the state from `memory`; stream_step reads one token for each sequence and gives hidden vectors [B, D].
void     stream_begin(stream *, const network *, int B, arena *memory, arena *work, const team *);
void     stream_step(stream *, const network *, const int *tokens, real *hidden);

// For architectures: x[b] = embedding[tokens[b]] (+ positions[position mod rows]), [B] → [B, D].
void     network_embed_step(const network *, int B, const int *tokens, const tensor *positions, int64_t position, real *x);
