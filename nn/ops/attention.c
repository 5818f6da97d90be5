// Softmax attention of H heads (Vaswani et al. 2017). Within a head, with K = D/H, queries i of the last Tq of T positions:
//   S = q·kᵀ/√K,  P = softmax of S's rows over the positions that the mask lets i see,  y = P·v
//   dv = Pᵀ·dy,  dP = dy·vᵀ,  dS = P∘(dP − Σ_j P∘dP),  dq = dS·k/√K,  dk = dSᵀ·q/√K

#include "nn/ops.h"
#include "nn/ops/fast.h"

enum { Q, KV };

static void attention_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const attention_options *o = n->options;
    const tensor *q = n->in[Q], *kv = n->in[KV];
    CHECK(q->rank == 3 && kv->rank == 3 && q->dim[0] == kv->dim[0] && q->dim[1] <= kv->dim[1], "attention: q and kv do not fit");
    CHECK(o->heads >= 1 && o->D % o->heads == 0, "attention: %d heads in %lld columns", o->heads, (long long)o->D);
    CHECK(o->q_first + o->D <= q->dim[2] && o->k_first + o->D <= kv->dim[2] && o->v_first + o->D <= kv->dim[2],
          "attention: columns beyond q [%lld] or kv [%lld]", (long long)q->dim[2], (long long)kv->dim[2]);
    tensor_set_shape(&shape[0], REAL_TENSOR, 3, (int64_t[]){q->dim[0], q->dim[1], o->D});
}

// How many positions query i sees.
static int64_t seen(const node *n, int64_t i)
{
    const attention_options *o = n->options;
    const int64_t Tq = n->in[Q]->dim[1], T = n->in[KV]->dim[1];
    return o->mask == FULL ? T : T - Tq + i + 1;
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
        pairs += (double)seen(n, i);
    return 4 * (double)n->in[Q]->dim[0] * pairs * (double)o->D;
}

// One head of one sequence: rows of q, k, v, y and of their gradients.
typedef struct head { int64_t K, Tq, T, q_step, kv_step, y_step; const real *q, *k, *v, *dy; real *y, *dq, *dk, *dv; } head;

static head head_of(const node *n, int64_t b, int64_t h)
{
    const attention_options *o = n->options;
    const tensor *q = n->in[Q], *kv = n->in[KV], *y = n->out[0];
    head a = { .K = o->D / o->heads, .Tq = q->dim[1], .T = kv->dim[1], .q_step = q->dim[2], .kv_step = kv->dim[2], .y_step = o->D };
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
    return a;
}

static double dot(const real *a, const real *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

// The probabilities of query i.
static void probabilities(const head *a, int64_t i, int64_t see, double *p)
{
    double most = -INFINITY, total = 0;
    for (int64_t j = 0; j < see; j++) {
        p[j] = dot(a->q + i * a->q_step, a->k + j * a->kv_step, a->K) / sqrt((double)a->K);
        most = p[j] > most ? p[j] : most;
    }
    for (int64_t j = 0; j < see; j++)
        total += p[j] = exp(p[j] - most);
    for (int64_t j = 0; j < see; j++)
        p[j] /= total;
}

static void attention_forward(const node *n, const team *t)
{
    const attention_options *o = n->options;
    double *p = team_shared(t);
    CHECK(n->in[KV]->dim[1] <= TEAM_SCRATCH / (int64_t)(2 * sizeof *p), "attention over %lld positions", (long long)n->in[KV]->dim[1]);
    for (int64_t bh = 0; bh < n->in[Q]->dim[0] * o->heads; bh++) {
        const head a = head_of(n, bh / o->heads, bh % o->heads);
        for (int64_t i = 0; i < a.Tq; i++) {
            probabilities(&a, i, seen(n, i), p);
            for (int64_t c = 0; c < a.K; c++) {
                double sum = 0;
                for (int64_t j = 0; j < seen(n, i); j++)
                    sum += p[j] * (double)a.v[j * a.kv_step + c];
                a.y[i * a.y_step + c] = (real)sum;
            }
        }
    }
}

static void attention_backward_query(const head *a, int64_t i, int64_t see, double *p)
{
    double *dp = p + see, along = 0;
    const real *dy = a->dy + i * a->y_step;
    probabilities(a, i, see, p);
    for (int64_t j = 0; j < see; j++) {
        dp[j] = dot(dy, a->v + j * a->kv_step, a->K);
        along += p[j] * dp[j];
    }
    for (int64_t j = 0; j < see; j++) {
        const double ds = p[j] * (dp[j] - along) / sqrt((double)a->K);
        for (int64_t c = 0; c < a->K; c++) {
            if (a->dq)
                a->dq[i * a->q_step + c] += (real)(ds * (double)a->k[j * a->kv_step + c]);
            if (a->dk) {
                a->dk[j * a->kv_step + c] += (real)(ds * (double)a->q[i * a->q_step + c]);
                a->dv[j * a->kv_step + c] += (real)(p[j] * (double)dy[c]);
            }
        }
    }
}

static void attention_backward(const node *n, const team *t)
{
    const attention_options *o = n->options;
    for (int64_t bh = 0; bh < n->in[Q]->dim[0] * o->heads; bh++) {
        const head a = head_of(n, bh / o->heads, bh % o->heads);
        for (int64_t i = 0; i < a.Tq; i++)
            attention_backward_query(&a, i, seen(n, i), team_shared(t));
    }
}

#ifndef REAL_DOUBLE
typedef struct attention_job { const node *n; bool add_q, add_kv; int64_t block; } attention_job;

static attention_head kernel_head(const node *n, int64_t bh)
{
    const attention_options *o = n->options;
    const head a = head_of(n, bh / o->heads, bh % o->heads);
    return (attention_head){
        .K = a.K, .Tq = a.Tq, .T = a.T, .q_step = a.q_step, .kv_step = a.kv_step, .y_step = a.y_step, .causal = o->mask == CAUSAL,
        .scale = (float)(1 / sqrt((double)a.K)), .q = a.q, .k = a.k, .v = a.v, .dy = a.dy, .y = a.y,
        .kept = n->saved ? (float *)n->saved + bh * a.Tq * 2 : NULL, .dq = a.dq, .dk = a.dk, .dv = a.dv,
    };
}

static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const attention_job *j = data;
    for (int64_t bh = from; bh < to; bh++) {
        const attention_head a = kernel_head(j->n, bh);
        kernel->attention(&a, scratch);
    }
}

