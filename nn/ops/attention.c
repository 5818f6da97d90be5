// Softmax attention of H heads (Vaswani et al. 2017). Within a head, with K = D/H, queries i of the last Tq of T positions:
//   S = q·kᵀ/√K − slope·(i − j),  P = softmax of S's rows over the positions that mask and window let i see,  y = (M∘P)·v
//   dv = (M∘P)ᵀ·dy,  dP = M∘(dy·vᵀ),  dS = P∘(dP − Σ_j P∘dP),  dq = dS·k/√K,  dk = dSᵀ·q/√K
// The slope is ALiBi's or 0; M is dropout's mask, drawn row by row, or 1.

#include "nn/ops.h"
#include "nn/ops/fast.h"
#include "nn/ops/mask.h"

enum { Q, KV, KEY };

static void attention_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const attention_options *o = n->options;
    const tensor *q = n->in[Q], *kv = n->in[KV];
    CHECK(q->rank == 3 && kv->rank == 3 && q->dim[0] == kv->dim[0] && q->dim[1] <= kv->dim[1], "attention: q and kv do not fit");
    CHECK(o->heads >= 1 && o->D % o->heads == 0, "attention: %d heads in %lld columns", o->heads, (long long)o->D);
    CHECK(o->q_first + o->D <= q->dim[2] && o->k_first + o->D <= kv->dim[2] && o->v_first + o->D <= kv->dim[2],
          "attention: columns beyond q [%lld] or kv [%lld]", (long long)q->dim[2], (long long)kv->dim[2]);
    CHECK(o->mask == CAUSAL || (!o->window && !o->alibi), "attention: window and slopes are causal");
    tensor_set_shape(&shape[0], REAL_TENSOR, 3, (int64_t[]){q->dim[0], q->dim[1], o->D});
}

// The positions that query i sees: from the first up to, not including, the last.
typedef struct range { int64_t from, to; } range;
static range seen(const node *n, int64_t i)
{
    const attention_options *o = n->options;
    const int64_t Tq = n->in[Q]->dim[1], T = n->in[KV]->dim[1], to = o->mask == FULL ? T : T - Tq + i + 1;
    return (range){ o->window && to > o->window ? to - o->window : 0, to };
}

// 2^(−8h/H), h = 1 … H, for a power of two; else those of the power of two below H, and then every second one of twice as many.
double attention_slope(int head, int heads)
{
    int below = 1;
    while (2 * below <= heads)
        below *= 2;
    return head < below ? exp2(-8.0 * (head + 1) / below) : exp2(-4.0 * (2 * (head - below) + 1) / below);
}

// The CPU kernels keep two numbers a query: its largest score and 1/Σ e^(score − largest).
static size_t attention_saved_bytes(const node *n)
{
    const attention_options *o = n->options;
    return 2 * sizeof(real) * (size_t)(n->in[Q]->dim[0] * o->heads * n->in[Q]->dim[1]);
}

static double attention_flops(const node *n)
{
    const attention_options *o = n->options;
    double pairs = 0;
    for (int64_t i = 0; i < n->in[Q]->dim[1]; i++)
        pairs += (double)(seen(n, i).to - seen(n, i).from);
    return 4 * (double)n->in[Q]->dim[0] * pairs * (double)o->D;
}

// One head of one sequence: rows of q, k, v, y and of their gradients.
typedef struct head {
    int64_t K, Tq, T, q_step, kv_step, y_step;
    double slope;
    const real *q, *k, *v, *dy;
    real *y, *dq, *dk, *dv;
    bool drops;
    mask dropped;                                       // of the rows in order
} head;

static head head_of(const node *n, int64_t b, int64_t h)
{
    const attention_options *o = n->options;
    const tensor *q = n->in[Q], *kv = n->in[KV], *y = n->out[0];
    head a = { .K = o->D / o->heads, .Tq = q->dim[1], .T = kv->dim[1], .q_step = q->dim[2], .kv_step = kv->dim[2],
               .y_step = o->D };
    const int64_t at_q = b * a.Tq * a.q_step + o->q_first + h * a.K, at_kv = b * a.T * a.kv_step + h * a.K;
    const int64_t at_y = b * a.Tq * a.y_step + h * a.K;
    a.q  = tensor_data(q) + at_q;
    a.k  = tensor_data(kv) + at_kv + o->k_first;
    a.v  = tensor_data(kv) + at_kv + o->v_first;
    a.y  = tensor_data(y) + at_y;
    a.dy = y->grad ? y->grad + at_y : NULL;
    a.dq = q->grad ? q->grad + at_q : NULL;
    a.dk = kv->grad ? kv->grad + at_kv + o->k_first : NULL;
    a.dv = kv->grad ? kv->grad + at_kv + o->v_first : NULL;
    a.slope = o->alibi ? attention_slope((int)h, o->heads) : 0;
    a.drops = n->in[KEY] != NULL;
    if (a.drops)
        a.dropped = mask_start(n->in[KEY], o->draw, b * o->heads + h, o->dropout);
    return a;
}

