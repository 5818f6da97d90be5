#include "architectures/block.h"
#include <string.h>

const char *const block_norm_words[] = { "layer", "rms", "none", NULL };
const char *const mlp_words[] = { "none", "gelu", NULL };

static const int norm_kinds[] = { [BLOCK_NORM_LAYER] = NORM_LAYER, [BLOCK_NORM_RMS] = NORM_RMS };

#define NAME(prefix, end) arena_text(m->life, "%s.%s", prefix, end)

void norm_build(model *m, block_norm_layer *n, const char *prefix, int kind, double eps, int D, void (*fill)(tensor *, rng *))
{
    *n = (block_norm_layer){ .kind = kind, .eps = eps };
    const int64_t dim[] = { D };
    if (kind != BLOCK_NORM_NONE)
        n->gain = fill ? model_weight_own(m, NAME(prefix, "gain"), 1, dim, NO_DECAY, fill)
                       : model_weight(m, NAME(prefix, "gain"), 1, dim, WEIGHT_GAIN);
    if (kind == BLOCK_NORM_LAYER)
        n->bias = model_weight(m, NAME(prefix, "bias"), 1, dim, WEIGHT_BIAS);
}

// y = norm(x + r), and the sum itself.
static tensor *norm_and_sum(const block_norm_layer *n, graph *g, residual in, tensor **sum)
{
    *sum = in.x;
    if (n->kind == BLOCK_NORM_NONE)
        return *sum = in.r ? nn_add(g, in.x, in.r) : in.x;
    const norm_options o = { norm_kinds[n->kind], n->eps };
    return in.r ? nn_add_norm(g, o, in.x, in.r, n->gain, n->bias, sum) : nn_norm(g, o, in.x, n->gain, n->bias);
}

tensor *norm_forward(const block_norm_layer *n, graph *g, residual in)
{
    tensor *sum;
    return norm_and_sum(n, g, in, &sum);
}

// LayerNorm: (x − mean)/√(variance + ε)·gain + bias; RMSNorm: x/√(mean of squares + ε)·gain.
void norm_step(const block_norm_layer *n, int B, int D, const real *x, real *y)
{
    if (n->kind == BLOCK_NORM_NONE) {
        memmove(y, x, (size_t)B * (size_t)D * sizeof(real));
        return;
    }
    const real *gain = tensor_data(n->gain), *bias = n->bias ? tensor_data(n->bias) : NULL;
    for (int b = 0; b < B; b++, x += D, y += D) {
        real mean = 0, square = 0;
        for (int i = 0; n->kind == BLOCK_NORM_LAYER && i < D; i++)
            mean += x[i] / (real)D;
        for (int i = 0; i < D; i++)
            square += (x[i] - mean) * (x[i] - mean) / (real)D;
        const real scale = 1 / sqrt(square + (real)n->eps);
        for (int i = 0; i < D; i++)
            y[i] = (x[i] - mean) * scale * gain[i] + (bias ? bias[i] : 0);
    }
}

int block_branches(const block_options *o) { return 1 + (o->mlp != MLP_NONE); }

void block_build(model *m, block *b, const char *prefix, const block_options *o, const mixer *mix, const void *mixer_options,
                 int D)
{
    *b = (block){ .layer = { mix, mixer_options, NAME(prefix, "mixer"), D, NULL }, .mlp = o->mlp };
    norm_build(m, &b->norm[0], NAME(prefix, "norm1"), o->norm, o->norm_eps, D, NULL);
    mix->build(m, &b->layer);
    if (o->mlp == MLP_NONE)
        return;
    const int64_t width = o->mlp_width == AUTO_INT ? 4 * (int64_t)D : o->mlp_width;
    norm_build(m, &b->norm[1], NAME(prefix, "norm2"), o->norm, o->norm_eps, D, NULL);
    b->up        = model_weight(m, NAME(prefix, "mlp.up.weight"), 2, (const int64_t[]){ D, width }, WEIGHT_MATRIX);
    b->up_bias   = model_weight(m, NAME(prefix, "mlp.up.bias"), 1, (const int64_t[]){ width }, WEIGHT_BIAS);
    b->down      = model_weight(m, NAME(prefix, "mlp.down.weight"), 2, (const int64_t[]){ width, D }, WEIGHT_RESIDUAL);
    b->down_bias = model_weight(m, NAME(prefix, "mlp.down.bias"), 1, (const int64_t[]){ D }, WEIGHT_BIAS);
}

