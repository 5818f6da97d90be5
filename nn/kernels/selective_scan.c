// W channels at a time, their N states in the inner loop: see nn/ops/selective_scan.c for the formulas. A segment of tokens goes
// through all channels of the piece before the next begins, so that its rows are read while they are near.
#include <math.h>
#include "nn/kernels/activation.h"

enum { SEGMENT = SCAN_SEGMENT, TOGETHER = 4 };

// y = 2^x for n vectors of x ≤ 0, 1 at 0: one rounding to an integer, a polynomial (minimax, 9e-8) of what is left. Below −126 it
// stays 2^−126. The vectors go through side by side: alone, each would wait for its own chain of dependent operations.
#define EACH(...) for (int i = 0; i < n; i++) { __VA_ARGS__ }
INLINE void exp2_decays(int n, const vec *x, vec *y)
{
    const vec magic = all(0x1.8p23f);                   // its lowest bits are zero: none is left when they become an exponent
    vec r[TOGETHER];
    EACH(r[i] = vec_max(all(-126), x[i]);)
    EACH(y[i] = r[i] + magic;)
    EACH(r[i] -= y[i] - magic;)
    EACH(y[i] = (vec)((uvec)y[i] << 23);)
    vec p[TOGETHER];
    EACH(p[i] = all(0x1.5bba14p-10f) * r[i] + all(0x1.3cea88p-7f);)
    EACH(p[i] = p[i] * r[i] + all(0x1.c6b752p-5f);)
    EACH(p[i] = p[i] * r[i] + all(0x1.ebf9bcp-3f);)
    EACH(p[i] = p[i] * r[i] + all(0x1.62e42ap-1f);)
    EACH(p[i] = p[i] * r[i] + all(1);)
    EACH(y[i] = (vec)((uvec)p[i] + (uvec)y[i]);)
}

// The statements for all states, TOGETHER at a time: k is the first of n.
#define EACH_STATES(k, n, N, ...) \
    do { \
        int64_t k = 0; \
        for (; k + TOGETHER <= (N); k += TOGETHER) { enum { n = TOGETHER }; __VA_ARGS__; } \
        for (; k < (N); k++) { enum { n = 1 }; __VA_ARGS__; } \
    } while (0)

// W channels of one sequence and one segment: its rows start at token t0; n of the channels are real.
typedef struct tile {
    const selective_scan_rows *a;
    int64_t row, rows, c, n;            // the first row of [B·T]; how many
    const float *rate;                  // [N, W]: A/ln 2, so that the transition is 2^(Δ·rate)
    float *h;                           // [N, W]
} tile;

// rate [groups, N, W] of the channels from … to. Finite: no decay at Δ = 0 even where e^A_log has left float's range.
static void take_rates(const selective_scan_rows *a, int64_t from, int64_t to, float *rate)
{
    for (int64_t c = from; c < to; c += W, rate += a->N * W)
        for (int64_t k = 0; k < a->N; k += W) {
            vec r[W];
            for (int i = 0; i < W; i++) {
                const vec A_log = c + i < to ? load_n(a->A_log + (c + i) * a->N + k, a->N - k) : all(0);
                r[i] = -vec_min(exp_vec(A_log) * all(0x1.715476p+0f), all(0x1p127f));
            }
            transpose(r);
            for (int i = 0; i < W && k + i < a->N; i++)
                store(rate + (k + i) * W, r[i]);
        }
}

INLINE vec transition(bool negative, vec e) { return negative ? all(2) * e - all(1) : e; }

// States k … k + n of one token: h from `before`, the exponentials in e; returns y + Σ C·h.
INLINE vec states_next(int n, bool negative, const float *rate, const float *before, const float *B, const float *C,
                       vec delta, vec u, vec *e, float *after, vec y)
{
    vec x[TOGETHER];
    EACH(x[i] = delta * load(rate + i * W);)
    exp2_decays(n, x, e);
    EACH(x[i] = transition(negative, e[i]) * load(before + i * W) + u * all(B[i]);)
    EACH(store(after + i * W, x[i]);)
    EACH(y += x[i] * all(C[i]);)
    return y;
}

// The rows of a tile before and after the states: all tokens at once, or each would wait for the exponentials of the one before.
typedef struct steps { vec x[SEGMENT], delta[SEGMENT], slope[SEGMENT], sum[SEGMENT]; } steps;

INLINE int64_t entry(const tile *s, int64_t t) { return (s->row + t) * s->a->E + s->c; }

INLINE void steps_begin(const tile *s, steps *p)
{
    const selective_scan_rows *a = s->a;
    const vec skip = load_n(a->D + s->c, s->n);
    for (int64_t t = 0; t < s->rows; t++) {
        p->x[t] = load_n(a->x + entry(s, t), s->n);
        p->delta[t] = softplus(load_n(a->delta + entry(s, t), s->n), &p->slope[t]);
        p->sum[t] = skip * p->x[t];
    }
}

