// Copying: items, a long silence, then all of them again.
#include "tasks/copy.h"

static const param copying_params[] = { COPY_PARAMS("10", "10"), TASK_PARAMS(copy_options), {0} };

static void *copying_open(const void *options, arena *a, mark at, diag *d) { return copy_open(options, false, a); }

const task task_copying = {
    .name = "copying", .source = "arXiv:1511.06464", .version = 1,
    .summary = "items, blanks, then the items in order",
    .options = copying_params, .options_size = sizeof(copy_options),
    .convention =
        "The first `items` of `length` tokens are drawn uniformly from ids 1 … vocabulary − 2, the rest are blanks, id 0. As "
        "many marks follow, id vocabulary − 1; the target at the i-th mark is the i-th item.",
    .example_options = "{ vocabulary: 10, items: 4 }", .example_length = 10,
    .example_text =
        "input  1 6 8 6 0 0 0 0 0 0 9 9 9 9\n"
        "symbol 1 6 8 6 _ _ _ _ _ _ ? ? ? ?\n"
        "target . . . . . . . . . . 1 6 8 6\n",
    .open = copying_open, .size = copy_size, .fits = copy_fits, .tokens = copy_tokens, .space = copy_space,
    .example = copy_example, .prefixes = copy_prefixes, .symbol = copy_symbol, .floors = copy_floors,
};
