// Modular arithmetic by reading the expression as text: a parser for brackets and precedence, a fold from left to right.
#include "tests/solvers/placed.h"
#include "tests/solvers/solver.h"

typedef enum { RULES, LEFT_TO_RIGHT, BRACKETS } reading;
typedef struct facts { placing placing; int modulus; reading reading; } facts;
typedef struct text { const int *at, *end; int modulus; } text;

static char sign(const text *t) { return t->at < t->end && *t->at >= t->modulus ? "+-*()"[*t->at - t->modulus] : 0; }

static int wrap(int value, int modulus) { return (value % modulus + modulus) % modulus; }

static int sum(text *t);

// digit | - factor | ( sum )
static int factor(text *t)
{
    int value;
    switch (sign(t)) {
    case '-':
        t->at++;
        return wrap(-factor(t), t->modulus);
    case '(':
        t->at++;
        value = sum(t);
        t->at++;
        return value;
    default:
        return *t->at++;
    }
}

static int product(text *t)
{
    int value = factor(t);
    while (sign(t) == '*') {
        t->at++;
        value = wrap(value * factor(t), t->modulus);
    }
    return value;
}

static int sum(text *t)
{
    int value = product(t);
    for (char s = sign(t); s == '+' || s == '-'; s = sign(t)) {
        t->at++;
        const int right = product(t);
        value = wrap(s == '+' ? value + right : value - right, t->modulus);
    }
    return value;
}

static int fold(const int *token, int n, int modulus)
{
    long value = token[0];
    for (int k = 1; k + 1 < n; k += 2) {
        const int digit = token[k + 1];
        value = token[k] == modulus ? value + digit : token[k] == modulus + 1 ? value - digit : value * digit;
        value = (value % modulus + modulus) % modulus;
    }
    return (int)value;
}

static void solve(const void *facts_, const int *input, int tokens, int *target)
{
    const facts *f = facts_;
    int n, answer[4096];
    const int *token = placed_symbols(&f->placing, input, tokens, &n);
    for (int k = 0; k < n; k++) {
        text t = { token, token + k + 1, f->modulus };
        const bool whole = f->reading == BRACKETS ? k == n - 1 : k % 2 == 0;
        answer[k] = !whole ? -1 : f->reading == LEFT_TO_RIGHT ? fold(token, k + 1, f->modulus) : sum(&t);
        if (whole && f->reading != LEFT_TO_RIGHT && t.at != t.end)
            answer[k] = -2;                             // not an expression
    }
    place(&f->placing, answer, n, tokens, target);
}

#define FACTS(...) &(const facts){ __VA_ARGS__ }

static const solver_case cases[] = {
    { "{}",                                                   15, FACTS({ false, AT_MARK }, 5, RULES) },
    { "{ order: left-to-right, scored: all, start: bos }",    15, FACTS({ true, EVERY }, 5, LEFT_TO_RIGHT) },
    { "{ modulus: 7, multiply: false, scored: all }",         15, FACTS({ false, EVERY }, 7, RULES) },
    { "{ modulus: 3, scored: last }",                         21, FACTS({ false, ONLY_LAST }, 3, RULES) },
    { "{ order: left-to-right, modulus: 2 }",                 25, FACTS({ false, AT_MARK }, 2, LEFT_TO_RIGHT) },
    { "{ brackets: true }",                                   20, FACTS({ false, AT_MARK }, 5, BRACKETS) },
    { "{ brackets: true, multiply: false, start: bos }",      24, FACTS({ true, AT_MARK }, 5, BRACKETS) },
};

const solver solver_modular_arithmetic = { "modular-arithmetic", cases, sizeof cases / sizeof *cases, solve };