INLINE void tile_forward(const tile *s, bool negative)
{
    const selective_scan_rows *a = s->a;
    steps p;
    steps_begin(s, &p);
    for (int64_t t = 0; t < s->rows; t++) {
        const float *B = a->BC + (s->row + t) * 2 * a->N, *C = B + a->N;
        const vec delta = p.delta[t], u = delta * p.x[t];
        vec y = p.sum[t];
        EACH_STATES(k, n, a->N,
            vec e[TOGETHER];
            y = states_next(n, negative, s->rate + k * W, s->h + k * W, B + k, C + k, delta, u, e, s->h + k * W, y));
        p.sum[t] = y;
    }
    for (int64_t t = 0; t < s->rows; t++)
        store_n(a->y + entry(s, t), p.sum[t] * silu(load_n(a->z + entry(s, t), s->n)), s->n);
}

// Checkpoints: the state before segment k ≥ 1, [N, E], is kept[(b·(segments − 1) + k − 1)].
static float *checkpoint(const selective_scan_rows *a, int64_t b, int64_t k)
{
    return a->kept + (b * ((a->T - 1) / SEGMENT) + k - 1) * a->N * a->E;
}

void KERNEL(selective_scan)(const selective_scan_rows *a, int64_t first, int64_t last, int64_t from, int64_t to, float *scratch)
{
    const int64_t size = (to - from + W - 1) / W * a->N * W;
    float *rate = scratch, *h = rate + size;
    take_rates(a, from, to, rate);
    for (int64_t b = first; b < last; b++) {
        memset(h, 0, sizeof *h * (size_t)size);
        for (int64_t t = 0; t < a->T; t += SEGMENT)
            for (int64_t c = from; c < to; c += W) {
                const int64_t at = (c - from) * a->N;
                const tile s = { a, b * a->T + t, a->T - t < SEGMENT ? a->T - t : SEGMENT, c, to - c, rate + at, h + at };
                for (int64_t n = 0; a->kept && t > 0 && n < a->N; n++)
                    store_n(checkpoint(a, b, t / SEGMENT) + n * a->E + c, load(s.h + n * W), s.n);
                if (a->negative)
                    tile_forward(&s, true);
                else
                    tile_forward(&s, false);
            }
    }
}

// What a tile needs on the way back: its past, made again from a checkpoint, and what it adds to.
typedef struct past {
    float *e, *h;                       // [SEGMENT, N, W] 2^(Δ·rate); [SEGMENT + 1, N, W], the state before the segment first
    float *dh, *drate, *skip;           // [N, W], [N, W], [W]: over the piece
    float *dB, *dC;                     // [SEGMENT, N, W]: over the channels
    steps  of;
} past;

INLINE void tile_again(const tile *s, past *p, bool negative)
{
    const selective_scan_rows *a = s->a;
    steps_begin(s, &p->of);
    for (int64_t t = 0; t < s->rows; t++) {
        const float *B = a->BC + (s->row + t) * 2 * a->N, *C = B + a->N, *before = p->h + t * a->N * W;
        float *kept = p->e + t * a->N * W, *after = p->h + (t + 1) * a->N * W;
        const vec delta = p->of.delta[t], u = delta * p->of.x[t];
        vec y = p->of.sum[t];
        EACH_STATES(k, n, a->N,
            vec e[TOGETHER];
            y = states_next(n, negative, s->rate + k * W, before + k * W, B + k, C + k, delta, u, e, after + k * W, y);
            EACH(store(kept + (k + i) * W, e[i]);));
        p->of.sum[t] = y;
    }
}

INLINE void put(float *gradient, vec d, int64_t n, bool add)
{
    if (gradient)
        store_n(gradient, add ? load_n(gradient, n) + d : d, n);
}

// The states of one token: the gradients of Δ·B·x's factors and of the exponents.
INLINE void states_back(const tile *s, past *p, int64_t t, vec g, vec u, bool negative, vec *du, vec *ddelta)
{
    const int64_t N = s->a->N, at = t * N * W;
    const float *B = s->a->BC + (s->row + t) * 2 * N, *C = B + N;
    const vec delta = p->of.delta[t];
    for (int64_t i = 0, n = 0; n < N; n++, i += W) {
        const vec e = load(p->e + at + i), before = load(p->h + at + i), h = load(p->h + at + N * W + i);
        const vec d = load(p->dh + i) + g * all(C[n]), q = d * before * e;
        store(p->dC + at + i, load(p->dC + at + i) + g * h);
        store(p->dB + at + i, load(p->dB + at + i) + d * u);
        *du += d * all(B[n]);
        *ddelta += q * load(s->rate + i);
        store(p->drate + i, load(p->drate + i) + q * delta);
        store(p->dh + i, d * transition(negative, e));
    }
}

