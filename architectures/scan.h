// The prefix scan as a plan: which slots to combine, not what a slot is. Callers execute it on tensors, on (E, f) pairs of an
// affine recurrence, or on strings that write brackets, which is how the order is tested. The bracketing is that of
// Blelloch's tree and of the binary counter alike: with low(n) the lowest set bit,
//     prefix(n) = combine(prefix(n − low(n)), tree of the low(n) chunks before n),   a tree combines its two halves.
#pragma once
#include <stdint.h>
#include "base/arena.h"

// n independent combinations: out[i] = combine(left[i], right[i])
typedef struct scan_level { int n; const int *left, *right, *out; } scan_level;
typedef struct scan_plan {
    int               n_levels;
    const scan_level *levels;           // executed in order; out slots are numbered consecutively, level by level
    int               slots;            // chunk i is slot i; the combinations follow
    const int        *prefix;           // [n_chunks]: the slot that aggregates chunks 0 … i−1; −1 (the identity) for chunk 0
} scan_plan;

// Exclusive prefixes of any number of chunks from 1 on; only what some prefix needs.
scan_plan scan_static(arena *, int n_chunks);
// prefix(n) = combine(prefix(n−1), chunk n−1): another bracketing, without parallelism.
scan_plan scan_left_fold(arena *, int n_chunks);
// Combinations in sequence behind the prefix of n chunks: ⌊log2 n⌋ + popcount(n) − 1; 0 for n = 0.
int       scan_depth(int64_t n);

// The online counter. When chunk n (from 0) arrives, its combinations are listed in order; slots are numbered
// 2j: the root of level j (a complete tree of 2^j chunks), 2j + 1: the running fold F_j of all roots from the largest down
// to level j (the largest level's is its root: not stored). SCAN_NEW is the chunk that arrives. out may be right's slot.
// At most two combinations a chunk on average.
enum { SCAN_NEW = -1, SCAN_COPY = -2, SCAN_LEVELS = 62, SCAN_MOVES = SCAN_LEVELS + 1 };
typedef struct scan_move { int left, right, out; } scan_move;        // out = combine(left, right); right SCAN_COPY: out = left
// Returns the number of moves; *prefix: the slot that then holds prefix(n + 1).
int scan_counter(int64_t n, scan_move move[SCAN_MOVES], int *prefix);
int scan_left_fold_counter(int64_t n, scan_move move[SCAN_MOVES], int *prefix);      // the same for scan_left_fold: slot 0 alone
