// Dyck-(k, m): a stack of what is open. Balanced texts are recognised by taking out pairs until none is left, and by a count of
// what is open.
#include "tests/solvers/placed.h"
#include "tests/solvers/solver.h"

#include <string.h>

typedef struct facts { placing placing; int kinds, depth; bool recognise; } facts;

static int balanced(const facts *f, const int *bracket, int n)
{
    int text[4096], height = 0;
    for (int k = 0; k < n; k++) {
        height += bracket[k] < f->kinds ? 1 : -1;
        if (height > f->depth)
            return 0;
    }
    memcpy(text, bracket, n * sizeof *text);
    for (int k = 0; k + 1 < n;)
        if (text[k] < f->kinds && text[k + 1] == text[k] + f->kinds) {
            memmove(text + k, text + k + 2, (n - k - 2) * sizeof *text);
            n -= 2;
            k = 0;
        } else
            k++;
    return n == 0;
}

static void solve(const void *facts_, const int *input, int tokens, int *target)
{
    const facts *f = facts_;
    int n, answer[4096], open[4096], height = 0;
    const int *bracket = placed_symbols(&f->placing, input, tokens, &n);
    for (int k = 0; k < n && f->recognise; k++)
        answer[k] = balanced(f, bracket, k + 1);
    for (int k = 0; k < n && !f->recognise; k++) {
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
    { "{ form: recognition, scored: last, depth: 1 }",       24, &(const facts){ { false, ONLY_LAST }, 2, 1, true } },
    { "{ form: recognition, scored: mark, start: bos, kinds: 4, depth: 12, open: 0.8 }",
      24, &(const facts){ { true, AT_MARK }, 4, 12, true } },
};

const solver solver_dyck = { "dyck", cases, sizeof cases / sizeof *cases, solve };
