// One head of one sequence: see nn/ops/linear_attention.c for the formulas. Tokens go through in blocks, in matrix products;
// within a block, cumulated decays are taken relative to its first token, and it ends before a token at which one of them would
// leave e^−DEEPEST: then nothing overflows or loses its accuracy, however strong the gates are. The first token's own decay is
// applied to the state as it enters.
#include "nn/kernels/activation.h"
#include "nn/kernels/small.h"

enum { DEEPEST = 20, CHUNK_MOST = LINEAR_ATTENTION_CHUNK };

// A chunk of tokens: what is kept is the state before it. Rows of Kp or Vp numbers, zeros beyond K and V.
typedef struct chunk {
    const linear_attention_head *a;
    int64_t from, rows, Kp, Vp;
    int     blocks, start[CHUNK_MOST + 1];          // block i: rows start[i] … start[i + 1]
    float  *q, *k;                                  // [rows, Kp] q·scale·e^b, k·e^−b; b: decays cumulated within the block
    float  *e, *slope;                              // [rows, Kp] e^b; the slope of the log-decay over its logit
    float  *enter;                                  // [blocks, Kp] the decay of the first token
} chunk;

// What the kernels share of a thread's scratch, in the order taken.
static float *take(float **scratch, int64_t n)
{
    float *p = *scratch;
    *scratch += padded(n);
    return p;
}

static chunk chunk_new(const linear_attention_head *a, float **scratch)
{
    chunk c = { .a = a, .Kp = padded(a->K), .Vp = padded(a->V) };
    float **const arrays[] = { &c.q, &c.k, &c.e, &c.slope, &c.enter };
    for (int i = 0; i < 5; i++)
        *arrays[i] = take(scratch, a->chunk * c.Kp);
    return c;
}

// The log-decays of a token, logsigmoid(x)·per = −softplus(−x)·per; zero without a gate and in lanes beyond K.
INLINE vec log_decay(const linear_attention_head *a, int64_t t, int64_t k, vec *slope)
{
    *slope = all(0);
    if (!a->gate)
        return all(0);
    const float *x = a->gate + t * a->gate_step;
    const vec g = inside(-softplus(-(a->gate_step_k ? load_n(x + k, a->K - k) : all(x[0])), slope), a->K - k);
    *slope *= all(a->per);
    return g * all(a->per);
}

// Decays of a row relative to its block's start, in place of e's row; the lowest of them. `before`: the row above, or NULL.
static float cumulate(const chunk *c, int64_t i, const float *before)
{
    vec low = {0};
    for (int64_t k = 0; k < c->Kp; k += W) {
        vec slope;
        const vec g = log_decay(c->a, c->from + i, k, &slope), b = before ? load(before + k) + g : g;
        store(c->e + i * c->Kp + k, b);
        store(c->slope + i * c->Kp + k, slope);
        low = vec_min(low, b);
    }
    return -largest(-low);
}

// A block begins at row i, whose e holds its own log-decays: they go to the state that enters.
static void begin_block(chunk *c, int64_t i)
{
    float *e = c->e + i * c->Kp, *enter = c->enter + c->blocks * c->Kp;
    for (int64_t k = 0; k < c->Kp; k += W) {
        store(enter + k, exp_vec(load(e + k)));
        store(e + k, all(0));
    }
    c->start[c->blocks++] = (int)i;
}

// Fills the chunk for tokens from … from + rows.
static void chunk_fill(chunk *c, int64_t from, int64_t rows)
{
    const linear_attention_head *a = c->a;
    c->from = from;
    c->rows = rows;
    c->blocks = 0;
    for (int64_t i = 0; i < rows; i++) {
        if (i > 0 && cumulate(c, i, c->e + (i - 1) * c->Kp) >= -DEEPEST)
            continue;
        cumulate(c, i, NULL);
        begin_block(c, i);
    }
    c->start[c->blocks] = (int)rows;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < c->Kp; k += W) {
            const int64_t at = i * c->Kp + k, t = from + i;
            const vec e = exp_vec(load(c->e + at));
            store(c->e + at, e);
            store(c->q + at, load_n(a->q + t * a->qk_step + k, a->K - k) * all(a->scale) * e);
            store(c->k + at, load_n(a->k + t * a->qk_step + k, a->K - k) / e);
        }
}