static double dot(const real *a, const real *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

// What the reference works on, for each position: probabilities, their gradients, dropout's multipliers.
typedef struct row { double *p, *dp; real *m; } row;

static row row_of(const node *n, const team *t)
{
    const int64_t T = n->in[KV]->dim[1];
    double *p = team_shared(t);
    CHECK(T <= TEAM_SCRATCH / (int64_t)(3 * sizeof *p), "attention over %lld positions", (long long)T);
    return (row){ p, p + T, (real *)(p + 2 * T) };
}

// The probabilities of query i, and its multipliers.
static void probabilities(head *a, int64_t i, range s, row r)
{
    double most = -INFINITY, total = 0;
    for (int64_t j = s.from; j < s.to; j++) {
        r.p[j] = dot(a->q + i * a->q_step, a->k + j * a->kv_step, a->K) / sqrt((double)a->K) - a->slope * (double)(s.to - 1 - j);
        most = r.p[j] > most ? r.p[j] : most;
        r.m[j] = 1;
    }
    for (int64_t j = s.from; j < s.to; j++)
        total += r.p[j] = exp(r.p[j] - most);
    for (int64_t j = s.from; j < s.to; j++)
        r.p[j] /= total;
    if (a->drops)
        mask_draw(&a->dropped, s.to - s.from, r.m + s.from);
}

static void attention_forward(const node *n, const team *t)
{
    const attention_options *o = n->options;
    const row r = row_of(n, t);
    for (int64_t bh = 0; bh < n->in[Q]->dim[0] * o->heads; bh++) {
        head a = head_of(n, bh / o->heads, bh % o->heads);
        for (int64_t i = 0; i < a.Tq; i++) {
            const range s = seen(n, i);
            probabilities(&a, i, s, r);
            for (int64_t c = 0; c < a.K; c++) {
                double sum = 0;
                for (int64_t j = s.from; j < s.to; j++)
                    sum += r.p[j] * (double)r.m[j] * (double)a.v[j * a.kv_step + c];
                a.y[i * a.y_step + c] = (real)sum;
            }
        }
    }
}

static void attention_backward_query(head *a, int64_t i, range s, row r)
{
    double along = 0;
    const real *dy = a->dy + i * a->y_step;
    probabilities(a, i, s, r);
    for (int64_t j = s.from; j < s.to; j++) {
        r.dp[j] = (double)r.m[j] * dot(dy, a->v + j * a->kv_step, a->K);
        along += r.p[j] * r.dp[j];
    }
    for (int64_t j = s.from; j < s.to; j++) {
        const double ds = r.p[j] * (r.dp[j] - along) / sqrt((double)a->K), pm = r.p[j] * (double)r.m[j];
        for (int64_t c = 0; c < a->K; c++) {
            if (a->dq)
                a->dq[i * a->q_step + c] += (real)(ds * (double)a->k[j * a->kv_step + c]);
            if (a->dk) {
                a->dk[j * a->kv_step + c] += (real)(ds * (double)a->q[i * a->q_step + c]);
                a->dv[j * a->kv_step + c] += (real)(pm * (double)dy[c]);
            }
        }
    }
}

static void attention_backward(const node *n, const team *t)
{
    const attention_options *o = n->options;
    const row r = row_of(n, t);
    for (int64_t bh = 0; bh < n->in[Q]->dim[0] * o->heads; bh++) {
        head a = head_of(n, bh / o->heads, bh % o->heads);
        for (int64_t i = 0; i < a.Tq; i++)
            attention_backward_query(&a, i, seen(n, i), r);
    }
}

#ifndef REAL_DOUBLE
typedef struct attention_job { const node *n; bool add_q, add_kv; int64_t block; } attention_job;

static void draw_row(void *dropped, int64_t n, float *multiplier) { mask_draw(dropped, n, multiplier); }

// `dropped` holds the mask that the rows draw from.
static attention_head kernel_head(const node *n, int64_t bh, mask *dropped)
{
    const attention_options *o = n->options;
    const head a = head_of(n, bh / o->heads, bh % o->heads);
    *dropped = a.dropped;
    return (attention_head){
        .K = a.K, .Tq = a.Tq, .T = a.T, .q_step = a.q_step, .kv_step = a.kv_step, .y_step = a.y_step, .causal = o->mask == CAUSAL,
        .scale = (float)(1 / sqrt((double)a.K)), .q = a.q, .k = a.k, .v = a.v, .dy = a.dy, .y = a.y,
        .kept = n->saved ? (float *)n->saved + bh * a.Tq * 2 : NULL, .dq = a.dq, .dk = a.dk, .dv = a.dv,
        .window = o->window, .slope = (float)(a.slope * sqrt((double)a.K)), .draw = a.drops ? draw_row : NULL, .dropped = dropped,
    };
}

static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const attention_job *j = data;
    for (int64_t bh = from; bh < to; bh++) {
        mask dropped;
        const attention_head a = kernel_head(j->n, bh, &dropped);
        kernel->attention(&a, scratch);
    }
}

