// Rows that no training of ours made: predictions from elsewhere, scored on an export (harness/command_score.c), in the store
// beside the runs, as a cell external.LABEL.sSEED.HASH with one evaluation that grows by a length a score.
#pragma once
#include <jansson.h>
#include "harness/sweep.h"
#include "results/summary.h"

typedef struct external {
    const char         *label;
    int                 seed, trained_length;
    const param_object *task;
} external;

// Puts what evaluation_json() counted into the store, beside other lengths of the same label, seed and task, or in the place of
// the same length. `id` names the cell. False: what the store holds does not go together with this (reported), or it cannot be
// written (the error says why).
bool external_store(store *, const external *, const json_t *counts, const char **id, arena *, diag *, error *);

// All of them that were scored on a task of the sweep, at the lengths that it evaluates. `chosen` says which by name, "LABEL
// (external) sSEED".
bool external_add(summary *, const sweep *, const store *, bool (*chosen)(const char *name, void *), void *, arena *, error *);
