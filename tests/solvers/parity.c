// Parity, by counting.
#include "tests/solvers/placed.h"
#include "tests/solvers/solver.h"

static void solve(const void *facts, const int *input, int tokens, int *target)
{
    int n, ones = 0, answer[4096];
    const int *bit = placed_symbols(facts, input, tokens, &n);
    for (int k = 0; k < n; k++) {
        ones += bit[k] == 1;
        answer[k] = ones % 2;
    }
    place(facts, answer, n, tokens, target);
}

static const solver_case cases[] = {
    { "{}",                           24, &(const placing){ false, EVERY } },
    { "{ start: bos, scored: last }", 24, &(const placing){ true,  ONLY_LAST } },
    { "{ scored: mark }",             24, &(const placing){ false, AT_MARK } },
    { "{ start: bos, scored: mark }", 24, &(const placing){ true,  AT_MARK } },
};

const solver solver_parity = { "parity", cases, sizeof cases / sizeof *cases, solve };
