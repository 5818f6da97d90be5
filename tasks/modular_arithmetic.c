// Modular arithmetic: the value of an expression of digits and + - *, with or without brackets.
#include "tasks/regular.h"

#include <math.h>
#include <stdio.h>

typedef struct modular_options { REGULAR_OPTIONS; int modulus, order; bool multiply, brackets; } modular_options;

enum { PRECEDENCE, LEFT_TO_RIGHT };
static const char *const order_words[] = { "precedence", "left-to-right", NULL };

static const param modular_params[] = {
    REGULAR_PARAMS(modular_options, "mark"),
    INT   (modular_options, modulus,  "5", 2, 64,                "digits are 0 ... modulus - 1"),
    CHOICE(modular_options, order,    "precedence", order_words, "without brackets: * before + and -, or as they come"),
    BOOL  (modular_options, multiply, "true",                    "* among the operators"),
    BOOL  (modular_options, brackets, "false",                   "a bracket around every operation, also minus signs"),
    TRANSITION_PARAMS(modular_options),
    {0}
};

enum { PLUS, MINUS, TIMES, OPEN, CLOSE };           // ids behind the digits; without TIMES the brackets keep theirs
enum { COUNTED = 512 };                             // lengths of expressions with brackets that are counted one by one

typedef struct modular {
    regular automaton;                              // first: with brackets only its sizes and marks are used
    modular_options o;
    double *count;                                  // log2 of the number of expressions of a length; brackets only
    const struct modular *trained;                  // with the automaton that training has; NULL where it has all of it
} modular;

static int apply(int operator, int a, int b, int modulus)
{
    const int value[] = { [PLUS] = a + b, [MINUS] = a - b + modulus, [TIMES] = a * b };
    return value[operator] % modulus;
}

static const char *const *token_names(int modulus, arena *a)
{
    static const char *const signs[] = { "+", "-", "*", "(", ")" };
    const char **names = arena_take(a, (modulus + 5) * sizeof *names);
    for (int i = 0; i < modulus; i++)
        names[i] = arena_text(a, "%d", i);
    for (int i = 0; i < 5; i++)
        names[modulus + i] = signs[i];
    return names;
}

// Left to right: value v after a digit is state v, after an operator modulus·(1 + operator) + v. In front of everything
// stands "0 +".
static regular *open_left_to_right(const modular_options *o, int operators, arena *a)
{
    const int M = o->modulus;
    regular *r = regular_open(M * (1 + operators), M + operators, M, o, false, a);
    r->first = M * (1 + PLUS);
    for (int v = 0; v < M; v++) {
        r->output[v] = v;
        for (int operator = 0; operator < operators; operator++) {
            regular_link(r, v, M + operator, M * (1 + operator) + v);
            for (int digit = 0; digit < M; digit++)
                regular_link(r, M * (1 + operator) + v, digit, apply(operator, v, digit, M));
        }
    }
    return r;
}

// With precedence: the sum s of the finished terms and the signed product p that is being read, state M·s + p after a
// digit; M² + M·s + p after *; 2·M² + s after +, 2·M² + M + s after -.
static regular *open_precedence(const modular_options *o, int operators, arena *a)
{
    const int M = o->modulus, times = M * M, plus = 2 * M * M;
    regular *r = regular_open(plus + 2 * M, M + operators, M, o, false, a);
    r->first = plus;
    for (int s = 0; s < M; s++) {
        for (int p = 0; p < M; p++) {
            r->output[M * s + p] = (s + p) % M;
            for (int operator = 0; operator < operators; operator++)
                regular_link(r, M * s + p, M + operator,
                             operator == TIMES ? times + M * s + p : plus + M * operator + (s + p) % M);
            for (int digit = 0; digit < M; digit++)
                regular_link(r, times + M * s + p, digit, M * s + p * digit % M);
        }
        for (int digit = 0; digit < M; digit++) {
            regular_link(r, plus + s, digit, M * s + digit);
            regular_link(r, plus + M + s, digit, M * s + (M - digit) % M);
        }
    }
    return r;
}

// Expressions of length n: as many as digits for n ≤ 4, then operators · Σ over the left part's length.
static double *count_expressions(int modulus, int operators, arena *a)
{
    double *count = arena_zero(a, (COUNTED + 1) * sizeof *count);
    for (int n = 1; n <= COUNTED; n++) {
        double sum = 0;                             // relative to the largest term, that of a left part of one token
        for (int left = 1; left <= n - 4; left++)
            sum += exp2(count[left] + count[n - 3 - left] - count[1] - count[n - 4]);
        count[n] = n <= 4 ? log2(modulus) : log2(operators) + count[1] + count[n - 4] + log2(sum);
    }
    return count;
}

static bool modular_check(const void *options, mark at, diag *d)
{
    const modular_options *o = options;
    const bool wrong = o->brackets && o->scored != REGULAR_MARK;
    if (wrong)
        diag_error(d, at, "scored: %s has no meaning with brackets, whose value is known behind them; use mark",
                   regular_scored_words[o->scored]);
    const bool infinite = o->brackets && o->holdout_transitions > 0;
    if (infinite)
        diag_error(d, at, "holdout_transitions has no meaning with brackets, whose states are without number");
    return !wrong && !infinite;
}

