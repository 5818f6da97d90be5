// One head of one sequence: see nn/ops/attention.c for the formulas.
#include <math.h>
#include "nn/kernels/small.h"

// Query i sees the positions from first_seen(i) to, not including, seen(i).
INLINE int64_t seen(const attention_head *a, int64_t i) { return a->causal ? a->T - a->Tq + i + 1 : a->T; }
INLINE int64_t first_seen(const attention_head *a, int64_t i)
{
    return a->window && seen(a, i) > a->window ? seen(a, i) - a->window : 0;
}

// The lanes of x that stand for positions in [from, see), j being the first lane's; `other` in the rest.
INLINE vec where_seen(vec x, vec other, int64_t j, int64_t from, int64_t see)
{
    if (see - j < W)
        x = choose(first(see - j), x, other);
    return from > j ? choose(first(from - j), other, x) : x;
}

// ALiBi: the newest position costs nothing. Never inlined, so that both passes fuse alike.
static __attribute__((noinline)) void add_distances(float *p, int64_t see, int64_t columns, float slope)
{
    for (int64_t j = 0; j < columns; j++)
        p[j] += slope * (float)(j - (see - 1));
}

// p[0 … columns) = softmax of the scores in [from, see), zeros elsewhere. kept: the largest score and 1/Σ, for softmax_again. The
// largest is taken away before scaling: a difference, then a product, which no level can fuse, so that both give the same.
static void softmax(float *p, int64_t from, int64_t see, int64_t columns, float scale, float kept[2])
{
    vec high = all(-__builtin_inff()), total = {0};
    const int64_t start = from / W * W;
    for (int64_t j = start; j < see; j += W)
        high = vec_max(where_seen(load(p + j), high, j, from, see), high);
    kept[0] = largest(high);
    for (int64_t j = 0; j < start; j += W)
        store(p + j, all(0));
    for (int64_t j = start; j < see; j += W) {
        const vec e = where_seen(exp_vec((load(p + j) - all(kept[0])) * all(scale)), all(0), j, from, see);
        store(p + j, e);
        total += e;
    }
    kept[1] = 1 / sum(total);
    for (int64_t j = start; j < see; j += W)
        store(p + j, load(p + j) * all(kept[1]));
    for (int64_t j = padded(see); j < columns; j += W)
        store(p + j, all(0));
}

static void softmax_again(float *p, int64_t from, int64_t see, int64_t columns, float scale, const float kept[2])
{
    for (int64_t j = 0; j < columns; j += W) {
        const vec e = exp_vec((load(p + j) - all(kept[0])) * all(scale)) * all(kept[1]);
        store(p + j, where_seen(e, all(0), j, from, see));
    }
}

static void multiply_range(float *p, const float *m, int64_t from, int64_t see)
{
    for (int64_t j = from; j < see; j++)
        p[j] *= m[j - from];
}

// Few positions and whole vectors: rows against rows, nothing turned or copied, the probabilities of a query in one vector.
enum { FEW = 4 };
static bool is_small(const attention_head *a)
{
    return a->T <= FEW && a->K % W == 0 && !a->window && a->slope == 0 && !a->draw;
}

// Lane j: x·(row j), for the rows that are seen; zero beyond.
INLINE vec dots(const float *x, const float *row, int64_t step, int64_t see, int64_t K)
{
    vec s[FEW] = {{0}}, all_of_them = {0};
    for (int64_t k = 0; k < K; k += W)
        for (int j = 0; j < FEW; j++)
            if (j < see)
                s[j] += load(x + k) * load(row + j * step + k);
    for (int j = 0; j < FEW; j++)
        if (j < see)
            all_of_them[j] = sum(s[j]);
    return all_of_them;
}

INLINE vec small_probabilities(const attention_head *a, int64_t i, int64_t see)
{
    const vec s = dots(a->q + i * a->q_step, a->k, a->kv_step, see, a->K);
    const ivec real = first(see);
    const vec most = all(largest(choose(real, s, all(-__builtin_inff()))));
    const vec e = choose(real, exp_vec((s - most) * all(a->scale)), all(0));
    return e * all(1 / sum(e));
}

static void attention_small(const attention_head *a)
{
    for (int64_t i = 0; i < a->Tq; i++) {
        const int64_t see = seen(a, i);
        const vec p = small_probabilities(a, i, see);
        for (int64_t k = 0; k < a->K; k += W) {
            vec y = {0};
            for (int j = 0; j < FEW; j++)
                if (j < see)
                    y += all(p[j]) * load(a->v + j * a->kv_step + k);
            store(a->y + i * a->y_step + k, y);
        }
    }
}

