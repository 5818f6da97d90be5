// y = gain·(s − μ)·ρ + bias, over the last dimension [D]; s = x + r, or x where no r is added; s is an output too then.
// LayerNorm (Ba et al. 2016): μ the mean, ρ = 1/√(variance + eps).
// RMSNorm (Zhang & Sennrich 2019): μ = 0, ρ = 1/√(mean s² + eps).
// With z = (s − μ)·ρ and e = gain·dy:  ds += ρ·(e − z·mean(e·z) − mean(e)), the last term for LayerNorm only;
// dgain = Σ dy·z,  dbias = Σ dy over the rows;  dx = dr = ds.

#include "nn/ops.h"
#include "nn/ops/fast.h"

enum { X, GAIN, BIAS, R };
enum { Y, SUM };

static void norm_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const tensor *x = n->in[X], *r = n->in[R], *bias = n->in[BIAS];
    CHECK(!r || (tensor_size(r) == tensor_size(x) && tensor_columns(r) == tensor_columns(x)), "norm: x and r differ in shape");
    CHECK(tensor_size(n->in[GAIN]) == tensor_columns(x) && (!bias || tensor_size(bias) == tensor_columns(x)),
          "norm: width %lld, gain of %lld", (long long)tensor_columns(x), (long long)tensor_size(n->in[GAIN]));
    tensor_set_shape(&shape[Y], REAL_TENSOR, x->rank, x->dim);
    if (r)
        tensor_set_shape(&shape[SUM], REAL_TENSOR, x->rank, x->dim);
}

// What the way back needs of each row: μ and ρ.
static size_t norm_saved_bytes(const node *n) { return sizeof(real) * 2 * (size_t)tensor_rows(n->in[X]); }

typedef struct moments { double mean, scale; } moments;

static moments moments_of(const norm_options *o, const real *s, int64_t D)
{
    double mean = 0, square = 0;
    for (int64_t d = 0; o->kind == NORM_LAYER && d < D; d++)
        mean += (double)s[d] / (double)D;
    for (int64_t d = 0; d < D; d++)
        square += ((double)s[d] - mean) * ((double)s[d] - mean) / (double)D;
    return (moments){ mean, 1 / sqrt(square + o->eps) };
}

static void norm_forward(const node *n, const team *t)
{
    const int64_t D = tensor_columns(n->in[X]);
    const real *gain = n->in[GAIN]->data, *bias = n->in[BIAS] ? n->in[BIAS]->data : NULL;
    for (int64_t i = 0; i < tensor_rows(n->in[X]); i++) {
        const real *s = tensor_data(n->in[X]) + i * D;
        if (n->in[R]) {
            const real *r = tensor_data(n->in[R]) + i * D;
            real *sum = tensor_data(n->out[SUM]) + i * D;
            for (int64_t d = 0; d < D; d++)
                sum[d] = s[d] + r[d];
            s = sum;
        }
        const moments m = moments_of(n->options, s, D);
        real *y = tensor_data(n->out[Y]) + i * D;
        for (int64_t d = 0; d < D; d++)
            y[d] = (real)((double)gain[d] * ((double)s[d] - m.mean) * m.scale + (bias ? (double)bias[d] : 0));
    }
}

static void norm_backward_row(const node *n, int64_t i)
{
    const norm_options *o = n->options;
    const int64_t D = tensor_columns(n->in[X]);
    const real *s = tensor_data(n->in[R] ? n->out[SUM] : n->in[X]) + i * D, *gain = n->in[GAIN]->data;
    const real *dy = n->out[Y]->grad + i * D, *dsum = n->in[R] ? n->out[SUM]->grad + i * D : NULL;
    const moments m = moments_of(o, s, D);
    double mean_e = 0, mean_ez = 0;
    for (int64_t d = 0; d < D; d++) {
        const double z = ((double)s[d] - m.mean) * m.scale, e = (double)gain[d] * (double)dy[d];
        mean_e += o->kind == NORM_LAYER ? e / (double)D : 0;
        mean_ez += e * z / (double)D;
        if (n->in[GAIN]->grad)
            n->in[GAIN]->grad[d] += (real)((double)dy[d] * z);
        if (n->in[BIAS] && n->in[BIAS]->grad)
            n->in[BIAS]->grad[d] += dy[d];
    }
    for (int64_t d = 0; d < D; d++) {
        const double z = ((double)s[d] - m.mean) * m.scale, e = (double)gain[d] * (double)dy[d];
        const real ds = (real)(m.scale * (e - z * mean_ez - mean_e)) + (dsum ? dsum[d] : 0);
        if (n->in[X]->grad)
            n->in[X]->grad[i * D + d] += ds;
        if (n->in[R] && n->in[R]->grad)
            n->in[R]->grad[i * D + d] += ds;
    }
}

static void norm_backward(const node *n, const team *t)
{
    for (int64_t i = 0; i < tensor_rows(n->in[X]); i++)
        norm_backward_row(n, i);
}

