#include "base/rng.h"
#include "base/check.h"
#include <math.h>

#define CHEAP_MULTIPLIER 0xda942042e4dd58b5u

// ---- the generator: a 128-bit linear congruence, and DXSM ("double xorshift multiply") of the state before the step.
// M. O'Neill's PCG, as in NumPy's pcg64.h.

static inline void rng_step(rng *r) { r->state = r->state * CHEAP_MULTIPLIER + r->inc; }

uint64_t rng_next(rng *r)
{
    uint64_t high = (uint64_t)(r->state >> 64);
    const uint64_t low = (uint64_t)r->state | 1;
    rng_step(r);
    high ^= high >> 32;
    high *= CHEAP_MULTIPLIER;
    high ^= high >> 48;
    return high * low;
}

// ---- the start: SeedSequence (M. O'Neill's seed_seq, as in NumPy's bit_generator.pyx): words are hashed into a pool of
// four, every word of which then depends on every other.

enum { POOL = 4, ADDRESS = 64 };

typedef struct hash { uint32_t factor, multiplier; } hash;         // each use changes the factor

static inline uint32_t hash_word(hash *h, uint32_t value)
{
    value ^= h->factor;
    h->factor *= h->multiplier;
    value *= h->factor;
    return value ^ value >> 16;
}

static inline uint32_t mix(uint32_t x, uint32_t y)
{
    const uint32_t result = 0xca01f9dd * x - 0x4973f715 * y;
    return result ^ result >> 16;
}

static void fill_pool(uint32_t pool[POOL], const uint32_t *word, int n)
{
    hash h = { 0x43b0d7e5, 0x931e8875 };
    for (int i = 0; i < POOL; i++) pool[i] = hash_word(&h, i < n ? word[i] : 0);
    for (int from = 0; from < POOL; from++)
        for (int to = 0; to < POOL; to++)
            if (from != to) pool[to] = mix(pool[to], hash_word(&h, pool[from]));
    for (int from = POOL; from < n; from++)
        for (int to = 0; to < POOL; to++) pool[to] = mix(pool[to], hash_word(&h, word[from]));
}

rng rng_start(const uint64_t *address, int n)
{
    CHECK(n >= 0 && n <= ADDRESS, "an address of %d numbers", n);
    uint32_t word[2 * ADDRESS], pool[POOL];
    int words = 0;
    for (int i = 0; i < n; i++) {
        word[words++] = (uint32_t)address[i];
        if (address[i] >> 32) word[words++] = (uint32_t)(address[i] >> 32);
    }
    fill_pool(pool, word, words);

    uint64_t part[4];                                   // state and increment, high half first
    hash h = { 0x8b51f9dd, 0x58f38ded };
    for (int i = 0; i < 4; i++) {
        const uint64_t low = hash_word(&h, pool[2 * i % POOL]);
        part[i] = low | (uint64_t)hash_word(&h, pool[(2 * i + 1) % POOL]) << 32;
    }
    // from state 0, one step, the part added, another step: with PCG64's 128-bit multiplier, which NumPy seeds with
    const uint128 multiplier = (uint128)0x2360ed051fc65da4u << 64 | 0x4385df649fccf645u;
    const uint128 inc = ((uint128)part[2] << 64 | part[3]) << 1 | 1;
    return (rng){ .state = (inc + ((uint128)part[0] << 64 | part[1])) * multiplier + inc, .inc = inc };
}

// ---- draws

// Lemire 2019: the high half of a product; the few low halves that would make some values likelier are drawn again.
uint64_t rng_below(rng *r, uint64_t n)
{
    CHECK(n > 0, "a number below %d", 0);
    uint128 product = (uint128)rng_next(r) * n;
    if ((uint64_t)product < n)
        for (const uint64_t uneven = -n % n; (uint64_t)product < uneven;) product = (uint128)rng_next(r) * n;
    return (uint64_t)(product >> 64);
}

double rng_unit(rng *r) { return (double)(rng_next(r) >> 11) * 0x1p-53; }

double rng_normal(rng *r)
{
    const double radius = sqrt(-2 * log(1 - rng_unit(r)));          // 1 - u: never the logarithm of 0
    return radius * cos(2 * M_PI * rng_unit(r));
}

uint64_t hash_bytes(const void *data, uint64_t n, uint64_t start)
{
    const unsigned char *byte = data;
    uint64_t h = start ? start : 0xcbf29ce484222325u;
    for (uint64_t i = 0; i < n; i++) h = (h ^ byte[i]) * 0x100000001b3u;
    return h;
}
