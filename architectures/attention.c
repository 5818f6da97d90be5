// Causal softmax attention of H heads, GPT-2's form (transformers, modeling_gpt2.py): q | k | v from one projection with
// bias, scores / √K with K = D/H, heads side by side, output projection with bias. Token i sees the `window` tokens up to its
// own. Streaming keeps the keys and values that can still be seen.
#include "architectures/attention.h"
#include <string.h>

static const param attention_params[] = {
    INT(attention_config, heads,  "4", 1, 1024,    "heads; must divide d_model"),
    INT(attention_config, window, "0", 0, 1 << 24, "tokens that a token sees, itself included; 0: all before it"),
    {0}
};

enum { QKV, QKV_BIAS, OUT, OUT_BIAS };

static bool attention_fits(const void *options, int D, mark at, diag *d)
{
    const int H = ((const attention_config *)options)->heads;
    if (D % H == 0)
        return true;
    diag_error(d, at, "heads: %d does not divide d_model: %d", H, D);
    return false;
}

static int attention_head_width(const void *options, int D) { return D / ((const attention_config *)options)->heads; }

static void attention_build(model *m, layer *l)
{
    const int64_t D = l->D;
    l->weight = arena_take(m->life, 4 * sizeof *l->weight);
    l->weight[QKV]      = layer_weight(m, l, "qkv.weight", WEIGHT_MATRIX, D, 3 * D);
    l->weight[QKV_BIAS] = layer_weight(m, l, "qkv.bias", WEIGHT_BIAS, 3 * D);
    l->weight[OUT]      = layer_weight(m, l, "out.weight", WEIGHT_RESIDUAL, D, D);
    l->weight[OUT_BIAS] = layer_weight(m, l, "out.bias", WEIGHT_BIAS, D);
}

static tensor *project_out(const layer *l, graph *g, tensor *y)
{
    return nn_linear(g, y, l->weight[OUT], l->weight[OUT_BIAS], 0, l->D);
}

// The first `columns`, queries or keys, turned by their positions.
static tensor *rotated(const layer *l, graph *g, tensor *x, int64_t columns, int64_t first)
{
    if (l->positions != POSITIONS_ROPE)
        return x;
    return nn_rope(g, (rope_options){ attention_head_width(l->options, l->D), columns, first, l->rope_base }, x);
}

static tensor *attention_forward_part(const layer *l, graph *g, tensor *x, attention_mask mask, int64_t first)
{
    const attention_config *c = l->options;
    const int64_t D = l->D;
    attention_options o = { .heads = c->heads, .mask = mask, .D = D, .window = c->window, .dropout = l->dropout,
                            .alibi = l->positions == POSITIONS_ALIBI };
    tensor *W = l->weight[QKV], *bias = l->weight[QKV_BIAS];
    if (first == 0) {
        o.k_first = D, o.v_first = 2 * D;
        tensor *qkv = rotated(l, g, nn_linear(g, x, W, bias, 0, 3 * D), 2 * D, 0);     // [B, T, 3D]
        return project_out(l, g, nn_attention(g, o, qkv, qkv));
    }
    o.v_first = D;
    tensor *kv = rotated(l, g, nn_linear(g, x, W, bias, D, 2 * D), D, 0);              // [B, T, 2D]: all rows
    tensor *q = nn_linear(g, mixer_rows(g, x, first, x->dim[1]), W, bias, 0, D);       // [B, T − first, D]
    q = rotated(l, g, q, D, first);
    return project_out(l, g, nn_attention(g, o, q, kv));
}

static tensor *attention_forward(const layer *l, graph *g, tensor *x)
{
    return attention_forward_part(l, g, x, CAUSAL, 0);
}

// Blocks of rows that never move: the first has 2, each later one as many as there are already, at most 64. So the unused
// part is less than half and 64 rows, and a cache of a power of two of rows (PSM's 2c) has none. With a window there are never
// more rows than it: token t stands in row t mod window.
enum { FIRST_ROWS = 2, MOST_ROWS = 64 };
typedef struct kv_block { struct kv_block *next; int rows; real *kv; } kv_block;             // kv: [rows, B, 2D], k | v
typedef struct kv_cache { kv_block *first, *last; int64_t rows, length; } kv_cache;          // length: tokens read

