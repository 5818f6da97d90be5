// Permutations are computed, not looked up: a product costs some ten operations a point, a table of S8's would take 3 GB.
#include "tasks/group.h"

#include <string.h>
#include "base/check.h"

enum { POINTS = 10 };                   // one digit each in a text, four bits each in a permutation; 10! < GROUP_LARGEST

typedef uint64_t permutation;           // p(i) in bits 4i … 4i + 3

static int point(permutation p, int i) { return (int)(p >> 4 * i & 15); }

static int factorial(int n)             // n ≤ 12
{
    int product = 1;
    for (int i = 2; i <= n; i++)
        product *= i;
    return product;
}

// The permutation of this rank in lexicographic order. Digit i of the rank in the factorial system (its Lehmer code,
// weight (n−1−i)!) says which of the points still left, in ascending order, comes next.
static permutation permutation_at(int rank, int n)
{
    uint64_t left = 0xfedcba9876543210;
    permutation p = 0;
    for (int i = 0, weight = factorial(n); i < n; i++) {
        weight /= n - i;
        const int shift = 4 * (rank / weight);
        const uint64_t below = ((uint64_t)1 << shift) - 1;
        p |= (left >> shift & 15) << 4 * i;
        left = (left & below) | (left >> 4 & ~below);
        rank %= weight;
    }
    return p;
}

static int permutation_rank(permutation p, int n)
{
    int rank = 0;
    for (unsigned i = 0, used = 0; i < (unsigned)n; i++) {
        const int here = point(p, i);
        const int digit = here - __builtin_popcount(used & ((1u << here) - 1));
        rank = rank * (n - (int)i) + digit;
        used |= 1u << here;
    }
    return rank;
}

static permutation permutation_product(permutation p, permutation q, int n)      // q first
{
    permutation product = 0;
    for (int i = 0; i < n; i++)
        product |= (permutation)point(p, point(q, i)) << 4 * i;
    return product;
}

static bool rank_is_odd(int rank)       // the sign is that of the sum of the Lehmer code's digits
{
    int sum = 0;
    for (int base = 2; rank > 0; rank /= base++)
        sum += rank % base;
    return sum & 1;
}

// Ranks 2k and 2k + 1 differ in their last two points, so that one of the two is even: the k-th of An.
static permutation even_permutation_at(int k, int n) { return permutation_at(2 * k + rank_is_odd(2 * k), n); }

static int symmetric_size   (int n) { return factorial(n); }
static int alternating_size (int n) { return factorial(n) / 2; }
static int cyclic_size      (int n) { return n; }

static int symmetric_product(int n, int a, int b)
{
    return permutation_rank(permutation_product(permutation_at(a, n), permutation_at(b, n), n), n);
}

static int alternating_product(int n, int a, int b)
{
    return permutation_rank(permutation_product(even_permutation_at(a, n), even_permutation_at(b, n), n), n) / 2;
}

static int cyclic_product(int n, int a, int b) { return (a + b) % n; }

static const char *points_text(permutation p, int n, arena *a)
{
    char *text = arena_take(a, n + 1);
    for (int i = 0; i < n; i++)
        text[i] = '0' + point(p, i);
    text[n] = 0;
    return text;
}

static const char *symmetric_text  (int n, int element, arena *a) { return points_text(permutation_at(element, n), n, a); }
static const char *alternating_text(int n, int element, arena *a) { return points_text(even_permutation_at(element, n), n, a); }
static const char *cyclic_text     (int n, int element, arena *a) { return arena_text(a, "%d", element); }

static int symmetric_generators(int n, int *elements)
{
    const permutation identity = permutation_at(0, n);
    permutation cycle = 0;
    int count = 0;
    for (int i = 0; i < n; i++)
        cycle |= (permutation)((i + 1) % n) << 4 * i;
    for (int i = 0; i + 1 < n; i++) {
        const permutation exchange = i ^ (i + 1);           // flips the bits in which the two points differ
        elements[count++] = permutation_rank(identity ^ exchange << 4 * i ^ exchange << 4 * (i + 1), n);
    }
    if (n > 2)
        elements[count++] = permutation_rank(cycle, n);
    return count;
}

static int alternating_generators(int n, int *elements)
{
    for (int i = 0; i + 2 < n; i++) {
        permutation p = permutation_at(0, n) & ~((permutation)0xfff << 4 * i);
        p |= (permutation)(i + 1) << 4 * i | (permutation)(i + 2) << 4 * (i + 1) | (permutation)i << 4 * (i + 2);
        elements[i] = permutation_rank(p, n) / 2;
    }
    return n - 2;
}

static int cyclic_generators(int n, int *elements)
{
    elements[0] = 0;
    elements[1] = 1;
    elements[2] = n - 1;
    return n > 2 ? 3 : 2;
}

static int points_moved(permutation p, int n)
{
    int moved = 0;
    for (int i = 0; i < n; i++)
        moved += point(p, i) != i;
    return moved;
}

