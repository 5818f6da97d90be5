// Parity: is the number of ones odd? The smallest task that a bounded window cannot do.
#include "tasks/regular.h"

static const param parity_params[] = { REGULAR_PARAMS(regular_options, "all"), TRANSITION_PARAMS(regular_options), {0} };
static const char *const bit_names[] = { "0", "1" };

static void *parity_open(const void *options, arena *a, mark at, diag *d)
{
    regular *r = regular_open(2, 2, 2, options, false, a);
    r->names = bit_names;
    for (int state = 0; state < 2; state++) {
        r->output[state] = state;
        for (int bit = 0; bit < 2; bit++)
            regular_link(r, state, bit, state ^ bit);
    }
    return regular_close(r, a, at, d) ? r : NULL;
}

const task task_parity = {
    .name = "parity", .source = "arXiv:2207.02098", .version = 1,
    .summary = "number of ones modulo 2",
    .options = parity_params, .options_size = sizeof(regular_options),
    .convention =
        "Bits are uniform. The target is 1 where the number of ones so far, the bit itself included, is odd, else 0: at every "
        "bit, at the last (scored: last), or at a mark put behind it (mark).",
    .example_options = "{}", .example_length = 24,
    .example_text =
        "input  1 0 0 1 0 0 1 0 0 1 1 1 1 0 1 0 0 1 0 0 0 0 1 1\n"
        "symbol 1 0 0 1 0 0 1 0 0 1 1 1 1 0 1 0 0 1 0 0 0 0 1 1\n"
        "target 1 1 1 0 0 0 1 1 1 0 1 0 1 1 0 0 0 1 1 1 1 1 0 1\n",
    .open = parity_open, .size = regular_size, .fits = regular_fits, .tokens = regular_tokens, .space = regular_space,
    .example = regular_example, .prefixes = regular_prefixes, .symbol = regular_symbol, .floors = regular_floors,
    .trained = regular_trained, .held_out = regular_held_out,
};
