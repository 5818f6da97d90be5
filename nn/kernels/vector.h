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

#if defined __AVX512F__
enum { W = 16 };
#elif defined __AVX2__
enum { W = 8 };
#else
enum { W = 4 };
#endif
typedef float   vec  __attribute__((vector_size(4 * W), aligned(4), may_alias));     // W floats, anywhere
typedef int32_t ivec __attribute__((vector_size(4 * W), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

INLINE vec  load(const float *p)      { return *(const vec *)p; }
INLINE void store(float *p, vec x)    { *(vec *)p = x; }
INLINE vec  all(float x)              { return x - (vec){0}; }
INLINE vec  choose(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }     // mask ? a : b

// The last n < W floats of a row; those beyond are `other` when read and untouched when written.
INLINE vec load_part(const float *p, int64_t n, float other)
{
    vec x = all(other);
    memcpy(&x, p, sizeof(float) * (size_t)n);
    return x;
}
INLINE void store_part(float *p, vec x, int64_t n) { memcpy(p, &x, sizeof(float) * (size_t)n); }

INLINE float sum(vec x)
{
    float s[W];
    memcpy(s, &x, sizeof s);
    for (int w = W / 2; w > 0; w /= 2)
        for (int i = 0; i < w; i++)
            s[i] += s[i + w];
    return s[0];
}
INLINE vec   vec_max(vec a, vec b) { return choose(a > b, a, b); }        // b where a is NaN
INLINE float largest(vec x)
{
    float s[W];
    memcpy(s, &x, sizeof s);
    for (int w = W / 2; w > 0; w /= 2)
        for (int i = 0; i < w; i++)
            s[i] = s[i] > s[i + w] ? s[i] : s[i + w];
    return s[0];
}

// e^x = 2^n · e^r, n = round(x / ln 2), |r| ≤ ln 2 / 2 in two steps (Cody & Waite), e^r by a polynomial of degree 6
// (minimax); 2^n in two factors, so that n = 128 is reached. 0.7 ulp. 0 below −87.3, +inf above 88.73, NaN stays NaN.
INLINE vec exp_vec(vec x)
{
    const vec magic = all(0x1.8p23f);                               // adding it rounds to the nearest integer
    const vec shifted = x * all(0x1.715476p+0f) + magic, n = shifted - magic;
    const vec r = (x - n * all(0x1.62e4p-1f)) - n * all(0x1.7f7d1cp-20f);
    vec p = all(0x1.6850e4p-10f) * r + all(0x1.123bccp-7f);
    p = p * r + all(0x1.555b98p-5f);
    p = p * r + all(0x1.55548ep-3f);
    p = p * r + all(0x1.fffff8p-2f);
    p = p * r + all(1);
    p = p * r + all(1);
    const ivec k = (ivec)shifted - (ivec)magic, half = k >> 1;
    const vec y = p * (vec)((half + 127) << 23) * (vec)((k - half + 127) << 23);
    const vec below = choose(x < all(-87.336f), all(0), y);
    return choose(x > all(88.72283f), all(__builtin_inff()), below);
}
