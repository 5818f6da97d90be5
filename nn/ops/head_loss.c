// Head and loss in one: logits = h·Wᵀ (+ bias), row_loss = log Σ e^logits − logits[target], loss = the mean of row_loss over the
// targets that are not IGNORE (0 where there is none). d logits = softmax − onehot(target), times what reaches the row.

#include "nn/ops.h"
#include "nn/ops/fast.h"

enum { H, WEIGHT, BIAS, TARGETS };
enum { LOSS, ROW_LOSS, PREDICTIONS };

static void head_loss_shapes(const node *n, tensor shape[MAX_OUTPUTS])
{
    const tensor *h = n->in[H], *W = n->in[WEIGHT], *bias = n->in[BIAS], *targets = n->in[TARGETS];
    CHECK(tensor_columns(h) == tensor_columns(W), "head: h is [.., %lld], W [.., %lld]", (long long)tensor_columns(h),
          (long long)tensor_columns(W));
    CHECK(!bias || tensor_size(bias) == tensor_rows(W), "head: a bias of %lld for %lld", (long long)tensor_size(bias),
          (long long)tensor_rows(W));
    const int64_t R = tensor_rows(h);
    CHECK(tensor_size(targets) == R, "head: %lld rows, %lld targets", (long long)R, (long long)tensor_size(targets));
    tensor_set_shape(&shape[LOSS], REAL_TENSOR, 1, (int64_t[]){1});
    tensor_set_shape(&shape[ROW_LOSS], REAL_TENSOR, 1, &R);
    tensor_set_shape(&shape[PREDICTIONS], INDEX_TENSOR, 1, &R);
}

// The fast kernels keep the gradients of h, W and bias.
static size_t head_loss_saved_bytes(const node *n)
{
    return sizeof(real) * (size_t)(tensor_size(n->in[H]) + tensor_size(n->in[WEIGHT]) + tensor_rows(n->in[WEIGHT]) + 3 * 16);
}

static double head_loss_flops(const node *n) { return 2.0 * (double)tensor_size(n->in[H]) * (double)tensor_rows(n->in[WEIGHT]); }

static int64_t supervised(const node *n)
{
    int64_t count = 0;
    for (int64_t r = 0; r < tensor_size(n->in[TARGETS]); r++)
        count += tensor_ints(n->in[TARGETS])[r] != IGNORE;
    return count;
}

// The logits of row r, their log-sum-exp and the first largest.
static double logits_of(const node *n, int64_t r, double *logits, int *prediction)
{
    const int64_t D = tensor_columns(n->in[H]), V = tensor_rows(n->in[WEIGHT]);
    const real *h = tensor_data(n->in[H]) + r * D, *W = n->in[WEIGHT]->data;
    *prediction = 0;
    for (int64_t v = 0; v < V; v++) {
        logits[v] = n->in[BIAS] ? (double)tensor_data(n->in[BIAS])[v] : 0;
        for (int64_t d = 0; d < D; d++)
            logits[v] += (double)h[d] * (double)W[v * D + d];
        if (logits[v] > logits[*prediction])
            *prediction = (int)v;
    }
    double sum = 0;
    for (int64_t v = 0; v < V; v++)
        sum += exp(logits[v] - logits[*prediction]);
    return logits[*prediction] + log(sum);
}

static void head_loss_forward(const node *n, const team *t)
{
    double *logits = team_shared(t), total = 0;
    const int64_t V = tensor_rows(n->in[WEIGHT]);
    CHECK(V <= TEAM_SCRATCH / (int64_t)sizeof *logits, "head: a vocabulary of %lld", (long long)V);
    for (int64_t r = 0; r < tensor_rows(n->in[H]); r++) {
        const int target = tensor_ints(n->in[TARGETS])[r];
        CHECK(target == IGNORE || (target >= 0 && target < V), "head: target %d of %lld", target, (long long)V);
        const double log_sum = logits_of(n, r, logits, &tensor_ints(n->out[PREDICTIONS])[r]);
        const double loss = target == IGNORE ? 0 : log_sum - logits[target];
        tensor_data(n->out[ROW_LOSS])[r] = (real)loss;
        total += loss;
    }
    const int64_t count = supervised(n);
    tensor_data(n->out[LOSS])[0] = (real)(count ? total / (double)count : 0);
}

