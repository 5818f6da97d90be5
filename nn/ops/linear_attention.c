// Linear attention with a matrix-valued state (Katharopoulos et al. 2020; gated: Yang et al. 2024, GLA), for each head with
// keys of K and values of V:
//   S_t = diag(α_t)·S_{t−1} + k_tᵀ·v_t  [K, V],   y_t = scale·q_t·S_t,   S_{−1} = 0
// gate: none (α = 1), scalar (one α a head) or diagonal (one a key channel); log α = logsigmoid(gate)/divisor.
// Backward, with λ_t = scale·q_tᵀ·dy_t + diag(α_{t+1})·λ_{t+1}:  dq_t = scale·S_t·dy_t,  dk_t = λ_t·v_t,  dv_t = k_t·λ_t, and,
// as y depends on the decays only through G_t − G_j (j ≤ t), G_t = Σ_{s ≤ t} log α_s:
//   dG_t = q_t∘dq_t − k_t∘dk_t,   d log α_s = Σ_{t ≥ s} dG_t,   dgate = d log α·σ(−gate)/divisor
// REFERENCE is this recurrence; CPU is parallel within chunks, in matrix products (nn/kernels/linear_attention.c).

#include "nn/ops.h"
#include "nn/ops/fast.h"
#include <string.h>

enum { Q, KEY, VALUE, GATE, MULTIPLE = 16 };                   // no level has wider vectors than MULTIPLE

typedef struct sizes { int64_t B, T, H, K, V; } sizes;

static sizes sizes_of(const node *n)
{
    const int64_t H = ((const linear_attention_options *)n->options)->heads;
    return (sizes){ n->in[Q]->dim[0], n->in[Q]->dim[1], H, n->in[Q]->dim[2] / H, n->in[VALUE]->dim[2] / H };
}

static int64_t gate_columns(const node *n)
{
    const linear_attention_options *o = n->options;
    const int64_t columns[] = { [GATE_NONE] = 0, [GATE_SCALAR] = o->heads, [GATE_DIAGONAL] = n->in[Q]->dim[2] };
    return columns[o->gate];
}

static void linear_attention_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const linear_attention_options *o = n->options;
    const tensor *q = n->in[Q], *k = n->in[KEY], *v = n->in[VALUE], *gate = n->in[GATE];
    CHECK(q->rank == 3 && k->rank == 3 && v->rank == 3 && tensor_size(q) == tensor_size(k) && q->dim[2] == k->dim[2]
          && tensor_rows(q) == tensor_rows(v), "linear_attention: q, k and v do not fit");
    CHECK(o->heads >= 1 && q->dim[2] % o->heads == 0 && v->dim[2] % o->heads == 0,
          "linear_attention: %d heads in %lld and %lld columns", o->heads, (long long)q->dim[2], (long long)v->dim[2]);
    CHECK(gate ? tensor_columns(gate) == gate_columns(n) && tensor_rows(gate) == tensor_rows(q) : o->gate == GATE_NONE,
          "linear_attention: the gate does not fit");
    tensor_set_shape(&shape[0], REAL_TENSOR, 3, v->dim);
}

static double linear_attention_flops(const node *n)            // of the recurrence: the state's decay, update and reading
{
    const sizes s = sizes_of(n);
    return 6 * (double)(s.B * s.T * s.H) * (double)(s.K * s.V);
}

// ---- REFERENCE: saved holds dq, [B, T, H·K].

typedef struct head { const node *n; sizes s; int64_t b, h; } head;

static int64_t key_at(const head *a, int64_t t)   { return ((a->b * a->s.T + t) * a->s.H + a->h) * a->s.K; }
static int64_t value_at(const head *a, int64_t t) { return ((a->b * a->s.T + t) * a->s.H + a->h) * a->s.V; }
static int64_t gate_at(const head *a, int64_t t, int64_t k)
{
    const linear_attention_options *o = a->n->options;
    return o->gate == GATE_DIAGONAL ? key_at(a, t) + k : (a->b * a->s.T + t) * a->s.H + a->h;
}

static double decay_at(const head *a, int64_t t, int64_t k)
{
    const linear_attention_options *o = a->n->options;
    if (o->gate == GATE_NONE)
        return 1;
    const double x = (double)tensor_data(a->n->in[GATE])[gate_at(a, t, k)];
    return exp((fmin(x, 0) - log1p(exp(-fabs(x)))) / o->divisor);
}

