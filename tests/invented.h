// Results that no model ever gave, for tests of tables and figures: sequences whose state is lost at a random position,
// after which nearly every answer is wrong.
#pragma once
#include "results/summary.h"

typedef struct invented {
    const char *label, *group;
    int64_t     seed;
    cell_state  state;                  // what the store would hold
    int         trained, longest, step; // lengths trained, trained + step … longest
    double      early, late;            // chance of losing the state at a position up to `trained`, and after
    int         sequences;
    bool        external;
    const char *compared;               // NULL: group
    const char *const *slices;          // names, NULL at the end: slice i has the counts of length trained + i·step
} invented;

json_t *invented_result(const invented *);
json_t *invented_evaluation(const invented *);
void    invented_add(summary *, const invented *);
