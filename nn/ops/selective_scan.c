// The selective scan of Mamba (S6; Gu & Dao 2023, selective_scan_ref of mamba_ssm), for each channel c with N states:
//   Δ_t = softplus(delta_t),  a_t[n] = exp(Δ_t·A[n])  (or 2·exp(Δ_t·A[n]) − 1, Grazzi et al. 2024),  A = −exp(A_log)
//   h_t[n] = a_t[n]·h_{t−1}[n] + Δ_t·B_t[n]·x_t,   s_t = Σ_n C_t[n]·h_t[n] + D·x_t,   y_t = s_t·SiLU(z_t)
// B and C are shared by the channels. Backward, with g_t = dy_t·SiLU(z_t) and the adjoint state
//   λ_t = g_t·C_t + a_{t+1}·λ_{t+1}:  dC_t = Σ_c g_t·h_t,  dB_t = Σ_c λ_t·Δ_t·x_t,  dx_t = g_t·D + Δ_t·Σ_n λ_t·B_t,
//   dA = Σ_t λ_t·h_{t−1}·Δ_t·exp(Δ_t·A) (twice that for the second transition),  dΔ_t likewise,  ddelta = dΔ·σ(delta)
// [B, T, E, N] is never stored: only the state before every SCAN_SEGMENT-th token, from which the rest is made again.

#include "nn/ops.h"
#include "nn/ops/channels.h"
#include <string.h>

enum { X, DELTA, A_LOG, BC, SKIP, GATE, SEGMENT = 16 };

typedef struct sizes { int64_t B, T, E, N; } sizes;

static sizes sizes_of(const node *n)
{
    const tensor *x = n->in[X];
    return (sizes){ x->dim[0], x->dim[1], x->dim[2], tensor_columns(n->in[A_LOG]) };
}

static void selective_scan_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const sizes s = sizes_of(n);
    const int64_t size = s.B * s.T * s.E;
    CHECK(n->in[X]->rank == 3 && tensor_size(n->in[DELTA]) == size && tensor_size(n->in[GATE]) == size
          && tensor_rows(n->in[A_LOG]) == s.E && tensor_size(n->in[SKIP]) == s.E, "selective_scan: the channels do not fit");
    CHECK(tensor_rows(n->in[BC]) == s.B * s.T && tensor_columns(n->in[BC]) == 2 * s.N, "selective_scan: B and C do not fit");
    tensor_set_shape(&shape[0], REAL_TENSOR, 3, n->in[X]->dim);
}

static double selective_scan_flops(const node *n)
{
    return 6 * (double)tensor_size(n->in[X]) * (double)tensor_columns(n->in[A_LOG]);       // three multiply-adds a state
}

static int64_t kept_reals(const node *n)                       // the states before each segment but the first
{
    const sizes s = sizes_of(n);
    return s.B * ((s.T - 1) / SEGMENT) * s.N * s.E;
}

// ---- REFERENCE: one channel of one sequence after the other; kept [B, segments − 1, E, N].

typedef struct channel { const node *n; sizes s; int64_t b, e; bool negative; } channel;

static channel channel_of(const node *n, int64_t i)
{
    const sizes s = sizes_of(n);
    return (channel){ n, s, i / s.E, i % s.E, ((const selective_scan_options *)n->options)->negative };
}

