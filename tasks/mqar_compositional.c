// MQAR whose keys are pairs of tokens: neither part alone says which value is meant.
#include "tasks/recall.h"

static const param compositional_params[] = { RECALL_PARAMS(recall_options), TASK_PARAMS(recall_options), {0} };

static void *compositional_open(const void *options, arena *a, mark at, diag *d) { return recall_open(options, 2, 0, a); }

static const task_floor compositional_floors[] = {
    { "some-value", "the first value of the context, whatever is asked: right once in `pairs`",             recall_some_value },
    { "in-order",   "the r-th query gets the r-th value of the context",                                    recall_in_order },
    { "first-part", "the latest value of a key with the same first part: right once in the root of `pairs`", recall_first_part },
    {0}
};

const task task_mqar_compositional = {
    .name = "mqar-compositional", .source = "github.com/HazyResearch/zoology", .version = 1,
    .summary = "recall by keys of two tokens, every first part with every second",
    .options = compositional_params, .options_size = sizeof(recall_options), .check = recall_check,
    .convention =
        "Id 0 is the blank, ids 1 … V/3 − 1 are first parts of keys, V/3 … 2·(V/3) − 1 second parts, the rest values. `pairs` "
        "is a square n = m·m: m distinct first and m distinct second parts, each with each, and n distinct values, in random "
        "order: A B V A B V … Slots have three tokens, a query's two parts and a free one; they are chosen as in mqar. The "
        "target stands at the second part and is the key's value.",
    .example_options = "{ vocabulary: 18, pairs: 4, fill: blank }", .example_length = 27,
    .example_text =
        "input   1  7 12  1  8 15  4  7 14  4  8 17  1  8  0  4  7  0  1  7  0  4  8  0  0  0  0\n"
        "target  .  .  .  .  .  .  .  .  .  .  .  .  . 15  .  . 14  .  . 12  .  . 17  .  .  .  .\n",
    .open = compositional_open, .size = recall_size, .fits = recall_fits, .tokens = recall_tokens, .space = recall_space,
    .example = recall_example, .prefixes = recall_prefixes, .floors = compositional_floors,
};
