// What every task keeps, measured on its examples; and what its shallow strategies reach.
#pragma once
#include "tasks/task.h"

typedef struct task_measure {
    const char *name, *where;
    double      value, bound;           // bound NAN: only told
} task_measure;

// At the example's length (floors: over test examples of it). How many; the texts lie in the arena.
enum { MAX_TASK_MEASURES = 32 };
int check_task(const dataset *, const param_object *description, task_measure[MAX_TASK_MEASURES], arena *, diag *);