static int64_t entry(const channel *c, int64_t t)         { return (c->b * c->s.T + t) * c->s.E + c->e; }
static double at(const channel *c, int input, int64_t t) { return (double)tensor_data(c->n->in[input])[entry(c, t)]; }
static const real *row_of(const channel *c, int64_t t)   { return tensor_data(c->n->in[BC]) + (c->b * c->s.T + t) * 2 * c->s.N; }
static double softplus(double x)                         { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static double delta_of(const channel *c, int64_t t)      { return softplus(at(c, DELTA, t)); }
static double rate_of(const channel *c, int64_t n)       { return -exp((double)tensor_data(c->n->in[A_LOG])[c->e * c->s.N + n]); }
static double sigma(double x)                            { return 1 / (1 + exp(-x)); }
static real *kept_of(const channel *c, int64_t segment)
{
    return (real *)c->n->saved + ((c->b * ((c->s.T - 1) / SEGMENT) + segment - 1) * c->s.E + c->e) * c->s.N;
}

static double transition(const channel *c, double e) { return c->negative ? 2 * e - 1 : e; }

// after = the states of token t from those before it; returns s_t.
static double scan_token(const channel *c, int64_t t, const double *before, double *after)
{
    const real *B = row_of(c, t), *C = B + c->s.N;
    const double x = at(c, X, t), delta = delta_of(c, t);
    double sum = (double)tensor_data(c->n->in[SKIP])[c->e] * x;
    for (int64_t n = 0; n < c->s.N; n++) {
        after[n] = transition(c, exp(delta * rate_of(c, n))) * before[n] + delta * (double)B[n] * x;
        sum += (double)C[n] * after[n];
    }
    return sum;
}

static void check_states(const sizes *s)
{
    CHECK((SEGMENT + 2) * s->N * (int64_t)sizeof(double) <= TEAM_SCRATCH, "selective_scan with %lld states", (long long)s->N);
}

static void selective_scan_forward(const node *n, const team *team)
{
    const sizes s = sizes_of(n);
    double *h = team_shared(team);
    check_states(&s);
    for (int64_t i = 0; i < s.B * s.E; i++) {
        const channel c = channel_of(n, i);
        memset(h, 0, sizeof *h * (size_t)s.N);
        for (int64_t t = 0; t < s.T; t++) {
            for (int64_t k = 0; n->saved && t > 0 && t % SEGMENT == 0 && k < s.N; k++)
                kept_of(&c, t / SEGMENT)[k] = (real)h[k];
            const double z = at(&c, GATE, t), sum = scan_token(&c, t, h, h);
            tensor_data(n->out[0])[(c.b * s.T + t) * s.E + c.e] = (real)(sum * z * sigma(z));
        }
    }
}

static void give(const channel *c, int input, int64_t entry, double d)
{
    if (c->n->in[input]->grad)
        c->n->in[input]->grad[entry] += (real)d;
}

// before, h: states before and after token t; adjoint: a_{t+1}·λ_{t+1}, which becomes a_t·λ_t. sum: s_t.
static void scan_token_back(const channel *c, int64_t t, const double *before, const double *h, double sum, double *adjoint)
{
    const int64_t N = c->s.N, entry = (c->b * c->s.T + t) * c->s.E + c->e, row = (c->b * c->s.T + t) * 2 * N;
    const real *B = row_of(c, t), *C = B + N;
    const double dy = (double)c->n->out[0]->grad[entry], z = at(c, GATE, t), x = at(c, X, t), delta = delta_of(c, t);
    const double g = dy * z * sigma(z), skip = (double)tensor_data(c->n->in[SKIP])[c->e];
    double du = 0, ddelta = 0;
    for (int64_t n = 0; n < N; n++) {
        const double d = adjoint[n] + g * (double)C[n], A = rate_of(c, n), e = exp(delta * A);
        const double q = d * before[n] * e * (c->negative ? 2 : 1);
        give(c, BC, row + N + n, g * h[n]);
        give(c, BC, row + n, d * delta * x);
        give(c, A_LOG, c->e * N + n, q * delta * A);
        du += d * (double)B[n];
        ddelta += q * A;
        adjoint[n] = d * transition(c, e);
    }
    give(c, X, entry, g * skip + du * delta);
    give(c, DELTA, entry, (ddelta + du * x) * sigma(at(c, DELTA, t)));
    give(c, SKIP, c->e, g * x);
    give(c, GATE, entry, dy * sum * sigma(z) * (1 + z * (1 - sigma(z))));
}

static void selective_scan_backward(const node *n, const team *team)
{
    const sizes s = sizes_of(n);
    double *adjoint = team_shared(team), *h = adjoint + s.N, sum[SEGMENT];             // h [SEGMENT + 1, N]
    check_states(&s);
    for (int64_t i = 0; i < s.B * s.E; i++) {
        const channel c = channel_of(n, i);
        memset(adjoint, 0, sizeof *adjoint * (size_t)s.N);
        for (int64_t from = (s.T - 1) / SEGMENT * SEGMENT; from >= 0; from -= SEGMENT) {
            const int64_t rows = s.T - from < SEGMENT ? s.T - from : SEGMENT;
            for (int64_t k = 0; k < s.N; k++)
                h[k] = from > 0 ? (double)kept_of(&c, from / SEGMENT)[k] : 0;
            for (int64_t t = 0; t < rows; t++)
                sum[t] = scan_token(&c, from + t, h + t * s.N, h + (t + 1) * s.N);
            for (int64_t t = rows - 1; t >= 0; t--)
                scan_token_back(&c, from + t, h + t * s.N, h + (t + 1) * s.N, sum[t], adjoint);
        }
    }
}

#ifndef REAL_DOUBLE
// ---- CPU: saved holds the states, [B, segments − 1, N, E]; then, for the way back, the parts of the gradients of A_log and D,
// [parts, E·N + E], and where the channels are cut into blocks, of B and C, [blocks, B, T, 2N].
typedef struct scan_job { selective_scan_rows rows; int64_t B; channel_grid grid; float *weights, *dBC; bool add_BC; } scan_job;

_Static_assert((int)SEGMENT == (int)SCAN_SEGMENT, "the kernels' segment");

// The scratch of a piece: four numbers a state and channel at most, and four segments of W ≤ 16 channels.
static int64_t most_channels(int64_t N)
{
    enum { LANES = 16 };
    const int64_t room = TEAM_SCRATCH / (int64_t)sizeof(float) - (4 * SEGMENT + 8) * N * LANES;
    CHECK(room >= 4 * N * LANES, "selective_scan with %lld states", (long long)N);
    return room / (4 * N);
}

static channel_grid grid_of(const sizes *s) { return channel_grid_of(s->B, s->E, most_channels(s->N)); }

static size_t selective_scan_saved_bytes(const node *n)
{
    const sizes s = sizes_of(n);
    const channel_grid g = grid_of(&s);
    const int64_t weights = g.parts * s.E * (s.N + 1), both = g.blocks > 1 ? g.blocks * s.B * s.T * 2 * s.N : 0;
    return sizeof(float) * (size_t)(kept_reals(n) + weights + both);
}

static scan_job job_of(const node *n)
{
    const selective_scan_options *o = n->options;
    const sizes s = sizes_of(n);
    scan_job j = { .B = s.B, .grid = grid_of(&s) };
    j.rows = (selective_scan_rows){
        .T = s.T, .E = s.E, .N = s.N, .negative = o->negative, .x = n->in[X]->data, .delta = n->in[DELTA]->data,
        .z = n->in[GATE]->data, .BC = n->in[BC]->data, .A_log = n->in[A_LOG]->data, .D = n->in[SKIP]->data,
        .dy = n->out[0]->grad, .y = n->out[0]->data, .kept = n->saved, .dx = n->in[X]->grad, .ddelta = n->in[DELTA]->grad,
        .dz = n->in[GATE]->grad,
    };
    return j;
}

static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const scan_job *j = data;
    const channel_piece p = channel_piece_of(&j->grid, j->B, j->rows.E, from);
    kernel->selective_scan(&j->rows, p.first, p.last, p.from, p.to, scratch);
}