static void head_loss_backward(const node *n, const team *t)
{
    double *logits = team_shared(t);
    const int64_t D = tensor_columns(n->in[H]), V = tensor_rows(n->in[WEIGHT]), count = supervised(n);
    const real *W = n->in[WEIGHT]->data;
    real *dh = n->in[H]->grad, *dW = n->in[WEIGHT]->grad, *dbias = n->in[BIAS] ? n->in[BIAS]->grad : NULL;
    for (int64_t r = 0; r < tensor_rows(n->in[H]); r++) {
        const real *h = tensor_data(n->in[H]) + r * D;
        const int target = tensor_ints(n->in[TARGETS])[r];
        if (target == IGNORE)
            continue;
        int prediction;
        const double log_sum = logits_of(n, r, logits, &prediction);
        const double scale = (double)n->out[LOSS]->grad[0] / (double)count + (double)n->out[ROW_LOSS]->grad[r];
        for (int64_t v = 0; v < V; v++) {
            const double d = scale * (exp(logits[v] - log_sum) - (v == target));
            if (dbias)
                dbias[v] += (real)d;
            for (int64_t i = 0; dh && i < D; i++)
                dh[r * D + i] += (real)(d * (double)W[v * D + i]);
            for (int64_t i = 0; dW && i < D; i++)
                dW[v * D + i] += (real)(d * (double)h[i]);
        }
    }
}

#ifndef REAL_DOUBLE
// What forward leaves for backward: the gradients of h, W and bias for a loss that counts once.
typedef struct kept { float *dh, *dW, *dbias; } kept;

static kept kept_of(const node *n)
{
    float *p = n->saved;
    const int64_t dh = tensor_size(n->in[H]), dW = tensor_size(n->in[WEIGHT]);
    return p ? (kept){ p, p + (dh + 15) / 16 * 16, p + (dh + 15) / 16 * 16 + (dW + 15) / 16 * 16 } : (kept){0};
}

// Logits of the rows from `first` on, rows `ld` apart: V up to whole vectors.
typedef struct loss_job { const node *n; float *logits, scale; int64_t first, ld; } loss_job;

static void loss_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const loss_job *j = data;
    const int64_t V = tensor_rows(j->n->in[WEIGHT]);
    for (int64_t i = from; i < to; i++) {
        const int64_t r = j->first + i;
        const int target = tensor_ints(j->n->in[TARGETS])[r];
        CHECK(target == IGNORE || (target >= 0 && target < V), "head: target %d of %lld", target, (long long)V);
        int *prediction = &tensor_ints(j->n->out[PREDICTIONS])[r];
        tensor_data(j->n->out[ROW_LOSS])[r] =
            kernel->head_loss_row(j->logits + i * j->ld, V, target, j->scale, j->n->saved != NULL, prediction);
    }
}

typedef struct sum_job { const float *x; float *y; int64_t rows, ld; bool add; } sum_job;

static void sum_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const sum_job *j = data;
    kernel->column_sums(j->x + from, j->rows, j->ld, to - from, j->y + from, j->add);
}

static int64_t logits_ld(int64_t V) { return (V + 15) / 16 * 16; }

// Rows [from, to): their logits, in scratch that all threads see, turn into losses and, where recorded, gradients.
static void head_loss_block(const node *n, const team *t, int64_t from, int64_t to, float scale)
{
    const int64_t D = tensor_columns(n->in[H]), V = tensor_rows(n->in[WEIGHT]), ld = logits_ld(V), rows = to - from;
    const float *h = tensor_data(n->in[H]) + from * D, *W = n->in[WEIGHT]->data;
    const kept k = kept_of(n);
    loss_job j = { n, team_shared(t), scale, from, ld };
    gemm_bias_team(t, true, rows, V, D, h, D, W, D, n->in[BIAS] ? n->in[BIAS]->data : NULL, j.logits, ld);
    team_each(t, rows, piece_rows(V), loss_piece, &j);
    if (n->saved && n->in[H]->grad)
        gemm_team(t, false, false, rows, D, V, j.logits, ld, W, D, false, k.dh + from * D, D);
    if (n->saved && n->in[WEIGHT]->grad)
        gemm_team(t, true, false, V, D, rows, j.logits, ld, h, D, from > 0, k.dW, D);
    if (n->saved && n->in[BIAS] && n->in[BIAS]->grad)
        team_each(t, V, 64, sum_piece, &(sum_job){ j.logits, k.dbias, rows, ld, from > 0 });
}