static double *state_new(const head *a, const team *team)
{
    CHECK(a->s.K * a->s.V * (int64_t)sizeof(double) <= TEAM_SCRATCH, "linear_attention: a state of %lld × %lld",
          (long long)a->s.K, (long long)a->s.V);
    return memset(team_shared(team), 0, sizeof(double) * (size_t)(a->s.K * a->s.V));
}

static void state_next(const head *a, int64_t t, double *S)
{
    const real *k = tensor_data(a->n->in[KEY]) + key_at(a, t), *v = tensor_data(a->n->in[VALUE]) + value_at(a, t);
    for (int64_t i = 0; i < a->s.K; i++) {
        const double decay = decay_at(a, t, i);
        for (int64_t j = 0; j < a->s.V; j++)
            S[i * a->s.V + j] = decay * S[i * a->s.V + j] + (double)k[i] * (double)v[j];
    }
}

static void linear_attention_forward(const node *n, const team *team)
{
    const linear_attention_options *o = n->options;
    const sizes s = sizes_of(n);
    for (int64_t bh = 0; bh < s.B * s.H; bh++) {
        const head a = { n, s, bh / s.H, bh % s.H };
        double *S = state_new(&a, team);
        for (int64_t t = 0; t < s.T; t++) {
            const real *q = tensor_data(n->in[Q]) + key_at(&a, t);
            state_next(&a, t, S);
            for (int64_t j = 0; j < s.V; j++) {
                double sum = 0;
                for (int64_t i = 0; i < s.K; i++)
                    sum += (double)q[i] * S[i * s.V + j];
                tensor_data(n->out[0])[value_at(&a, t) + j] = (real)(sum * o->scale);
            }
        }
    }
}

static void queries_back(const head *a, double *S)              // forward once more: dq needs S_t
{
    const linear_attention_options *o = a->n->options;
    real *kept = a->n->saved;
    for (int64_t t = 0; t < a->s.T; t++) {
        const real *dy = a->n->out[0]->grad + value_at(a, t);
        state_next(a, t, S);
        for (int64_t i = 0; i < a->s.K; i++) {
            double sum = 0;
            for (int64_t j = 0; j < a->s.V; j++)
                sum += S[i * a->s.V + j] * (double)dy[j];
            kept[key_at(a, t) + i] = (real)(sum * o->scale);
            if (a->n->in[Q]->grad)
                a->n->in[Q]->grad[key_at(a, t) + i] += kept[key_at(a, t) + i];
        }
    }
}

// Channel i of token t: L its row of λ_t, *later = Σ dG of the tokens from t on.
static void channel_back(const head *a, int64_t t, int64_t i, double *L, double *later)
{
    const linear_attention_options *o = a->n->options;
    const tensor *q = a->n->in[Q], *k = a->n->in[KEY], *v = a->n->in[VALUE], *gate = a->n->in[GATE];
    const double qi = (double)tensor_data(q)[key_at(a, t) + i], ki = (double)tensor_data(k)[key_at(a, t) + i];
    double dk = 0;
    for (int64_t j = 0; j < a->s.V; j++) {
        L[j] += o->scale * qi * (double)a->n->out[0]->grad[value_at(a, t) + j];
        dk += L[j] * (double)tensor_data(v)[value_at(a, t) + j];
        if (v->grad)
            v->grad[value_at(a, t) + j] += (real)(ki * L[j]);
    }
    *later += qi * (double)((real *)a->n->saved)[key_at(a, t) + i] - ki * dk;
    if (k->grad)
        k->grad[key_at(a, t) + i] += (real)dk;
    if (gate && gate->grad) {
        const double x = (double)tensor_data(gate)[gate_at(a, t, i)];
        gate->grad[gate_at(a, t, i)] += (real)(*later / (1 + exp(x)) / o->divisor);
    }
    const double decay = decay_at(a, t, i);
    for (int64_t j = 0; j < a->s.V; j++)
        L[j] *= decay;
}

