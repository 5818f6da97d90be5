// The prefix-scannable model in its transformer form (arXiv:2506.10918): chunks of c tokens; x_i = Enc(C_i), token embedding
// and position within the chunk; s_i = the aggregate of x_0 … x_{i−1} under Agg, bracketed as Blelloch's tree does; predictions
// Inf(s_i, x_i). Agg: blocks over [left | right], its right half, LayerNorm. Inf: causal blocks over [s_i | x_i], its right
// half, LayerNorm. Agg(e, x) = Agg(x, e) = x by rule; in front of chunk 0 stands a learned identity, seen by Inf only.
// Training scans chunks level by level; streaming keeps the counter's roots and running folds.
#include <stdio.h>
#include <string.h>
#include "architectures/attention.h"
#include "architectures/block.h"
#include "architectures/scan.h"

typedef enum { SHARED_NEVER, SHARED_ALWAYS, SHARED_UNTIL_LAST_STAGE } psm_shared;
typedef enum { IDENTITY_LEARNED, IDENTITY_NONE } psm_identity;
static const char *const shared_words[]     = { "never", "always", "until-last-stage", NULL };
static const char *const identity_words[]   = { "learned", "none", NULL };
static const char *const mask_words[]       = { [CAUSAL] = "causal", [FULL] = "full", NULL };
static const char *const bracketing_words[] = { "blelloch", "left-fold", NULL };

static const struct {
    scan_plan (*plan)(arena *, int n_chunks);
    int       (*counter)(int64_t n, scan_move *, int *prefix);
} bracketings[] = { { scan_static, scan_counter }, { scan_left_fold, scan_left_fold_counter } };
enum { BLELLOCH, LEFT_FOLD };

typedef struct psm_options {
    common_options   common;
    int              chunk, agg_layers, inf_layers, shared, identity, agg_mask, bracketing, mlp_width;
    bool             encoder_norm, left_residual, segment;
    double           norm_eps, dropout;
    attention_config attention;
} psm_options;

static const param psm_params[] = {
    COMMON_PARAMS(psm_options, "psm"),
    { "heads", PARAM_INT, offsetof(psm_options, attention.heads), "4", 1, 1024, 0, "of every block; must divide d_model", 0 },
    INT   (psm_options, chunk,      "1", 1, 1 << 20, "tokens a chunk"),
    INT   (psm_options, agg_layers, "1", 1, 128, "blocks of Agg"),
    INT   (psm_options, inf_layers, "1", 1, 128, "blocks of Inf"),
    CHOICE(psm_options, shared,     "never", shared_words, "Agg uses Inf's blocks (not its norm); copies from the last stage on"),
    CHOICE(psm_options, identity,   "learned", identity_words, "what Inf sees before chunk 0; none: nothing, as published"),
    CHOICE(psm_options, agg_mask,   "full", mask_words, "Agg's attention"),
    CHOICE(psm_options, bracketing, "blelloch", bracketing_words, "order of the combinations; left-fold is not parallel"),
    BOOL  (psm_options, encoder_norm,  "false", "Enc ends with Agg's final norm, whose gain then starts at 0.2"),
    BOOL  (psm_options, left_residual, "false", "adds the left child before Agg's final norm"),
    BOOL  (psm_options, segment,       "false", "a learned [2·chunk, d_model] tells left from right in Agg and Inf"),
    INT   (psm_options, mlp_width,  "auto", 1, 1 << 20, "inner width of the blocks' MLPs; auto: 4·d_model"),
    REAL  (psm_options, norm_eps,   "1e-5", 0, 1, "added to the variance by every norm"),
    REAL  (psm_options, dropout,    "0", 0, 0.99, "of embedding, attention probabilities, branches, in training"),
    {0}
};

typedef struct psm {
    int              c;
    block           *agg, *inf;                 // agg: NULL where always shared
    block_norm_layer agg_norm, inf_norm;
    tensor          *positions;                 // [c, D]
    tensor          *identity, *segment;        // [c, D], [2c, D], or NULL
    bool             apart;                     // Agg has its own blocks
} psm;

