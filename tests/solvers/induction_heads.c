// Induction heads: the last token is the trigger; find it for the first time.
#include "tests/solvers/solver.h"

static void solve(const void *facts, const int *input, int tokens, int *target)
{
    const int trigger = input[tokens - 1];
    int first = 0;
    for (int t = 0; t < tokens; t++)
        target[t] = -1;
    while (input[first] != trigger)
        first++;
    target[tokens - 1] = input[first + 1];
}

static const solver_case cases[] = { { "{ vocabulary: 10 }", 12, 0 }, { "{}", 30, 0 } };

const solver solver_induction_heads = { "induction-heads", cases, sizeof cases / sizeof *cases, solve };