static void linear_attention_backward(const node *n, const team *team)
{
    const sizes s = sizes_of(n);
    for (int64_t bh = 0; bh < s.B * s.H; bh++) {
        const head a = { n, s, bh / s.H, bh % s.H };
        queries_back(&a, state_new(&a, team));
        double *L = state_new(&a, team);
        for (int64_t i = 0; i < s.K; i++) {
            double later = 0;
            for (int64_t t = s.T - 1; t >= 0; t--)
                channel_back(&a, t, i, L + i * s.V, &later);
        }
    }
}

static size_t reference_bytes(const node *n) { return sizeof(real) * (size_t)tensor_size(n->in[Q]); }

#ifndef REAL_DOUBLE
// ---- CPU: saved holds the states before each chunk but the first, [B, H, chunks − 1, K, V], rows padded.

static int64_t wide(int64_t n) { return (n + MULTIPLE - 1) / MULTIPLE * MULTIPLE; }

// The scratch of the way back with chunks of C tokens, in numbers.
static int64_t scratch_size(const sizes *s, int64_t C)
{
    const int64_t K = wide(s->K), V = wide(s->V), rows = wide(C);
    return 8 * rows * K + rows + 3 * rows * V + K * rows + 2 * K * V + 2 * rows * rows + (C + 2) * K * V;
}

// Tokens of a chunk: all of a short sequence; else few enough that the states of its blocks fit, were they all single tokens.
static int64_t chunk_of(const sizes *s)
{
    enum { SHORT = LINEAR_ATTENTION_CHUNK, USUAL = 32 };
    int64_t C = s->T <= SHORT ? s->T : USUAL;
    while (C > 1 && scratch_size(s, C) * (int64_t)sizeof(float) > TEAM_SCRATCH)
        C = (C + 1) / 2;
    return C;
}

static size_t linear_attention_saved_bytes(const node *n)
{
    const sizes s = sizes_of(n);
    const int64_t C = chunk_of(&s);
    const size_t kept = sizeof(float) * (size_t)(s.B * s.H * ((s.T - 1) / C) * s.K * wide(s.V));
    return kept > reference_bytes(n) ? kept : reference_bytes(n);
}

typedef struct attention_job { const node *n; sizes s; int64_t chunk; bool add[4]; } attention_job;

static float *gradient(const node *n, int input, int64_t at)
{
    return n->in[input] && n->in[input]->grad ? n->in[input]->grad + at : NULL;
}

static linear_attention_head head_of(const attention_job *j, int64_t bh)
{
    const node *n = j->n;
    const linear_attention_options *o = n->options;
    const head a = { n, j->s, bh / j->s.H, bh % j->s.H };
    const int64_t key = key_at(&a, 0), value = value_at(&a, 0), size = j->s.K * wide(j->s.V);
    linear_attention_head h = {
        .K = j->s.K, .V = j->s.V, .T = j->s.T, .qk_step = j->s.H * j->s.K, .v_step = j->s.H * j->s.V, .y_step = j->s.H * j->s.V,
        .chunk = j->chunk, .kept_size = size, .scale = (float)o->scale, .q = tensor_data(n->in[Q]) + key,
        .k = tensor_data(n->in[KEY]) + key, .v = tensor_data(n->in[VALUE]) + value, .y = tensor_data(n->out[0]) + value,
        .dy = n->out[0]->grad ? n->out[0]->grad + value : NULL,
        .kept = n->saved ? (float *)n->saved + bh * ((j->s.T - 1) / j->chunk) * size : NULL,
        .dq = gradient(n, Q, key), .dk = gradient(n, KEY, key), .dv = gradient(n, VALUE, value),
        .add_q = j->add[Q], .add_k = j->add[KEY], .add_v = j->add[VALUE], .add_gate = j->add[GATE],
    };
    if (o->gate != GATE_NONE) {
        h.gate = tensor_data(n->in[GATE]) + gate_at(&a, 0, 0);
        h.gate_step = tensor_columns(n->in[GATE]);
        h.gate_step_k = o->gate == GATE_DIAGONAL;
        h.per = (float)(1 / o->divisor);
        h.dgate = gradient(n, GATE, gate_at(&a, 0, 0));
    }
    return h;
}

static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    for (int64_t bh = from; bh < to; bh++) {
        const linear_attention_head h = head_of(data, bh);
        kernel->linear_attention(&h, scratch);
    }
}

