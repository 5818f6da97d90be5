// The word problem of a finite group: read a sequence of elements, say their running product. With S5, or any group that
// is not solvable, it is complete for NC1, which constant-depth models in TC0 are believed unable to reach at every length;
// solvable groups of the same size (Z60, A4xZ5) are its controls.
//
//   acc_0 = identity,   acc_t = acc_{t−1}·x_t (composition: right) or x_t·acc_{t−1} (left),   target_t = acc_t
#include "tasks/task.h"

#include <math.h>
#include "base/check.h"
#include "tasks/group_set.h"
#include "tasks/holdout.h"

enum { RIGHT, LEFT };
enum { START_NONE, START_BOS };
enum { ALL, ALL_BUT_LAST, ALL_BUT_FIRST, LAST };
enum { FILLER, REPEAT, IDENTITY };

static const char *const composition_words[] = { "right", "left", NULL };
static const char *const start_words[]       = { "none", "bos", NULL };
static const char *const scored_words[]      = { "all", "all-but-last", "all-but-first", "last", NULL };
static const char *const between_words[]     = { "filler", "repeat", "identity", NULL };

typedef struct word_problem_options {
    TRANSITION_OPTIONS;
    const char *group;
    int composition, start, scored;
    param_one_of symbols;
    int factors, tokens_per_symbol, between, delay;
} word_problem_options;

static const param word_problem_params[] = {
    TEXT  (word_problem_options, group,             NULL,                       "Sn, An, Zn or a product such as A4xZ5"),
    CHOICE(word_problem_options, composition,       "right", composition_words, "side on which a new symbol is multiplied"),
    CHOICE(word_problem_options, start,             "none",  start_words,       "start mark in front, unsupervised"),
    CHOICE(word_problem_options, scored,            "all",   scored_words,      "symbols whose running product is asked"),
    ONE_OF(word_problem_options, symbols,           "all",   group_set_forms,   "elements that are drawn, ids as they are"),
    INT   (word_problem_options, factors,           "1", 1, 64,                 "draws whose product is a symbol"),
    INT   (word_problem_options, tokens_per_symbol, "1", 1, 64,                 "tokens that a symbol takes"),
    CHOICE(word_problem_options, between,           "filler", between_words,    "a symbol's other tokens"),
    INT   (word_problem_options, delay,             "0", 0, 1024,               "tokens by which every target comes later"),
    TRANSITION_PARAMS(word_problem_options),
    {0}
};

typedef struct word_problem {
    const group *group;
    group_set symbols;
    word_problem_options o;
    const bool *held;                       // [elements, elements] (state, symbol) pairs kept from training; NULL: none is
    const struct word_problem *trained;     // without them; NULL where none is
    // of `trained`, where not every symbol is drawn in every state: those that are, in front of a row; their number [elements]
    const int *drawn, *n_drawn;             // [elements, symbols.n]; NULL: all
    double bits;                            // of a symbol
} word_problem;

static bool word_problem_check(const void *options, mark at, diag *d)
{
    const word_problem_options *o = options;
    group g;
    group_set set;
    if (!o->group || !group_parse(&g, o->group, at, d))         // an absent one has been reported
        return false;
    const bool late = o->delay && o->tokens_per_symbol > 1 && o->between != IDENTITY;
    if (late)
        diag_error(d, at, "delay: %d and between: %s don't go together: only a symbol's last token is asked; use identity",
                   o->delay, between_words[o->between]);
    const bool product = o->holdout_transitions > 0 && (o->factors > 1 || o->delay);
    if (product)
        diag_error(d, at, "holdout_transitions goes with factors: 1 and delay: 0");
    arena *memory = arena_new();
    const bool symbols = group_set_open(&set, &o->symbols, &g, o->group, at, memory, d);
    arena_free(memory);
    return symbols && !late && !product;
}

static inline int advance(const word_problem *w, int state, int symbol)
{
    return w->o.composition == RIGHT ? group_product(w->group, state, symbol) : group_product(w->group, symbol, state);
}

static inline int element(const group_set *set, int k) { return set->elements ? set->elements[k] : k; }

// Identities between symbols come in every state, whatever was drawn.
static transitions list_transitions(const word_problem *w, arena *a)
{
    const int G = w->group->size;
    int  *next   = arena_take(a, (size_t)G * G * sizeof *next);
    bool *needed = arena_zero(a, (size_t)G * G * sizeof *needed);
    for (int i = 0; i < G * G; i++)
        next[i] = -1;
    for (int state = 0; state < G; state++) {
        needed[state * G] = w->o.tokens_per_symbol > 1 && w->o.between == IDENTITY;
        for (int k = 0; k < w->symbols.n; k++)
            next[state * G + element(&w->symbols, k)] = advance(w, state, element(&w->symbols, k));
    }
    return (transitions){ G, G, 0, next, needed };
}

