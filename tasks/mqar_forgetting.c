// MQAR in which some keys are given another value later in the context: the latest one counts.
#include "tasks/recall.h"

typedef struct forgetting_options { RECALL_OPTIONS; double changed; } forgetting_options;

static const param forgetting_params[] = {
    RECALL_PARAMS(forgetting_options),
    REAL(forgetting_options, changed, "0.5", 0, 1, "share of the keys that get a second value, rounded up to whole keys"),
    TASK_PARAMS(forgetting_options),
    {0}
};

static void *forgetting_open(const void *options, arena *a, mark at, diag *d)
{
    return recall_open(options, 1, ((const forgetting_options *)options)->changed, a);
}

static const task_floor forgetting_floors[] = {
    { "some-value",  "the first value of the context, whatever is asked",                          recall_some_value },
    { "first-value", "the value that the key had first: wrong for exactly the changed keys",       recall_first_seen },
    {0}
};

const task task_mqar_forgetting = {
    .name = "mqar-forgetting", .source = "github.com/HazyResearch/zoology", .version = 1,
    .summary = "recall in which keys are overwritten: the latest value counts",
    .options = forgetting_params, .options_size = sizeof(forgetting_options), .check = recall_check,
    .convention =
        "As mqar, except that the context has more items than keys: a share `changed` of the keys, rounded up, comes a second "
        "time with another value. All items stand in random order; all values of an example are distinct, so that the new one "
        "differs from every old one. Keys get their slots in random order. The target at a query is the value that its key had "
        "last.",
    .example_options = "{ vocabulary: 16, pairs: 3, fill: blank }", .example_length = 20,
    .example_text =
        "input   6  9  3 15  2 11  2 14  3  8  2  0  0  0  3  0  6  0  0  0\n"
        "target  .  .  .  .  .  .  .  .  .  . 14  .  .  .  8  .  9  .  .  .\n",
    .open = forgetting_open, .size = recall_size, .fits = recall_fits, .tokens = recall_tokens, .space = recall_space,
    .example = recall_example, .prefixes = recall_prefixes, .floors = forgetting_floors,
};
