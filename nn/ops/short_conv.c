// Depthwise causal convolution over time: y[t] = f(b + Σ_j W[:, j]·x[t − width + 1 + j]), the last tap is the current token,
// x is zero before the sequence; f is SiLU or nothing (mamba_ssm's causal_conv1d, fla's ShortConvolution).
// With d = dy·f′:  dx[r] = Σ_j W[:, j]·d[r + width − 1 − j],  dW[:, j] = Σ_t d[t]·x[t − width + 1 + j],  db = Σ_t d[t]

#include "nn/ops.h"
#include "nn/ops/channels.h"

enum { X, WEIGHT, BIAS, WIDTH_MOST = 64 };

static int64_t width_of(const node *n) { return tensor_columns(n->in[WEIGHT]); }

static void short_conv_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const tensor *x = n->in[X], *W = n->in[WEIGHT], *b = n->in[BIAS];
    CHECK(x->rank == 3 && W->rank == 2 && W->dim[0] == x->dim[2] && width_of(n) <= WIDTH_MOST,
          "short_conv: x and the taps do not fit");
    CHECK(!b || tensor_size(b) == x->dim[2], "short_conv: %lld channels, a bias of %lld", (long long)x->dim[2],
          (long long)tensor_size(b));
    tensor_set_shape(&shape[0], REAL_TENSOR, 3, x->dim);
}

static double short_conv_flops(const node *n) { return 2 * (double)tensor_size(n->in[X]) * (double)width_of(n); }

// The row of x that tap j meets at token t of sequence b, or NULL before the sequence.
static const real *row(const node *n, int64_t b, int64_t t, int64_t j)
{
    const int64_t T = n->in[X]->dim[1], E = n->in[X]->dim[2], from = t - width_of(n) + 1 + j;
    return from < 0 ? NULL : tensor_data(n->in[X]) + (b * T + from) * E;
}

static double before_silu(const node *n, int64_t b, int64_t t, int64_t e)
{
    double sum = n->in[BIAS] ? (double)tensor_data(n->in[BIAS])[e] : 0;
    for (int64_t j = 0; j < width_of(n); j++)
        if (row(n, b, t, j))
            sum += (double)tensor_data(n->in[WEIGHT])[e * width_of(n) + j] * (double)row(n, b, t, j)[e];
    return sum;
}

static void short_conv_forward(const node *n, const team *team)
{
    const short_conv_options *o = n->options;
    const int64_t B = n->in[X]->dim[0], T = n->in[X]->dim[1], E = n->in[X]->dim[2];
    for (int64_t i = 0; i < B * T * E; i++) {
        const double v = before_silu(n, i / (T * E), i / E % T, i % E);
        tensor_data(n->out[0])[i] = (real)(o->silu ? v / (1 + exp(-v)) : v);
    }
}

static void short_conv_backward(const node *n, const team *team)
{
    const short_conv_options *o = n->options;
    const int64_t B = n->in[X]->dim[0], T = n->in[X]->dim[1], E = n->in[X]->dim[2], width = width_of(n);
    real *dx = n->in[X]->grad, *dW = n->in[WEIGHT]->grad, *db = n->in[BIAS] ? n->in[BIAS]->grad : NULL;
    for (int64_t i = 0; i < B * T * E; i++) {
        const int64_t b = i / (T * E), t = i / E % T, e = i % E;
        const double v = before_silu(n, b, t, e), s = 1 / (1 + exp(-v));
        const double d = (double)n->out[0]->grad[i] * (o->silu ? s * (1 + v * (1 - s)) : 1);
        if (db)
            db[e] += (real)d;
        for (int64_t j = 0; j < width; j++) {
            const real *x = row(n, b, t, j);
            if (x && dW)
                dW[e * width + j] += (real)(d * (double)x[e]);
            if (x && dx)
                dx[x - tensor_data(n->in[X]) + e] += (real)(d * (double)tensor_data(n->in[WEIGHT])[e * width + j]);
        }
    }
}

#ifndef REAL_DOUBLE
// partial: [parts, width + 1, E]
typedef struct short_conv_job { short_conv_rows rows; int64_t B; channel_grid grid; float *partial; } short_conv_job;