static void backward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const attention_job *j = data;
    for (int64_t bh = from; bh < to; bh++) {
        mask dropped;
        attention_head a = kernel_head(j->n, bh, &dropped);
        a.add_q = j->add_q;
        a.add_kv = j->add_kv;
        kernel->attention_back(&a, j->block, scratch);
    }
}

// Queries handled together on the way back: all, or as many as keep P and dS within the second-level cache; a multiple of
// every level's block of rows.
static int64_t query_block(int64_t Tq, int64_t T)
{
    enum { TOGETHER = 1 << 16, MULTIPLE = 12, LEAST = 48 };
    const int64_t fit = TOGETHER / T / MULTIPLE * MULTIPLE;
    return fit >= Tq || Tq <= LEAST ? Tq : fit < LEAST ? LEAST : fit;
}

// Whether a head fits the scratch of a thread: some 3000 positions do.
static bool fits(const node *n, int64_t block)
{
    const attention_options *o = n->options;
    const int64_t K = o->D / o->heads + 16, Tq = n->in[Q]->dim[1], T = n->in[KV]->dim[1] + 16;
    return (3 * K * T + 2 * K * Tq + (2 * (block + 12) + 1) * T) * (int64_t)sizeof(float) <= TEAM_SCRATCH;
}

static int64_t heads_a_piece(const node *n)
{
    const attention_options *o = n->options;
    const int64_t work = n->in[Q]->dim[1] * n->in[KV]->dim[1] * (o->D / o->heads);
    return work < 1 << 15 ? (1 << 15) / work : 1;
}

static void attention_forward_fast(const node *n, const team *t)
{
    const attention_options *o = n->options;
    const int64_t block = query_block(n->in[Q]->dim[1], n->in[KV]->dim[1]);
    if (fits(n, block))
        team_each(t, n->in[Q]->dim[0] * o->heads, heads_a_piece(n), forward_piece, &(attention_job){ .n = n });
    else
        attention_forward(n, t);
}

// Whether the op writes every column of x's gradient, once: then the first contribution is set.
static bool covers(const attention_options *o, int64_t width, int n, const int64_t *firsts)
{
    bool written[3] = {0};
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++)
            written[k] |= firsts[i] == k * o->D;
    for (int k = 0; k < n; k++)
        if (!written[k])
            return false;
    return width == n * o->D;
}

static bool reach_columns(tensor *x, const attention_options *o, int n, const int64_t *firsts)
{
    if (!x->grad)
        return false;
    if (covers(o, tensor_columns(x), n, firsts))
        return tensor_reach(x);
    reach_cleared(x);
    return true;
}

static void attention_backward_fast(const node *n, const team *t)
{
    const attention_options *o = n->options;
    attention_job j = { .n = n, .block = query_block(n->in[Q]->dim[1], n->in[KV]->dim[1]) };
    if (!fits(n, j.block)) {
        for (int i = 0; i < 2; i++)
            if (n->in[i]->grad)
                reach_cleared(n->in[i]);
        attention_backward(n, t);
        return;
    }
    if (n->in[Q] == n->in[KV])
        j.add_q = j.add_kv = reach_columns(n->in[Q], o, 3, (int64_t[]){ o->q_first, o->k_first, o->v_first });
    else {
        j.add_q = reach_columns(n->in[Q], o, 1, (int64_t[]){ o->q_first });
        j.add_kv = reach_columns(n->in[KV], o, 2, (int64_t[]){ o->k_first, o->v_first });
    }
    team_each(t, n->in[Q]->dim[0] * o->heads, heads_a_piece(n), backward_piece, &j);
}
#endif

