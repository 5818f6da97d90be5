// Induction heads: a trigger and what follows it, long before; at its second coming the same is asked.
#include "tasks/task.h"

#include <math.h>
#include <stdio.h>

typedef struct induction { TASK_OPTIONS; int vocabulary; } induction;         // options and task are the same

static const param induction_params[] = {
    INT(induction, vocabulary, "20", 3, 1 << 24, "ids, the last of them the trigger"),
    TASK_PARAMS(induction),
    {0}
};

static void *induction_open(const void *options, arena *a, mark at, diag *d)
{
    induction *m = arena_take(a, sizeof *m);
    *m = *(const induction *)options;
    return m;
}

static int trigger(const void *self) { return ((const induction *)self)->vocabulary - 1; }

static task_size induction_size(const void *self) { return (task_size){ trigger(self) + 1, trigger(self) }; }

static bool induction_fits(const void *self, int length, char *why, size_t room)
{
    if (length < 3)
        snprintf(why, room, "length %d is below 3: the trigger, what follows it, the trigger", length);
    return length >= 3;
}

static int    induction_tokens  (const void *self, int length) { return length; }
static bool   induction_prefixes(const void *self)             { return false; }
static double induction_space   (const void *self, int length) { return log2(length - 2) + (length - 2) * log2(trigger(self)); }

static void induction_example(const void *self, int length, rng *r, int *input, int *target)
{
    const int first = (int)rng_below(r, length - 2);
    for (int t = 0; t < length; t++) {
        input[t]  = t == first || t == length - 1 ? trigger(self) : (int)rng_below(r, trigger(self));
        target[t] = TASK_IGNORE;
    }
    target[length - 1] = input[first + 1];
}

static const char *induction_symbol(const void *self, int id, arena *a)
{
    return id == trigger(self) ? "!" : arena_text(a, "%d", id);
}

static void most_frequent(const void *self, const int *input, int tokens, int *output)
{
    for (int t = 0; t < tokens; t++)
        output[t] = 0;
}

static void last_token(const void *self, const int *input, int tokens, int *output)
{
    for (int t = 0; t < tokens; t++)
        output[t] = t > 0 && input[t - 1] != trigger(self) ? input[t - 1] : 0;
}

static const task_floor induction_floors[] = {
    { "most-frequent", "always 0: no answer is more frequent than another", most_frequent },
    { "last-token",    "the token before the last trigger",                 last_token },
    {0}
};

const task task_induction_heads = {
    .name = "induction-heads", .source = "arXiv:2212.14052", .version = 1,
    .summary = "what followed the trigger when it came first",
    .options = induction_params, .options_size = sizeof(induction),
    .convention =
        "Tokens are uniform over ids 0 … vocabulary − 2. One of the places 0 … length − 3, each as likely, holds the trigger, "
        "id vocabulary − 1, and so does the last. The only target stands there: the token behind the first trigger.",
    .example_options = "{ vocabulary: 10 }", .example_length = 12,
    .example_text =
        "input  4 1 9 8 1 3 4 1 7 6 3 9\n"
        "symbol 4 1 ! 8 1 3 4 1 7 6 3 !\n"
        "target . . . . . . . . . . . 8\n",
    .open = induction_open, .size = induction_size, .fits = induction_fits, .tokens = induction_tokens, .space = induction_space,
    .example = induction_example, .prefixes = induction_prefixes, .symbol = induction_symbol, .floors = induction_floors,
};
