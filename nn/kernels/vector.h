// What the kernels are written in: vectors as wide as the instruction level has them (GNU C), loads and stores at any
// address, and names that carry the level. LEVEL is v1, v3 or v4, from the build.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "nn/kernels.h"

#define JOIN_(a, b)  a##_##b
#define JOIN(a, b)   JOIN_(a, b)
#define KERNEL(name) JOIN(name, LEVEL)           // exp_each_v3
#define KERNEL_DECLARATION_(result, name, arguments) result KERNEL(name) arguments;
KERNELS(KERNEL_DECLARATION_)

// W floats a vector; MR rows of accumulators, two vectors wide, fill the registers of a matrix product (32 or 16 of them).
#if defined __AVX512F__
enum { W = 16, MR = 12 };
#elif defined __AVX2__
enum { W = 8, MR = 6 };
#else
enum { W = 4, MR = 6 };
#endif
typedef float   vec  __attribute__((vector_size(4 * W)));
typedef int32_t ivec __attribute__((vector_size(4 * W)));
typedef uint32_t uvec __attribute__((vector_size(4 * W)));
typedef vec     anywhere __attribute__((aligned(4), may_alias));                     // a vector in memory, at any address

#define INLINE static inline __attribute__((always_inline))

INLINE vec  load(const float *p)            { return *(const anywhere *)p; }
INLINE void store(float *p, vec x)          { *(anywhere *)p = x; }
INLINE vec  all(float x)                    { return x - (vec){0}; }
INLINE vec  choose(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }     // mask ? a : b
INLINE vec  vec_max(vec a, vec b)           { return choose(a > b, a, b); }                             // b where one is NaN
INLINE vec  vec_min(vec a, vec b)           { return choose(a < b, a, b); }

INLINE ivec counting(void)
{
    ivec k = {0};
    for (int i = 0; i < W; i++)
        k[i] = i;
    return k;
}
INLINE ivec first(int64_t n) { return counting() < (int32_t)n - (ivec){0}; }         // true in the first n lanes

// The last n < W floats of a row: those beyond are zero when read and untouched when written.
INLINE vec load_part(const float *p, int64_t n)
{
    float lanes[W] = {0};
    for (int i = 0; i < W && i < n; i++)
        lanes[i] = p[i];
    return load(lanes);
}
INLINE void store_part(float *p, vec x, int64_t n)
{
    for (int i = 0; i < W && i < n; i++)
        p[i] = x[i];
}
INLINE vec load_n(const float *p, int64_t n) { return n >= W ? load(p) : load_part(p, n); }
INLINE void store_n(float *p, vec x, int64_t n)
{
    if (n >= W)
        store(p, x);
    else
        store_part(p, x, n);
}

// The statements for each vector of a row of `size`: `i` counts floats, `n` of them are inside, W but at the row's end.
#define EACH_VECTOR(i, n, size, ...) \
    do { \
        int64_t i = 0; \
        for (; i + W <= (size); i += W) { enum { n = W }; __VA_ARGS__ } \
        if (i < (size)) { const int64_t n = (size) - i; __VA_ARGS__ } \
    } while (0)

INLINE vec inside(vec x, int64_t n) { return n >= W ? x : choose(first(n), x, all(0)); }      // lanes beyond the row are zero

INLINE vec swapped(vec x, int distance)         // lane i gets lane i ^ distance
{
    return __builtin_shuffle(x, counting() ^ (distance - (ivec){0}));
}
INLINE float sum(vec x)
{
    for (int w = W / 2; w > 0; w /= 2)
        x += swapped(x, w);
    return x[0];
}
INLINE float largest(vec x)
{
    for (int w = W / 2; w > 0; w /= 2)
        x = vec_max(swapped(x, w), x);
    return x[0];
}

// The two halves of a and b, lane by lane: a0 b0 a1 b1 … and the rest.
INLINE void interleave(vec a, vec b, vec *low, vec *high)
{
    ivec l = {0}, h = {0};
    for (int i = 0; i < W; i++) {
        l[i] = i / 2 + (i % 2) * W;
        h[i] = W / 2 + i / 2 + (i % 2) * W;
    }
    *low = __builtin_shuffle(a, b, l);
    *high = __builtin_shuffle(a, b, h);
}

// W rows become W columns: log2 W perfect shuffles.
INLINE void transpose(vec r[W])
{
    for (int stage = 1; stage < W; stage *= 2) {
        vec t[W];
        for (int i = 0; i < W / 2; i++)
            interleave(r[i], r[i + W / 2], &t[2 * i], &t[2 * i + 1]);
        memcpy(r, t, sizeof t);
    }
}

// e^x = 2^n · e^r, n = round(x / ln 2), |r| ≤ ln 2 / 2 in two steps (Cody & Waite), e^r by a polynomial of degree 6
// (minimax, first two coefficients 1); 2^n in two factors, so that n = 128 is reached. 0.8 ulp. 0 below −87.33, +inf above
// 88.722, NaN stays NaN.
INLINE vec exp_vec(vec x)
{
    const vec magic = all(0x1.8p23f);                               // adding it rounds to the nearest integer
    const vec shifted = x * all(0x1.715476p+0f) + magic, n = shifted - magic;
    const vec r = (x - n * all(0x1.62e4p-1f)) - n * all(0x1.7f7d1cp-20f);
    vec p = all(0x1.6a23cep-10f) * r + all(0x1.123a2p-7f);
    p = p * r + all(0x1.5558f2p-5f);
    p = p * r + all(0x1.555492p-3f);
    p = p * r + all(0x1.fffffcp-2f);
    p = (p * (r * r) + r) + all(1);
    const ivec k = (ivec)((uvec)shifted - (uvec)magic), half = k >> 1;     // unsigned: far outside, where y is not used, it wraps
    const vec y = p * (vec)((uvec)(half + 127) << 23) * (vec)((uvec)(k - half + 127) << 23);
    return (vec)(~(x < all(-87.33654f)) & (ivec)choose(x > all(88.72283f), all(__builtin_inff()), y));
}
