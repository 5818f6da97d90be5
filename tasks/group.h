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

enum { GROUP_LARGEST = 1 << 22, GROUP_FACTORS = 22 };   // elements; factors, each of two elements at least

typedef struct group {
    int size, n_factors;
    struct { int kind, n, size; } factor[GROUP_FACTORS];
    const uint8_t *table;       // [size, size] products, where they fit one byte: up to 256 elements, 64 KiB; else NULL
} group;

bool         group_parse(group *, const char *name, mark at, diag *);          // no table; false after a report
const group *group_open(const char *name, mark at, arena *, diag *);           // with its table; NULL after a report
int          group_product_computed(const group *, int a, int b);              // a·b without a table
const char  *group_text(const group *, int element, arena *);                  // "01243", "7", "(0231,4)"

// a·b for elements in [0, size).
static inline int group_product(const group *g, int a, int b)
{
    return g->table ? g->table[a * g->size + b] : group_product_computed(g, a, b);
}
