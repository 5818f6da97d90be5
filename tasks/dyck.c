// Dyck-(k, m): k kinds of brackets, nested at most m deep. What may come next? Or: is a text balanced? No transition can be held
// out: each is the only way to a stack, or back.
#include "tasks/regular.h"

#include <math.h>
#include <string.h>
#include "base/check.h"

enum { NEXT, RECOGNITION };
enum { KINDS = 64, DEEPEST = 4096 };
static const char *const form_words[] = { "next", "recognition", NULL };

typedef struct dyck_options { REGULAR_OPTIONS; int form, kinds, depth; double open; } dyck_options;

static const param dyck_params[] = {
    REGULAR_PARAMS(dyck_options, "all"),
    CHOICE(dyck_options, form, "next", form_words, "what is asked: which brackets may follow, or whether a text is balanced"),
    INT (dyck_options, kinds, "2",   1, KINDS, "k, kinds of brackets"),
    INT (dyck_options, depth, "3",   1, DEEPEST, "m, the deepest nesting"),
    REAL(dyck_options, open,  "0.5", 0.01, 0.99, "probability of an opening bracket where a closing one may stand as well"),
    TASK_PARAMS(dyck_options),
    {0}
};

enum { COUNTED = 512, TRIES = 100000 };             // lengths of balanced texts that are counted; draws of a negative

typedef struct dyck {
    regular automaton;                              // first: recognition only uses its sizes and marks
    dyck_options o;
    double *balanced;                               // log2 of the number of balanced texts of a length; recognition only
} dyck;

// Stacks of at most `depth` brackets: 1 + k + k² + …; above the limit where they are too many.
static int count_stacks(int kinds, int depth)
{
    int stacks = 1;
    for (int d = 0, level = 1; d < depth && stacks <= REGULAR_STATES; d++)
        stacks += level *= kinds;
    return stacks;
}

static bool dyck_check(const void *options, mark at, diag *d)
{
    const dyck_options *o = options;
    const bool recognises = o->form == RECOGNITION, few = recognises || count_stacks(o->kinds, o->depth) <= REGULAR_STATES;
    const bool all = recognises && o->scored == REGULAR_ALL;
    if (!few)
        diag_error(d, at, "%d kinds of brackets nested %d deep make more than %d stacks", o->kinds, o->depth,
                   REGULAR_STATES);
    if (all)
        diag_error(d, at, "form: recognition asks about a whole text: write scored: last or scored: mark");
    return few && !all;
}

static const char *const *bracket_names(int kinds, arena *a)
{
    static const char round[] = "([{<)]}>";
    const char **names = arena_take(a, 2 * kinds * sizeof *names);
    for (int i = 0; i < 2 * kinds; i++) {
        const int kind = i % kinds, closing = i >= kinds;
        names[i] = kind < 4 ? arena_text(a, "%c", round[kind + 4 * closing]) : arena_text(a, "%c%d", "()"[closing], kind);
    }
    return names;
}

// Stacks are numbered as in a heap: the empty one is 0, bracket b put on stack s makes k·s + 1 + b.
// Outputs: 0, any opening one; 1 + b, these or closing b; 1 + k + b, closing b alone.
static regular *open_next(const dyck_options *o, arena *a)
{
    const int k = o->kinds, stacks = count_stacks(k, o->depth), full = count_stacks(k, o->depth - 1);       // from `full` on
    regular *r = regular_open(stacks, 2 * k, 1 + 2 * k, o, true, a);
    for (int s = 0; s < stacks; s++) {
        const bool opens = s < full, closes = s > 0;
        const int top = (s - 1) % k;
        r->output[s] = !closes ? 0 : 1 + top + (opens ? 0 : k);
        for (int b = 0; b < k && opens; b++) {
            regular_link(r, s, b, k * s + 1 + b);
            r->weight[2 * k * s + b] = (closes ? o->open : 1) / k;
        }
        if (closes) {
            regular_link(r, s, k + top, (s - 1) / k);
            r->weight[2 * k * s + k + top] = opens ? 1 - o->open : 1;
        }
    }
    return r;
}

// Balanced texts of n brackets: the ways from height 0 back to it that stay within the depth, k kinds for each pair. Scaled
// down as they grow.
static double *count_balanced(int kinds, int depth, arena *a)
{
    double *count = arena_zero(a, (COUNTED + 1) * sizeof *count), ways[COUNTED + 2] = { 1 }, scale = 0;
    const int most = depth < COUNTED ? depth : COUNTED;
    for (int n = 1; n <= COUNTED; n++) {
        double before = 0, sum = 0;                 // ways to one height less, of the step before
        for (int h = 0; h <= most; h++) {
            const double now = before + ways[h + 1];        // above the most it stays 0
            before = ways[h];
            sum += ways[h] = now;
        }
        for (int h = 0; h <= most; h++)
            ways[h] /= sum;
        scale += log2(sum);
        count[n] = n % 2 ? 0 : scale + log2(ways[0]) + n / 2 * log2(kinds);
    }
    return count;
}