static bool psm_check(const void *options, mark at, diag *d)
{
    const psm_options *o = options;
    const int before = diag_errors(d);
    if (o->shared != SHARED_NEVER && o->agg_layers != o->inf_layers)
        diag_error(d, at, "shared: %s needs as many agg_layers (%d) as inf_layers (%d)", shared_words[o->shared],
                   o->agg_layers, o->inf_layers);
    if (o->common.d_model > 0)
        mixer_attention.fits(&o->attention, o->common.d_model, at, d);
    return diag_errors(d) == before;
}

// With encoder_norm the norm scales what stands for the token embedding: as small as embeddings start (std 0.2).
static void fill_encoder_gain(tensor *gain, rng *r)
{
    for (int64_t i = 0; i < tensor_size(gain); i++)
        tensor_data(gain)[i] = (real)0.2;
}

static block *build_blocks(network *n, const char *prefix, int layers)
{
    const psm_options *o = n->options;
    model *m = &n->model;
    const block_options b = { .norm = BLOCK_NORM_LAYER, .mlp = MLP_GELU, .mlp_width = o->mlp_width, .norm_eps = o->norm_eps,
                              .residual = true, .dropout = o->dropout };
    block *blocks = arena_take(m->life, (size_t)layers * sizeof *blocks);
    for (int i = 0; i < layers; i++)
        block_build(m, &blocks[i], arena_text(m->life, "%s.%d", prefix, i), &b, &mixer_attention, &o->attention,
                    o->common.d_model);
    return blocks;
}

static void psm_build(network *n)
{
    const psm_options *o = n->options;
    model *m = &n->model;
    const int c = o->chunk, D = o->common.d_model;
    psm *p = n->self = arena_zero(m->life, sizeof *p);
    p->c = c;
    p->apart = o->shared == SHARED_NEVER;
    p->positions = model_weight(m, "embed.positions", 2, (const int64_t[]){ c, D }, WEIGHT_POSITION);
    if (o->identity == IDENTITY_LEARNED)
        p->identity = model_weight(m, "identity", 2, (const int64_t[]){ c, D }, WEIGHT_STATE);
    if (o->segment)
        p->segment = model_weight(m, "segment", 2, (const int64_t[]){ 2 * c, D }, WEIGHT_STATE);
    if (o->shared != SHARED_ALWAYS)
        p->agg = build_blocks(n, "agg", o->agg_layers);
    norm_build(m, &p->agg_norm, "agg.norm", BLOCK_NORM_LAYER, o->norm_eps, D, o->encoder_norm ? fill_encoder_gain : NULL);
    p->inf = build_blocks(n, "inf", o->inf_layers);
    norm_build(m, &p->inf_norm, "inf.norm", BLOCK_NORM_LAYER, o->norm_eps, D, NULL);
    m->depth = 2 * (o->agg_layers > o->inf_layers ? o->agg_layers : o->inf_layers);
}

// At the last stage Agg starts from copies of Inf's blocks, moments too. With a single stage that is the start of training.
static void psm_stage(network *n, int stage, int stages, bool begins)
{
    const psm_options *o = n->options;
    psm *p = n->self;
    if (o->shared != SHARED_UNTIL_LAST_STAGE || p->apart || stage < stages - 1)
        return;
    for (int i = 0; begins && i < o->agg_layers; i++) {
        char from[32], to[32];
        snprintf(from, sizeof from, "inf.%d.", i);
        snprintf(to, sizeof to, "agg.%d.", i);
        model_copy(&n->model, from, to);
    }
    p->apart = true;
}

