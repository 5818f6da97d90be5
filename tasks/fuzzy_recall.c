// In-context recall in which keys and values are motifs of several tokens.
#include "tasks/stream.h"

typedef struct fuzzy_options { TASK_OPTIONS; int vocabulary, asked, key_motif, value_motif; } fuzzy_options;

static const param fuzzy_params[] = {
    INT   (fuzzy_options, vocabulary,  "16", 4, STREAM_VOCABULARY, "ids: the first half for keys, the second for values"),
    CHOICE(fuzzy_options, asked,       "repeats", stream_asked_words, "every key that has come before, or the closing one"),
    INT   (fuzzy_options, key_motif,   "3",  1, STREAM_MOTIF,         "a key has 1 to this many tokens"),
    INT   (fuzzy_options, value_motif, "3",  1, STREAM_MOTIF,         "a value has 1 to this many tokens"),
    TASK_PARAMS(fuzzy_options),
    {0}
};

static void *fuzzy_open(const void *options, arena *a, mark at, diag *d)
{
    const fuzzy_options *o = options;
    stream_task *s = arena_take(a, sizeof *s);
    *s = (stream_task){ .vocabulary = o->vocabulary, .asked = o->asked, .key_motif = o->key_motif,
                        .value_motif = o->value_motif };
    return s;
}

static const task_floor fuzzy_floors[] = {
    { "latest-value",   "the value token read last",                                  stream_latest_value },
    { "frequent-value", "the value token read most often",                            stream_frequent_value },
    { "after-token",    "what followed the token read last when it came before",      stream_after_token },
    {0}
};

const task task_fuzzy_recall = {
    .name = "fuzzy-recall", .source = "arXiv:2403.17844", .version = 1,
    .summary = "in-context recall of motifs of several tokens",
    .options = fuzzy_params, .options_size = sizeof(fuzzy_options),
    .convention =
        "A stream of pairs; a key is a motif of 1 to key_motif tokens of the first half of the ids, a value one of 1 to "
        "value_motif of the second, lengths and tokens uniform, so that a change of halves marks where a motif ends. A key "
        "keeps its value through the sequence. The first and the last key have the longest motif; the last is uniform among "
        "such keys that have come. All tokens of an asked value have a target, each at the token before it. What is left behind "
        "the last value is padding.",
    .example_options = "{ vocabulary: 8, key_motif: 2, value_motif: 2 }", .example_length = 24,
    .example_text =
        "input    2   0   6   1   4   4   2   2   5   6   1   4   4   0   1   4   2   0   6   2   2   5   6   8\n"
        "symbol  k2  k0  v2  k1  v0  v0  k2  k2  v1  v2  k1  v0  v0  k0  k1  v0  k2  k0  v2  k2  k2  v1  v2 pad\n"
        "target   .   .   .   .   .   .   .   .   .   .   4   4   .   .   .   .   .   6   .   .   5   6   .   .\n",
    .open = fuzzy_open, .size = stream_size, .fits = stream_fits, .tokens = stream_tokens, .space = stream_space,
    .example = stream_example, .prefixes = stream_prefixes, .symbol = stream_symbol, .floors = fuzzy_floors,
};
