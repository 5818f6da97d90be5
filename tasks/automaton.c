// Any finite automaton, written down in the sweep or in a file of its own: a regular language, a monoid, a counter.
#include "tasks/regular.h"

#include <string.h>
#include "base/check.h"

// Symbols and states are words; the next state is given by row (state) and column (symbol), the output by state.
typedef struct definition { param_list symbols, states; const char *start; param_list next, output; } definition;

typedef struct automaton_options { REGULAR_OPTIONS; param_one_of definition; } automaton_options;

static const param word = A_TEXT("a name"), row = A_LIST(&word, 0, 0, "states"), number = AN_INT(0, REGULAR_STATES - 1, "an id");

static const param definition_params[] = {
    LIST(definition, symbols, NULL, &word,   "names of the symbols, in the order of their ids"),
    LIST(definition, states,  NULL, &word,   "names of the states"),
    TEXT(definition, start,   NULL,          "the state before the first symbol"),
    LIST(definition, next,    NULL, &row,    "a row a state: the next state for each symbol"),
    LIST(definition, output,  NULL, &number, "the target in each state"),
    {0}
};

static const param definition_forms[] = {
    A_SECTION(definition, definition_params, "the automaton itself"), A_TEXT("a YAML file with it"), {0} };

static const param automaton_params[] = {
    REGULAR_PARAMS(automaton_options, "all"),
    ONE_OF(automaton_options, definition, NULL, definition_forms, "symbols, states, start, next and output, or a file with them"),
    TRANSITION_PARAMS(automaton_options),
    {0}
};

// A definition, and where its parts stand: in a file each has a place of its own.
typedef struct source { definition of; const yaml *tree; mark at; diag *faults; arena *memory; } source;

static mark place(const source *s, const char *path)
{
    const yaml *node = s->tree ? yaml_at(s->tree, path) : NULL;
    return node ? node->at : s->at;
}

#define FAULT(s, path, ...) (diag_error((s)->faults, place(s, path), __VA_ARGS__), false)

static bool load(source *s, const param_one_of *form)
{
    if (definition_forms[form->which].type == PARAM_SECTION) {
        s->of = *(const definition *)form->value;
        return true;
    }
    s->tree = yaml_file(*(const char *const *)form->value, s->memory, s->faults);
    param_defaults(definition_params, &s->of, s->memory);
    return s->tree && param_read(definition_params, &s->of, s->tree, "the automaton", s->memory, s->faults);
}

static const char *name_at(const param_list *names, int i) { return ((const char *const *)names->items)[i]; }

static int find_name(const param_list *names, const char *name)
{
    for (int i = 0; i < names->n; i++)
        if (!strcmp(name_at(names, i), name))
            return i;
    return -1;
}

static bool check_names(const source *s, const char *list, const param_list *names, int most)
{
    bool ok = true;
    if (names->n < 1 || names->n > most)
        ok = FAULT(s, list, "%s: %d names; there must be 1 to %d", list, names->n, most);
    for (int i = 0; i < names->n; i++) {
        const char *path = arena_text(s->memory, "%s.%d", list, i), *name = name_at(names, i);
        if (!*name || strpbrk(name, " \t\n"))
            ok = FAULT(s, path, "%s: '%s' is no word", list, name);
        if (find_name(names, name) < i)
            ok = FAULT(s, path, "%s: '%s' stands there twice", list, name);
    }
    return ok;
}

static int find_state(const source *s, const char *path, const char *name)
{
    const int state = find_name(&s->of.states, name);
    if (state >= 0)
        return state;
    const char *nearest = diag_nearest(name, s->of.states.items, s->of.states.n);
    const char *advice = nearest ? arena_text(s->memory, "; did you mean '%s'?", nearest) : "";
    (void)FAULT(s, path, "'%s' is not among the states%s", name, advice);
    return -1;
}

// Every state has a row, every row a state for every symbol.
static bool check_next(const source *s, int *next)
{
    const definition *of = &s->of;
    const param_list *rows = of->next.items;
    bool ok = of->next.n == of->states.n || FAULT(s, "next", "next: %d rows for %d states", of->next.n, of->states.n);
    for (int i = 0; ok && i < of->next.n; i++) {
        const char *path = arena_text(s->memory, "next.%d", i);
        if (rows[i].n != of->symbols.n)
            return FAULT(s, path, "next: %d entries for state '%s' and %d symbols", rows[i].n, name_at(&of->states, i),
                         of->symbols.n);
        for (int x = 0; x < rows[i].n; x++) {
            next[i * of->symbols.n + x] = find_state(s, arena_text(s->memory, "next.%d.%d", i, x), name_at(&rows[i], x));
            ok &= next[i * of->symbols.n + x] >= 0;
        }
    }
    return ok;
}