#ifndef REAL_DOUBLE
static norm_rows rows_of(const node *n)
{
    const norm_options *o = n->options;
    return (norm_rows){
        .D = tensor_columns(n->in[X]), .centred = o->kind == NORM_LAYER, .eps = (float)o->eps, .x = n->in[X]->data,
        .r = n->in[R] ? n->in[R]->data : NULL, .gain = n->in[GAIN]->data, .bias = n->in[BIAS] ? n->in[BIAS]->data : NULL,
        .sum = n->in[R] ? n->out[SUM]->data : NULL, .y = n->out[Y]->data, .moments = n->saved,
    };
}

static void forward_piece(int64_t from, int64_t to, void *scratch, void *data) { kernel->norm(data, from, to); }

static void norm_forward_fast(const node *n, const team *t)
{
    norm_rows rows = rows_of(n);
    team_each(t, tensor_rows(n->in[X]), piece_rows(rows.D), forward_piece, &rows);
}

// Each piece leaves its part of the gradients of gain and bias, to be added in order.
enum { PARTS = 32 };
typedef struct back_job { norm_rows rows; int64_t size; float *partial; } back_job;      // partial [PARTS, 2, D]

static void backward_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const back_job *j = data;
    kernel->norm_back(&j->rows, from, to, j->partial + from / j->size * 2 * j->rows.D);
}

static void norm_backward_fast(const node *n, const team *t)
{
    tensor *x = n->in[X], *r = n->in[R], *gain = n->in[GAIN], *bias = n->in[BIAS];
    back_job j = { rows_of(n), 1, team_shared(t) };
    const int64_t D = j.rows.D, rows = tensor_rows(x);
    const int64_t parts = least(PARTS, TEAM_SCRATCH / (int64_t)(2 * sizeof(float) * (size_t)D));
    CHECK(parts > 0, "norm: a width of %lld", (long long)D);
    reach_cleared(n->out[Y]);
    j.rows.dy = n->out[Y]->grad;
    j.rows.dsum = used(n->out[SUM]);
    j.rows.dx = x->grad;
    j.rows.add_x = x->grad && tensor_reach(x);
    j.rows.dr = r ? r->grad : NULL;
    j.rows.add_r = j.rows.dr && tensor_reach(r);
    j.size = (rows + parts - 1) / parts > 8 ? (rows + parts - 1) / parts : 8;
    team_each(t, rows, j.size, backward_piece, &j);
    const int64_t made = (rows + j.size - 1) / j.size;
    if (gain->grad)
        kernel->column_sums(j.partial, made, 2 * D, D, gain->grad, tensor_reach(gain));
    if (bias && bias->grad)
        kernel->column_sums(j.partial + D, made, 2 * D, D, bias->grad, tensor_reach(bias));
}
#endif

static const norm_options layer = { NORM_LAYER, 1e-5 }, rms = { NORM_RMS, 1e-6 };
static const op_case norm_cases[] = {
    { .in = {{3, 5}, {5}, {5}, {3, 5}}, .options = &layer },         { .in = {{3, 5}, {5}, {0}, {3, 5}}, .options = &rms },
    { .in = {{2, 3, 17}, {17}, {17}, {0}}, .options = &layer },      { .in = {{4, 33}, {33}, {0}, {0}}, .options = &rms },
    { .in = {{1, 2}, {2}, {2}, {0}}, .options = &layer },            { .in = {{1, 1}, {1}, {1}, {1, 1}}, .options = &rms },
    { .in = {{300, 64}, {64}, {64}, {300, 64}}, .options = &layer }, { .in = {{130, 40}, {40}, {40}, {0}}, .options = &rms },
    { .in = {{7, 768}, {768}, {768}, {7, 768}}, .options = &layer },
};

const op op_norm = {
    .name = "norm", .inputs = 4, .outputs = 2, .options_size = sizeof(norm_options), .shapes = norm_shapes,
    .saved_bytes = norm_saved_bytes, .cases = norm_cases, .n_cases = LEN(norm_cases),
    .forward  = { [REFERENCE] = norm_forward,  [CPU] = CPU_SLOT(norm_forward_fast) },
    .backward = { [REFERENCE] = norm_backward, [CPU] = CPU_SLOT(norm_backward_fast) }, .first = { [CPU] = true },
};

tensor *nn_norm(graph *g, norm_options o, tensor *x, tensor *gain, tensor *bias)
{
    return graph_apply(g, &op_norm, &o, (tensor *[]){x, gain, bias, NULL}, 4)->out[Y];
}

tensor *nn_add_norm(graph *g, norm_options o, tensor *x, tensor *r, tensor *gain, tensor *bias, tensor **sum)
{
    const node *n = graph_apply(g, &op_norm, &o, (tensor *[]){x, gain, bias, r}, 4);
    *sum = n->out[SUM];
    return n->out[Y];
}
