// A network over the last n tokens (Bengio et al. 2003): y_t = gelu([e_{t−n+1} | … | e_t] W + b), e the token embeddings, zeros
// before the first. An example for docs/adding.md: an architecture in one file.
#include "architectures/architecture.h"
#include <string.h>

typedef struct ngram_options {
    common_options common;
    int            context;
} ngram_options;

static const param ngram_params[] = {
    COMMON_PARAMS(ngram_options, "gpt2"),
    INT(ngram_options, context, "3", 1, 1024, "tokens that are seen, the current one among them"),
    {0}
};

typedef struct ngram { tensor *weight, *bias; } ngram;                     // [context·D, D], [D]; token t's own rows last

static void ngram_build(network *n)
{
    const ngram_options *o = n->options;
    const int64_t D = o->common.d_model;
    ngram *self = n->self = arena_zero(n->model.life, sizeof *self);
    self->weight = model_weight(&n->model, "context.weight", 2, (const int64_t[]){ o->context * D, D }, WEIGHT_MATRIX);
    self->bias   = model_weight(&n->model, "context.bias", 1, &D, WEIGHT_BIAS);
    n->model.depth = 1;
}

static tensor *ngram_forward(const network *n, graph *g, tensor *tokens)
{
    const ngram_options *o = n->options;
    const ngram *self = n->self;
    const int64_t B = tokens->dim[0], T = tokens->dim[1], D = o->common.d_model, N = o->context;
    tensor *e = nn_embed(g, tokens, n->embedding, NULL);                    // [B, T, D]
    tensor *seen = tensor_index(g->step, B, T, N);                          // rows of e, −1: zeros
    for (int64_t i = 0; i < B * T * N; i++) {
        const int64_t t = i / N % T, back = N - 1 - i % N;
        tensor_ints(seen)[i] = back > t ? -1 : (int)(i / N - back);
    }
    tensor *x = tensor_reshape(g->step, nn_rows(g, seen, &e, 1), B, T, N * D);
    return nn_gelu(g, nn_linear(g, x, self->weight, self->bias, 0, D));
}

// The state of s->B sequences: their last embeddings, [B, context·D].
static void ngram_begin(const network *n, stream *s)
{
    const ngram_options *o = n->options;
    s->state = arena_zero(s->memory, (size_t)s->B * (size_t)(o->context * o->common.d_model) * sizeof(real));
}

static void ngram_step(const network *n, stream *s, const int *tokens, real *y)
{
    const ngram_options *o = n->options;
    const ngram *self = n->self;
    const size_t D = (size_t)o->common.d_model, width = (size_t)o->context * D;
    network_embed_step(n, s->B, tokens, NULL, s->position, y);
    for (int b = 0; b < s->B; b++) {
        real *seen = (real *)s->state + (size_t)b * width;
        memmove(seen, seen + D, (width - D) * sizeof(real));
        memcpy(seen + width - D, y + (size_t)b * D, D * sizeof(real));
    }
    layer_linear_step(s, s->state, self->weight, self->bias, 0, (int64_t)D, y);
    for (size_t i = 0; i < (size_t)s->B * D; i++) {
        const double v = (double)y[i];
        y[i] = (real)(0.5 * v * (1 + tanh(sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))));
    }
}

static int64_t ngram_state_bytes(const void *options, int64_t tokens)
{
    const ngram_options *o = options;
    return o->context * o->common.d_model * (int64_t)sizeof(real);
}

const architecture architecture_ngram = {
    .name = "ngram", .source = "an example", .summary = "a network over the last tokens", .version = 1,
    .options = ngram_params, .options_size = sizeof(ngram_options),
    .build = ngram_build, .forward = ngram_forward, .begin = ngram_begin, .step = ngram_step,
    .state_bytes = ngram_state_bytes,
};
