// Dyck-(k, m): a stack of what is open.
#include "tests/solvers/placed.h"
#include "tests/solvers/solver.h"

typedef struct facts { placing placing; int kinds, depth; } facts;

static void solve(const void *facts_, const int *input, int tokens, int *target)
{
    const facts *f = facts_;
    int n, answer[4096], open[4096], height = 0;
    const int *bracket = placed_symbols(&f->placing, input, tokens, &n);
    for (int k = 0; k < n; k++) {
        const int kind = bracket[k] % f->kinds;
        if (bracket[k] < f->kinds)
            open[height++] = kind;
        else
            answer[k] = open[--height] == kind ? 0 : -2;            // −2: not balanced, equal to no target
        const bool wrong = height > f->depth || (bracket[k] >= f->kinds && answer[k] == -2);
        answer[k] = wrong ? -2 : height == 0 ? 0 : height < f->depth ? 1 + open[height - 1] : 1 + f->kinds + open[height - 1];
    }
    place(&f->placing, answer, n, tokens, target);
}

static const solver_case cases[] = {
    { "{ depth: 2 }",                                        24, &(const facts){ { false, EVERY }, 2, 2 } },
    { "{}",                                                  30, &(const facts){ { false, EVERY }, 2, 3 } },
    { "{ kinds: 1, depth: 10, start: bos, scored: last }",   40, &(const facts){ { true, ONLY_LAST }, 1, 10 } },
    { "{ kinds: 6, depth: 4, open: 0.7, scored: mark }",     24, &(const facts){ { false, AT_MARK }, 6, 4 } },
};

const solver solver_dyck = { "dyck", cases, sizeof cases / sizeof *cases, solve };