static void attention_small_back(const attention_head *a)
{
    for (int64_t j = 0; a->dk && !a->add_kv && j < a->T; j++) {
        memset(a->dk + j * a->kv_step, 0, sizeof(float) * (size_t)a->K);
        memset(a->dv + j * a->kv_step, 0, sizeof(float) * (size_t)a->K);
    }
    for (int64_t i = 0; i < a->Tq; i++) {
        const float *q = a->q + i * a->q_step, *dy = a->dy + i * a->y_step;
        const int64_t see = seen(a, i);
        const vec p = small_probabilities(a, i, see), dp = dots(dy, a->v, a->kv_step, see, a->K);
        const vec ds = p * (dp - all(sum(p * dp))) * all(a->scale);
        for (int64_t k = 0; k < a->K; k += W) {
            vec dq = a->dq && a->add_q ? load(a->dq + i * a->q_step + k) : all(0);
            for (int j = 0; j < FEW; j++) {
                if (j >= see)
                    continue;
                const int64_t at = j * a->kv_step + k;
                dq += all(ds[j]) * load(a->k + at);
                if (a->dk) {
                    store(a->dk + at, load(a->dk + at) + all(ds[j]) * load(q + k));
                    store(a->dv + at, load(a->dv + at) + all(p[j]) * load(dy + k));
                }
            }
            if (a->dq)
                store(a->dq + i * a->q_step + k, dq);
        }
    }
}

void KERNEL(attention)(const attention_head *a, float *scratch)
{
    if (is_small(a)) {
        attention_small(a);
        return;
    }
    const int64_t Tp = padded(a->T);
    float *turned = scratch, *P = turned + a->K * Tp, *multiplier = P + MR * Tp, kept[2];
    scratch = multiplier + Tp;
    const rows v = rows_of(a->v, a->kv_step, a->T, a->K, &scratch);
    turn(a->k, a->kv_step, a->T, a->K, Tp, turned);
    for (int64_t i = 0; i < a->Tq; i += MR) {
        const int64_t m = least(MR, a->Tq - i), low = first_seen(a, i) / W * W, see = seen(a, i + m - 1) - low;
        const int64_t columns = padded(see);
        multiply(m, columns, a->K, a->q + i * a->q_step, a->q_step, 1, turned + low, Tp, false, P, Tp);
        for (int64_t r = 0; r < m; r++) {
            const int64_t from = first_seen(a, i + r) - low, to = seen(a, i + r) - low;
            if (a->slope != 0)
                add_distances(P + r * Tp, to, columns, a->slope);
            softmax(P + r * Tp, from, to, columns, a->scale, a->kept ? a->kept + 2 * (i + r) : kept);
            if (a->draw) {
                a->draw(a->dropped, to - from, multiplier);
                multiply_range(P + r * Tp, multiplier, from, to);
            }
        }
        multiply(m, a->K, see, P, Tp, 1, v.at + low * v.step, v.step, false, a->y + i * a->y_step, a->y_step);
    }
}

// dS in place of dP: p·(dP − Σ p·dP)·scale.
static void softmax_back(const float *p, float *dp, int64_t columns, float scale)
{
    vec along = {0};
    for (int64_t j = 0; j < columns; j += W)
        along += load(p + j) * load(dp + j);
    const vec mean = all(sum(along));
    for (int64_t j = 0; j < columns; j += W)
        store(dp + j, load(p + j) * (load(dp + j) - mean) * all(scale));
}

typedef struct back {
    const attention_head *a;
    int64_t Tp;
    float *P, *dS, *multiplier;
    rows q, k, dy;
    const float *k_turned, *v_turned;
} back;

// Columns of P and dS are wanted, zero, to MR − 1 before and behind what a query sees.
INLINE int64_t first_needed(const attention_head *a, int64_t i)
{
    const int64_t from = first_seen(a, i) - (MR - 1);
    return from > 0 ? from / W * W : 0;
}

