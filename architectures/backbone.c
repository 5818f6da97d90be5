#include "architectures/backbone.h"
#include <string.h>

typedef struct backbone {
    int              n, loop;
    double           dropout;           // of the embedding
    block           *block;             // [n]
    block_norm_layer norm;
    tensor          *positions;         // [max_length, D] or NULL
} backbone;

int backbone_layers(const mixer *one, const void *options)
{
    const backbone_options *o = options;
    return one ? o->layers : o->stack.n;
}

backbone_use backbone_layer(const mixer *one, const void *options, int i)
{
    if (one)
        return (backbone_use){ one, (const char *)options + MIXER_OPTIONS };
    const param_object *use = (const param_object *)((const backbone_options *)options)->stack.items + i;
    return (backbone_use){ (const mixer *)use->type, use->options };
}

void backbone_build(network *n)
{
    const backbone_options *o = n->options;
    const mixer *one = n->architecture->mixer;
    model *m = &n->model;
    const int D = o->common.d_model;
    backbone *self = n->self = arena_zero(m->life, sizeof *self);
    if (o->block.positions == POSITIONS_LEARNED)
        self->positions = model_weight(m, "embed.positions", 2, (const int64_t[]){ o->max_length, D }, WEIGHT_POSITION);
    self->n = backbone_layers(one, o);
    self->loop = o->loop;
    self->dropout = o->block.dropout;
    self->block = arena_take(m->life, (size_t)self->n * sizeof(block));
    for (int i = 0; i < self->n; i++) {
        const backbone_use use = backbone_layer(one, o, i);
        block_build(m, &self->block[i], arena_text(m->life, "layers.%d", i), &o->block, use.mixer, use.options, D);
    }
    norm_build(m, &self->norm, "norm", o->block.norm, o->block.norm_eps, D, NULL);
    m->depth = o->block.residual ? self->loop * self->n * block_branches(&o->block) : 1;
}

tensor *backbone_forward(const network *n, graph *g, tensor *tokens)
{
    const backbone *self = n->self;
    residual x = { nn_dropout(g, nn_embed(g, tokens, n->embedding, self->positions), self->dropout), NULL };
    for (int i = 0; i < self->loop * self->n; i++)
        x = block_forward(&self->block[i % self->n], g, x);
    return norm_forward(&self->norm, g, x);
}

void backbone_begin(const network *n, stream *s)
{
    const backbone *self = n->self;
    const int n_states = self->loop * self->n;                  // each pass of the loop has its own
    void **state = arena_take(s->memory, (size_t)n_states * sizeof *state);
    for (int i = 0; i < n_states; i++)
        state[i] = block_begin(&self->block[i % self->n], s);
    s->state = state;
}

void backbone_step(const network *n, stream *s, const int *tokens, real *y)
{
    const backbone *self = n->self;
    void **state = s->state;
    const int D = ((const common_options *)n->options)->d_model;
    network_embed_step(n, s->B, tokens, self->positions, s->position, y);
    for (int i = 0; i < self->loop * self->n; i++)
        block_step(&self->block[i % self->n], s, state[i], y);
    norm_step(&self->norm, s->B, D, y, y);
}