static void selective_scan_forward_fast(const node *n, const team *t)
{
    scan_job j = job_of(n);
    team_each(t, j.grid.parts * j.grid.blocks, 1, forward_piece, &j);
}

static void backward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const scan_job *j = data;
    const selective_scan_rows *r = &j->rows;
    const channel_piece p = channel_piece_of(&j->grid, j->B, r->E, from);
    float *dBC = j->dBC && j->grid.blocks > 1 ? j->dBC + p.block * j->B * r->T * 2 * r->N : j->dBC;
    kernel->selective_scan_back(r, p.first, p.last, p.from, p.to, j->weights + p.part * r->E * (r->N + 1), dBC,
                                j->add_BC && j->grid.blocks == 1, scratch);
}

static void selective_scan_backward_fast(const node *n, const team *t)
{
    const sizes s = sizes_of(n);
    tensor *A_log = n->in[A_LOG], *both = n->in[BC], *skip = n->in[SKIP];
    const int64_t size = s.E * (s.N + 1), rows = s.B * s.T * 2 * s.N;
    scan_job j = job_of(n);
    j.rows.add_x = j.rows.dx && tensor_reach(n->in[X]);
    j.rows.add_delta = j.rows.ddelta && tensor_reach(n->in[DELTA]);
    j.rows.add_z = j.rows.dz && tensor_reach(n->in[GATE]);
    j.add_BC = both->grad && tensor_reach(both);
    j.weights = (float *)n->saved + kept_reals(n);
    j.dBC = !both->grad ? NULL : j.grid.blocks > 1 ? j.weights + j.grid.parts * size : both->grad;
    team_each(t, j.grid.parts * j.grid.blocks, 1, backward_piece, &j);
    if (A_log->grad)
        kernel->column_sums(j.weights, j.grid.parts, size, s.E * s.N, A_log->grad, tensor_reach(A_log));
    if (skip->grad)
        kernel->column_sums(j.weights + s.E * s.N, j.grid.parts, size, s.E, skip->grad, tensor_reach(skip));
    for (int64_t b = 0; both->grad && j.grid.blocks > 1 && b < j.grid.blocks; b++)
        kernel->add_scaled(j.dBC + b * rows, 1, both->grad, rows, b > 0 || j.add_BC);
}
#else
static size_t selective_scan_saved_bytes(const node *n) { return sizeof(real) * (size_t)kept_reals(n); }
#endif

