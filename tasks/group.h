// Finite groups by name: Sn, An, Zn and direct products such as A4xZ5. An element is a number, the identity is 0:
//   Sn    the permutations of 0 … n−1 in lexicographic order of their one-line notation, S5[1] = 01243
//   An    the even ones among them, in the same order, A5[1] = 01342
//   Zn    0 … n−1 with addition
//   GxH   (g, h) is g·|H| + h, products componentwise
// The product of permutations is (p·q)(i) = p(q(i)): q acts first.
#pragma once
#include <stdint.h>
#include "base/arena.h"
#include "base/diag.h"

// Elements; factors, each of two elements at least.
enum { GROUP_LARGEST = 1 << 22, GROUP_FACTORS = 22, GROUP_GENERATORS = 256 };

typedef struct group {
    int size, n_factors;
    struct { int kind, n, size; } factor[GROUP_FACTORS];
    const uint8_t *table;       // [size, size] products, where they fit one byte: up to 256 elements, 64 KiB; else NULL
} group;

bool         group_parse(group *, const char *name, mark at, diag *);          // no table; false after a report
const group *group_open(const char *name, mark at, arena *, diag *);           // with its table; NULL after a report
int          group_product_computed(const group *, int a, int b);              // a·b without a table
const char  *group_text(const group *, int element, arena *);                  // "01243", "7", "(0231,4)"

// Elements that generate the group, at most GROUP_GENERATORS; their number. Of Sn the adjacent transpositions and the cycle
// i → i + 1, of An the cycles i → i + 1 → i + 2 → i, of Zn 0, 1 and −1; of a product those of each factor, identities elsewhere.
int          group_generators(const group *, int *elements);
// Points that an element moves; −1 where the group is not Sn or An.
int          group_moved(const group *, int element);

// a·b for elements in [0, size).
static inline int group_product(const group *g, int a, int b)
{
    return g->table ? g->table[a * g->size + b] : group_product_computed(g, a, b);
}