static void backward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const attention_job *j = data;
    for (int64_t bh = from; bh < to; bh++) {
        attention_head a = kernel_head(j->n, bh);
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
    return (3 * K * T + 2 * K * Tq + 2 * (block + 12) * T) * (int64_t)sizeof(float) <= TEAM_SCRATCH;
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

#define SELF(heads, mask, D)     &(const attention_options){ heads, mask, D, 0, D, 2 * (D) }
#define CROSS(heads, mask, D)    &(const attention_options){ heads, mask, D, 0, 0, D }
static const op_case attention_cases[] = {
    { .in = {{2, 3, 4}, {2, 3, 8}}, .options = CROSS(2, CAUSAL, 4) },     { .in = {{2, 2, 4}, {2, 5, 8}}, .options = CROSS(1, FULL, 4) },
    { .in = {{3, 1, 6}, {3, 1, 12}}, .options = CROSS(3, CAUSAL, 6) },    { .in = {{1, 4, 2}, {1, 7, 4}}, .options = CROSS(2, CAUSAL, 2) },
    { .in = {{5, 2, 24}, {5, 2, 24}}, .options = SELF(2, CAUSAL, 8) },    { .in = {{5, 1, 16}, {5, 2, 32}}, .options = CROSS(1, FULL, 16) },
    { .in = {{40, 1, 64}, {40, 2, 128}}, .options = CROSS(2, FULL, 64) }, { .in = {{33, 2, 32}, {33, 2, 64}}, .options = CROSS(1, CAUSAL, 32) },
    { .in = {{2, 17, 96}, {2, 17, 96}}, .options = SELF(1, CAUSAL, 32) }, { .in = {{2, 19, 33}, {2, 19, 33}}, .options = SELF(1, FULL, 11) },
    { .in = {{1, 33, 40}, {1, 40, 80}}, .options = CROSS(2, CAUSAL, 40) },
};

const op op_attention = {
    .name = "attention", .inputs = 2, .outputs = 1, .options_size = sizeof(attention_options), .shapes = attention_shapes, .saved_bytes = attention_saved_bytes,
    .flops = attention_flops, .cases = attention_cases, .n_cases = LEN(attention_cases),
    .forward  = { [REFERENCE] = attention_forward,  [CPU] = CPU_SLOT(attention_forward_fast) },
    .backward = { [REFERENCE] = attention_backward, [CPU] = CPU_SLOT(attention_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_attention(graph *g, attention_options o, tensor *q, tensor *kv)
{
    return graph_apply(g, &op_attention, &o, (tensor *[]){q, kv}, 2)->out[0];
}
