// PCG64 DXSM, the only generator in the program. Every draw is addressed: a stream starts at the hash of a list of
// numbers (seed, purpose, …), never at wherever another one stopped, so that example i or weight w is the same in any
// order and on any number of threads. Equal to NumPy's PCG64DXSM(SeedSequence([…])), generator and start both.
#pragma once
#include <stdint.h>

__extension__ typedef unsigned __int128 uint128;

typedef struct rng { uint128 state, inc; } rng;

// The second number of every address: what the stream is for.
typedef enum { RNG_TRAIN, RNG_VALIDATION, RNG_TEST, RNG_WEIGHTS, RNG_DROPOUT, RNG_BOOTSTRAP, RNG_TESTS, RNG_LENGTHS } rng_purpose;

// One purpose's addresses have one length: NumPy pads short ones, so that [1, 2] and [1, 2, 0] start the same stream.
// SeedSequence's hash; each number as its 32-bit words, low word first, as NumPy splits it
rng      rng_start(const uint64_t *address, int n);
uint64_t rng_next(rng *);                                // 64 random bits
uint64_t rng_below(rng *, uint64_t n);                   // uniform in [0, n), without bias (Lemire); n ≥ 1
double   rng_unit(rng *);                                // uniform in [0, 1), 53 bits
double   rng_normal(rng *);                  // N(0, 1), Box-Muller, one pair a call, the second thrown away: position-independent
uint64_t hash_bytes(const void *, uint64_t n, uint64_t start);   // FNV-1a, 64 bits; start 0 for the usual basis
