// The word problem, literally: elements as lists of arrays, composed point by point, found again by comparing.
#include "tests/solvers/solver.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FACTORS = 3, POINTS = 6, LARGEST = 256 };

typedef struct factor { char letter; int n; } factor;           // {0} ends a list
typedef struct element { int part[FACTORS][POINTS]; } element;  // one-line notation; a number of Zn at [0]
typedef enum { EVERY, NOT_LAST, NOT_FIRST, ONLY_LAST } asked;

typedef struct facts {
    factor group[FACTORS + 1];
    bool   left, mark;
    asked  asked;
    int    tokens, delay;       // tokens a symbol, 0: one; tokens by which targets come later
    bool   identities;          // between symbols, rather than fillers or repeats
} facts;

static bool next_permutation(int *p, int n)
{
    int i = n - 2, j = n - 1;
    while (i >= 0 && p[i] > p[i + 1])
        i--;
    if (i < 0)
        return false;
    while (p[j] < p[i])
        j--;
    const int pivot = p[i];
    p[i] = p[j];
    p[j] = pivot;
    for (int a = i + 1, b = n - 1; a < b; a++, b--) {
        const int swapped = p[a];
        p[a] = p[b];
        p[b] = swapped;
    }
    return true;
}

static bool is_even(const int *p, int n)
{
    int inversions = 0;
    for (int i = 0; i < n; i++)
        for (int j = i + 1; j < n; j++)
            inversions += p[i] > p[j];
    return inversions % 2 == 0;
}

static int list_factor(factor f, int (*list)[POINTS])
{
    int count = 0, p[POINTS] = { 0, 1, 2, 3, 4, 5 };
    memset(list, 0, LARGEST * sizeof *list);
    if (f.letter == 'Z')
        for (; count < f.n; count++)
            list[count][0] = count;
    else
        do {
            if (f.letter == 'S' || is_even(p, f.n))
                memcpy(list[count++], p, sizeof p);
        } while (next_permutation(p, f.n));
    return count;
}

// Every element, the last factor counting fastest.
static int list_elements(const factor *group, element *list)
{
    int count = 1;
    memset(list, 0, LARGEST * sizeof *list);
    for (int f = 0; group[f].n; f++) {
        static int parts[LARGEST][POINTS];
        const int n = list_factor(group[f], parts);
        for (int i = count * n - 1; i >= 0; i--) {
            list[i] = list[i / n];
            memcpy(list[i].part[f], parts[i % n], sizeof parts[0]);
        }
        count *= n;
    }
    return count;
}

static element multiply(const factor *group, const element *p, const element *q)
{
    element product = {0};
    for (int f = 0; group[f].n; f++) {
        if (group[f].letter == 'Z')
            product.part[f][0] = (p->part[f][0] + q->part[f][0]) % group[f].n;
        else
            for (int i = 0; i < POINTS; i++)            // points beyond n stay where they are, in the list too
                product.part[f][i] = p->part[f][q->part[f][i]];
    }
    return product;
}

// Every token that is an element is multiplied, which identities don't mind; a repeated one only where it comes first.
static void solve(const void *facts_, const int *input, int tokens, int *target)
{
    const facts *f = facts_;
    static element list[LARGEST];
    const int size = list_elements(f->group, list), N = f->tokens ? f->tokens : 1;
    element acc[4096];                                          // after each token; [0] before the first
    acc[0] = list[0];
    target[0] = -1;
    for (int t = f->mark, k = 1; t < tokens; t++, k++) {
        const int symbol = (k - 1) / N, last_symbol = (tokens - f->mark) / N - 1;
        const bool first = symbol == 0, last = symbol == last_symbol, reads = f->identities || (k - 1) % N == 0;
        acc[k] = !reads ? acc[k - 1] : f->left ? multiply(f->group, &list[input[t]], &acc[k - 1])
                                               : multiply(f->group, &acc[k - 1], &list[input[t]]);
        const bool asked_here[] = { [EVERY] = true, [NOT_LAST] = !last, [NOT_FIRST] = !first, [ONLY_LAST] = last };
        target[t] = -1;
        for (int i = 0; i < size && asked_here[f->asked] && (f->identities || k % N == 0); i++)
            if (!memcmp(&list[i], &acc[k > f->delay ? k - f->delay : 0], sizeof *acc))
                target[t] = i;
    }
}

#define FACTS(...) &(const facts){ __VA_ARGS__ }

static const solver_case cases[] = {
    { "{ group: S5 }",                                            6, FACTS({{'S', 5}}) },
    { "{ group: S3, start: bos }",                                6, FACTS({{'S', 3}}, .mark = true) },
    { "{ group: S5, start: bos, scored: all-but-last }",          6, FACTS({{'S', 5}}, .mark = true, .asked = NOT_LAST) },
    { "{ group: A5, composition: left, scored: all-but-first }",  6, FACTS({{'A', 5}}, .left = true, .asked = NOT_FIRST) },
    { "{ group: S3, composition: left, start: bos, scored: last }", 6,
      FACTS({{'S', 3}}, .left = true, .mark = true, .asked = ONLY_LAST) },
    { "{ group: Z60 }",                                           6, FACTS({{'Z', 60}}) },
    { "{ group: A4xZ5 }",                                         6, FACTS({{'A', 4}, {'Z', 5}}) },
    { "{ group: S3xZ2xZ2, composition: left }",                   6, FACTS({{'S', 3}, {'Z', 2}, {'Z', 2}}, .left = true) },
    { "{ group: S5, symbols: generators }",                       12, FACTS({{'S', 5}}) },
    { "{ group: A5, symbols: generators }",                       20, FACTS({{'A', 5}}) },
    { "{ group: A4xZ5, symbols: generators }",                    12, FACTS({{'A', 4}, {'Z', 5}}) },
    { "{ group: S5, symbols: transpositions }",                   12, FACTS({{'S', 5}}) },
    { "{ group: A5, symbols: { moves: 3 }, start: bos }",         12, FACTS({{'A', 5}}, .mark = true) },
    { "{ group: Z5, symbols: [0, 1, 4] }",                        20, FACTS({{'Z', 5}}) },
    { "{ group: S3, tokens_per_symbol: 3, start: bos }",          12, FACTS({{'S', 3}}, .mark = true, .tokens = 3) },
    { "{ group: S3, tokens_per_symbol: 2, between: repeat, scored: all-but-last }", 12,
      FACTS({{'S', 3}}, .asked = NOT_LAST, .tokens = 2) },
    { "{ group: S5, symbols: transpositions, factors: 4, tokens_per_symbol: 4, between: identity, delay: 3 }", 6,
      FACTS({{'S', 5}}, .tokens = 4, .delay = 3, .identities = true) },
    { "{ group: S3, delay: 2, scored: last, start: bos }",        12,
      FACTS({{'S', 3}}, .mark = true, .asked = ONLY_LAST, .delay = 2) },
};

const solver solver_word_problem = { "word-problem", cases, sizeof cases / sizeof *cases, solve };
