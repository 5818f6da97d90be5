// Associative recall with one query: a stream of pairs, then one of its keys, and its value is asked.
#include "tasks/stream.h"

typedef struct associative_options { TASK_OPTIONS; int vocabulary, asked; } associative_options;

static const param associative_params[] = {
    INT   (associative_options, vocabulary, "20", 4, STREAM_VOCABULARY, "ids, the first half keys, the second values"),
    CHOICE(associative_options, asked,      "last", stream_asked_words,  "the closing query, or every key that has come before"),
    TASK_PARAMS(associative_options),
    {0}
};

static void *associative_open(const void *options, arena *a, mark at, diag *d)
{
    const associative_options *o = options;
    stream_task *s = arena_take(a, sizeof *s);
    *s = (stream_task){ .vocabulary = o->vocabulary, .asked = o->asked, .key_motif = 1, .value_motif = 1 };
    return s;
}

static const task_floor associative_floors[] = {
    { "latest-value",   "the value read last",       stream_latest_value },
    { "frequent-value", "the value read most often", stream_frequent_value },
    {0}
};

const task task_associative_recall = {
    .name = "associative-recall", .source = "arXiv:2212.14052", .version = 1,
    .summary = "a stream of keys and values, then one key: its value",
    .options = associative_params, .options_size = sizeof(associative_options),
    .convention =
        "Keys are drawn uniformly, with replacement; a key gets its value, uniform and with replacement, when it comes first in "
        "the sequence and keeps it. The last key is uniform among those that have come. The target stands at the key and is its "
        "value. An odd length ends with the query, an even one with its answer.",
    .example_options = "{ vocabulary: 8 }", .example_length = 15,
    .example_text =
        "input   2  4  3  6  2  4  3  6  0  4  0  4  0  4  0\n"
        "symbol k2 v0 k3 v2 k2 v0 k3 v2 k0 v0 k0 v0 k0 v0 k0\n"
        "target  .  .  .  .  .  .  .  .  .  .  .  .  .  .  4\n",
    .open = associative_open, .size = stream_size, .fits = stream_fits, .tokens = stream_tokens, .space = stream_space,
    .example = stream_example, .prefixes = stream_prefixes, .symbol = stream_symbol, .floors = associative_floors,
};
