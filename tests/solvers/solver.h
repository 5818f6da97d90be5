// What a test knows about a task: configurations to try and a solver written on its own, from the definition, that shares
// no code with tasks/. A new task brings tests/solvers/NAME.c with one of these and tests/golden/tasks/NAME.txt.
#pragma once

typedef struct solver_case {
    const char *options;        // as in YAML: "{ group: S5, start: bos }"
    int         length;         // of the examples kept as text
    const void *facts;          // the same options as the solver wants them
} solver_case;

typedef struct solver {
    const char        *task;    // "word-problem"
    const solver_case *cases;
    int                n_cases;
    void (*solve)(const void *facts, const int *input, int tokens, int *target);        // TASK_IGNORE where nothing is asked
} solver;

extern const solver *const solver_list[];               // made by the build from the root's list of tasks
extern const int           solver_list_length;