static word_problem *without_held(const word_problem *w, arena *a)
{
    const int G = w->group->size, n = w->symbols.n;
    int *drawn = arena_take(a, (size_t)G * n * sizeof *drawn), *n_drawn = arena_zero(a, G * sizeof *n_drawn), left = 0;
    for (int state = 0; state < G; state++) {
        for (int k = 0; k < n; k++)
            if (!w->held[state * G + element(&w->symbols, k)])
                drawn[state * n + n_drawn[state]++] = element(&w->symbols, k);
        left += n_drawn[state];
    }
    word_problem *trained = arena_take(a, sizeof *trained);
    *trained = *w;
    trained->drawn   = drawn;
    trained->n_drawn = n_drawn;
    trained->bits    = log2((double)left / G);      // an estimate: that of a state of mean choice
    return trained;
}

static bool hold_out(word_problem *w, arena *a, mark at, diag *d)
{
    const int64_t G = w->group->size;
    if (w->o.holdout_transitions == 0)
        return true;
    if (G * G > HOLDOUT_PAIRS) {
        diag_error(d, at, "holdout_transitions: %s has %lld pairs of elements, more than %d", w->o.group, (long long)(G * G),
                   HOLDOUT_PAIRS);
        return false;
    }
    const transitions all = list_transitions(w, a);
    w->held = holdout_choose(&all, w->o.holdout_transitions, a, at, d);
    w->trained = w->held ? without_held(w, a) : NULL;
    return w->held;
}

static void *word_problem_open(const void *options, arena *a, mark at, diag *d)
{
    const word_problem_options *o = options;
    word_problem *w = arena_take(a, sizeof *w);
    *w = (word_problem){ .group = group_open(o->group, at, a, d), .o = *o };
    if (!w->group || !group_set_open(&w->symbols, &o->symbols, w->group, o->group, at, a, d))
        return NULL;
    w->bits = fmin(o->factors * log2(w->symbols.n), log2(w->group->size));      // of factors: any that their draws have room for
    return hold_out(w, a, at, d) ? w : NULL;
}

static const void *word_problem_trained(const void *self) { return ((const word_problem *)self)->trained; }

static bool has_start(const word_problem *w)  { return w->o.start == START_BOS; }
static bool has_filler(const word_problem *w) { return w->o.tokens_per_symbol > 1 && w->o.between == FILLER; }
static int  filler_id(const word_problem *w)  { return w->group->size + has_start(w); }

static task_size word_problem_size(const void *self)
{
    const word_problem *w = self;
    return (task_size){ .input = w->group->size + has_start(w) + has_filler(w), .output = w->group->size };
}

static bool word_problem_fits(const void *self, int length, char *why, size_t room)
{
    const word_problem *w = self;
    const int scored = w->o.scored, least = scored == ALL_BUT_LAST || scored == ALL_BUT_FIRST ? 2 : 1;
    if (length < least)
        snprintf(why, room, "scored: %s needs at least %d symbol%s", scored_words[scored], least, least > 1 ? "s" : "");
    return length >= least;
}

static int word_problem_tokens(const void *self, int length)
{
    const word_problem *w = self;
    return length * w->o.tokens_per_symbol + has_start(w);
}

static double word_problem_space(const void *self, int length) { return length * ((const word_problem *)self)->bits; }

static bool word_problem_prefixes(const void *self)
{
    const word_problem *w = self;
    return w->o.scored == ALL;
}

static const char *word_problem_symbol(const void *self, int id, arena *a)
{
    const word_problem *w = self;
    return id < w->group->size ? group_text(w->group, id, a) : has_start(w) && id == w->group->size ? "bos" : "_";
}

static inline int draw_symbol(const word_problem *w, int state, rng *r)
{
    if (w->drawn)
        return w->drawn[state * w->symbols.n + (int)rng_below(r, w->n_drawn[state])];
    int symbol = 0;
    for (int i = 0; i < w->o.factors; i++) {
        const int drawn = element(&w->symbols, (int)rng_below(r, w->symbols.n));
        symbol = i ? group_product(w->group, symbol, drawn) : drawn;
    }
    return symbol;
}

// Token i of a symbol. Fillers and repeats end with the token that is asked; identities follow the symbol and are asked too.
static inline void write_token(const word_problem *w, int symbol, int i, int state, int *input, int *target)
{
    const int others[] = { [FILLER] = filler_id(w), [REPEAT] = symbol, [IDENTITY] = 0 };
    const bool last = i == w->o.tokens_per_symbol - 1;
    *input  = i == 0 ? symbol : others[w->o.between];
    *target = last || w->o.between == IDENTITY ? state : TASK_IGNORE;
}

