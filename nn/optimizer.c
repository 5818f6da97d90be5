#include "nn/optimizer.h"

#include <math.h>
#include "nn/kernels.h"

// AdamW (Loshchilov & Hutter 2019) with clipping of the gradient's global norm. With g the clipped gradient at step s:
//   m ← β1·m + (1−β1)·g,   v ← β2·v + (1−β2)·g²,   p ← p − rate·weight_decay·p  (matrices only),
//   p ← p − rate · m/(1−β1^s) / (√(v/(1−β2^s)) + eps)
typedef struct adamw_options { double lr; param_list betas; double eps, weight_decay, clip; } adamw_options;

static const param beta = {
    .name = "beta", .type = PARAM_REAL, .initial = "0", .min = 0, .max = 0.999999, .help = "decay of a moment"
};
static const param adamw_params[] = {
    REAL(adamw_options, lr,           "0.001",        0, 1e3, "peak learning rate"),
    LIST(adamw_options, betas,        "[0.9, 0.999]", &beta,  "decay of the first and of the second moment"),
    REAL(adamw_options, eps,          "1e-8",     1e-30, 1,   "added to the root of the second moment"),
    REAL(adamw_options, weight_decay, "0.01",         0, 1e3, "of matrices, embeddings included, a unit of learning rate"),
    REAL(adamw_options, clip,         "0",            0, 1e9, "largest global norm of the gradient; 0: not clipped"),
    {0}
};

static bool adamw_check(const void *options, mark at, diag *d)
{
    const adamw_options *o = options;
    if (o->betas.n != 2)
        diag_error(d, at, "'betas' has %d values; adamw takes two", o->betas.n);
    return o->betas.n == 2;
}

// What all elements of a step have in common.
typedef struct adamw_job {
    const model *m;
    real scale, beta1, beta2, size, root, eps, shrink;    // size: rate/(1−β1^s), root: 1/√(1−β2^s), shrink: 1 − rate·weight_decay
} adamw_job;

static void adamw_range(const adamw_job *j, int64_t from, int64_t to, real shrink)
{
    real *p = j->m->data + from, *m = j->m->moment[0] + from, *v = j->m->moment[1] + from;
    const real *grad = j->m->grad + from;
#ifndef REAL_DOUBLE
    const adamw_step step = { j->scale, j->beta1, j->beta2, j->size, j->root, j->eps, shrink };
    kernel->adamw(p, m, v, grad, to - from, &step);
#else
    for (int64_t i = 0; i < to - from; i++) {
        const real g = grad[i] * j->scale;
        m[i] = j->beta1 * m[i] + (1 - j->beta1) * g;
        v[i] = j->beta2 * v[i] + (1 - j->beta2) * g * g;
        p[i] = shrink * p[i] - j->size * m[i] / (sqrt(v[i]) * j->root + j->eps);
    }
#endif
}

// A piece of the flat buffer goes through the weights that it touches: each has its own decay.
static void adamw_piece(int64_t from, int64_t to, void *scratch, void *data)
{
    const adamw_job *j = data;
    for (int i = 0; i < j->m->n && from < to; i++) {
        const weight *next = i + 1 < j->m->n ? &j->m->weight[i + 1] : NULL;
        const int64_t ends = next ? tensor_data(&next->tensor) - j->m->data : j->m->size;
        if (from >= ends)
            continue;
        const int64_t stop = ends < to ? ends : to;
        adamw_range(j, from, stop, j->m->weight[i].decay == DECAY ? j->shrink : 1);
        from = stop;
    }
}

static double squares(int64_t from, int64_t to, void *data)
{
    const real *g = data;
#ifndef REAL_DOUBLE
    return kernel->sum_squares(g + from, to - from);
#else
    double sum = 0;
    for (int64_t i = from; i < to; i++)
        sum += g[i] * g[i];
    return sum;
#endif
}

static double adamw_update(const void *options, model *m, const team *t, const double *rate, const int64_t *step)
{
    const adamw_options *o = options;
    const double *betas = o->betas.items, s = (double)*step;
    const double norm = sqrt(team_sum(t, m->size, squares, m->grad));
    if (!isfinite(norm))
        return norm;                            // diverged: the weights stay as they were, for whoever looks at them
    adamw_job j = {
        m, (real)(o->clip > 0 && norm > o->clip ? o->clip / norm : 1), (real)betas[0], (real)betas[1],
        (real)(*rate / (1 - pow(betas[0], s))), (real)(1 / sqrt(1 - pow(betas[1], s))), (real)o->eps,
        (real)(1 - *rate * o->weight_decay),
    };
    team_each(t, m->size, 8192, adamw_piece, &j);
    return norm;
}

static double adamw_rate(const void *options) { return ((const adamw_options *)options)->lr; }

static const optimizer adamw = {
    .name = "adamw", .source = "arXiv:1711.05101", .summary = "Adam with decoupled weight decay", .version = 1,
    .options = adamw_params, .options_size = sizeof(adamw_options), .check = adamw_check,
    .update = adamw_update, .rate = adamw_rate,
};

static const object *const optimizers[] = { &adamw.object };
const object_family optimizer_family = { "optimizer", LEN(optimizers), optimizers };

typedef struct schedule_options { int warmup; double final; } schedule_options;

static const param constant_params[] = {
    INT(schedule_options, warmup, "0", 0, INT_MAX, "steps of linear warm-up"),
    {0}
};
static const param decay_params[] = {
    INT (schedule_options, warmup, "0", 0, INT_MAX, "steps of linear warm-up"),
    REAL(schedule_options, final,  "0", 0, 1,       "share of the peak rate that the last steps reach"),
    {0}
};

// true: still warming up, *share is set. false: *share is the progress p ∈ [0, 1) of what follows.
static bool warming(const schedule_options *o, int64_t s, int64_t steps, double *share)
{
    const double done = (double)(s - o->warmup), all = (double)(steps - o->warmup);
    *share = s < o->warmup ? (double)(s + 1) / o->warmup : all > 0 && done < all ? done / all : 1;
    return s < o->warmup;
}

static double constant_share(const void *options, int64_t s, int64_t steps)
{
    double p;
    return warming(options, s, steps, &p) ? p : 1;
}

static double linear_share(const void *options, int64_t s, int64_t steps)
{
    const schedule_options *o = options;
    double p;
    return warming(o, s, steps, &p) ? p : 1 - (1 - o->final) * p;
}

static double cosine_share(const void *options, int64_t s, int64_t steps)
{
    const schedule_options *o = options;
    double p;
    return warming(o, s, steps, &p) ? p : o->final + (1 - o->final) * 0.5 * (1 + cos(M_PI * p));
}

#define SCHEDULE(name_, table, summary_) { .name = #name_, .source = "", .summary = summary_, .version = 1, \
    .options = table, .options_size = sizeof(schedule_options), .share = name_##_share }
static const schedule constant = SCHEDULE(constant, constant_params, "the peak rate after warm-up"),
                      linear   = SCHEDULE(linear,   decay_params,    "a straight line from the peak rate to `final`"),
                      cosine   = SCHEDULE(cosine,   decay_params,    "half a cosine from the peak rate to `final`");
static const object *const schedules[] = { &constant.object, &linear.object, &cosine.object };
const object_family schedule_family = { "schedule", LEN(schedules), schedules };