#define SCAN(B, T, E, N) .in = {{B, T, E}, {B, T, E}, {E, N}, {B, T, 2 * (N)}, {E}, {B, T, E}}, .scale = 0.3
static const selective_scan_options positive = { false }, negative = { true };
static const op_case selective_scan_cases[] = {
    { SCAN(2, 3, 2, 2), .options = &positive },    { SCAN(1, 1, 1, 1), .options = &positive },
    { SCAN(1, 19, 3, 2), .options = &negative },   { SCAN(2, 35, 5, 3), .options = &positive },
    { SCAN(3, 16, 8, 16), .options = &negative },  { SCAN(18, 2, 17, 4), .options = &positive },
    { SCAN(1, 33, 70, 5), .options = &negative },
};

const op op_selective_scan = {
    .name = "selective_scan", .inputs = 6, .outputs = 1, .options_size = sizeof(selective_scan_options),
    .shapes = selective_scan_shapes, .saved_bytes = selective_scan_saved_bytes, .flops = selective_scan_flops,
    .cases = selective_scan_cases, .n_cases = LEN(selective_scan_cases),
    .forward  = { [REFERENCE] = selective_scan_forward,  [CPU] = CPU_SLOT(selective_scan_forward_fast) },
    .backward = { [REFERENCE] = selective_scan_backward, [CPU] = CPU_SLOT(selective_scan_backward_fast) },
    .first = { [CPU] = true },
};

tensor *nn_selective_scan(graph *g, selective_scan_options o, tensor *x, tensor *delta, tensor *A_log, tensor *both,
                          tensor *D, tensor *z)
{
    return graph_apply(g, &op_selective_scan, &o, (tensor *[]){x, delta, A_log, both, D, z}, 6)->out[0];
}
