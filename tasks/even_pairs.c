// Even pairs: is the number of changes, of 01 and 10, even? It is where the last bit equals
// the first: a control that attention solves.
#include "tasks/regular.h"

static const param even_pairs_params[] = { REGULAR_PARAMS(regular_options, "all"), TRANSITION_PARAMS(regular_options), {0} };
static const char *const bit_names[] = { "0", "1" };

enum { NOTHING, READ };                 // READ + 2·first + last

static void *even_pairs_open(const void *options, arena *a, mark at, diag *d)
{
    regular *r = regular_open(READ + 4, 2, 2, options, false, a);
    r->names = bit_names;
    for (int last = 0; last < 2; last++) {
        regular_link(r, NOTHING, last, READ + 3 * last);
        for (int first = 0; first < 2; first++) {
            r->output[READ + 2 * first + last] = first ^ last;
            for (int bit = 0; bit < 2; bit++)
                regular_link(r, READ + 2 * first + last, bit, READ + 2 * first + bit);
        }
    }
    return regular_close(r, a, at, d) ? r : NULL;
}

const task task_even_pairs = {
    .name = "even-pairs", .source = "arXiv:2207.02098", .version = 1,
    .summary = "number of changes from bit to bit, modulo 2",
    .options = even_pairs_params, .options_size = sizeof(regular_options),
    .convention =
        "Bits are uniform. The target is 1 where the number of places so far at which a bit differs from the one before is odd, "
        "which is where the bit differs from the first, else 0: at every bit, at the last (scored: last), or at a mark put "
        "behind it (mark).",
    .example_options = "{}", .example_length = 24,
    .example_text =
        "input  1 0 0 1 0 0 1 0 0 1 1 1 1 0 1 0 0 1 0 0 0 0 1 1\n"
        "symbol 1 0 0 1 0 0 1 0 0 1 1 1 1 0 1 0 0 1 0 0 0 0 1 1\n"
        "target 0 1 1 0 1 1 0 1 1 0 0 0 0 1 0 1 1 0 1 1 1 1 0 0\n",
    .open = even_pairs_open, .size = regular_size, .fits = regular_fits, .tokens = regular_tokens, .space = regular_space,
    .example = regular_example, .prefixes = regular_prefixes, .symbol = regular_symbol, .floors = regular_floors,
    .trained = regular_trained, .held_out = regular_held_out,
};