// Agg of N pairs [N, 2c, D] → [N, c, D]. The last block computes only the right half.
static tensor *agg_forward(const network *n, graph *g, tensor *pairs)
{
    const psm_options *o = n->options;
    const psm *p = n->self;
    const block *blocks = p->apart ? p->agg : p->inf;
    residual x = { p->segment ? nn_add(g, pairs, p->segment) : pairs, NULL };
    for (int i = 0; i < o->agg_layers; i++)
        x = block_forward_part(&blocks[i], g, x, o->agg_mask, i == o->agg_layers - 1 ? p->c : 0);
    if (o->left_residual)
        x = (residual){ nn_add(g, x.x, x.r), mixer_rows(g, pairs, 0, p->c) };
    return norm_forward(&p->agg_norm, g, x);
}

// Inf's blocks and norm over [N, first + c, D] → [N, c, D].
static tensor *inf_forward(const network *n, graph *g, tensor *x0, int64_t first)
{
    const psm_options *o = n->options;
    const psm *p = n->self;
    residual x = { x0, NULL };
    for (int i = 0; i < o->inf_layers; i++)
        x = block_forward_part(&p->inf[i], g, x, CAUSAL, i == o->inf_layers - 1 ? first : 0);
    return norm_forward(&p->inf_norm, g, x);
}

// Where c vectors of each sequence lie: vector r of sequence b in row first + b·stride + r of a source, from `rows` on zeros.
enum { FROM_X, FROM_IDENTITY, FROM_LEVEL };
typedef struct place { int source; int64_t first, stride; int rows; } place;

typedef struct scan_run {
    graph   *g;
    int      B, c, n_sources;
    tensor **source;                    // x [B, T, D], identity [c, D] or NULL, each level's outputs [n·B, c, D]
    tensor **used;                      // [n_sources]: those of the gather at hand …
    int64_t *row;                       // [n_sources]: … and their first rows when put under each other, −1: not used
} scan_run;

// [left | right] for each of n pairs, pair-major: [n·B, 2c, D].
static tensor *gather_pairs(scan_run *run, int n, const place *const *left, const place *const *right)
{
    const int B = run->B, c = run->c;
    int64_t rows = 0;
    int used = 0;
    for (int i = 0; i < run->n_sources; i++)
        run->row[i] = -1;
    tensor *index = tensor_index(run->g->step, (int64_t)n * B, 2 * c);
    int *at = tensor_ints(index);
    for (int i = 0; i < n; i++)
        for (int b = 0; b < B; b++)
            for (int half = 0; half < 2; half++) {
                const place *from = half ? right[i] : left[i];
                if (run->row[from->source] < 0) {
                    run->row[from->source] = rows;
                    rows += tensor_rows(run->used[used++] = run->source[from->source]);
                }
                const int64_t first = run->row[from->source] + from->first + b * from->stride;
                for (int r = 0; r < c; r++)
                    *at++ = r < from->rows ? (int)(first + r) : -1;
            }
    return nn_rows(run->g, index, run->used, used);
}

// [B, T, D] from the chunks' outputs: [chunks·B, c, D], chunk-major, chunk 0's apart where it has no prefix.
static tensor *in_order(graph *g, tensor *const *outputs, int n_outputs, int B, int T, int c)
{
    tensor *index = tensor_index(g->step, B, T);
    for (int b = 0; b < B; b++)
        for (int t = 0; t < T; t++)
            tensor_ints(index)[b * T + t] = (t / c * B + b) * c + t % c;
    return nn_rows(g, index, outputs, n_outputs);
}

static tensor *encode(const network *n, graph *g, tensor *tokens)               // [B, T] → [B, T, D]
{
    const psm_options *o = n->options;
    const psm *p = n->self;
    tensor *x = nn_embed(g, tokens, n->embedding, p->positions);                // positions start again in each chunk
    x = nn_dropout(g, x, o->dropout);
    return o->encoder_norm ? norm_forward(&p->agg_norm, g, (residual){ x, NULL }) : x;
}

