#include "architectures/block.h"
#include <string.h>

const char *const block_norm_words[] = { "layer", "rms", "none", NULL };
const char *const mlp_words[] = { "none", "gelu", "swiglu", NULL };

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

bool block_convolves(const block_options *o, const mixer *mix) { return o->short_conv > 0 && !mix->convolves; }

int64_t mlp_auto_width(int mlp, int64_t D)
{
    return mlp == MLP_SWIGLU ? (8 * D / 3 + 255) / 256 * 256 : 4 * D;
}

static void mlp_build(model *m, block *b, const char *prefix, int64_t D, int64_t width)
{
    const int64_t in[] = { D, width }, out[] = { width, D };
    const bool biases = b->mlp == MLP_GELU;
    if (b->mlp == MLP_SWIGLU)
        b->gate = model_weight(m, NAME(prefix, "mlp.gate.weight"), 2, in, WEIGHT_MATRIX);
    b->up = model_weight(m, NAME(prefix, "mlp.up.weight"), 2, in, WEIGHT_MATRIX);
    if (biases)
        b->up_bias = model_weight(m, NAME(prefix, "mlp.up.bias"), 1, &width, WEIGHT_BIAS);
    b->down = model_weight(m, NAME(prefix, "mlp.down.weight"), 2, out, WEIGHT_RESIDUAL);
    if (biases)
        b->down_bias = model_weight(m, NAME(prefix, "mlp.down.bias"), 1, &D, WEIGHT_BIAS);
}

void block_build(model *m, block *b, const char *prefix, const block_options *o, const mixer *mix, const void *mixer_options,
                 int D)
{
    *b = (block){ .mlp = o->mlp, .residual = o->residual, .dropout = o->dropout };
    b->layer = (layer){ .mixer = mix, .options = mixer_options, .prefix = NAME(prefix, "mixer"), .D = D,
                        .positions = o->positions, .rope_base = o->rope_base, .dropout = o->dropout };
    norm_build(m, &b->norm[0], NAME(prefix, "norm1"), o->norm, o->norm_eps, D, NULL);
    if (block_convolves(o, mix)) {
        b->conv      = model_weight(m, NAME(prefix, "short_conv.weight"), 2, (const int64_t[]){ D, o->short_conv },
                                    WEIGHT_CONVOLUTION);
        b->conv_bias = model_weight(m, NAME(prefix, "short_conv.bias"), 1, (const int64_t[]){ D }, WEIGHT_BIAS);
    }
    mix->build(m, &b->layer);
    if (o->mlp == MLP_NONE)
        return;
    norm_build(m, &b->norm[1], NAME(prefix, "norm2"), o->norm, o->norm_eps, D, NULL);
    mlp_build(m, b, prefix, D, o->mlp_width == AUTO_INT ? mlp_auto_width(o->mlp, D) : o->mlp_width);
}

// x and what a branch made of it.
static residual branch(const block *b, graph *g, tensor *x, tensor *made)
{
    made = nn_dropout(g, made, b->dropout);
    return b->residual ? (residual){ x, made } : (residual){ made, NULL };
}

static residual mlp_forward(const block *b, graph *g, residual in)
{
    if (b->mlp == MLP_NONE)
        return in;
    tensor *sum, *y = norm_and_sum(&b->norm[1], g, in, &sum);
    const int64_t width = tensor_columns(b->up);
    tensor *up = nn_linear(g, y, b->up, b->up_bias, 0, width);                          // [B, T, width]
    tensor *inner = b->gate ? nn_swiglu(g, nn_linear(g, y, b->gate, NULL, 0, width), up) : nn_gelu(g, up);
    return branch(b, g, sum, nn_linear(g, inner, b->down, b->down_bias, 0, tensor_columns(b->down)));
}

residual block_forward(const block *b, graph *g, residual in)
{
    tensor *sum, *y = norm_and_sum(&b->norm[0], g, in, &sum);
    if (b->conv)
        y = nn_short_conv(g, (short_conv_options){ .silu = true }, y, b->conv, b->conv_bias);
    return mlp_forward(b, g, branch(b, g, sum, b->layer.mixer->forward(&b->layer, g, y)));
}

residual block_forward_part(const block *b, graph *g, residual in, attention_mask mask, int64_t first)
{
    if (mask == CAUSAL && first == 0)
        return block_forward(b, g, in);
    const mixer *mix = b->layer.mixer;
    CHECK(mix->forward_part && !b->conv, "mixer %s has only its causal form", mix->name);
    tensor *sum, *y = norm_and_sum(&b->norm[0], g, in, &sum);
    tensor *mixed = mix->forward_part(&b->layer, g, y, mask, first);
    if (first > 0)
        sum = mixer_rows(g, sum, first, sum->dim[1]);
    return mlp_forward(b, g, branch(b, g, sum, mixed));
}

