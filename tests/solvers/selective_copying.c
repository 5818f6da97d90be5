#include "tests/solvers/items.h"
#include "tests/solvers/solver.h"

static const solver_case cases[] = {
    { "{ vocabulary: 10, items: 4 }",   10, &(const int){ 9 } },
    { "{}",                             32, &(const int){ 15 } },
    { "{ vocabulary: 50, items: 3 }",    3, &(const int){ 49 } },
};

const solver solver_selective_copying = { "selective-copying", cases, sizeof cases / sizeof *cases, solve_items };