static void head_loss_forward_fast(const node *n, const team *t)
{
    const int64_t R = tensor_rows(n->in[H]), V = tensor_rows(n->in[WEIGHT]), count = supervised(n);
    const int64_t block = TEAM_SCRATCH / (int64_t)sizeof(float) / logits_ld(V);
    CHECK(block > 0, "head: a vocabulary of %lld", (long long)V);
    for (int64_t r = 0; r < R; r += block)
        head_loss_block(n, t, r, least(r + block, R), count ? 1 / (float)count : 0);
    double total = 0;
    for (int64_t r = 0; r < R; r++)
        total += (double)tensor_data(n->out[ROW_LOSS])[r];
    tensor_data(n->out[LOSS])[0] = (float)(count ? total / (double)count : 0);
}

typedef struct scale_job { const float *x; float *y, scale; bool add; } scale_job;

static void scale_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const scale_job *j = data;
    kernel->add_scaled(j->x + from, j->scale, j->y + from, to - from, j->add);
}

static void head_loss_backward_fast(const node *n, const team *t)
{
    const kept k = kept_of(n);
    const float *from[] = { [H] = k.dh, [WEIGHT] = k.dW, [BIAS] = k.dbias };
    if (n->out[ROW_LOSS]->reached) {                    // rows that count by themselves: not what was kept
        reach_cleared(n->out[LOSS]);
        for (int i = H; i <= BIAS; i++)
            if (n->in[i] && n->in[i]->grad)
                reach_cleared(n->in[i]);
        head_loss_backward(n, t);
        return;
    }
    for (int i = H; i <= BIAS; i++)
        if (n->in[i] && n->in[i]->grad)
            team_each(t, tensor_size(n->in[i]), PIECE, scale_piece,
                      &(scale_job){ from[i], n->in[i]->grad, n->out[LOSS]->grad[0], tensor_reach(n->in[i]) });
}
#endif

static const op_case head_loss_cases[] = {
    { .in = {{3, 4}, {5, 4}, {5}, {3}}, .below = {0, 0, 0, 5} },
    { .in = {{2, 4, 3}, {7, 3}, {0}, {2, 4}}, .below = {0, 0, 0, -7} },
    { .in = {{1, 1}, {1, 1}, {1}, {1}}, .below = {0, 0, 0, 1} },
    { .in = {{33, 17}, {13, 17}, {0}, {33}}, .below = {0, 0, 0, -13} },
    { .in = {{40, 20}, {128, 20}, {128}, {40}}, .below = {0, 0, 0, -128} },
    { .in = {{2, 3}, {70, 3}, {0}, {2}}, .below = {0, 0, 0, 70} },
    { .in = {{300, 9}, {33, 9}, {33}, {300}}, .below = {0, 0, 0, 33} },
    { .in = {{270, 3}, {4001, 3}, {4001}, {270}}, .below = {0, 0, 0, -4001} },      // two blocks of rows
};

const op op_head_loss = {
    .name = "head_loss", .inputs = 4, .outputs = 3, .shapes = head_loss_shapes, .saved_bytes = head_loss_saved_bytes,
    .flops = head_loss_flops, .cases = head_loss_cases, .n_cases = LEN(head_loss_cases),
    .forward  = { [REFERENCE] = head_loss_forward,  [CPU] = CPU_SLOT(head_loss_forward_fast) },
    .backward = { [REFERENCE] = head_loss_backward, [CPU] = CPU_SLOT(head_loss_backward_fast) }, .first = { [CPU] = true },
};

head_loss nn_head_loss(graph *g, tensor *h, tensor *W, tensor *bias, tensor *targets)
{
    const node *n = graph_apply(g, &op_head_loss, NULL, (tensor *[]){h, W, bias, targets}, 4);
    return (head_loss){ n->out[LOSS], n->out[ROW_LOSS], n->out[PREDICTIONS] };
}