static void *attention_begin(const layer *l, stream *s)
{
    return arena_zero(s->memory, sizeof(kv_cache));
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static void kv_grow(kv_cache *cache, const layer *l, stream *s)
{
    const int64_t window = ((const attention_config *)l->options)->window, row = (int64_t)s->B * 2 * l->D;
    int64_t rows = cache->rows < FIRST_ROWS ? FIRST_ROWS : least(cache->rows, MOST_ROWS);
    if (window)
        rows = least(rows, window - cache->rows);
    kv_block *b = arena_take(s->memory, sizeof *b);
    *b = (kv_block){ .rows = (int)rows, .kv = arena_take(s->memory, (size_t)(rows * row) * sizeof(real)) };
    *(cache->last ? &cache->last->next : &cache->first) = b;
    cache->last = b;
    cache->rows += rows;
}

static real *kv_append(kv_cache *cache, const layer *l, stream *s)             // → [B, 2D]
{
    const int64_t window = ((const attention_config *)l->options)->window;
    int64_t r = window ? cache->length % window : cache->length;
    if (r == cache->rows)
        kv_grow(cache, l, s);
    cache->length++;
    kv_block *b = cache->first;
    for (; r >= b->rows; b = b->next)
        r -= b->rows;
    return b->kv + r * (int64_t)s->B * 2 * l->D;
}

typedef struct attend {
    const kv_cache *cache;
    const real     *q;              // [B, D]
    real           *y, *score;      // [B, D], [B, H, held]
    int             B, H, D;
    int64_t         held, newest;   // rows of the cache in use, and the current token's
    bool            alibi;
} attend;

// 2^(−8h/H), h = 1 … H; for H no power of two: the slopes of the power of two below, then every second one of the power above.
static double slope_of(int head, int heads)
{
    int power = 1, step = 1, h = head + 1;
    while (power * 2 <= heads)
        power *= 2;
    if (head >= power)
        power *= 2, step = 2, h = (head - power / 2) * step + 1;
    return pow(2, -8.0 * h / power);
}

// y = Σ_t softmax_t(q·k_t / √K − slope·distance) v_t for one sequence and one head.
static void attend_head(const attend *a, int b, int h)
{
    const int K = a->D / a->H;
    const int64_t row = (int64_t)a->B * 2 * a->D, from = (int64_t)b * 2 * a->D + h * K, held = a->held;
    const real *q = a->q + (int64_t)b * a->D + h * K;
    real *y = a->y + (int64_t)b * a->D + h * K, *score = a->score + ((int64_t)b * a->H + h) * held;
    const real scale = 1 / sqrt((real)K), slope = a->alibi ? (real)slope_of(h, a->H) : 0;
    real most = -INFINITY, sum = 0;
    int64_t t = 0;
    for (const kv_block *block = a->cache->first; block; block = block->next)
        for (int r = 0; r < block->rows && t < held; r++, t++) {
            const real *k = block->kv + r * row + from;
            real dot = 0;
#pragma omp simd reduction(+ : dot)
            for (int i = 0; i < K; i++)
                dot += q[i] * k[i];
            score[t] = dot * scale - slope * (real)(a->newest >= t ? a->newest - t : a->newest - t + held);
            most = score[t] > most ? score[t] : most;
        }
    for (t = 0; t < held; t++)
        sum += score[t] = exp(score[t] - most);     // the largest is subtracted first: no overflow
    memset(y, 0, (size_t)K * sizeof(real));
    t = 0;
    for (const kv_block *block = a->cache->first; block; block = block->next)
        for (int r = 0; r < block->rows && t < held; r++, t++) {
            const real *v = block->kv + r * row + from + a->D, p = score[t] / sum;
            for (int i = 0; i < K; i++)
                y[i] += p * v[i];
        }
}

// RoPE of one token's queries or keys in place, rows of D that lie `apart`.
static void turn_heads(const layer *l, int B, int64_t position, real *x, int64_t apart)
{
    const int K = attention_head_width(l->options, l->D);
    for (int i = 0; i < K / 2; i++) {
        const double angle = (double)position / pow(l->rope_base, 2.0 * i / K);
        const real c = (real)cos(angle), s = (real)sin(angle);
        for (int b = 0; b < B; b++)
            for (int64_t at = b * apart + i; at < b * apart + l->D; at += K) {
                const real first = x[at], second = x[at + K / 2];
                x[at]         = first * c - second * s;
                x[at + K / 2] = second * c + first * s;
            }
    }
}

static void attend_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const attend *a = data;
    for (int64_t i = from; i < to; i++)
        attend_head(a, (int)(i / a->H), (int)(i % a->H));
}

static void attention_step(const layer *l, stream *s, void *state, const real *x, real *y)
{
    const attention_config *c = l->options;
    const int64_t B = s->B, D = l->D;
    real *kv = kv_append(state, l, s);
    const kv_cache *cache = state;
    layer_linear_step(s, x, l->weight[QKV], l->weight[QKV_BIAS], D, 2 * D, kv);
    if (l->positions == POSITIONS_ROPE)
        turn_heads(l, s->B, cache->length - 1, kv, 2 * D);
    if (!y)
        return;
    const int64_t held = least(cache->length, cache->rows);
    const arena_mark start = arena_save(s->work);
    real *q = arena_take(s->work, (size_t)(B * D) * sizeof(real));
    real *mixed = arena_take(s->work, (size_t)(B * D) * sizeof(real));
    real *score = arena_take(s->work, (size_t)(B * c->heads * held) * sizeof(real));
    layer_linear_step(s, x, l->weight[QKV], l->weight[QKV_BIAS], 0, D, q);
    if (l->positions == POSITIONS_ROPE)
        turn_heads(l, s->B, cache->length - 1, q, D);
    attend a = { cache, q, mixed, score, (int)B, c->heads, (int)D, held, (cache->length - 1) % held,
                 l->positions == POSITIONS_ALIBI };
    const int64_t work = held * (D / c->heads), enough = 16384;                    // multiply-adds of a head, of a piece
    team_each(s->team, B * c->heads, work < enough ? enough / work : 1, attend_piece, &a);
    layer_linear_step(s, mixed, l->weight[OUT], l->weight[OUT_BIAS], 0, D, y);
    arena_restore(s->work, start);
}

static int64_t attention_state_bytes(const void *options, int D, int64_t T)
{
    const int64_t window = ((const attention_config *)options)->window;
    return 2 * (window ? least(T, window) : T) * D * (int64_t)sizeof(real);
}

const mixer mixer_attention = {
    .name = "attention", .source = "GPT-2", .summary = "causal softmax attention", .version = 1,
    .options = attention_params, .options_size = sizeof(attention_config),
    .architecture = "transformer", .block = "{ norm: layer, mlp: gelu, positions: learned, init: gpt2 }",
    .fits = attention_fits, .build = attention_build,
    .forward = attention_forward, .forward_part = attention_forward_part,
    .begin = attention_begin, .step = attention_step, .state_bytes = attention_state_bytes,
    .head_width = attention_head_width,
};
