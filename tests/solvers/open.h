// A data set from the text of its options, for tests: open_dataset("word-problem", "{ group: S5 }", …).
#pragma once
#include "tasks/task.h"

// False after a report. The data set lives in the arena.
static inline bool open_dataset(dataset *data, const char *name, const char *options, uint64_t seed, arena *a, diag *d)
{
    const yaml *tree = yaml_parse(arena_text(a, "{ name: %s, %s", name, options + 1), "test", a, d);
    param_object description;
    return tree && param_read_object(task_family(), &description, tree, a, d) && dataset_open(data, &description, seed, a, d);
}
