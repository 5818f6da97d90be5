// Selective copying: the items stand at random places, so that what is kept must depend on what is read.
#include "tasks/copy.h"

static const param selective_params[] = { COPY_PARAMS("16", "16"), TASK_PARAMS(copy_options), {0} };

static void *selective_open(const void *options, arena *a, mark at, diag *d) { return copy_open(options, true, a); }

const task task_selective_copying = {
    .name = "selective-copying", .source = "arXiv:2312.00752", .version = 1,
    .summary = "items at random places among blanks, then the items in order",
    .options = selective_params, .options_size = sizeof(copy_options),
    .convention =
        "`items` of `length` places, every choice as likely, hold items drawn uniformly from ids 1 … vocabulary − 2, the others "
        "blanks, id 0. As many marks follow, id vocabulary − 1; the target at the i-th mark is the i-th item.",
    .example_options = "{ vocabulary: 10, items: 4 }", .example_length = 10,
    .example_text =
        "input  6 0 0 5 5 0 0 0 0 8 9 9 9 9\n"
        "symbol 6 _ _ 5 5 _ _ _ _ 8 ? ? ? ?\n"
        "target . . . . . . . . . . 6 5 5 8\n",
    .open = selective_open, .size = copy_size, .fits = copy_fits, .tokens = copy_tokens, .space = copy_space,
    .example = copy_example, .prefixes = copy_prefixes, .symbol = copy_symbol, .floors = copy_floors,
};