// S [K, Vp] ← its rows by what `factor` [Kp] says.
static void decay_state(const chunk *c, const float *factor, float *S)
{
    for (int64_t k = 0; k < c->a->K; k++)
        for (int64_t v = 0; v < c->Vp; v += W)
            store(S + k * c->Vp + v, load(S + k * c->Vp + v) * all(factor[k]));
}

static const float *last_decays(const chunk *c, int i) { return c->e + (c->start[i + 1] - 1) * c->Kp; }

// The state after block i, from the one in which its first token's decay is already: e_L∘(S + kᵀ·V).
static void pass_block(const chunk *c, int i, rows v, float *S)
{
    const int64_t at = c->start[i], n = c->start[i + 1] - at;
    multiply_all(c->a->K, c->Vp, n, c->k + at * c->Kp, 1, c->Kp, v.at + at * v.step, v.step, true, S, c->Vp);
    decay_state(c, last_decays(c, i), S);
}

// P[i, j] = x_i·y_j for j ≤ i, zeros beyond as far as the diagonal's blocks of MR; y turned, [depth, Cp]. `diagonal` [n], if not
// NULL, gets the diagonal, and P zeros there.
static void lower_product(int64_t n, int64_t depth, const float *x, int64_t step, const float *y, int64_t Cp, float *P,
                          float *diagonal)
{
    for (int64_t i = 0; i < n; i += MR) {
        const int64_t m = least(MR, n - i);
        multiply(m, padded(i + m), depth, x + i * step, step, 1, y, Cp, false, P + i * Cp, Cp);
        for (int64_t r = 0; r < m; r++)
            for (int64_t j = i + r + 1; j < i + m; j++)
                P[(i + r) * Cp + j] = 0;
    }
    for (int64_t i = 0; diagonal && i < n; i++) {
        diagonal[i] = P[i * Cp + i];
        P[i * Cp + i] = 0;
    }
}

// C = P·B, and C = Pᵀ·B, for a lower triangle P [n, Cp]; columns wide.
static void lower_times(int64_t n, int64_t columns, const float *P, int64_t Cp, const float *B, int64_t ldb, float *C,
                        int64_t ldc)
{
    for (int64_t i = 0; i < n; i += MR) {
        const int64_t m = least(MR, n - i);
        multiply(m, columns, i + m, P + i * Cp, Cp, 1, B, ldb, false, C + i * ldc, ldc);
    }
}

static void upper_times(int64_t n, int64_t columns, const float *P, int64_t Cp, const float *B, int64_t ldb, bool add,
                        float *C, int64_t ldc)
{
    for (int64_t j = 0; j < n; j += MR)
        multiply(least(MR, n - j), columns, n - j, P + j * Cp + j, 1, Cp, B + j * ldb, ldb, add, C + j * ldc, ldc);
}

static float *kept_state(const linear_attention_head *a, int64_t from) { return a->kept + (from / a->chunk - 1) * a->kept_size; }

void KERNEL(linear_attention)(const linear_attention_head *a, float *scratch)
{
    chunk c = chunk_new(a, &scratch);
    const int64_t Cp = padded(a->chunk);
    float *turned = take(&scratch, a->K * Cp), *P = take(&scratch, a->chunk * Cp), *S = take(&scratch, a->K * c.Vp);
    for (int64_t from = 0; from < a->T; from += a->chunk) {
        float *free = scratch;
        const rows v = rows_of(a->v + from * a->v_step, a->v_step, least(a->chunk, a->T - from), a->V, &free);
        chunk_fill(&c, from, least(a->chunk, a->T - from));
        if (from > 0 && a->kept)
            memcpy(kept_state(a, from), S, sizeof *S * (size_t)(a->K * c.Vp));
        for (int i = 0; i < c.blocks; i++) {
            const int64_t at = c.start[i], n = c.start[i + 1] - at, Np = padded(n);
            const bool begins = from + at == 0, ends = from + at + n == a->T;
            float *y = a->y + (from + at) * a->y_step;
            turn(c.k + at * c.Kp, c.Kp, n, a->K, Np, turned);
            lower_product(n, a->K, c.q + at * c.Kp, c.Kp, turned, Np, P, NULL);
            lower_times(n, a->V, P, Np, v.at + at * v.step, v.step, y, a->y_step);
            if (begins)
                memset(S, 0, sizeof *S * (size_t)(a->K * c.Vp));
            else {
                decay_state(&c, c.enter + i * c.Kp, S);
                multiply_all(n, a->V, a->K, c.q + at * c.Kp, c.Kp, 1, S, c.Vp, true, y, a->y_step);
            }
            if (!ends)
                pass_block(&c, i, v, S);
        }
    }
}

