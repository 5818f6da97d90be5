// The word problem of a finite group: read a sequence of elements, say their running product. With S5, or any group that
// is not solvable, it is complete for NC1, which constant-depth models in TC0 are believed unable to reach at every length;
// solvable groups of the same size (Z60, A4xZ5) are its controls.
//
//   acc_0 = identity,   acc_t = acc_{t−1}·x_t (composition: right) or x_t·acc_{t−1} (left),   target_t = acc_t
#include "tasks/task.h"

#include <math.h>
#include "base/check.h"
#include "tasks/group.h"

enum { RIGHT, LEFT };
enum { START_NONE, START_BOS };
enum { ALL, ALL_BUT_LAST, ALL_BUT_FIRST, LAST };

static const char *const composition_words[] = { "right", "left", NULL };
static const char *const start_words[]       = { "none", "bos", NULL };
static const char *const scored_words[]      = { "all", "all-but-last", "all-but-first", "last", NULL };

typedef struct word_problem_options {
    const char *group;
    int composition, start, scored;
} word_problem_options;

static const param word_problem_params[] = {
    TEXT  (word_problem_options, group,       NULL,                       "Sn, An, Zn or a product such as A4xZ5"),
    CHOICE(word_problem_options, composition, "right", composition_words, "side on which a new symbol is multiplied"),
    CHOICE(word_problem_options, start,       "none",  start_words,       "start mark in front, unsupervised"),
    CHOICE(word_problem_options, scored,      "all",   scored_words,      "symbols whose running product is asked"),
    {0}
};

typedef struct word_problem {
    const group *group;
    int composition, start, scored;
} word_problem;

static bool word_problem_check(const void *options, mark at, diag *d)
{
    const word_problem_options *o = options;
    group g;
    return o->group && group_parse(&g, o->group, at, d);        // an absent one has been reported
}

static void *word_problem_open(const void *options, arena *a, mark at, diag *d)
{
    const word_problem_options *o = options;
    const group *g = group_open(o->group, at, a, d);
    if (!g)
        return NULL;
    word_problem *w = arena_take(a, sizeof *w);
    *w = (word_problem){ g, o->composition, o->start, o->scored };
    return w;
}

static task_size word_problem_size(const void *self)
{
    const word_problem *w = self;
    return (task_size){ .input = w->group->size + (w->start == START_BOS), .output = w->group->size };
}

static bool word_problem_fits(const void *self, int length, char *why, size_t room)
{
    const word_problem *w = self;
    const int least = w->scored == ALL_BUT_LAST || w->scored == ALL_BUT_FIRST ? 2 : 1;
    if (length < least)
        snprintf(why, room, "scored: %s needs at least %d symbol%s", scored_words[w->scored], least, least > 1 ? "s" : "");
    return length >= least;
}

static int word_problem_tokens(const void *self, int length)
{
    const word_problem *w = self;
    return length + (w->start == START_BOS);
}

static double word_problem_space(const void *self, int length)
{
    const word_problem *w = self;
    return length * log2(w->group->size);
}

static bool word_problem_prefixes(const void *self)
{
    const word_problem *w = self;
    return w->scored == ALL;
}

static const char *word_problem_symbol(const void *self, int id, arena *a)
{
    const word_problem *w = self;
    return id < w->group->size ? group_text(w->group, id, a) : "bos";
}

static inline int advance(const word_problem *w, int state, int symbol)
{
    return w->composition == RIGHT ? group_product(w->group, state, symbol) : group_product(w->group, symbol, state);
}

static void word_problem_example(const void *self, int length, rng *r, int *input, int *target)
{
    const word_problem *w = self;
    const int size = w->group->size;
    if (w->start == START_BOS) {
        *input++  = size;
        *target++ = TASK_IGNORE;
    }
    for (int t = 0, state = 0; t < length; t++) {
        input[t]  = rng_below(r, size);
        target[t] = state = advance(w, state, input[t]);
    }
    const int first = w->scored == LAST ? length - 1 : w->scored == ALL_BUT_FIRST;
    for (int t = 0; t < first; t++)
        target[t] = TASK_IGNORE;
    if (w->scored == ALL_BUT_LAST)
        target[length - 1] = TASK_IGNORE;
}

// Floors. Every state after t ≥ 1 uniform symbols is uniform, and so is it given only the last w < t of them: a model that
// sees a window of w symbols is right at the first w positions and by chance behind, error (L − w)/L · (1 − 1/|G|).

static void window_product(const void *self, const int *input, int tokens, int *output, int window)
{
    const word_problem *w = self;
    const int start = w->start == START_BOS;
    for (int t = 0; t < tokens; t++) {
        const int from = t - window + 1 > start ? t - window + 1 : start;
        output[t] = 0;
        for (int s = from; s <= t; s++)
            output[t] = advance(w, output[t], input[s]);
    }
}

static void last_0(const void *self, const int *input, int n, int *output) { window_product(self, input, n, output, 0); }
static void last_1(const void *self, const int *input, int n, int *output) { window_product(self, input, n, output, 1); }
static void last_2(const void *self, const int *input, int n, int *output) { window_product(self, input, n, output, 2); }
static void last_4(const void *self, const int *input, int n, int *output) { window_product(self, input, n, output, 4); }
static void last_8(const void *self, const int *input, int n, int *output) { window_product(self, input, n, output, 8); }

static const task_floor word_problem_floors[] = {
    { "most-frequent",  "always the identity: no state is more frequent than another", last_0 },
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
        "Every symbol is drawn uniformly from all elements of the group, the identity included. The target at a symbol is the "
        "product of the symbols up to it, itself included: with composition right the new symbol x is multiplied on the right, "
        "acc·x, with left on the left, x·acc. Permutations are numbered in lexicographic order of their one-line notation, the "
        "identity 0, and (p·q)(i) = p(q(i)). An takes the even ones in that order; Zn adds; (g, h) of GxH is g·|H| + h. A start "
        "mark is the id after the last element.",
    .example_options = "{ group: S3, start: bos }", .example_length = 6,
    .example_text =
        "input    6   3   5   1   0   1   1\n"
        "symbol bos 120 210 021 012 021 021\n"
        "target   .   3   1   0   0   1   0\n",
    .open = word_problem_open, .size = word_problem_size, .fits = word_problem_fits, .tokens = word_problem_tokens,
    .space = word_problem_space, .example = word_problem_example, .prefixes = word_problem_prefixes,
    .symbol = word_problem_symbol, .floors = word_problem_floors,
};
