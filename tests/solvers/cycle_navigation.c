// Cycle navigation: how far one has come along a line, wrapped at the end.
#include "tests/solvers/placed.h"
#include "tests/solvers/solver.h"

typedef struct facts { placing placing; int places; } facts;

static void solve(const void *facts_, const int *input, int tokens, int *target)
{
    const facts *f = facts_;
    int n, answer[4096];
    const int *step = placed_symbols(&f->placing, input, tokens, &n);
    for (int k = 0; k < n; k++) {
        int forwards = 0, backwards = 0;
        for (int i = 0; i <= k; i++) {
            forwards  += step[i] == 1;
            backwards += step[i] == 2;
        }
        int place = forwards - backwards;
        while (place < 0)
            place += f->places;
        while (place >= f->places)
            place -= f->places;
        answer[k] = place;
    }
    place(&f->placing, answer, n, tokens, target);
}

static const solver_case cases[] = {
    { "{}",                            16, &(const facts){ { false, EVERY }, 5 } },
    { "{ modulus: 2, scored: last }",  24, &(const facts){ { false, ONLY_LAST }, 2 } },
    { "{ modulus: 6, start: bos, scored: mark }", 16, &(const facts){ { true, AT_MARK }, 6 } },
};

const solver solver_cycle_navigation = { "cycle-navigation", cases, sizeof cases / sizeof *cases, solve };
