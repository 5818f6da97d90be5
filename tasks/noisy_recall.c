// In-context recall with noise: between the pairs of a stream stand tokens that mean nothing.
#include "tasks/stream.h"

typedef struct noisy_options { TASK_OPTIONS; int vocabulary, asked; double noise; int noise_vocabulary; } noisy_options;

static const param noisy_params[] = {
    INT   (noisy_options, vocabulary,       "16",  4, STREAM_VOCABULARY, "ids: the first half keys, the second values"),
    CHOICE(noisy_options, asked,            "repeats", stream_asked_words,  "every key that has come before, or the closing one"),
    REAL  (noisy_options, noise,            "0.2", 0, 0.99,
           "share of the places of pairs that hold two tokens of noise"),
    INT   (noisy_options, noise_vocabulary, "16",  1, 8192,                 "ids of noise, behind the values"),
    TASK_PARAMS(noisy_options),
    {0}
};

static void *noisy_open(const void *options, arena *a, mark at, diag *d)
{
    const noisy_options *o = options;
    stream_task *s = arena_take(a, sizeof *s);
    *s = (stream_task){ .vocabulary = o->vocabulary, .asked = o->asked, .key_motif = 1, .value_motif = 1,
                        .noise = o->noise, .noise_vocabulary = o->noise_vocabulary };
    return s;
}

static const task_floor noisy_floors[] = {
    { "latest-value",   "the value read last",       stream_latest_value },
    { "frequent-value", "the value read most often", stream_frequent_value },
    {0}
};

const task task_noisy_recall = {
    .name = "noisy-recall", .source = "arXiv:2403.17844", .version = 1,
    .summary = "in-context recall between tokens of noise; noise 0 is plain in-context recall",
    .options = noisy_params, .options_size = sizeof(noisy_options),
    .convention =
        "A stream of pairs as in associative-recall; each, the first and the last excepted, is with probability `noise` two "
        "tokens drawn uniformly from the ids of noise instead. Every key that has come before has a target, its value, and so "
        "has the last key, uniform among those that have come. An odd length ends with that key, an even one with its answer.",
    .example_options = "{ vocabulary: 8, noise: 0.4, noise_vocabulary: 4 }", .example_length = 16,
    .example_text =
        "input   0  4  3  7  3  7  2  7  0  4 10 11  9  9  3  7\n"
        "symbol k0 v0 k3 v3 k3 v3 k2 v3 k0 v0 n2 n3 n1 n1 k3 v3\n"
        "target  .  .  .  .  7  .  .  .  4  .  .  .  .  .  7  .\n",
    .open = noisy_open, .size = stream_size, .fits = stream_fits, .tokens = stream_tokens, .space = stream_space,
    .example = stream_example, .prefixes = stream_prefixes, .symbol = stream_symbol, .floors = noisy_floors,
};