static void *dyck_open(const void *options, arena *a, mark at, diag *d)
{
    const dyck_options *o = options;
    dyck *y = arena_zero(a, sizeof *y);
    y->o = *o;
    if (o->form == NEXT) {
        regular *r = open_next(o, a);
        r->names = bracket_names(o->kinds, a);
        if (!regular_close(r, a, at, d))
            return NULL;
        y->automaton = *r;
    } else {
        y->automaton = (regular){ .symbols = 2 * o->kinds, .outputs = 2, .names = bracket_names(o->kinds, a), .least = 2,
                                  .step = 2, .o = *(const regular_options *)options };
        y->balanced = count_balanced(o->kinds, o->depth, a);
    }
    return y;
}

// Of recognition the balanced texts, half of all examples: the others are many more.
static double dyck_space(const void *self, int length)
{
    const dyck *y = self;
    if (y->o.form == NEXT)
        return regular_space(self, length);
    const double growth = (y->balanced[COUNTED] - y->balanced[COUNTED / 2]) / (COUNTED / 2);
    return length <= COUNTED ? y->balanced[length] : y->balanced[COUNTED] + (length - COUNTED) * growth;
}

static bool dyck_prefixes(const void *self) { return ((const dyck *)self)->o.form == NEXT && regular_prefixes(self); }

// Could these n brackets be the end of a balanced text, of a whole one where `whole`? Nesting is watched from their start.
static bool may_end(const dyck_options *o, const int *bracket, int n, bool whole)
{
    int open[DEEPEST], height = 0;
    for (int i = 0; i < n; i++) {
        const bool opens = bracket[i] < o->kinds, closes = !opens && height > 0;
        if (opens && height == o->depth)
            return false;
        if (closes ? open[height - 1] != bracket[i] - o->kinds : !opens && whole)
            return false;
        if (opens)
            open[height] = bracket[i];
        height += opens - closes;
    }
    return height == 0;
}

// Opened with probability `open`, wherever the brackets that are left don't force it.
static void draw_balanced(const dyck_options *o, int length, rng *r, int *text)
{
    int open[DEEPEST], height = 0;
    for (int t = 0; t < length; t++) {
        const bool must_close = height == length - t || height == o->depth;
        const bool opens = !must_close && (height == 0 || rng_unit(r) < o->open);
        text[t] = opens ? (int)rng_below(r, o->kinds) : o->kinds + open[height - 1];
        if (opens)
            open[height] = text[t];
        height += opens ? 1 : -1;
    }
}

// One bracket becomes another, or is taken out and put in elsewhere, one as likely as the other: the length stays.
static void edit(const dyck_options *o, int length, rng *r, int *text)
{
    const int from = (int)rng_below(r, length), was = text[from];
    if (rng_below(r, 2)) {
        text[from] = (int)rng_below(r, 2 * o->kinds - 1);
        text[from] += text[from] >= was;
        return;
    }
    const int to = (int)rng_below(r, length);
    memmove(text + from, text + from + 1, (length - 1 - from) * sizeof *text);
    memmove(text + to + 1, text + to, (length - 1 - to) * sizeof *text);
    text[to] = was;
}

// Half of the texts are balanced. Of the others half are uniform brackets and half balanced ones with K edits, K = 1, 2, …
// with probability 2^−K; whatever is balanced after all is drawn again.
static void draw_text(const dyck_options *o, int length, rng *r, int *text)
{
    const bool balanced = rng_below(r, 2), uniform = !balanced && rng_below(r, 2);
    int tries = 0;
    do {
        CHECK(tries++ < TRIES, "every text of %d brackets is balanced", length);
        if (uniform) {
            for (int t = 0; t < length; t++)
                text[t] = (int)rng_below(r, 2 * o->kinds);
            continue;
        }
        draw_balanced(o, length, r, text);
        for (bool more = !balanced; more; more = rng_below(r, 2))
            edit(o, length, r, text);
    } while (may_end(o, text, length, true) != balanced);
}