static bool check_output(const source *s)
{
    const param_list *outputs = &s->of.output;
    const int *output = outputs->items;
    if (outputs->n != s->of.states.n)
        return FAULT(s, "output", "output: %d numbers for %d states", outputs->n, s->of.states.n);
    int largest = 0;
    for (int i = 0; i < outputs->n; i++)
        largest = output[i] > largest ? output[i] : largest;
    return largest > 0 || FAULT(s, "output", "output: every state says 0; there is nothing to learn");
}

static bool check_reachable(const source *s, const int *next, int start)
{
    const int states = s->of.states.n, symbols = s->of.symbols.n;
    bool *reached = arena_zero(s->memory, states), ok = true;
    int *queue = arena_take(s->memory, states * sizeof *queue), n = 0;
    queue[n++] = start;
    reached[start] = true;
    for (int i = 0; i < n; i++)
        for (int x = 0; x < symbols; x++) {
            const int to = next[queue[i] * symbols + x];
            if (!reached[to])
                queue[n++] = to;
            reached[to] = true;
        }
    for (int i = 0; i < states; i++)
        if (!reached[i])
            ok = FAULT(s, arena_text(s->memory, "states.%d", i), "state '%s' cannot be reached from '%s'",
                       name_at(&s->of.states, i), s->of.start);
    return ok;
}

// Loads and checks; the table of next states goes to *next, the start to *start.
static bool read_definition(source *s, const param_one_of *form, int **next, int *start)
{
    if (!form->value || !load(s, form))
        return false;
    const bool symbols = check_names(s, "symbols", &s->of.symbols, REGULAR_SYMBOLS);
    const bool states  = check_names(s, "states",  &s->of.states,  REGULAR_STATES);
    if (!symbols || !states)
        return false;
    *next  = arena_take(s->memory, (size_t)s->of.states.n * s->of.symbols.n * sizeof **next);
    *start = find_state(s, "start", s->of.start);
    const bool parts = check_next(s, *next) & check_output(s);
    return parts && *start >= 0 && check_reachable(s, *next, *start);
}

static bool automaton_check(const void *options, mark at, diag *d)
{
    arena *memory = arena_new();
    source s = { .at = at, .faults = d, .memory = memory };
    int *next, start;
    const bool ok = read_definition(&s, &((const automaton_options *)options)->definition, &next, &start);
    arena_free(memory);
    return ok;
}

static void *automaton_open(const void *options, arena *a, mark at, diag *d)
{
    source s = { .at = at, .faults = d, .memory = a };
    int *next, start, outputs = 0;
    if (!read_definition(&s, &((const automaton_options *)options)->definition, &next, &start))
        return NULL;
    const int *output = s.of.output.items, states = s.of.states.n, symbols = s.of.symbols.n;
    for (int i = 0; i < states; i++)
        outputs = output[i] >= outputs ? output[i] + 1 : outputs;
    regular *r = regular_open(states, symbols, outputs, options, false, a);
    r->names = s.of.symbols.items;
    r->first = start;
    memcpy(r->next, next, (size_t)states * symbols * sizeof *next);
    memcpy(r->output, output, states * sizeof *output);
    return regular_close(r, a, at, d) ? r : NULL;
}

const task task_automaton = {
    .name = "automaton", .source = "own", .version = 1,
    .summary = "a finite automaton of your own, in the sweep or in a file",
    .options = automaton_params, .options_size = sizeof(automaton_options), .check = automaton_check,
    .convention =
        "Symbols are uniform. The target is the output of the state that the automaton is in, the symbol itself included: at "
        "every symbol, at the last (scored: last), or at a mark put behind it (mark).",
    .example_options = 
        "{ definition: { symbols: [a, b], states: [none, one, two], start: none, "
        "next: [[one, none], [two, none], [two, none]], output: [0, 0, 1] } }",
    .example_length = 24,
    .example_text =
        "input  1 0 0 1 0 0 1 0 0 1 1 1 1 0 1 0 0 1 0 0 0 0 1 1\n"
        "symbol b a a b a a b a a b b b b a b a a b a a a a b b\n"
        "target 0 0 1 0 0 1 0 0 1 0 0 0 0 0 0 0 1 0 0 1 1 1 0 0\n",
    .open = automaton_open, .size = regular_size, .fits = regular_fits, .tokens = regular_tokens, .space = regular_space,
    .example = regular_example, .prefixes = regular_prefixes, .symbol = regular_symbol, .floors = regular_floors,
    .trained = regular_trained, .held_out = regular_held_out,
};