static short_conv_job job_of(const node *n)
{
    const short_conv_options *o = n->options;
    const tensor *x = n->in[X], *b = n->in[BIAS];
    short_conv_job j = { .B = x->dim[0], .grid = channel_grid_of(x->dim[0], x->dim[2], x->dim[2]), .partial = n->saved };
    j.rows = (short_conv_rows){
        .T = x->dim[1], .E = x->dim[2], .width = width_of(n), .silu = o->silu, .x = x->data, .weight = n->in[WEIGHT]->data,
        .bias = b ? b->data : NULL, .dy = n->out[0] ? n->out[0]->grad : NULL,
        .y = n->out[0] ? n->out[0]->data : NULL, .dx = x->grad,
    };
    return j;
}

// Room for the parts of the gradients of taps and bias.
static size_t short_conv_saved_bytes(const node *n)
{
    return sizeof(float) * (size_t)(job_of(n).grid.parts * (width_of(n) + 1) * n->in[X]->dim[2]);
}

static void forward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const short_conv_job *j = data;
    const channel_piece p = channel_piece_of(&j->grid, j->B, j->rows.E, from);
    kernel->short_conv(&j->rows, p.first, p.last, p.from, p.to);
}

static void short_conv_forward_fast(const node *n, const team *t)
{
    short_conv_job j = job_of(n);
    team_each(t, j.grid.parts * j.grid.blocks, 1, forward_piece, &j);
}

static void backward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const short_conv_job *j = data;
    const channel_piece p = channel_piece_of(&j->grid, j->B, j->rows.E, from);
    kernel->short_conv_back(&j->rows, p.first, p.last, p.from, p.to, j->partial + p.part * (j->rows.width + 1) * j->rows.E);
}

static void short_conv_backward_fast(const node *n, const team *t)
{
    tensor *x = n->in[X], *W = n->in[WEIGHT], *b = n->in[BIAS];
    short_conv_job j = job_of(n);
    const int64_t E = j.rows.E, width = j.rows.width, size = (width + 1) * E;
    j.rows.add = x->grad && tensor_reach(x);
    team_each(t, j.grid.parts * j.grid.blocks, 1, backward_piece, &j);
    for (int64_t p = 1; p < j.grid.parts; p++)
        kernel->add(j.partial, j.partial + p * size, j.partial, size);
    if (W->grad)
        reach_cleared(W);
    for (int64_t i = 0; W->grad && i < width * E; i++)
        W->grad[i % E * width + i / E] += j.partial[i];
    if (b && b->grad) {
        reach_cleared(b);
        kernel->add(b->grad, j.partial + width * E, b->grad, E);
    }
}
#else
#define short_conv_saved_bytes NULL
#endif

static const short_conv_options plain = { false }, with_silu = { true };
static const op_case short_conv_cases[] = {
    { .in = {{2, 5, 3}, {3, 4}, {3}}, .options = &with_silu },     { .in = {{1, 1, 1}, {1, 1}, {1}}, .options = &plain },
    { .in = {{3, 2, 9}, {9, 4}, {0}}, .options = &plain },         { .in = {{2, 7, 17}, {17, 3}, {17}}, .options = &with_silu },
    { .in = {{1, 9, 33}, {33, 2}, {0}}, .options = &with_silu },   { .in = {{18, 6, 8}, {8, 5}, {8}}, .options = &with_silu },
    { .in = {{2, 19, 130}, {130, 4}, {130}}, .options = &with_silu },
};

const op op_short_conv = {
    .name = "short_conv", .inputs = 3, .outputs = 1, .options_size = sizeof(short_conv_options), .shapes = short_conv_shapes,
    .saved_bytes = short_conv_saved_bytes, .flops = short_conv_flops, .cases = short_conv_cases, .n_cases = LEN(short_conv_cases),
    .forward  = { [REFERENCE] = short_conv_forward,  [CPU] = CPU_SLOT(short_conv_forward_fast) },
    .backward = { [REFERENCE] = short_conv_backward, [CPU] = CPU_SLOT(short_conv_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_short_conv(graph *g, short_conv_options o, tensor *x, tensor *W, tensor *b)
{
    return graph_apply(g, &op_short_conv, &o, (tensor *[]){x, W, b}, 3)->out[0];
}