static void dyck_example(const void *self, int length, rng *r, int *input, int *target)
{
    const dyck *y = self;
    if (y->o.form == NEXT) {
        regular_example(self, length, r, input, target);
        return;
    }
    const int tokens = regular_tokens(self, length), start = y->o.start;
    for (int t = 0; t < tokens; t++)
        target[t] = TASK_IGNORE;
    if (start)
        input[0] = y->automaton.symbols;
    draw_text(&y->o, length, r, input + start);
    if (y->o.scored == REGULAR_MARK)
        input[tokens - 1] = regular_mark_id(&y->automaton);
    target[tokens - 1] = may_end(&y->o, input + start, length, true);
}

// ---- floors. In recognition those of a window say "balanced" unless the window shows that it is not.

static void window(const void *self, const int *input, int tokens, int *output, int floor)
{
    static const int windows[] = { 0, 1, 2, 4 };
    const dyck *y = self;
    if (y->o.form == NEXT) {
        regular_floors[floor].predict(self, input, tokens, output);
        return;
    }
    for (int t = 0, read = 0; t < tokens; t++) {
        read += input[t] < y->automaton.symbols;
        const int n = read < windows[floor] ? read : windows[floor];
        output[t] = may_end(&y->o, input + y->o.start + read - n, n, n == read);
    }
}

static void last_0(const void *self, const int *input, int n, int *output) { window(self, input, n, output, 0); }
static void last_1(const void *self, const int *input, int n, int *output) { window(self, input, n, output, 1); }
static void last_2(const void *self, const int *input, int n, int *output) { window(self, input, n, output, 2); }
static void last_4(const void *self, const int *input, int n, int *output) { window(self, input, n, output, 3); }

// How many of each kind are open, but not in which order: the innermost is taken to be of the kind that most are of.
static void counts(const void *self, const int *input, int tokens, int *output)
{
    const dyck *y = self;
    const int k = y->o.kinds;
    int open[KINDS] = {0};
    for (int t = 0; t < tokens; t++) {
        int all = 0, uneven = 0, most = 0;
        if (input[t] < 2 * k)
            open[input[t] % k] += input[t] < k ? 1 : -1;
        for (int b = 0; b < k; b++) {
            all    += open[b];
            uneven += open[b] != 0;
            most    = open[b] > open[most] ? b : most;
        }
        output[t] = y->o.form == RECOGNITION ? !uneven : all <= 0 ? 0 : 1 + most + (all < y->o.depth ? 0 : k);
    }
}

static const task_floor dyck_floors[] = {
    { "most-frequent",  "the likeliest answer far from the start; in recognition always yes",                 last_0 },
    { "last-symbol",    "the likeliest answer after the last symbol; in recognition no where it opens",       last_1 },
    { "last-2-symbols", "the same of the last two symbols: no where they cannot end a balanced text",         last_2 },
    { "last-4-symbols", "the same of the last four symbols; of form next fewer where there are many kinds",   last_4 },
    { "counts",         "how many of each kind are open, without their order",                                counts },
    {0}
};

const task task_dyck = {
    .name = "dyck", .source = "arXiv:2010.07515", .version = 1,
    .summary = "brackets of k kinds nested at most m deep: what may come next, or whether a text is balanced",
    .options = dyck_params, .options_size = sizeof(dyck_options), .check = dyck_check,
    .convention =
        "Ids 0 … k − 1 open a bracket, k … 2k − 1 close it. A sequence is the beginning of a balanced one: with nothing open a "
        "bracket is opened, at depth m the last one is closed, otherwise one is opened with probability `open`; kinds are "
        "uniform. The target is the set of brackets that may come next, as a number: 0 any opening one (nothing is open); 1 + b "
        "these or closing b; 1 + k + b closing b alone (depth m). With form recognition half of the texts are balanced, and the "
        "target, at the last bracket or at a mark behind it, is 1 for these and 0 for the others, of which half are uniform "
        "brackets and half balanced texts hit by K edits, K = 1, 2, … with probability 2^−K.",
    .example_options = "{ depth: 2 }", .example_length = 24,
    .example_text =
        "input  1 0 2 1 3 3 0 1 3 2 0 0 2 2 1 3 1 1 3 3 0 1 3 2\n"
        "symbol [ ( ) [ ] ] ( [ ] ) ( ( ) ) [ ] [ [ ] ] ( [ ] )\n"
        "target 2 3 2 4 2 0 1 4 1 0 1 3 1 0 2 0 2 4 2 0 1 4 1 0\n",
    .open = dyck_open, .size = regular_size, .fits = regular_fits, .tokens = regular_tokens, .space = dyck_space,
    .example = dyck_example, .prefixes = dyck_prefixes, .symbol = regular_symbol, .floors = dyck_floors,
};