static void word_problem_example(const void *self, int length, rng *r, int *input, int *target)
{
    const word_problem *w = self;
    const int N = w->o.tokens_per_symbol, tokens = length * N, delay = w->o.delay < tokens ? w->o.delay : tokens;
    if (has_start(w)) {
        *input++  = w->group->size;
        *target++ = TASK_IGNORE;
    }
    for (int k = 0, state = 0; k < length; k++) {
        const int symbol = draw_symbol(w, state, r);
        state = advance(w, state, symbol);
        for (int i = 0; i < N; i++)
            write_token(w, symbol, i, state, &input[k * N + i], &target[k * N + i]);
    }
    for (int t = tokens - 1; delay && t >= 0; t--)
        target[t] = t >= delay ? target[t - delay] : 0;
    const int first = w->o.scored == LAST ? length - 1 : w->o.scored == ALL_BUT_FIRST;
    for (int t = 0; t < first * N; t++)
        target[t] = TASK_IGNORE;
    for (int t = tokens - N; w->o.scored == ALL_BUT_LAST && t < tokens; t++)
        target[t] = TASK_IGNORE;
}

// At the token that a symbol is read from.
static int word_problem_held_out(const void *self, const int *input, int tokens, bool *taken)
{
    const word_problem *w = self;
    const int start = has_start(w), N = w->o.tokens_per_symbol, G = w->group->size;
    int read = 0;
    for (int t = 0, state = 0; t < tokens; t++) {
        const bool reads = t >= start && (t - start) % N == 0;
        taken[t] = reads && w->held[state * G + input[t]];
        state = reads ? advance(w, state, input[t]) : state;
        read += reads;
    }
    return read;
}

// Floors. With all elements as symbols every state after t ≥ 1 of them is uniform, and so is it given only the last w < t: a
// model that sees a window of w symbols is right at the first w positions and by chance behind, error (L − w)/L · (1 − 1/|G|).

static void window_product(const void *self, const int *input, int tokens, int *output, int window)
{
    const word_problem *w = self;
    const int start = has_start(w), N = w->o.tokens_per_symbol;
    for (int t = 0; t < tokens; t++) {
        const int at = t - start - w->o.delay, read = at < 0 ? 0 : at / N + 1;      // symbols that the target speaks of
        output[t] = 0;
        for (int k = read > window ? read - window : 0; k < read; k++)
            output[t] = advance(w, output[t], input[start + k * N]);
    }
}

static void last_0(const void *self, const int *input, int n, int *output) { window_product(self, input, n, output, 0); }
static void last_1(const void *self, const int *input, int n, int *output) { window_product(self, input, n, output, 1); }
static void last_2(const void *self, const int *input, int n, int *output) { window_product(self, input, n, output, 2); }
static void last_4(const void *self, const int *input, int n, int *output) { window_product(self, input, n, output, 4); }
static void last_8(const void *self, const int *input, int n, int *output) { window_product(self, input, n, output, 8); }

static const task_floor word_problem_floors[] = {
    { "most-frequent",  "always the identity: with all elements as symbols no state is more frequent", last_0 },
    { "last-symbol",    "the symbol read last",                                        last_1 },
    { "last-2-symbols", "the product of the last two symbols",                         last_2 },
    { "last-4-symbols", "the product of the last four symbols",                        last_4 },
    { "last-8-symbols", "the product of the last eight symbols",                       last_8 },
    {0}
};

const task task_word_problem = {
    .name = "word-problem", .source = "arXiv:2404.08819", .version = 1,
    .summary = "running product of elements of a finite group",
    .options = word_problem_params, .options_size = sizeof(word_problem_options), .check = word_problem_check,
    .convention =
        "Every symbol is drawn uniformly from all elements of the group, the identity included, or from those that `symbols` "
        "names. The target at a symbol is the product of the symbols up to it, itself included: with composition right the new "
        "symbol x is multiplied on the right, acc·x, with left on the left, x·acc. Permutations are numbered in lexicographic "
        "order of their one-line notation, the identity 0, and (p·q)(i) = p(q(i)). An takes the even ones in that order; Zn "
        "adds; (g, h) of GxH is g·|H| + h. A start mark is the id after the last element, a filler the id after that.",
    .example_options = "{ group: S3, start: bos }", .example_length = 6,
    .example_text =
        "input    6   3   5   1   0   1   1\n"
        "symbol bos 120 210 021 012 021 021\n"
        "target   .   3   1   0   0   1   0\n",
    .open = word_problem_open, .size = word_problem_size, .fits = word_problem_fits, .tokens = word_problem_tokens,
    .space = word_problem_space, .example = word_problem_example, .prefixes = word_problem_prefixes,
    .symbol = word_problem_symbol, .floors = word_problem_floors,
    .trained = word_problem_trained, .held_out = word_problem_held_out,
};
