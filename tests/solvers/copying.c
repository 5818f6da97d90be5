#include "tests/solvers/items.h"
#include "tests/solvers/solver.h"

static const solver_case cases[] = {
    { "{ vocabulary: 10, items: 4 }",   10, &(const int){ 9 } },
    { "{}",                             20, &(const int){ 9 } },
    { "{ vocabulary: 40, items: 5 }",    5, &(const int){ 39 } },
};

const solver solver_copying = { "copying", cases, sizeof cases / sizeof *cases, solve_items };