// dz, and g = dy·SiLU(z) in place of the sums.
INLINE void gates_back(const tile *s, steps *p)
{
    const selective_scan_rows *a = s->a;
    for (int64_t t = 0; t < s->rows; t++) {
        const int64_t at = entry(s, t);
        const vec z = load_n(a->z + at, s->n), dy = load_n(a->dy + at, s->n), gate = sigmoid(z);
        put(a->dz ? a->dz + at : NULL, dy * p->sum[t] * (gate + z * (gate * (all(1) - gate))), s->n, a->add_z);
        p->sum[t] = dy * z * gate;
    }
}

INLINE void tile_back(const tile *s, past *p, bool negative)
{
    const selective_scan_rows *a = s->a;
    const vec skip = load_n(a->D + s->c, s->n), to_exponent = all(negative ? 2 * 0x1.62e43p-1f : 0x1.62e43p-1f);      // ln 2
    vec dskip = load(p->skip);
    tile_again(s, p, negative);
    gates_back(s, &p->of);
    for (int64_t t = s->rows - 1; t >= 0; t--) {
        const int64_t at = entry(s, t);
        const vec x = p->of.x[t], delta = p->of.delta[t], g = p->of.sum[t];
        vec du = {0}, ddelta = {0};
        states_back(s, p, t, g, delta * x, negative, &du, &ddelta);
        put(a->dx ? a->dx + at : NULL, g * skip + du * delta, s->n, a->add_x);
        put(a->ddelta ? a->ddelta + at : NULL, (ddelta * to_exponent + du * x) * p->of.slope[t], s->n, a->add_delta);
        dskip += g * x;
    }
    store(p->skip, dskip);
}

// Sums over the channels of the piece, for the rows of a segment.
static void sums_out(const past *p, int64_t rows, int64_t N, float *dBC, bool add)
{
    for (int64_t i = 0; i < rows * N; i++) {
        float *to = dBC + i / N * 2 * N + i % N;
        const float b = sum(load(p->dB + i * W)), c = sum(load(p->dC + i * W));
        to[0] = add ? to[0] + b : b;
        to[N] = add ? to[N] + c : c;
    }
}

// weights [E·N + E]: what these sequences give to A_log and D; set, for these channels. dA_log = dA·A, A = rate·ln 2.
static void weights_out(const selective_scan_rows *a, int64_t from, int64_t to, const float *rate, const float *drate,
                        const float *skip, float *weights)
{
    const float factor = a->negative ? 2 * 0x1.62e43p-1f : 0x1.62e43p-1f;
    for (int64_t c = from; c < to; c++) {
        const int64_t group = (c - from) / W, lane = (c - from) % W;
        for (int64_t n = 0; n < a->N; n++) {
            const int64_t i = (group * a->N + n) * W + lane;
            weights[c * a->N + n] = drate[i] * rate[i] * factor;
        }
        weights[a->E * a->N + c] = skip[c - from];
    }
}

// dBC [B·T, 2N]: what these channels give to it.
void KERNEL(selective_scan_back)(const selective_scan_rows *a, int64_t first, int64_t last, int64_t from, int64_t to,
                                 float *weights, float *dBC, bool add_BC, float *scratch)
{
    const int64_t groups = (to - from + W - 1) / W, size = groups * a->N * W, block = SEGMENT * a->N * W;
    float *rate = scratch, *drate = rate + size, *dh = drate + size, *skip = dh + size;
    past p = { .e = skip + groups * W };
    p.h = p.e + block;
    p.dB = p.h + block + a->N * W;
    p.dC = p.dB + block;
    take_rates(a, from, to, rate);
    memset(drate, 0, sizeof *drate * (size_t)size);
    memset(skip, 0, sizeof *skip * (size_t)(groups * W));
    for (int64_t b = first; b < last; b++) {
        memset(dh, 0, sizeof *dh * (size_t)size);
        for (int64_t t = (a->T - 1) / SEGMENT * SEGMENT; t >= 0; t -= SEGMENT) {
            const int64_t rows = a->T - t < SEGMENT ? a->T - t : SEGMENT;
            memset(p.dB, 0, sizeof *p.dB * (size_t)(2 * block));
            for (int64_t c = from; c < to; c += W) {
                const int64_t at = (c - from) * a->N;
                const tile s = { a, b * a->T + t, rows, c, to - c, rate + at, NULL };
                for (int64_t n = 0; n < a->N; n++)
                    store(p.h + n * W, t > 0 ? load_n(checkpoint(a, b, t / SEGMENT) + n * a->E + c, s.n) : all(0));
                p.dh = dh + at;
                p.drate = drate + at;
                p.skip = skip + (c - from);
                if (a->negative)
                    tile_back(&s, &p, true);
                else
                    tile_back(&s, &p, false);
            }
            if (dBC)
                sums_out(&p, rows, a->N, dBC + (b * a->T + t) * 2 * a->N, add_BC);
        }
    }
    weights_out(a, from, to, rate, drate, skip, weights);
}
