// The backbone: embedding, blocks, final norm, over a list of mixers. With one mixer and its published block it is an
// architecture (`transformer`); `hybrid` takes the list from its options.
#pragma once
#include "architectures/block.h"

typedef struct backbone_options {
    common_options common;
    int            layers;              // of one mixer
    block_options  block;
    int            max_length;
    int            loop;                // times the stack is run, with the same weights
    param_list     stack;               // of hybrid: param_object, a mixer each
} backbone_options;

// Where the options of the one mixer begin, behind the backbone's.
enum { MIXER_OPTIONS = (sizeof(backbone_options) + 15) / 16 * 16 };

typedef struct backbone_use { const mixer *mixer; const void *options; } backbone_use;
int          backbone_layers(const mixer *one, const void *options);                        // one NULL: hybrid
backbone_use backbone_layer(const mixer *one, const void *options, int i);

void    backbone_build(network *);
tensor *backbone_forward(const network *, graph *, tensor *tokens);
void    backbone_begin(const network *, stream *);
void    backbone_step(const network *, stream *, const int *tokens, real *y);

// The architectures made of it: one for every mixer with a published block, and hybrid. Adds them to the list, returns how many.
int     backbone_architectures(const object **list, int room, arena *);