// Query i's rows of scores and of dy·vᵀ, whose first column is position `low`, become P (as dropped, for dv) and dS.
static void query_back(const back *s, int64_t i, int64_t low, int64_t columns, float *p, float *ds)
{
    const attention_head *a = s->a;
    const int64_t from = first_seen(a, i) - low, to = seen(a, i) - low;
    if (a->slope != 0)
        add_distances(p, to, columns, a->slope);
    softmax_again(p, from, to, columns, a->scale, a->kept + 2 * i);
    if (a->draw) {
        a->draw(a->dropped, to - from, s->multiplier);
        multiply_range(ds, s->multiplier, from, to);
    }
    softmax_back(p, ds, columns, a->scale);
    if (a->draw)
        multiply_range(p, s->multiplier, from, to);
}

// P and dS of the queries [from, to), and what those give to dq. Columns are zero to MR − 1 beyond what is seen.
static void queries_back(const back *s, int64_t from, int64_t to)
{
    const attention_head *a = s->a;
    for (int64_t i = from; i < to; i += MR) {
        const int64_t m = least(MR, to - i), see = seen(a, i + m - 1), low = first_needed(a, i);
        const int64_t columns = padded(least(a->T, see + MR - 1)) - low;
        float *p = s->P + (i - from) * s->Tp + low, *ds = s->dS + (i - from) * s->Tp + low;
        multiply(m, columns, a->K, a->q + i * a->q_step, a->q_step, 1, s->k_turned + low, s->Tp, false, p, s->Tp);
        multiply(m, columns, a->K, a->dy + i * a->y_step, a->y_step, 1, s->v_turned + low, s->Tp, false, ds, s->Tp);
        for (int64_t r = 0; r < m; r++)
            query_back(s, i + r, low, columns, p + r * s->Tp, ds + r * s->Tp);
        if (a->dq)
            multiply(m, a->K, see - low, ds, s->Tp, 1, s->k.at + low * s->k.step, s->k.step, a->add_q, a->dq + i * a->q_step,
                     a->q_step);
    }
}

// What the queries [from, to) give to dk and dv: sums over the queries that see a position. The first block of queries sets
// what it does not add to.
static void positions_back(const back *s, int64_t from, int64_t to)
{
    const attention_head *a = s->a;
    const bool add = a->add_kv || from > 0;
    const int64_t before = a->T - a->Tq;                // positions in front of the first query's own
    for (int64_t j = add ? first_seen(a, from) / MR * MR : 0; j < (add ? seen(a, to - 1) : a->T); j += MR) {
        const int64_t m = least(MR, a->T - j), sees = a->causal ? j - before : 0;
        const int64_t i = sees < from ? from : least(sees, to), end = a->window ? least(to, j + m - 1 + a->window - before) : to;
        const int64_t at = (i - from) * s->Tp + j, n = end > i ? end - i : 0;
        multiply(m, a->K, n, s->dS + at, 1, s->Tp, s->q.at + i * s->q.step, s->q.step, add, a->dk + j * a->kv_step, a->kv_step);
        multiply(m, a->K, n, s->P + at, 1, s->Tp, s->dy.at + i * s->dy.step, s->dy.step, add, a->dv + j * a->kv_step, a->kv_step);
    }
}

// Queries in blocks of `block`, a multiple of MR for more than one, whose P and dS stay at hand for dk and dv.
void KERNEL(attention_back)(const attention_head *a, int64_t block, float *scratch)
{
    if (is_small(a)) {
        attention_small_back(a);
        return;
    }
    back s = { .a = a, .Tp = padded(a->T) };
    float *k_turned = scratch, *v_turned = k_turned + a->K * s.Tp;
    s.k_turned = k_turned;
    s.v_turned = v_turned;
    s.P = v_turned + a->K * s.Tp;
    s.dS = s.P + block * s.Tp;
    s.multiplier = s.dS + block * s.Tp;
    scratch = s.multiplier + s.Tp;
    s.q = rows_of(a->q, a->q_step, a->Tq, a->K, &scratch);
    s.k = rows_of(a->k, a->kv_step, a->T, a->K, &scratch);
    s.dy = rows_of(a->dy, a->y_step, a->Tq, a->K, &scratch);
    turn(a->k, a->kv_step, a->T, a->K, s.Tp, k_turned);
    turn(a->v, a->kv_step, a->T, a->K, s.Tp, v_turned);
    for (int64_t from = 0; from < a->Tq; from += block) {
        const int64_t to = least(from + block, a->Tq);
        queries_back(&s, from, to);
        if (a->dk)
            positions_back(&s, from, to);
    }
}