// Chunk 0 where nothing stands in front of it.
static tensor *first_chunk_forward(const network *n, graph *g, tensor *x, int rows)
{
    const psm *p = n->self;
    const int64_t B = x->dim[0], T = x->dim[1], c = p->c;
    tensor *index = tensor_index(g->step, B, c);
    for (int64_t b = 0; b < B; b++)
        for (int64_t r = 0; r < c; r++)
            tensor_ints(index)[b * c + r] = r < rows ? (int)(b * T + r) : -1;
    tensor *chunk = nn_rows(g, index, &x, 1);                                   // [B, c, D]
    if (p->segment) {
        tensor *segments = tensor_reshape(g->step, p->segment, 1, 2 * c, p->segment->dim[1]);
        tensor *right = mixer_rows(g, segments, c, 2 * c);                      // [1, c, D]
        chunk = nn_add(g, chunk, tensor_reshape(g->step, right, c, right->dim[2]));
    }
    return inf_forward(n, g, chunk, 0);
}

static place *place_chunks(graph *g, const scan_plan *plan, int n_chunks, int T, int c)
{
    place *slot = arena_take(g->step, (size_t)plan->slots * sizeof *slot);
    for (int i = 0; i < n_chunks; i++)
        slot[i] = (place){ FROM_X, (int64_t)i * c, T, T - i * c < c ? T - i * c : c };
    return slot;
}

static void scan_levels(const network *n, scan_run *run, const scan_plan *plan, place *slot)
{
    const int B = run->B, c = run->c;
    for (int k = 0; k < plan->n_levels; k++) {
        const scan_level *level = &plan->levels[k];
        const place **left = arena_take(run->g->step, (size_t)level->n * sizeof *left);
        const place **right = arena_take(run->g->step, (size_t)level->n * sizeof *right);
        for (int i = 0; i < level->n; i++) {
            left[i]  = &slot[level->left[i]];
            right[i] = &slot[level->right[i]];
            slot[level->out[i]] = (place){ FROM_LEVEL + k, (int64_t)i * B * c, c, c };
        }
        run->source[FROM_LEVEL + k] = agg_forward(n, run->g, gather_pairs(run, level->n, left, right));
    }
}

static tensor *psm_forward(const network *n, graph *g, tensor *tokens)
{
    const psm_options *o = n->options;
    const psm *p = n->self;
    const int B = (int)tokens->dim[0], T = (int)tokens->dim[1], c = p->c, n_chunks = (T + c - 1) / c;
    const scan_plan plan = bracketings[o->bracketing].plan(g->step, n_chunks);
    scan_run run = { g, B, c, FROM_LEVEL + plan.n_levels, NULL, NULL, NULL };
    run.source = arena_take(g->step, (size_t)run.n_sources * sizeof *run.source);
    run.used   = arena_take(g->step, (size_t)run.n_sources * sizeof *run.used);
    run.row    = arena_take(g->step, (size_t)run.n_sources * sizeof *run.row);
    run.source[FROM_X] = encode(n, g, tokens);
    run.source[FROM_IDENTITY] = p->identity;
    place *slot = place_chunks(g, &plan, n_chunks, T, c);
    scan_levels(n, &run, &plan, slot);

    tensor *outputs[2];
    int n_outputs = 0;
    const int first = p->identity ? 0 : 1;                                      // the first chunk with something in front of it
    if (first)
        outputs[n_outputs++] = first_chunk_forward(n, g, run.source[FROM_X], slot[0].rows);
    if (n_chunks > first) {
        const place identity = { FROM_IDENTITY, 0, 0, c };
        const place **prefix = arena_take(g->step, (size_t)n_chunks * sizeof *prefix);
        const place **chunk = arena_take(g->step, (size_t)n_chunks * sizeof *chunk);
        for (int i = 0; i < n_chunks; i++) {
            prefix[i] = i ? &slot[plan.prefix[i]] : &identity;
            chunk[i]  = &slot[i];
        }
        tensor *pairs = gather_pairs(&run, n_chunks - first, prefix + first, chunk + first);
        outputs[n_outputs++] = inf_forward(n, g, p->segment ? nn_add(g, pairs, p->segment) : pairs, c);
    }
    return in_order(g, outputs, n_outputs, B, T, c);
}