static void *modular_open(const void *options, arena *a, mark at, diag *d)
{
    const modular_options *o = options;
    const int operators = o->multiply ? 3 : 2;
    modular *m = arena_zero(a, sizeof *m);
    m->o = *o;
    if (o->brackets) {
        m->automaton = (regular){ .symbols = o->modulus + 5, .outputs = o->modulus, .o = *(const regular_options *)options,
                                  .least = 1, .step = 1 };
        m->count = count_expressions(o->modulus, operators, a);
    } else {
        regular *r = o->order == PRECEDENCE ? open_precedence(o, operators, a) : open_left_to_right(o, operators, a);
        r->step = 2;                                // ends with a digit
        if (!regular_close(r, a, at, d))
            return NULL;
        m->automaton = *r;
    }
    m->automaton.names = token_names(o->modulus, a);
    if (m->automaton.trained) {
        modular *trained = arena_take(a, sizeof *trained);
        *trained = (modular){ .automaton = *m->automaton.trained, .o = *o };
        m->trained = trained;
    }
    return m;
}

static const void *modular_trained(const void *self) { return ((const modular *)self)->trained; }

static double modular_space(const void *self, int length)
{
    const modular *m = self;
    if (!m->o.brackets)
        return regular_space(self, length);
    const double growth = (m->count[COUNTED] - m->count[COUNTED / 2]) / (COUNTED / 2);
    return length <= COUNTED ? m->count[length] : m->count[COUNTED] + (length - COUNTED) * growth;
}

static bool modular_prefixes(const void *self) { return !((const modular *)self)->o.brackets && regular_prefixes(self); }

// Writes an expression of `length` tokens at *to, moves on behind it and says its value: d, -d, (d), (-d), else
// ( left operator right ), the left part's length uniform in 1 … length − 4.
static int write_expression(const modular *m, int length, rng *r, int **to)
{
    const int M = m->o.modulus, operators = m->o.multiply ? 3 : 2;
    const bool bracket = length > 2, sign = length == 2 || length == 4;
    int value;
    if (bracket)
        *(*to)++ = M + OPEN;
    if (sign)
        *(*to)++ = M + MINUS;
    if (length <= 4) {
        const int digit = *(*to)++ = (int)rng_below(r, M);
        value = sign ? (M - digit) % M : digit;
    } else {
        const int left = 1 + (int)rng_below(r, length - 4), a = write_expression(m, left, r, to);
        const int operator = (int)rng_below(r, operators);
        *(*to)++ = M + operator;
        value = apply(operator, a, write_expression(m, length - 3 - left, r, to), M);
    }
    if (bracket)
        *(*to)++ = M + CLOSE;
    return value;
}

static void modular_example(const void *self, int length, rng *r, int *input, int *target)
{
    const modular *m = self;
    if (!m->o.brackets) {
        regular_example(self, length, r, input, target);
        return;
    }
    const int tokens = regular_tokens(self, length);
    int *to = input;
    if (m->o.start)
        *to++ = m->automaton.symbols;
    for (int t = 0; t < tokens; t++)
        target[t] = TASK_IGNORE;
    target[tokens - 1] = write_expression(m, length, r, &to);
    *to = regular_mark_id(&m->automaton);
}

// With brackets: the last digit among the last `window` tokens in front of the mark, or 0, which products make likeliest.
static void last_digit(const modular *m, const int *input, int tokens, int *output, int window)
{
    for (int t = 0, digit = 0, age = 0; t < tokens; t++) {
        output[t] = age <= window ? digit : 0;
        digit = input[t] < m->o.modulus ? input[t] : digit;
        age   = input[t] < m->o.modulus ? 1 : age + 1;
    }
}

static void predict(const void *self, const int *input, int tokens, int *output, int floor)
{
    static const int windows[] = { 0, 1, 2, 4 };
    const modular *m = self;
    if (m->o.brackets)
        last_digit(m, input, tokens, output, windows[floor]);
    else
        regular_floors[floor].predict(self, input, tokens, output);
}

static void last_0(const void *self, const int *input, int n, int *output) { predict(self, input, n, output, 0); }
static void last_1(const void *self, const int *input, int n, int *output) { predict(self, input, n, output, 1); }
static void last_2(const void *self, const int *input, int n, int *output) { predict(self, input, n, output, 2); }
static void last_4(const void *self, const int *input, int n, int *output) { predict(self, input, n, output, 3); }

static const task_floor modular_floors[] = {
    { "most-frequent",  "the likeliest value; with brackets 0",                                     last_0 },
    { "last-symbol",    "the likeliest value after the last symbol; with brackets a digit there, or 0",     last_1 },
    { "last-2-symbols", "the same of the last two symbols",                                         last_2 },
    { "last-4-symbols", "the same of the last four symbols; without brackets fewer where the modulus is large", last_4 },
    {0}
};

const task task_modular_arithmetic = {
    .name = "modular-arithmetic", .source = "arXiv:2207.02098", .version = 1,
    .summary = "value of an expression of digits and + - * modulo a number",
    .options = modular_params, .options_size = sizeof(modular_options), .check = modular_check,
    .convention =
        "Ids 0 … modulus − 1 are digits, then come + - * ( ). Without brackets digits and operators alternate, all uniform; "
        "lengths are odd; the value is that of arithmetic (* first), or that of working from left to right. With brackets an "
        "expression of length 1 is d, 2 -d, 3 (d), 4 (-d), else ( left operator right ), the left part's length uniform in 1 … "
        "length − 4. The target is the value modulo `modulus`, at the = behind the expression; without brackets also at every "
        "digit (scored: all) or at the last (last).",
    .example_options = "{}", .example_length = 15,
    .example_text =
        "input  3 5 4 6 3 7 1 5 0 5 4 5 4 7 2 8\n"
        "symbol 3 + 4 - 3 * 1 + 0 + 4 + 4 * 2 =\n"
        "target . . . . . . . . . . . . . . . 1\n",
    .open = modular_open, .size = regular_size, .fits = regular_fits, .tokens = regular_tokens, .space = modular_space,
    .example = modular_example, .prefixes = modular_prefixes, .symbol = regular_symbol, .floors = modular_floors,
    .trained = modular_trained, .held_out = regular_held_out,
};
