// Dyck-(k, m): k kinds of brackets, nested at most m deep; what may come next?
#include "tasks/regular.h"

typedef struct dyck_options { REGULAR_OPTIONS; int kinds, depth; double open; } dyck_options;

static const param dyck_params[] = {
    REGULAR_PARAMS(dyck_options, "all"),
    INT (dyck_options, kinds, "2",   1, 64,   "k, kinds of brackets"),
    INT (dyck_options, depth, "3",   1, 4096, "m, the deepest nesting"),
    REAL(dyck_options, open,  "0.5", 0.01, 0.99, "probability of an opening bracket where a closing one may stand as well"),
    TASK_PARAMS(dyck_options),
    {0}
};

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
    const bool few = count_stacks(o->kinds, o->depth) <= REGULAR_STATES;
    if (!few)
        diag_error(d, at, "%d kinds of brackets nested %d deep make more than %d stacks", o->kinds, o->depth, REGULAR_STATES);
    return few;
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
static void *dyck_open(const void *options, arena *a, mark at, diag *d)
{
    const dyck_options *o = options;
    const int k = o->kinds, stacks = count_stacks(k, o->depth), full = count_stacks(k, o->depth - 1);       // from `full` on
    regular *r = regular_open(stacks, 2 * k, 1 + 2 * k, options, true, a);
    r->names = bracket_names(k, a);
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
    regular_close(r, a);
    return r;
}

const task task_dyck = {
    .name = "dyck", .source = "arXiv:2010.07515", .version = 1,
    .summary = "brackets of k kinds nested at most m deep: what may come next",
    .options = dyck_params, .options_size = sizeof(dyck_options), .check = dyck_check,
    .convention =
        "Ids 0 … k − 1 open a bracket, k … 2k − 1 close it. A sequence is the beginning of a balanced one: with nothing open a "
        "bracket is opened, at depth m the last one is closed, otherwise one is opened with probability `open`; kinds are "
        "uniform. The target is the set of brackets that may come next, as a number: 0 any opening one (nothing is open); 1 + b "
        "these or closing b; 1 + k + b closing b alone (depth m).",
    .example_options = "{ depth: 2 }", .example_length = 24,
    .example_text =
        "input  1 0 2 1 3 3 0 1 3 2 0 0 2 2 1 3 1 1 3 3 0 1 3 2\n"
        "symbol [ ( ) [ ] ] ( [ ] ) ( ( ) ) [ ] [ [ ] ] ( [ ] )\n"
        "target 2 3 2 4 2 0 1 4 1 0 1 3 1 0 2 0 2 4 2 0 1 4 1 0\n",
    .open = dyck_open, .size = regular_size, .fits = regular_fits, .tokens = regular_tokens, .space = regular_space,
    .example = regular_example, .prefixes = regular_prefixes, .symbol = regular_symbol, .floors = regular_floors,
};