// Streaming. In s->memory: what is fixed, then the counter's slots as they are first needed, then Inf's caches of the chunk
// at hand, which are given back when the next chunk begins.
typedef struct psm_slot { struct psm_slot *next; int number; real vectors[]; } psm_slot;        // [B, c, D]
typedef struct psm_state {
    real      *chunk;                   // [B, c, D]: Enc of the chunk at hand
    psm_slot  *slots;
    arena_mark caches;                  // what lies above belongs to the chunk at hand
    void     **inf;                     // [inf_layers]
} psm_state;

static size_t chunk_reals(const network *n, const stream *s)
{
    const psm *p = n->self;
    return (size_t)s->B * (size_t)p->c * (size_t)p->positions->dim[1];
}

static real *slot_vectors(const network *n, stream *s, psm_state *st, int number)
{
    for (psm_slot *slot = st->slots; slot; slot = slot->next)
        if (slot->number == number)
            return slot->vectors;
    psm_slot *made = arena_take(s->memory, sizeof *made + chunk_reals(n, s) * sizeof(real));
    made->next = st->slots;
    made->number = number;
    st->slots = made;
    return made->vectors;
}

static void psm_begin(const network *n, stream *s)
{
    const psm_options *o = n->options;
    psm_state *st = s->state = arena_zero(s->memory, sizeof *st);
    st->chunk = arena_take(s->memory, chunk_reals(n, s) * sizeof(real));
    st->inf = arena_take(s->memory, (size_t)o->inf_layers * sizeof *st->inf);
    st->caches = arena_save(s->memory);
}

static void combine(const network *n, stream *s, const real *left, const real *right, real *out)
{
    const psm *p = n->self;
    const int64_t D = p->positions->dim[1];
    const size_t half = (size_t)p->c * (size_t)D;
    const arena_mark start = arena_save(s->work);
    graph g = { .step = s->work, .team = s->team, .backend = CPU };
    tensor *pairs = tensor_real(s->work, s->B, 2 * p->c, D);
    for (size_t b = 0; b < (size_t)s->B; b++) {
        memcpy(tensor_data(pairs) + 2 * b * half, left + b * half, half * sizeof(real));
        memcpy(tensor_data(pairs) + (2 * b + 1) * half, right + b * half, half * sizeof(real));
    }
    memcpy(out, tensor_data(agg_forward(n, &g, pairs)), (size_t)s->B * half * sizeof(real));
    arena_restore(s->work, start);
}

// The chunk that has been read joins the counter. → the prefix [B, c, D] of the next one.
static const real *chunk_end(const network *n, stream *s, psm_state *st, int64_t chunk)
{
    const psm_options *o = n->options;
    scan_move move[SCAN_MOVES];
    int prefix;
    const int moves = bracketings[o->bracketing].counter(chunk, move, &prefix);
    for (int i = 0; i < moves; i++) {
        const real *left = move[i].left == SCAN_NEW ? st->chunk : slot_vectors(n, s, st, move[i].left);
        real *out = slot_vectors(n, s, st, move[i].out);
        if (move[i].right == SCAN_COPY)
            memcpy(out, left, chunk_reals(n, s) * sizeof(real));
        else
            combine(n, s, left, move[i].right == SCAN_NEW ? st->chunk : slot_vectors(n, s, st, move[i].right), out);
    }
    return slot_vectors(n, s, st, prefix);
}

// Inf reads the prefix: of the last block only keys and values are wanted.
static void read_prefix(const network *n, stream *s, psm_state *st, const real *prefix, int64_t stride)
{
    const psm_options *o = n->options;
    const psm *p = n->self;
    const int64_t D = o->common.d_model;
    real *x = arena_take(s->work, (size_t)(s->B * D) * sizeof(real));
    for (int r = 0; r < p->c; r++) {
        for (int b = 0; b < s->B; b++)
            for (int64_t i = 0; i < D; i++)
                x[b * D + i] = prefix[b * stride + r * D + i] + (p->segment ? tensor_data(p->segment)[r * D + i] : 0);
        for (int i = 0; i < o->inf_layers - 1; i++)
            block_step(&p->inf[i], s, st->inf[i], x);
        block_feed(&p->inf[o->inf_layers - 1], s, st->inf[o->inf_layers - 1], x);
    }
}