static int symmetric_moved  (int n, int element) { return points_moved(permutation_at(element, n), n); }
static int alternating_moved(int n, int element) { return points_moved(even_permutation_at(element, n), n); }

static const struct kind {
    char letter;
    int smallest, largest;              // of n
    int (*size)(int n);
    int (*product)(int n, int a, int b);
    const char *(*text)(int n, int element, arena *);
    int (*generators)(int n, int *elements);
    int (*moved)(int n, int element);   // points; NULL where there are none
} kinds[] = {
    { 'S', 2, POINTS,        symmetric_size,   symmetric_product,   symmetric_text,   symmetric_generators,   symmetric_moved },
    { 'A', 3, POINTS,        alternating_size, alternating_product, alternating_text, alternating_generators, alternating_moved },
    { 'Z', 2, GROUP_LARGEST, cyclic_size,      cyclic_product,      cyclic_text,      cyclic_generators,      NULL },
};

// Reads one factor, "S5", and moves on behind it. NULL: not a factor. *n stops growing above every limit.
static const struct kind *parse_factor(const char **text, int *n)
{
    const char *c = *text;
    const struct kind *kind = NULL;
    for (size_t i = 0; i < LEN(kinds); i++)
        if (kinds[i].letter == *c)
            kind = &kinds[i];
    if (!kind || c[1] < '1' || c[1] > '9')      // "S05" would be a second name for S5
        return NULL;
    *n = 0;
    for (c++; *c >= '0' && *c <= '9'; c++)
        if (*n <= GROUP_LARGEST)
            *n = 10 * *n + (*c - '0');
    *text = c;
    return kind;
}

bool group_parse(group *g, const char *name, mark at, diag *d)
{
    int64_t size = 1;
    *g = (group){0};
    for (const char *c = name;; c++) {
        int n;
        const struct kind *kind = parse_factor(&c, &n);
        if (!kind || (*c && *c != 'x')) {
            diag_error(d, at, "group '%s' is not known; write Sn, An, Zn or a product such as A4xZ5", name);
            return false;
        }
        if (n < kind->smallest || n > kind->largest) {
            diag_error(d, at, "group '%s': n of %cn is outside [%d, %d]", name, kind->letter, kind->smallest, kind->largest);
            return false;
        }
        size *= kind->size(n);
        if (size > GROUP_LARGEST) {
            diag_error(d, at, "group '%s' has more than %d elements, the most that is allowed", name, GROUP_LARGEST);
            return false;
        }
        g->factor[g->n_factors].kind = (int)(kind - kinds);
        g->factor[g->n_factors].n    = n;
        g->factor[g->n_factors].size = kind->size(n);
        g->n_factors++;
        if (!*c)
            break;
    }
    g->size = (int)size;
    return true;
}

const group *group_open(const char *name, mark at, arena *a, diag *d)
{
    group parsed;
    if (!group_parse(&parsed, name, at, d))
        return NULL;
    if (parsed.size <= 256) {
        uint8_t *table = arena_take(a, (size_t)parsed.size * parsed.size);
        for (int i = 0; i < parsed.size * parsed.size; i++)
            table[i] = group_product_computed(&parsed, i / parsed.size, i % parsed.size);
        parsed.table = table;
    }
    group *g = arena_take(a, sizeof *g);
    *g = parsed;
    return g;
}

int group_product_computed(const group *g, int a, int b)
{
    int product = 0;
    for (int i = g->n_factors - 1, weight = 1; i >= 0; i--) {
        const int size = g->factor[i].size;
        product += weight * kinds[g->factor[i].kind].product(g->factor[i].n, a % size, b % size);
        weight *= size;
        a /= size;
        b /= size;
    }
    return product;
}

const char *group_text(const group *g, int element, arena *a)
{
    const char *text = NULL;
    for (int i = g->n_factors - 1; i >= 0; i--) {
        const char *part = kinds[g->factor[i].kind].text(g->factor[i].n, element % g->factor[i].size, a);
        text = text ? arena_text(a, "%s,%s", part, text) : part;
        element /= g->factor[i].size;
    }
    return g->n_factors > 1 ? arena_text(a, "(%s)", text) : text;
}

int group_generators(const group *g, int *elements)
{
    int n = 0;
    for (int i = g->n_factors - 1, weight = 1; i >= 0; i--) {
        int own[POINTS];
        const int count = kinds[g->factor[i].kind].generators(g->factor[i].n, own);
        for (int k = 0; k < count; k++) {
            bool there = false;
            for (int j = 0; j < n; j++)
                there |= elements[j] == own[k] * weight;
            if (!there)
                elements[n++] = own[k] * weight;
        }
        weight *= g->factor[i].size;
    }
    return n;
}

int group_moved(const group *g, int element)
{
    const struct kind *kind = &kinds[g->factor[0].kind];
    return g->n_factors == 1 && kind->moved ? kind->moved(g->factor[0].n, element) : -1;
}