// The mixer's state; with a short convolution also the inputs of the tokens before, token t in place t mod (width − 1).
typedef struct block_state { void *mixer; real *recent; } block_state;          // recent: [width − 1, B, D]

void *block_begin(const block *b, stream *s)
{
    if (!b->conv)
        return b->layer.mixer->begin(&b->layer, s);
    block_state *state = arena_take(s->memory, sizeof *state);
    state->recent = arena_zero(s->memory, (size_t)((tensor_columns(b->conv) - 1) * s->B * b->layer.D) * sizeof(real));
    state->mixer = b->layer.mixer->begin(&b->layer, s);
    return state;
}

int64_t block_state_bytes(const block_options *o, const mixer *mix, const void *mixer_options, int D, int64_t T)
{
    const int64_t recent = block_convolves(o, mix) ? (o->short_conv - 1) * D * (int64_t)sizeof(real) : 0;
    return recent + mix->state_bytes(mixer_options, D, T);
}

// y = SiLU(Σ_j W[:, last − j]·x_{t−j} + b) in place, and x joins the inputs kept.
static void conv_step(const block *b, const stream *s, real *recent, real *x)   // [B, D]
{
    const int64_t D = b->layer.D, size = s->B * D, width = tensor_columns(b->conv), last = width - 1;
    const real *W = tensor_data(b->conv), *bias = tensor_data(b->conv_bias);
    for (int64_t i = 0; i < size; i++) {
        const int64_t d = i % D;
        real sum = bias[d] + W[d * width + last] * x[i];
        for (int64_t j = 1; j < width; j++)                                     // before the first token: zeros
            sum += W[d * width + last - j] * recent[(s->position + last - j) % last * size + i];
        if (last > 0)
            recent[s->position % last * size + i] = x[i];
        x[i] = sum / (1 + exp(-sum));
    }
}

// The mixer reads one token, already normed (and changed here by the convolution); y NULL: only the state is wanted.
static void mixer_step(const block *b, stream *s, void *state, real *x, real *y)
{
    const block_state *both = state;
    if (b->conv)
        conv_step(b, s, both->recent, x);
    b->layer.mixer->step(&b->layer, s, b->conv ? both->mixer : state, x, y);
}

void block_feed(const block *b, stream *s, void *state, const real *x)
{
    const int D = b->layer.D;
    const arena_mark start = arena_save(s->work);
    real *y = arena_take(s->work, (size_t)s->B * (size_t)D * sizeof(real));
    norm_step(&b->norm[0], s->B, D, x, y);
    mixer_step(b, s, state, y, NULL);
    arena_restore(s->work, start);
}

static void gelu_step(real *up, const real *gate, int64_t n)                    // gelu_new
{
    const real root = sqrt(2 / (real)M_PI), half = (real)0.5, cubic = (real)0.044715;
    for (int64_t i = 0; i < n; i++)
        up[i] *= half * (1 + tanh(root * (up[i] + cubic * up[i] * up[i] * up[i])));
}

static void swiglu_step(real *up, const real *gate, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        up[i] *= gate[i] / (1 + exp(-gate[i]));
}

static void mlp_step(const block *b, const stream *s, const real *x, real *y)   // [B, D]
{
    const int64_t D = b->layer.D, width = tensor_columns(b->up), B = s->B;
    real *normed = arena_take(s->work, (size_t)(B * D) * sizeof(real));
    real *up = arena_take(s->work, (size_t)(B * width) * sizeof(real)), *gate = NULL;
    norm_step(&b->norm[1], s->B, b->layer.D, x, normed);
    layer_linear_step(s, normed, b->up, b->up_bias, 0, width, up);
    if (b->gate) {
        gate = arena_take(s->work, (size_t)(B * width) * sizeof(real));
        layer_linear_step(s, normed, b->gate, NULL, 0, width, gate);
    }
    (b->gate ? swiglu_step : gelu_step)(up, gate, B * width);
    layer_linear_step(s, up, b->down, b->down_bias, 0, D, y);
}

static void join(const block *b, real *x, const real *made, size_t n)
{
    for (size_t i = 0; i < n; i++)
        x[i] = b->residual ? x[i] + made[i] : made[i];
}

void block_step(const block *b, stream *s, void *state, real *x)
{
    const int D = b->layer.D;
    const size_t size = (size_t)s->B * (size_t)D;
    const arena_mark start = arena_save(s->work);
    real *y = arena_take(s->work, size * sizeof(real)), *made = arena_take(s->work, size * sizeof(real));
    norm_step(&b->norm[0], s->B, D, x, y);
    mixer_step(b, s, state, y, made);
    join(b, x, made, size);
    if (b->mlp != MLP_NONE) {
        mlp_step(b, s, x, made);
        join(b, x, made, size);
    }
    arena_restore(s->work, start);
}
