// Automata whose languages can be said in a sentence.
#include "tests/solvers/placed.h"
#include "tests/solvers/solver.h"

typedef struct facts { placing placing; int (*say)(const int *symbol, int n); } facts;

static int ends_with_aa(const int *symbol, int n) { return n >= 2 && symbol[n - 1] == 0 && symbol[n - 2] == 0; }

// Binary numbers, most significant digit first, modulo 3.
static int number_modulo_3(const int *symbol, int n)
{
    int value = 0;
    for (int k = 0; k < n; k++)
        value = (2 * value + symbol[k]) % 3;
    return value;
}

static void solve(const void *facts_, const int *input, int tokens, int *target)
{
    const facts *f = facts_;
    int n, answer[4096];
    const int *symbol = placed_symbols(&f->placing, input, tokens, &n);
    for (int k = 0; k < n; k++)
        answer[k] = f->say(symbol, k + 1);
    place(&f->placing, answer, n, tokens, target);
}

static const solver_case cases[] = {
    { "{ definition: { symbols: [a, b], states: [none, one, two], start: none, "
      "next: [[one, none], [two, none], [two, none]], output: [0, 0, 1] } }",
      24, &(const facts){ { false, EVERY }, ends_with_aa } },
    { "{ start: bos, scored: mark, definition: { symbols: [zero, one], states: [r0, r1, r2], start: r0, "
      "next: [[r0, r1], [r2, r0], [r1, r2]], output: [0, 1, 2] } }",
      24, &(const facts){ { true, AT_MARK }, number_modulo_3 } },
};

const solver solver_automaton = { "automaton", cases, sizeof cases / sizeof *cases, solve };
