// Multi-query associative recall: a context of key-value pairs, then every key once more, and its value is asked there.
#include "tasks/recall.h"

static const param mqar_params[] = { RECALL_PARAMS(recall_options), TASK_PARAMS(recall_options), {0} };

static void *mqar_open(const void *options, arena *a, mark at, diag *d) { return recall_open(options, 1, 0, a); }

static const task_floor mqar_floors[] = {
    { "some-value", "the first value of the context, whatever is asked: right once in `pairs`", recall_some_value },
    { "in-order",   "the r-th query gets the r-th value: better than some value where power < 1", recall_in_order },
    {0}
};

const task task_mqar = {
    .name = "mqar", .source = "arXiv:2312.04927", .version = 1,
    .summary = "recall the values of many keys of a context",
    .options = mqar_params, .options_size = sizeof(recall_options), .check = recall_check,
    .convention =
        "Id 0 is the blank, ids 1 … V/2 − 1 are keys, V/2 … V − 1 values. The context K1 V1 … Kn Vn holds n distinct keys and n "
        "distinct values, drawn anew for every example. Behind it come slots of two tokens; slot s has weight s^(power−1), and "
        "the j-th slot drawn (without replacement, weights renormalised) gets the j-th key as its first token. The target "
        "stands at the key itself and is its value, which is never written there. Other tokens of the slots are drawn uniformly "
        "from all ids (fill: random), from all but this example's keys (distinct), or stay 0 (blank).",
    .example_options = "{ vocabulary: 12, pairs: 2, fill: blank }", .example_length = 16,
    .example_text =
        "input   1 11  3 10  0  0  3  0  0  0  0  0  1  0  0  0\n"
        "target  .  .  .  .  .  . 10  .  .  .  .  . 11  .  .  .\n",
    .open = mqar_open, .size = recall_size, .fits = recall_fits, .tokens = recall_tokens, .space = recall_space,
    .example = recall_example, .prefixes = recall_prefixes, .floors = mqar_floors,
};