static void chunk_begin(const network *n, stream *s, psm_state *st)
{
    const psm_options *o = n->options;
    const psm *p = n->self;
    const int64_t chunk = s->position / p->c;
    arena_restore(s->memory, st->caches);
    const real *prefix = chunk ? chunk_end(n, s, st, chunk - 1) : p->identity ? tensor_data(p->identity) : NULL;
    st->caches = arena_save(s->memory);
    for (int i = 0; i < o->inf_layers; i++)
        st->inf[i] = block_begin(&p->inf[i], s);
    if (prefix)
        read_prefix(n, s, st, prefix, chunk ? (int64_t)p->c * o->common.d_model : 0);       // one identity for all sequences
}

static void psm_step(const network *n, stream *s, const int *tokens, real *y)
{
    const psm_options *o = n->options;
    const psm *p = n->self;
    psm_state *st = s->state;
    const int64_t D = o->common.d_model, c = p->c, r = s->position % c;
    if (r == 0)
        chunk_begin(n, s, st);
    network_embed_step(n, s->B, tokens, p->positions, r, y);
    if (o->encoder_norm)
        norm_step(&p->agg_norm, s->B, (int)D, y, y);
    for (int b = 0; b < s->B; b++) {
        memcpy(st->chunk + (b * c + r) * D, y + b * D, (size_t)D * sizeof(real));
        for (int64_t i = 0; p->segment && i < D; i++)
            y[b * D + i] += tensor_data(p->segment)[(c + r) * D + i];
    }
    for (int i = 0; i < o->inf_layers; i++)
        block_step(&p->inf[i], s, st->inf[i], y);
    norm_step(&p->inf_norm, s->B, (int)D, y, y);
}

static int psm_versions(const void *options, const object **used, int room)
{
    if (room < 1)
        return 0;
    used[0] = &mixer_attention.object;
    return 1;
}

// Over the prefixes of all chunks but the last, which is in none.
static int psm_depth(const void *options, int64_t tokens)
{
    const psm_options *o = options;
    const int64_t most = (tokens + o->chunk - 1) / o->chunk - 1;                // chunks in the longest prefix
    if (o->bracketing == LEFT_FOLD)
        return most > 1 ? (int)most - 1 : 0;
    int depth = 0;
    for (int64_t m = 1; m <= most; m++)
        depth = scan_depth(m) > depth ? scan_depth(m) : depth;
    return depth;
}

// The chunk at hand, the counter's roots and folds (c vectors each, at most two for each doubling of n = tokens/c), and the keys
// and values that Inf has read since the chunk began.
static int64_t psm_state_bytes(const void *options, int64_t tokens)
{
    const psm_options *o = options;
    const int64_t c = o->chunk, n = (tokens - 1) / c, read = (tokens - 1) % c + 1;     // chunks behind, tokens of the one at hand
    int64_t kept = 0;
    for (int64_t m = 1; m <= n && o->bracketing == BLELLOCH; m *= 2)
        kept += 1 + (3 * m <= n);
    if (o->bracketing == LEFT_FOLD)
        kept = n > 0;
    const int64_t prefix = n > 0 || o->identity == IDENTITY_LEARNED ? c : 0;
    return (c + kept * c + o->inf_layers * 2 * (prefix + read)) * o->common.d_model * (int64_t)sizeof(real);
}

const architecture architecture_psm_softmax = {
    .name = "psm-softmax", .source = "arXiv:2506.10918", .summary = "prefix-scannable model, transformer form", .version = 1,
    .options = psm_params, .options_size = sizeof(psm_options), .check = psm_check,
    .build = psm_build, .stage = psm_stage, .forward = psm_forward, .begin = psm_begin, .step = psm_step,
    .versions = psm_versions, .depth = psm_depth, .state_bytes = psm_state_bytes,
};