static residual mlp_forward(const block *b, graph *g, residual in)
{
    if (b->mlp == MLP_NONE)
        return in;
    tensor *sum, *y = norm_and_sum(&b->norm[1], g, in, &sum);
    tensor *inner = nn_gelu(g, nn_linear(g, y, b->up, b->up_bias, 0, tensor_columns(b->up)));         // [B, T, width]
    return (residual){ sum, nn_linear(g, inner, b->down, b->down_bias, 0, tensor_columns(b->down)) };
}

residual block_forward(const block *b, graph *g, residual in)
{
    tensor *sum, *y = norm_and_sum(&b->norm[0], g, in, &sum);
    return mlp_forward(b, g, (residual){ sum, b->layer.mixer->forward(&b->layer, g, y) });
}

residual block_forward_part(const block *b, graph *g, residual in, attention_mask mask, int64_t first)
{
    if (mask == CAUSAL && first == 0)
        return block_forward(b, g, in);
    const mixer *mix = b->layer.mixer;
    CHECK(mix->forward_part, "mixer %s has only its causal form", mix->name);
    tensor *sum, *y = norm_and_sum(&b->norm[0], g, in, &sum);
    tensor *mixed = mix->forward_part(&b->layer, g, y, mask, first);
    if (first > 0)
        sum = mixer_rows(g, sum, first, sum->dim[1]);
    return mlp_forward(b, g, (residual){ sum, mixed });
}

void *block_begin(const block *b, stream *s) { return b->layer.mixer->begin(&b->layer, s); }

void block_feed(const block *b, stream *s, void *state, const real *x)
{
    const int D = b->layer.D;
    const arena_mark start = arena_save(s->work);
    real *y = arena_take(s->work, (size_t)s->B * (size_t)D * sizeof(real));
    norm_step(&b->norm[0], s->B, D, x, y);
    b->layer.mixer->step(&b->layer, s, state, y, NULL);
    arena_restore(s->work, start);
}

static void mlp_step(const block *b, const stream *s, real *x)                  // [B, D], in place
{
    const int64_t D = b->layer.D, width = tensor_columns(b->up), B = s->B;
    real *y = arena_take(s->work, (size_t)(B * D) * sizeof(real));
    real *inner = arena_take(s->work, (size_t)(B * width) * sizeof(real));
    norm_step(&b->norm[1], s->B, b->layer.D, x, y);
    layer_linear_step(s, y, b->up, b->up_bias, 0, width, inner);
    const real root = sqrt(2 / (real)M_PI), half = (real)0.5, cubic = (real)0.044715;
    for (int64_t i = 0; i < B * width; i++)                                     // gelu_new
        inner[i] *= half * (1 + tanh(root * (inner[i] + cubic * inner[i] * inner[i] * inner[i])));
    layer_linear_step(s, inner, b->down, b->down_bias, 0, D, y);
    for (int64_t i = 0; i < B * D; i++)
        x[i] += y[i];
}

void block_step(const block *b, stream *s, void *state, real *x)
{
    const int D = b->layer.D;
    const size_t size = (size_t)s->B * (size_t)D;
    const arena_mark start = arena_save(s->work);
    real *y = arena_take(s->work, size * sizeof(real)), *mixed = arena_take(s->work, size * sizeof(real));
    norm_step(&b->norm[0], s->B, D, x, y);
    b->layer.mixer->step(&b->layer, s, state, y, mixed);
    for (size_t i = 0; i < size; i++)
        x[i] += mixed[i];
    if (b->mlp != MLP_NONE)
        mlp_step(b, s, x);
    arena_restore(s->work, start);
}
