#include "architectures/scan.h"
#include <stdint.h>
#include "base/check.h"

static int log2_floor(int64_t n) { return 63 - __builtin_clzll((uint64_t)n); }

int scan_depth(int64_t n)
{
    return n ? log2_floor(n) + __builtin_popcountll((uint64_t)n) - 1 : 0;
}

static scan_level level_take(arena *a, int n, int first_slot, int **left, int **right)
{
    *left  = arena_take(a, (size_t)n * sizeof(int));
    *right = arena_take(a, (size_t)n * sizeof(int));
    int *out = arena_take(a, (size_t)n * sizeof(int));
    for (int i = 0; i < n; i++)
        out[i] = first_slot + i;
    return (scan_level){ n, *left, *right, out };
}

// Level d holds the complete trees of 2^d chunks and the prefixes that d combinations in sequence lie behind: as early as
// each can be made, so that there are few levels and each is wide. Chunk n−1 is in no prefix, nor is a tree that ends with it.
typedef struct scan_count { int trees, prefixes; } scan_count;

static bool is_power_of_two(int m) { return (m & (m - 1)) == 0; }       // then prefix(m) is itself a tree

static scan_count count_level(int n_chunks, int d)
{
    scan_count count = { .trees = (n_chunks - 1) >> d };
    for (int m = 3; m < n_chunks; m++)
        count.prefixes += !is_power_of_two(m) && scan_depth(m) == d;
    return count;
}

scan_plan scan_static(arena *a, int n_chunks)
{
    CHECK(n_chunks >= 1, "%d chunks", n_chunks);
    int n_levels = 0;
    for (int m = 1; m < n_chunks; m++)
        n_levels = scan_depth(m) > n_levels ? scan_depth(m) : n_levels;
    scan_level *levels = arena_take(a, (size_t)n_levels * sizeof *levels);
    int *prefix = arena_take(a, (size_t)n_chunks * sizeof(int));
    int tree[32] = { 0 };                                               // tree[j] + i: the slot of the i-th tree of 2^j chunks
    int slots = n_chunks;
    prefix[0] = -1;
    if (n_chunks > 1)
        prefix[1] = 0;
    for (int d = 1; d <= n_levels; d++) {
        const scan_count count = count_level(n_chunks, d);
        int *left, *right;
        levels[d - 1] = level_take(a, count.trees + count.prefixes, slots, &left, &right);
        for (int i = 0; i < count.trees; i++, left++, right++) {
            *left  = tree[d - 1] + 2 * i;
            *right = tree[d - 1] + 2 * i + 1;
        }
        if (count.trees) {
            tree[d] = slots;
            prefix[1 << d] = slots;
            slots += count.trees;
        }
        for (int m = 3; m < n_chunks; m++) {
            if (is_power_of_two(m) || scan_depth(m) != d)
                continue;
            const int j = __builtin_ctz((unsigned)m);                   // low(m) = 2^j
            *left++   = prefix[m & (m - 1)];
            *right++  = tree[j] + (m >> j) - 1;
            prefix[m] = slots++;
        }
    }
    return (scan_plan){ n_levels, levels, slots, prefix };
}

scan_plan scan_left_fold(arena *a, int n_chunks)
{
    CHECK(n_chunks >= 1, "%d chunks", n_chunks);
    const int n_levels = n_chunks > 2 ? n_chunks - 2 : 0;
    scan_level *levels = arena_take(a, (size_t)n_levels * sizeof *levels);
    int *prefix = arena_take(a, (size_t)n_chunks * sizeof(int));
    prefix[0] = -1;
    if (n_chunks > 1)
        prefix[1] = 0;
    for (int m = 2; m < n_chunks; m++) {
        int *left, *right;
        prefix[m] = n_chunks + m - 2;
        levels[m - 2] = level_take(a, 1, prefix[m], &left, &right);
        *left  = prefix[m - 1];
        *right = m - 1;
    }
    return (scan_plan){ n_levels, levels, n_chunks + n_levels, prefix };
}

// Adding one: the trailing ones of n are the roots that the new chunk is carried through, into level k. The fold of the
// largest level is its root itself, and is not stored.
int scan_counter(int64_t n, scan_move move[SCAN_MOVES], int *prefix)
{
    CHECK(n >= 0 && n < INT64_MAX >> 1, "chunk %lld", (long long)n);
    const int k = __builtin_ctzll(~(uint64_t)n);
    int moves = 0, carried = SCAN_NEW;
    for (int j = 0; j < k; j++, carried = 2 * k)
        move[moves++] = (scan_move){ 2 * j, carried, 2 * k };
    if (k == 0)
        move[moves++] = (scan_move){ SCAN_NEW, SCAN_COPY, 0 };
    const int64_t above = n >> k;                                       // bit 0 is clear: level k was empty
    *prefix = 2 * k;
    if (above) {
        const int next = k + __builtin_ctzll((uint64_t)above), top = log2_floor(n);
        move[moves++] = (scan_move){ next == top ? 2 * next : 2 * next + 1, 2 * k, 2 * k + 1 };
        *prefix = 2 * k + 1;
    }
    return moves;
}

int scan_left_fold_counter(int64_t n, scan_move move[SCAN_MOVES], int *prefix)
{
    move[0] = n ? (scan_move){ 0, SCAN_NEW, 0 } : (scan_move){ SCAN_NEW, SCAN_COPY, 0 };
    *prefix = 0;
    return 1;
}
