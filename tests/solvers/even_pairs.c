// Even pairs, by looking at the pairs.
#include "tests/solvers/placed.h"
#include "tests/solvers/solver.h"

static void solve(const void *facts, const int *input, int tokens, int *target)
{
    int n, answer[4096];
    const int *bit = placed_symbols(facts, input, tokens, &n);
    for (int k = 0; k < n; k++) {
        int changes = 0;
        for (int i = 1; i <= k; i++)
            changes += bit[i] != bit[i - 1];
        answer[k] = changes % 2;
    }
    place(facts, answer, n, tokens, target);
}

static const solver_case cases[] = {
    { "{}",                           24, &(const placing){ false, EVERY } },
    { "{ scored: last }",             24, &(const placing){ false, ONLY_LAST } },
    { "{ start: bos, scored: mark }", 24, &(const placing){ true,  AT_MARK } },
};

const solver solver_even_pairs = { "even-pairs", cases, sizeof cases / sizeof *cases, solve };