#define SELF(heads, mask, D, ...)  &(const attention_options){ heads, mask, D, 0, D, 2 * (D), ##__VA_ARGS__ }
#define CROSS(heads, mask, D, ...) &(const attention_options){ heads, mask, D, 0, 0, D, ##__VA_ARGS__ }
#define DROPS(p)                   .dropout = p, .draw = 2
#define KEYED                      .below = {0, 0, 9}
static const op_case attention_cases[] = {
    { .in = {{2, 3, 4}, {2, 3, 8}}, .options = CROSS(2, CAUSAL, 4) },
    { .in = {{2, 2, 4}, {2, 5, 8}}, .options = CROSS(1, FULL, 4) },
    { .in = {{3, 1, 6}, {3, 1, 12}}, .options = CROSS(3, CAUSAL, 6) },
    { .in = {{1, 4, 2}, {1, 7, 4}}, .options = CROSS(2, CAUSAL, 2) },
    { .in = {{5, 2, 24}, {5, 2, 24}}, .options = SELF(2, CAUSAL, 8) },
    { .in = {{5, 1, 16}, {5, 2, 32}}, .options = CROSS(1, FULL, 16) },
    { .in = {{40, 1, 64}, {40, 2, 128}}, .options = CROSS(2, FULL, 64) },
    { .in = {{33, 2, 32}, {33, 2, 64}}, .options = CROSS(1, CAUSAL, 32) },
    { .in = {{2, 17, 96}, {2, 17, 96}}, .options = SELF(1, CAUSAL, 32) },
    { .in = {{2, 19, 33}, {2, 19, 33}}, .options = SELF(1, FULL, 11) },
    { .in = {{1, 33, 40}, {1, 40, 80}}, .options = CROSS(2, CAUSAL, 40) },
    { .in = {{2, 7, 12}, {2, 7, 12}}, .options = SELF(1, CAUSAL, 4, .window = 3) },
    { .in = {{1, 45, 24}, {1, 45, 24}}, .options = SELF(1, CAUSAL, 8, .window = 5) },
    { .in = {{1, 50, 6}, {1, 61, 12}}, .options = CROSS(1, CAUSAL, 6, .window = 29) },
    { .in = {{2, 4, 24}, {2, 4, 24}}, .options = SELF(1, CAUSAL, 8, .window = 1) },
    { .in = {{1, 100, 24}, {1, 1100, 48}}, .options = CROSS(1, CAUSAL, 24, .window = 40) },
    { .in = {{2, 4, 48}, {2, 4, 48}}, .options = SELF(2, CAUSAL, 16, .alibi = true) },
    { .in = {{1, 40, 36}, {1, 40, 36}}, .options = SELF(3, CAUSAL, 12, .alibi = true, .window = 17) },
    { .in = {{2, 3, 24}, {2, 3, 24}, {4}}, KEYED, .options = SELF(1, CAUSAL, 8, DROPS(0.4)) },
    { .in = {{2, 21, 8}, {2, 30, 16}, {4}}, KEYED, .options = CROSS(2, FULL, 8, DROPS(0.2)) },
    { .in = {{1, 60, 8}, {1, 1300, 16}, {4}}, KEYED, .options = CROSS(1, CAUSAL, 8, .window = 31, .alibi = true, DROPS(0.5)) },
};

const op op_attention = {
    .name = "attention", .inputs = 3, .outputs = 1, .options_size = sizeof(attention_options), .shapes = attention_shapes,
    .saved_bytes = attention_saved_bytes,
    .flops = attention_flops, .cases = attention_cases, .n_cases = LEN(attention_cases),
    .forward  = { [REFERENCE] = attention_forward,  [CPU] = CPU_SLOT(attention_forward_fast) },
    .backward = { [REFERENCE] = attention_backward, [CPU] = CPU_SLOT(attention_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_attention(graph *g, attention_options o, tensor *q, tensor *kv)
{
    tensor *key = o.dropout > 0 ? g->key : NULL;
    o.draw = key ? g->draws++ : 0;
    return graph_apply(g, &op_attention, &o, (tensor *[]){q, kv, key}, 3)->out[0];
}