// The way back through a chunk: dS is the gradient of the state after the block at hand, then of the one before it; carry [Kp]
// the sums Σ_v S·dS over its rows, which is what later tokens give to the decays.
typedef struct back {
    chunk  c;
    rows   v, dy;                                   // of the chunk
    float *S, *dS, *carry;                          // S [blocks, K, Vp]: the states before each block's first decay
    float *k_turned, *v_turned, *S_turned, *P, *dP;
    float *dq, *dk, *own;                           // [rows, Kp], without what a token's key gives to its own query; dy·v of that
} back;

static void put(float *gradient, vec d, int64_t n, bool add)
{
    if (gradient)
        store_n(gradient, add ? load_n(gradient, n) + d : d, n);
}

// Gradients of q, k and the gate's logit at row r, from those of q·e^b and k·e^−b. With G the decays cumulated over the whole
// sequence, dG = q·dq − k·dk, and a token's decay is in every G from its own on: the sums run in carry. A token's own key meets
// its query undecayed, and is left out of both. At a block's first token, which may decay everything, the difference of large
// sums would drown what is left: there carry is the sum itself already, taken from the state.
static void row_back(const back *s, int64_t r, bool first)
{
    const chunk *c = &s->c;
    const linear_attention_head *a = c->a;
    const int64_t t = c->from + r;
    const vec own = all(s->own[r]);
    vec total = {0};
    for (int64_t k = 0; k < c->Kp; k += W) {
        const int64_t at = r * c->Kp + k, n = a->K - k;
        const vec e = load(c->e + at), q = load(c->q + at), key = load(c->k + at), dq = load(s->dq + at), dk = load(s->dk + at);
        const vec later = first ? load(s->carry + k) : load(s->carry + k) + (q * dq - key * dk);
        store(s->carry + k, later);
        put(a->dq ? a->dq + t * a->qk_step + k : NULL, (dq + own * key) * e * all(a->scale), n, a->add_q);
        put(a->dk ? a->dk + t * a->qk_step + k : NULL, (dk + own * q) / e, n, a->add_k);
        const vec dx = inside(later * load(c->slope + at), n);
        total += dx;
        if (a->dgate && a->gate_step_k)
            put(a->dgate + t * a->gate_step + k, dx, n, a->add_gate);
    }
    if (a->dgate && !a->gate_step_k)
        a->dgate[t * a->gate_step] = (a->add_gate ? a->dgate[t * a->gate_step] : 0) + sum(total);
}

// The products of block i in the chunk; S the state that its first token's decay has been applied to, Z = e_L∘dS.
static void products_back(const back *s, int i, bool begins, bool ends, const float *S, const float *Z)
{
    const chunk *c = &s->c;
    const linear_attention_head *a = c->a;
    const int64_t at = c->start[i], n = c->start[i + 1] - at, Np = padded(n), t = c->from + at;
    const int64_t K = a->K, V = a->V, Kp = c->Kp, Vp = c->Vp;
    const float *q = c->q + at * Kp, *k = c->k + at * Kp, *v = s->v.at + at * s->v.step, *dy = s->dy.at + at * s->dy.step;
    float *dq = s->dq + at * Kp, *dk = s->dk + at * Kp, *dv = a->dv + t * a->v_step;
    turn(k, Kp, n, K, Np, s->k_turned);
    turn(v, s->v.step, n, V, Np, s->v_turned);
    lower_product(n, K, q, Kp, s->k_turned, Np, s->P, NULL);
    lower_product(n, V, dy, s->dy.step, s->v_turned, Np, s->dP, s->own + at);
    lower_times(n, Kp, s->dP, Np, k, Kp, dq, Kp);
    upper_times(n, Kp, s->dP, Np, q, Kp, false, dk, Kp);
    if (a->dv)
        upper_times(n, V, s->P, Np, dy, s->dy.step, a->add_v, dv, a->v_step);
    if (!begins) {
        turn(S, Vp, K, V, Kp, s->S_turned);
        multiply_all(n, Kp, V, dy, s->dy.step, 1, s->S_turned, Kp, true, dq, Kp);
    }
    if (!ends) {
        turn(Z, Vp, K, V, Kp, s->S_turned);
        multiply_all(n, Kp, V, v, s->v.step, 1, s->S_turned, Kp, true, dk, Kp);
        if (a->dv)
            multiply_all(n, V, K, k, Kp, 1, Z, Vp, true, dv, a->v_step);
    }
}

