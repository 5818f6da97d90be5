// A sweep's task in all the settings that it occurs in: its own, and where a stage, a segment of a mixture or a slice of the
// evaluation writes what differs, as in task: { pairs: 4 }.
#pragma once
#include "harness/options.h"
#include "tasks/task.h"

// A file's tree with every such setting written out in full. Done twice, it changes nothing.
const yaml *datasets_tree(const yaml *tree, arena *, diag *);

typedef struct datasets { dataset base; int n; const param_object **of; dataset *other; } datasets;     // [n]

// All of them opened. An override must leave the vocabularies as they are, since a model has one embedding and one head, and so
// what is kept from training (holdout_transitions, disjoint).
bool datasets_open(datasets *, const cell_options *, uint64_t seed, arena *, diag *);

// That of a setting in the same options; the base for NULL and for none.
const dataset *datasets_find(const datasets *, const param_object *);
