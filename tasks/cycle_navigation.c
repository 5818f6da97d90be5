// Cycle navigation: steps forwards, backwards and none on a cycle; where is one now?
#include "tasks/regular.h"

typedef struct cycle_options { REGULAR_OPTIONS; int modulus; } cycle_options;

static const param cycle_params[] = {
    REGULAR_PARAMS(cycle_options, "all"),
    INT(cycle_options, modulus, "5", 2, REGULAR_STATES, "places on the cycle"),
    TRANSITION_PARAMS(cycle_options),
    {0}
};

static void *cycle_open(const void *options, arena *a, mark at, diag *d)
{
    static const char *const names[] = { "stay", "+1", "-1" };
    static const int steps[] = { 0, 1, -1 };
    const int modulus = ((const cycle_options *)options)->modulus;
    regular *r = regular_open(modulus, 3, modulus, options, false, a);
    r->names = names;
    for (int place = 0; place < modulus; place++) {
        r->output[place] = place;
        for (int x = 0; x < 3; x++)
            regular_link(r, place, x, (place + steps[x] + modulus) % modulus);
    }
    return regular_close(r, a, at, d) ? r : NULL;
}

const task task_cycle_navigation = {
    .name = "cycle-navigation", .source = "arXiv:2207.02098", .version = 1,
    .summary = "the place on a cycle after steps forwards, backwards and none",
    .options = cycle_params, .options_size = sizeof(cycle_options),
    .convention =
        "Symbols, uniform: 0 stays, 1 is a step forwards, 2 one backwards, on a cycle of `modulus` places, from place 0. The "
        "target is the place, the symbol itself included: at every symbol, at the last (scored: last), or at a mark put behind "
        "it (mark).",
    .example_options = "{}", .example_length = 16,
    .example_text =
        "input     0    0    1    2    2    2    2    1    2    2    2    0    1    2    2    0\n"
        "symbol stay stay   +1   -1   -1   -1   -1   +1   -1   -1   -1 stay   +1   -1   -1 stay\n"
        "target    0    0    1    0    4    3    2    3    2    1    0    0    1    0    4    4\n",
    .open = cycle_open, .size = regular_size, .fits = regular_fits, .tokens = regular_tokens, .space = regular_space,
    .example = regular_example, .prefixes = regular_prefixes, .symbol = regular_symbol, .floors = regular_floors,
    .trained = regular_trained, .held_out = regular_held_out,
};