static void carry_from(const back *s, const float *S, const float *dS)
{
    for (int64_t k = 0; k < s->c.a->K; k++) {
        vec total = {0};
        for (int64_t v = 0; v < s->c.Vp; v += W)
            total += load(S + k * s->c.Vp + v) * load(dS + k * s->c.Vp + v);
        s->carry[k] = sum(total);
    }
}

static void block_back(const back *s, int i)
{
    const chunk *c = &s->c;
    const linear_attention_head *a = c->a;
    const int64_t at = c->start[i], n = c->start[i + 1] - at, size = a->K * c->Vp;
    const bool begins = c->from + at == 0, ends = c->from + at + n == a->T;
    float *before = s->S + i * size, *S = s->S + c->blocks * size;
    if (!begins) {
        memcpy(S, before, sizeof *S * (size_t)size);
        decay_state(c, c->enter + i * c->Kp, S);
    }
    if (!ends)
        decay_state(c, last_decays(c, i), s->dS);
    products_back(s, i, begins, ends, S, s->dS);
    for (int64_t r = at + n - 1; r > at; r--)
        row_back(s, r, false);
    if (begins)
        memset(s->carry, 0, sizeof *s->carry * (size_t)c->Kp);
    else {
        multiply_all(a->K, c->Vp, n, c->q + at * c->Kp, 1, c->Kp, s->dy.at + at * s->dy.step, s->dy.step, !ends, s->dS, c->Vp);
        decay_state(c, c->enter + i * c->Kp, s->dS);
        carry_from(s, before, s->dS);
    }
    row_back(s, at, true);
}

// The states before each block of the chunk, made again from the one before the chunk.
static void states_again(const back *s)
{
    const chunk *c = &s->c;
    const linear_attention_head *a = c->a;
    const int64_t size = a->K * c->Vp;
    if (c->from > 0)
        memcpy(s->S, kept_state(a, c->from), sizeof *s->S * (size_t)size);
    else
        memset(s->S, 0, sizeof *s->S * (size_t)size);
    for (int i = 0; i + 1 < c->blocks; i++) {
        float *S = s->S + (i + 1) * size;
        memcpy(S, S - size, sizeof *S * (size_t)size);
        decay_state(c, c->enter + i * c->Kp, S);
        pass_block(c, i, s->v, S);
    }
}

void KERNEL(linear_attention_back)(const linear_attention_head *a, float *scratch)
{
    back s = { .c = chunk_new(a, &scratch) };
    const int64_t C = a->chunk, Cp = padded(C), size = a->K * s.c.Vp;
    s.dq = take(&scratch, C * s.c.Kp);
    s.dk = take(&scratch, C * s.c.Kp);
    s.own = take(&scratch, C);
    s.carry = take(&scratch, s.c.Kp);
    s.k_turned = take(&scratch, a->K * Cp);
    s.v_turned = take(&scratch, a->V * Cp);
    s.S_turned = take(&scratch, a->V * s.c.Kp);
    s.P = take(&scratch, C * Cp);
    s.dP = take(&scratch, C * Cp);
    s.dS = take(&scratch, size);
    s.S = take(&scratch, (C + 1) * size);
    memset(s.carry, 0, sizeof *s.carry * (size_t)s.c.Kp);
    for (int64_t from = (a->T - 1) / C * C; from >= 0; from -= C) {
        const int64_t rows_here = least(C, a->T - from);
        float *free = scratch;
        s.v = rows_of(a->v + from * a->v_step, a->v_step, rows_here, a->V, &free);
        s.dy = rows_of(a->dy + from * a->y_step, a->y_step, rows_here, a->V, &free);
        chunk_fill(&s.c, from, rows_here);
        states_again(&s);
        for (int i = s.c.blocks - 1; i >= 0; i--)
            block_back(&s, i);
    }
}
