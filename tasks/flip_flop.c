// Flip-flop: one bit of memory, written, ignored and read. Sparse, long memory: where attention glitches.
#include "tasks/regular.h"

typedef struct flip_flop_options { TRANSITION_OPTIONS; int start; double ignore; } flip_flop_options;

static const param flip_flop_params[] = {
    CHOICE(flip_flop_options, start,  "none", regular_start_words, "start mark in front, unsupervised"),
    REAL  (flip_flop_options, ignore, "0.8",  0, 0.999,
           "share of ignored instructions; writes and reads share the rest"),
    TRANSITION_PARAMS(flip_flop_options),
    {0}
};

enum { WRITE = 2, IGNORE, READ, SYMBOLS };                              // behind the two bits
enum { BEGIN, WRITING, HOLDS, IGNORING = HOLDS + 2, READING = IGNORING + 2, STATES = READING + 2 };     // + the bit held

static void *flip_flop_open(const void *options, arena *a, mark at, diag *d)
{
    static const char *const names[] = { "0", "1", "w", "i", "r" };
    const flip_flop_options *o = options;
    const struct { int symbol, next; double share; bool holds; } instructions[] = {
        { WRITE,  WRITING,  (1 - o->ignore) / 2, false },
        { IGNORE, IGNORING, o->ignore,           true },
        { READ,   READING,  (1 - o->ignore) / 2, true } };
    const regular_options shared = { .holdout_transitions = o->holdout_transitions, .start = o->start, .scored = REGULAR_ALL };
    regular *r = regular_open(STATES, SYMBOLS, 2, &shared, true, a);
    r->names = names;
    r->least = 4, r->step = 2;
    r->forced = READ, r->forced_back = 2;
    regular_link(r, BEGIN, WRITE, WRITING);
    r->weight[BEGIN * SYMBOLS + WRITE] = 1;
    for (int bit = 0; bit < 2; bit++) {
        for (int i = 0; i < 3; i++) {
            regular_link(r, HOLDS + bit, instructions[i].symbol, instructions[i].next + (instructions[i].holds ? bit : 0));
            r->weight[(HOLDS + bit) * SYMBOLS + instructions[i].symbol] = instructions[i].share;
        }
        regular_link(r, WRITING, bit, HOLDS + bit);
        r->weight[WRITING * SYMBOLS + bit] = 0.5;
        for (int ignored = 0; ignored < 2; ignored++) {
            regular_link(r, IGNORING + bit, ignored, HOLDS + bit);
            r->weight[(IGNORING + bit) * SYMBOLS + ignored] = 0.5;
        }
        regular_link(r, READING + bit, bit, HOLDS + bit);
        r->weight[(READING + bit) * SYMBOLS + bit] = 1;
        r->output[READING + bit] = bit;
    }
    return regular_close(r, a, at, d) ? r : NULL;
}

const task task_flip_flop = {
    .name = "flip-flop", .source = "arXiv:2306.00946", .version = 1,
    .summary = "read the bit that was written last",
    .options = flip_flop_params, .options_size = sizeof(flip_flop_options),
    .convention =
        "Instructions alternate with bits: w writes the bit behind it, i ignores it, r is followed by the bit written last. "
        "Length counts both. The first instruction writes, the last reads, the others ignore with probability `ignore` and "
        "write or read with half of the rest each; bits behind w and i are uniform. The target stands at every r and is the bit "
        "that follows.",
    .example_options = "{ ignore: 0.5 }", .example_length = 24,
    .example_text =
        "input  2 1 2 0 3 0 3 1 2 0 4 0 3 1 3 0 3 0 3 1 2 0 4 0\n"
        "symbol w 1 w 0 i 0 i 1 w 0 r 0 i 1 i 0 i 0 i 1 w 0 r 0\n"
        "target . . . . . . . . . . 0 . . . . . . . . . . . 0 .\n",
    .open = flip_flop_open, .size = regular_size, .fits = regular_fits, .tokens = regular_tokens, .space = regular_space,
    .example = regular_example, .prefixes = regular_prefixes, .symbol = regular_symbol, .floors = regular_floors,
    .trained = regular_trained, .held_out = regular_held_out,
};
