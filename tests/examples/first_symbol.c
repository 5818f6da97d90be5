// Say the first symbol again after every symbol. An example for docs/adding.md: a task in one file.
#include "tasks/task.h"
#include <math.h>
#include <stdio.h>

typedef struct first_symbol { TASK_OPTIONS; int symbols; } first_symbol;

static const param first_symbol_params[] = {
    INT(first_symbol, symbols, "8", 2, 1 << 20, "kinds of symbols"),
    TASK_PARAMS(first_symbol),
    {0}
};

static int symbols_of(const void *self) { return ((const first_symbol *)self)->symbols; }

static void *first_symbol_open(const void *options, arena *a, mark at, diag *d)
{
    first_symbol *f = arena_take(a, sizeof *f);
    *f = *(const first_symbol *)options;
    return f;
}

static task_size first_symbol_size(const void *self) { return (task_size){ symbols_of(self), symbols_of(self) }; }

static bool first_symbol_fits(const void *self, int length, char *why, size_t room)
{
    if (length < 1)
        snprintf(why, room, "length %d is below 1", length);
    return length >= 1;
}

static int    first_symbol_tokens  (const void *self, int length) { return length; }
static double first_symbol_space   (const void *self, int length) { return length * log2(symbols_of(self)); }
static bool   first_symbol_prefixes(const void *self)             { return true; }

// `r` was started from seed, split, length and the example's number: what is drawn depends on nothing else.
static void first_symbol_example(const void *self, int length, rng *r, int *input, int *target)
{
    for (int t = 0; t < length; t++) {
        input[t]  = (int)rng_below(r, (uint64_t)symbols_of(self));
        target[t] = input[0];
    }
}

static void last_symbol(const void *self, const int *input, int tokens, int *output)
{
    for (int t = 0; t < tokens; t++)
        output[t] = input[t];
}

static const task_floor first_symbol_floors[] = {
    { "last-symbol", "the symbol read last: right where it is the first", last_symbol },
    {0}
};

const task task_first_symbol = {
    .name = "first-symbol", .source = "an example", .summary = "the first symbol, again and again", .version = 1,
    .options = first_symbol_params, .options_size = sizeof(first_symbol),
    .convention = "Symbols are uniform over ids 0 … symbols − 1. The target at every symbol is the first one.",
    .example_options = "{ symbols: 4 }", .example_length = 6,
    .example_text =
        "input  3 0 2 2 1 0\n"
        "target 3 3 3 3 3 3\n",
    .open = first_symbol_open, .size = first_symbol_size, .fits = first_symbol_fits, .tokens = first_symbol_tokens,
    .space = first_symbol_space, .example = first_symbol_example, .prefixes = first_symbol_prefixes,
    .floors = first_symbol_floors,
};