static void backward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    for (int64_t bh = from; bh < to; bh++) {
        const linear_attention_head h = head_of(data, bh);
        kernel->linear_attention_back(&h, scratch);
    }
}

static attention_job job_of(const node *n)
{
    attention_job j = { .n = n, .s = sizes_of(n) };
    j.chunk = chunk_of(&j.s);
    CHECK(scratch_size(&j.s, j.chunk) * (int64_t)sizeof(float) <= TEAM_SCRATCH,
          "linear_attention: a state of %lld × %lld", (long long)j.s.K, (long long)j.s.V);
    return j;
}

static int64_t heads_a_piece(const sizes *s)
{
    const int64_t work = s->T * s->K * s->V, enough = 1 << 16;
    return work < enough ? enough / work : 1;
}

static void linear_attention_forward_fast(const node *n, const team *t)
{
    attention_job j = job_of(n);
    team_each(t, j.s.B * j.s.H, heads_a_piece(&j.s), forward_piece, &j);
}

static void linear_attention_backward_fast(const node *n, const team *t)
{
    attention_job j = job_of(n);
    for (int i = 0; i < 4; i++)
        j.add[i] = n->in[i] && n->in[i]->grad && tensor_reach(n->in[i]);
    team_each(t, j.s.B * j.s.H, heads_a_piece(&j.s), backward_piece, &j);
}
#else
static size_t linear_attention_saved_bytes(const node *n) { return reference_bytes(n); }
#endif

#define OPTIONS(heads, gate, divisor) &(const linear_attention_options){ heads, gate, 0.5, divisor }
#define HEADS(B, T, H, K, V)          {B, T, (H) * (K)}, {B, T, (H) * (K)}, {B, T, (H) * (V)}
static const op_case linear_attention_cases[] = {
    { .in = { HEADS(2, 3, 2, 2, 3), {2, 3, 4} }, .options = OPTIONS(2, GATE_DIAGONAL, 1) },
    { .in = { HEADS(1, 1, 1, 1, 1), {1, 1, 1} }, .options = OPTIONS(1, GATE_SCALAR, 2) },
    { .in = { HEADS(2, 5, 1, 3, 2), {0} },       .options = OPTIONS(1, GATE_NONE, 1) },
    { .in = { HEADS(1, 7, 3, 5, 4), {1, 7, 3} }, .options = OPTIONS(3, GATE_SCALAR, 1) },
    { .in = { HEADS(2, 19, 2, 16, 32), {2, 19, 32} }, .options = OPTIONS(2, GATE_DIAGONAL, 16) },
    { .in = { HEADS(1, 70, 1, 9, 11), {1, 70, 9} }, .options = OPTIONS(1, GATE_DIAGONAL, 0.4) },       // blocks of a few tokens
    { .in = { HEADS(1, 67, 2, 8, 17), {0} },     .options = OPTIONS(2, GATE_NONE, 1) },
    { .in = { HEADS(3, 64, 1, 33, 16), {3, 64, 1} }, .options = OPTIONS(1, GATE_SCALAR, 16) },
    { .in = { HEADS(1, 131, 1, 4, 8), {1, 131, 4} }, .options = OPTIONS(1, GATE_DIAGONAL, 4) },
};

const op op_linear_attention = {
    .name = "linear_attention", .inputs = 4, .outputs = 1, .options_size = sizeof(linear_attention_options),
    .shapes = linear_attention_shapes, .saved_bytes = linear_attention_saved_bytes, .flops = linear_attention_flops,
    .cases = linear_attention_cases, .n_cases = LEN(linear_attention_cases),
    .forward  = { [REFERENCE] = linear_attention_forward,  [CPU] = CPU_SLOT(linear_attention_forward_fast) },
    .backward = { [REFERENCE] = linear_attention_backward, [CPU] = CPU_SLOT(linear_attention_backward_fast) },
    .first = { [CPU] = true },
};

tensor *nn_linear_attention(graph *g, linear_attention_options o, tensor *q, tensor *k, tensor *v, tensor *gate)
{
    return graph_apply(g, &op_linear_attention, &o, (tensor *[]){q, k, v, gate}, 4)->out[0];
}
